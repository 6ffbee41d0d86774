import { assert, describe, it } from "@effect/vitest"
import { Mode, SessionAffinity } from "@fireweed/session-affinity"
import * as Effect from "effect/Effect"
import { TestClock } from "effect/testing"

/** A key bound to "home", and another target that can take it. */
const bound = (mode: Mode.Mode) =>
  Effect.gen(function* () {
    const busy = new Set<string>()
    const affinity = yield* SessionAffinity.make({
      mode,
      expireAfter: "10 seconds",
      busy: (target) => busy.has(target.id)
    })
    yield* affinity.add("home")
    const before = yield* affinity.resolve("k")
    yield* affinity.add("other")
    return { affinity, before, busy }
  })

type Situation = keyof Mode.Rules
const bring = (
  situation: Situation,
  { affinity, busy }: Effect.Success<ReturnType<typeof bound>>
): Effect.Effect<unknown> =>
  ({
    busy: Effect.sync(() => busy.add("home")),
    draining: affinity.drain("home"),
    gone: affinity.remove("home"),
    expired: TestClock.adjust("10 seconds")
  })[situation]
const errorOf: Record<Situation, string> = {
  busy: "TargetBusy",
  draining: "TargetDraining",
  gone: "TargetGone",
  expired: "BindingExpired"
}
const situations = ["busy", "draining", "gone", "expired"] as const

for (const mode of ["prefer", "strict", "rebind"] as const) {
  describe(`mode ${mode}`, () => {
    for (const situation of situations) {
      const outcome = Mode.rules[mode][situation]
      it.effect(`${situation}: ${outcome}`, () =>
        Effect.gen(function* () {
          const setup = yield* bound(mode)
          yield* bring(situation, setup)
          const { affinity, before } = setup
          if (outcome === "fail") {
            const error = yield* Effect.flip(affinity.resolve("k"))
            assert.strictEqual(error._tag, errorOf[situation])
            assert.strictEqual(error.category, "session")
            assert.strictEqual(error.key, "k")
            assert.propertyVal(error, "target", "home")
            assert.include(error.message, '"k"')
            assert.isAbove(error.hint.length, 0)
            assert.instanceOf(error, Error)
            assert.strictEqual((yield* Effect.flip(affinity.resolve("k")))._tag, error._tag)
            return
          }
          const after = yield* affinity.resolve("k")
          if (outcome === "place") {
            assert.isAbove(after.epoch, before.epoch)
            assert.isTrue(after.bound)
            assert.deepInclude(yield* affinity.stats, { created: 2, moved: 0, expired: 1 })
            return
          }
          assert.strictEqual(after.target, "other")
          setup.busy.clear()
          const later = yield* affinity.resolve("k")
          if (outcome === "another") {
            assert.isFalse(after.bound)
            assert.deepStrictEqual(later, before)
          } else {
            assert.isAbove(after.epoch, before.epoch)
            assert.deepStrictEqual(later, after)
            assert.deepInclude(yield* affinity.stats, { created: 1, moved: 1 })
          }
        })
      )
    }
  })
}

/** A key bound to the only target. */
const alone = (mode: Mode.Mode) =>
  Effect.gen(function* () {
    let busy = false
    const affinity = yield* SessionAffinity.make({ mode, busy: () => busy })
    yield* affinity.add("home")
    yield* affinity.resolve("k")
    return { affinity, fill: Effect.sync(() => void (busy = true)) }
  })

describe("with nowhere else to go", () => {
  it.effect("busy is answered with TargetBusy in every mode", () =>
    Effect.gen(function* () {
      for (const mode of ["prefer", "strict", "rebind"] as const) {
        const { affinity, fill } = yield* alone(mode)
        yield* fill
        assert.strictEqual((yield* Effect.flip(affinity.resolve("k")))._tag, "TargetBusy")
      }
    })
  )

  it.effect("draining and gone with NoTargets, where a move was asked for", () =>
    Effect.gen(function* () {
      const { affinity } = yield* alone("rebind")
      yield* affinity.drain("home")
      const error = yield* Effect.flip(affinity.resolve("k"))
      assert.deepInclude(error, { _tag: "NoTargets", targets: 1, draining: 1 })
      yield* affinity.remove("home")
      assert.deepInclude(yield* Effect.flip(affinity.resolve("k")), { _tag: "NoTargets", targets: 0 })
    })
  )

  it.effect("a new key finds NoTargets where none are, or all are busy", () =>
    Effect.gen(function* () {
      const { affinity, fill } = yield* alone("strict")
      yield* fill
      assert.strictEqual((yield* Effect.flip(affinity.resolve("new")))._tag, "NoTargets")
      const empty = yield* SessionAffinity.make()
      assert.strictEqual((yield* Effect.flip(empty.resolve("new")))._tag, "NoTargets")
    })
  )
})

