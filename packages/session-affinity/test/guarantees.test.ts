/** What an earlier table of sessions got wrong, by the numbers that those faults have; D5, D8 and D12 are where their rules are tested. */
import { assert, it } from "@effect/vitest"
import { SessionAffinity } from "@fireweed/session-affinity"
import * as Effect from "effect/Effect"
import { TestClock } from "effect/testing"

it.effect("D7 one setting says when bindings are served, swept, counted and told of as expired", () =>
  Effect.gen(function* () {
    for (const seconds of [7, 300, 4_000]) {
      const affinity = yield* SessionAffinity.make({ expireAfter: seconds * 1_000, maxBindings: 2 })
      yield* affinity.add("w")
      const start = yield* affinity.bind("k", "w")
      const seen = Effect.gen(function* () {
        const { bindings, expired } = yield* affinity.stats
        const { length } = (yield* affinity.snapshot).bindings
        return [(yield* affinity.lookup("k"))._tag, bindings, expired, length]
      })
      yield* TestClock.adjust(seconds * 1_000 - 1)
      assert.deepStrictEqual(yield* seen, ["Bound", 1, 0, 1])
      yield* TestClock.adjust(1)
      assert.deepStrictEqual(yield* seen, ["Expired", 0, 1, 0])
      assert.deepInclude(yield* Effect.flip(affinity.resolve("k")), {
        _tag: "BindingExpired",
        target: start.target
      })
    }
  })
)

it.effect("D9 two tables never share a key or a target by name", () =>
  Effect.gen(function* () {
    const [one, other] = yield* Effect.all([SessionAffinity.make(), SessionAffinity.make()])
    yield* one.add("w")
    yield* one.resolve("k")
    assert.strictEqual((yield* other.lookup("k"))._tag, "Unknown")
    assert.strictEqual((yield* Effect.flip(other.resolve("k")))._tag, "NoTargets")
    yield* other.add("w")
    yield* other.resolve("k")
    yield* other.remove("w")
    assert.strictEqual((yield* one.lookup("k"))._tag, "Bound")
    assert.deepInclude(yield* one.stats, { lost: 0 })
  })
)

it.effect("D10 counters never go back, whatever is unbound, lost, expired or restored", () =>
  Effect.gen(function* () {
    const affinity = yield* SessionAffinity.make({ expireAfter: "10 seconds", mode: "rebind" })
    const deeds = [
      affinity.add("a"),
      affinity.resolve("k"),
      affinity.resolve("k"),
      affinity.add("b"),
      affinity.bind("k", "b"),
      affinity.remove("b"),
      affinity.resolve("k"),
      affinity.unbind("k"),
      affinity.resolve("j"),
      TestClock.adjust("10 seconds"),
      affinity.restore({ version: 1, epoch: 0, bindings: [] }),
      TestClock.adjust("10 seconds"),
      Effect.flip(affinity.bind("k", "never"))
    ]
    let before = yield* affinity.stats
    for (const deed of deeds) {
      yield* deed
      const after = yield* affinity.stats
      for (const name of [
        "resolutions",
        "hits",
        "created",
        "moved",
        "expired",
        "evicted",
        "lost",
        "unbound"
      ] as const) {
        assert.isAtLeast(after[name], before[name], name)
      }
      before = after
    }
    assert.deepInclude(before, {
      resolutions: 4,
      hits: 1,
      created: 2,
      moved: 2,
      lost: 1,
      unbound: 1,
      expired: 1
    })
  })
)

it.effect(
  "D11 the loss of a target tells which keys went with it, and the next call of each fails, typed",
  () =>
    Effect.gen(function* () {
      const affinity = yield* SessionAffinity.make()
      yield* affinity.add("v")
      yield* affinity.add("w")
      for (const key of ["a", "b", "c"]) yield* affinity.bind(key, key === "c" ? "v" : "w")
      assert.deepStrictEqual(yield* affinity.remove("w"), ["a", "b"])
      for (const key of ["a", "b"]) {
        assert.deepInclude(yield* Effect.flip(affinity.resolve(key)), {
          _tag: "TargetGone",
          key,
          target: "w"
        })
      }
      assert.strictEqual((yield* affinity.resolve("c")).target, "v")
      const loads = (yield* affinity.stats).targets.map(({ bindings, id, load }) => ({ bindings, id, load }))
      assert.deepStrictEqual(loads, [{ bindings: 1, id: "v", load: 0 }])
    })
)
