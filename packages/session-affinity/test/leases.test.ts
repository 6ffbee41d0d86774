import { assert, describe, it } from "@effect/vitest"
import { Placement, SessionAffinity } from "@fireweed/session-affinity"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Random from "effect/Random"

const loads = (affinity: SessionAffinity.SessionAffinity) =>
  Effect.map(affinity.stats, ({ targets }) => targets.map((target) => target.load))

const oneTarget = (options: SessionAffinity.Options = {}) =>
  Effect.tap(SessionAffinity.make(options), (affinity) => affinity.add("w"))

describe("withTarget", () => {
  it.effect("counts while the use runs, and tells it where", () =>
    Effect.gen(function* () {
      const affinity = yield* oneTarget()
      const inner = affinity.withTarget("other", () => loads(affinity))
      const [assignment, before, during] = yield* affinity.withTarget("k", (assignment) =>
        Effect.all([Effect.succeed(assignment), loads(affinity), inner])
      )
      assert.deepStrictEqual([before, during], [[1], [2]])
      assert.deepStrictEqual(assignment, yield* affinity.resolve("k"))
      assert.deepStrictEqual(yield* loads(affinity), [0])
    })
  )

  it.effect("gives back after a failure, a defect, and a use that throws", () =>
    Effect.gen(function* () {
      const affinity = yield* oneTarget()
      assert.strictEqual(yield* Effect.flip(affinity.withTarget("k", () => Effect.fail("no"))), "no")
      assert.isTrue(Exit.isFailure(yield* Effect.exit(affinity.withTarget("k", () => Effect.die("bug")))))
      const throws = affinity.withTarget("k", (): Effect.Effect<never> => {
        throw new Error("bug")
      })
      assert.isTrue(Exit.isFailure(yield* Effect.exit(throws)))
      assert.deepStrictEqual(yield* loads(affinity), [0])
    })
  )

  it.effect("gives back when interrupted, before or during the use", () =>
    Effect.gen(function* () {
      const affinity = yield* oneTarget()
      for (const startImmediately of [true, false]) {
        const fiber = yield* Effect.forkChild(
          affinity.withTarget("k", () => Effect.never),
          { startImmediately }
        )
        assert.deepStrictEqual(yield* loads(affinity), [startImmediately ? 1 : 0])
        yield* Fiber.interrupt(fiber)
        assert.deepStrictEqual(yield* loads(affinity), [0])
      }
    })
  )

  it.effect("one value of it can run many times, at once", () =>
    Effect.gen(function* () {
      const affinity = yield* oneTarget()
      const call = affinity.withTarget("k", () => Effect.andThen(Effect.yieldNow, loads(affinity)))
      const seen = yield* Effect.all([call, call, call], { concurrency: 3 })
      assert.deepStrictEqual(seen[0], [3])
      assert.deepStrictEqual(yield* loads(affinity), [0])
    })
  )

  it.effect("a refusal leases nothing and does not run the use", () =>
    Effect.gen(function* () {
      const affinity = yield* SessionAffinity.make()
      const error = yield* Effect.flip(affinity.withTarget("k", () => Effect.die("ran")))
      assert.strictEqual(error._tag, "NoTargets")
    })
  )

  it.effect("counts where the key is served, also for a stand-in", () =>
    Effect.gen(function* () {
      const affinity = yield* SessionAffinity.make({ mode: "prefer", busy: (target) => target.load >= 1 })
      yield* affinity.add("a")
      yield* affinity.add("b")
      yield* affinity.bind("k", "a")
      yield* affinity.withTarget("k", () =>
        affinity.withTarget("k", (standIn) =>
          Effect.gen(function* () {
            assert.deepInclude(standIn, { target: "b", bound: false })
            assert.deepStrictEqual(yield* loads(affinity), [1, 1])
          })
        )
      )
      assert.deepStrictEqual(yield* loads(affinity), [0, 0])
    })
  )

  it.effect("gives back to the target that served, though it was removed and another took its name", () =>
    Effect.gen(function* () {
      const affinity = yield* oneTarget()
      yield* affinity.withTarget("k", () =>
        Effect.gen(function* () {
          yield* affinity.remove("w")
          yield* affinity.add("w")
        })
      )
      assert.deepStrictEqual(yield* loads(affinity), [0])
      assert.strictEqual((yield* affinity.lookup("k"))._tag, "TargetGone")
    })
  )

  it.effect("its load is what least loaded reads", () =>
    Effect.gen(function* () {
      const affinity = yield* SessionAffinity.make({ placement: Placement.leastLoaded() })
      yield* affinity.add("a")
      yield* affinity.add("b")
      const targets = yield* affinity.withTarget("first", (first) =>
        Effect.map(affinity.resolve("second"), (second) => [first.target, second.target])
      )
      assert.deepStrictEqual(targets, ["a", "b"])
    })
  )
})

it.effect("D5 1,000 concurrent callers over 200 keys: same key, same target; loads return to zero", () =>
  Effect.gen(function* () {
    const affinity = yield* SessionAffinity.make()
    for (let i = 0; i < 8; i++) yield* affinity.add(`w${i}`)
    const served = new Map<string, Set<string>>()
    let running = 0
    let most = 0
    const call = (caller: number) =>
      affinity.withTarget(`k${caller % 200}`, ({ epoch, key, target }) =>
        Effect.gen(function* () {
          most = Math.max(most, ++running)
          served.set(key, (served.get(key) ?? new Set()).add(`${target}#${epoch}`))
          for (let n = yield* Random.nextIntBetween(1, 5); n > 0; n--) yield* Effect.yieldNow
          running--
          return yield* caller % 7 === 0 ? Effect.fail("no") : Effect.void
        })
      )
    yield* Effect.forEach(
      Array.from({ length: 1_000 }, (_, caller) => caller),
      (caller) => Effect.exit(call(caller)),
      { concurrency: "unbounded", discard: true }
    )
    assert.strictEqual(most, 1_000)
    assert.strictEqual(served.size, 200)
    for (const [key, places] of served) assert.strictEqual(places.size, 1, key)
    const stats = yield* affinity.stats
    assert.deepInclude(stats, { bindings: 200, created: 200, hits: 800, moved: 0 })
    for (const target of stats.targets) assert.strictEqual(target.load, 0, target.id)
  })
)