it.effect("one call may choose its own mode", () =>
  Effect.gen(function* () {
    const { affinity } = yield* bound("strict")
    yield* affinity.drain("home")
    yield* Effect.flip(affinity.resolve("k"))
    assert.strictEqual((yield* affinity.resolve("k", { mode: "rebind" })).target, "other")
  })
)

describe("lookup", () => {
  it.effect("has four distinct answers", () =>
    Effect.gen(function* () {
      const affinity = yield* SessionAffinity.make({ expireAfter: "10 seconds" })
      yield* affinity.add("v")
      yield* affinity.add("w")
      yield* affinity.bind("old", "v")
      yield* TestClock.adjust("5 seconds")
      const now = yield* affinity.bind("now", "v")
      const gone = yield* affinity.bind("gone", "w")
      yield* affinity.remove("w")
      yield* TestClock.adjust("5 seconds")
      assert.deepStrictEqual(yield* affinity.lookup("now"), {
        _tag: "Bound",
        key: "now",
        target: "v",
        epoch: now.epoch,
        createdAt: 5_000,
        expiresAt: 15_000
      })
      assert.deepStrictEqual(yield* affinity.lookup("gone"), {
        _tag: "TargetGone",
        key: "gone",
        target: "w",
        epoch: gone.epoch
      })
      assert.deepInclude(yield* affinity.lookup("old"), { _tag: "Expired", target: "v" })
      assert.deepStrictEqual(yield* affinity.lookup("never"), { _tag: "Unknown", key: "never" })
    })
  )
})

describe("bind", () => {
  it.effect("goes where it is told, and keeps the epoch only if it was there", () =>
    Effect.gen(function* () {
      const { affinity, before } = yield* bound("strict")
      assert.deepStrictEqual(yield* affinity.bind("k", "home"), before)
      const moved = yield* affinity.bind("k", "other")
      assert.strictEqual(moved.target, "other")
      assert.isAbove(moved.epoch, before.epoch)
      assert.deepStrictEqual(yield* affinity.resolve("k"), moved)
    })
  )

  it.effect("never to a target that is draining, gone or was never there", () =>
    Effect.gen(function* () {
      const { affinity } = yield* bound("strict")
      yield* affinity.drain("other")
      assert.strictEqual((yield* Effect.flip(affinity.bind("k", "other")))._tag, "TargetDraining")
      yield* affinity.remove("other")
      assert.strictEqual((yield* Effect.flip(affinity.bind("k", "other")))._tag, "TargetGone")
      assert.strictEqual((yield* Effect.flip(affinity.bind("new", "never")))._tag, "TargetGone")
      assert.strictEqual((yield* affinity.lookup("new"))._tag, "Unknown")
    })
  )

  it.effect("brings a lost key back, as a new incarnation", () =>
    Effect.gen(function* () {
      const { affinity, before } = yield* bound("strict")
      yield* affinity.remove("home")
      const after = yield* affinity.bind("k", "other")
      assert.isAbove(after.epoch, before.epoch)
      assert.deepStrictEqual(yield* affinity.resolve("k"), after)
    })
  )
})

describe("unbind", () => {
  it.effect("forgets the key, and says whether it was bound", () =>
    Effect.gen(function* () {
      const { affinity } = yield* bound("strict")
      assert.isTrue(yield* affinity.unbind("k"))
      assert.isFalse(yield* affinity.unbind("k"))
      assert.strictEqual((yield* affinity.lookup("k"))._tag, "Unknown")
    })
  )

  it.effect("with an epoch, leaves a later incarnation alone", () =>
    Effect.gen(function* () {
      const { affinity, before } = yield* bound("strict")
      yield* affinity.remove("home")
      const after = yield* affinity.bind("k", "other")
      assert.isFalse(yield* affinity.unbind("k", before.epoch))
      assert.isTrue(yield* affinity.unbind("k", after.epoch))
    })
  )
})
