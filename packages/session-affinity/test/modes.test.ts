import { assert, describe, it } from "@effect/vitest"
import type { Mode } from "@fireweed/session-affinity"
import { SessionAffinity } from "@fireweed/session-affinity"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { TestClock } from "effect/testing"

/** What can have become of a bound key's target, or of its binding. */
type Situation = "busy" | "draining" | "gone" | "gone, with restoreState" | "expired"

/** What a call can come to. */
type Outcome =
  | "waits, and is served where it was"
  | "is served elsewhere, the binding stays"
  | "moves"
  | "is placed anew"
  | "TargetBusy"
  | "TargetDraining"
  | "TargetGone"
  | "BindingExpired"

/** The contract: what the design says of each case, not what the code does. */
const bound: { readonly [M in Mode.Mode]: { readonly [S in Situation]: Outcome } } = {
  prefer: {
    busy: "is served elsewhere, the binding stays",
    draining: "moves",
    gone: "moves",
    "gone, with restoreState": "moves",
    expired: "is placed anew"
  },
  wait: {
    busy: "waits, and is served where it was",
    draining: "moves",
    gone: "TargetGone",
    "gone, with restoreState": "moves",
    expired: "BindingExpired"
  },
  strict: {
    busy: "TargetBusy",
    draining: "TargetDraining",
    gone: "TargetGone",
    "gone, with restoreState": "TargetGone",
    expired: "BindingExpired"
  },
  rebind: {
    busy: "moves",
    draining: "moves",
    gone: "moves",
    "gone, with restoreState": "moves",
    expired: "is placed anew"
  }
}

/** A first call, of a key that is bound nowhere. */
type Places = "one is free" | "all are busy" | "all drain" | "there is none"
const first: { readonly [M in Mode.Mode]: { readonly [P in Places]: "is placed" | "waits" | "NoTargets" } } =
  {
    prefer: {
      "one is free": "is placed",
      "all are busy": "NoTargets",
      "all drain": "NoTargets",
      "there is none": "NoTargets"
    },
    wait: {
      "one is free": "is placed",
      "all are busy": "waits",
      "all drain": "NoTargets",
      "there is none": "NoTargets"
    },
    strict: {
      "one is free": "is placed",
      "all are busy": "NoTargets",
      "all drain": "NoTargets",
      "there is none": "NoTargets"
    },
    rebind: {
      "one is free": "is placed",
      "all are busy": "NoTargets",
      "all drain": "NoTargets",
      "there is none": "NoTargets"
    }
  }

const modes = ["prefer", "wait", "strict", "rebind"] as const
const situations = ["busy", "draining", "gone", "gone, with restoreState", "expired"] as const
const places = ["one is free", "all are busy", "all drain", "there is none"] as const

/** A key bound to "home", and another target that can take it. */
const setUp = (mode: Mode.Mode, restorable = false) =>
  Effect.gen(function* () {
    const busy = new Set<string>()
    const affinity = yield* SessionAffinity.make({
      mode,
      expireAfter: "10 seconds",
      busy: (target) => busy.has(target.id),
      restoreState: restorable ? () => Effect.void : undefined
    })
    yield* affinity.add("home")
    const before = yield* affinity.resolve("k")
    yield* affinity.add("other")
    return { affinity, before, busy }
  })
type SetUp = Effect.Success<ReturnType<typeof setUp>>

const bring: { readonly [S in Situation]: (setUp: SetUp) => Effect.Effect<unknown> } = {
  busy: ({ busy }) => Effect.sync(() => busy.add("home")),
  draining: ({ affinity }) => affinity.drain("home"),
  gone: ({ affinity }) => affinity.remove("home"),
  "gone, with restoreState": ({ affinity }) => affinity.remove("home"),
  expired: () => TestClock.adjust("10 seconds")
}

/** Refused at once, with an error that says all there is to say, as often as one asks. */
const isRefused =
  (tag: string) =>
  ({ affinity }: SetUp) =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(affinity.resolve("k"))
      assert.strictEqual(error._tag, tag)
      assert.strictEqual(error.category, "session")
      assert.strictEqual(error.key, "k")
      assert.propertyVal(error, "target", "home")
      assert.include(error.message, '"k"')
      assert.isAbove(error.hint.length, 0)
      assert.instanceOf(error, Error)
      assert.strictEqual((yield* Effect.flip(affinity.resolve("k")))._tag, tag)
      assert.deepInclude(yield* affinity.stats, { rejected: { [tag]: 2 }, moved: 0, created: 1 })
    })

const happens: { readonly [O in Outcome]: (setUp: SetUp) => Effect.Effect<void, unknown> } = {
  "waits, and is served where it was": ({ affinity, before, busy }) =>
    Effect.gen(function* () {
      const call = yield* Effect.forkChild(affinity.resolve("k"), { startImmediately: true })
      yield* TestClock.adjust("4 seconds")
      assert.isUndefined(call.pollUnsafe())
      assert.strictEqual((yield* affinity.stats).waiting, 1)
      busy.clear()
      yield* affinity.recheck("home")
      assert.deepStrictEqual(yield* Fiber.join(call), before)
      assert.deepInclude(yield* affinity.stats, { waiting: 0, moved: 0, created: 1 })
    }),
  "is served elsewhere, the binding stays": ({ affinity, before, busy }) =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* affinity.resolve("k"), { ...before, target: "other", bound: false })
      busy.clear()
      assert.deepStrictEqual(yield* affinity.resolve("k"), before)
      assert.deepInclude(yield* affinity.stats, { moved: 0, created: 1 })
    }),
  moves: ({ affinity, before, busy }) =>
    Effect.gen(function* () {
      const after = yield* affinity.resolve("k")
      assert.deepInclude(after, { target: "other", bound: true })
      assert.isAbove(after.epoch, before.epoch)
      busy.clear()
      assert.deepStrictEqual(yield* affinity.resolve("k"), after)
      assert.deepInclude(yield* affinity.stats, { moved: 1, created: 1 })
    }),
  "is placed anew": ({ affinity, before }) =>
    Effect.gen(function* () {
      const after = yield* affinity.resolve("k")
      assert.isTrue(after.bound)
      assert.isAbove(after.epoch, before.epoch)
      assert.deepInclude(yield* affinity.stats, { moved: 0, created: 2, expired: 1 })
    }),
  TargetBusy: isRefused("TargetBusy"),
  TargetDraining: isRefused("TargetDraining"),
  TargetGone: isRefused("TargetGone"),
  BindingExpired: isRefused("BindingExpired")
}

for (const mode of modes) {
  describe(`mode ${mode}`, () => {
    for (const situation of situations) {
      const outcome = bound[mode][situation]
      it.effect(`${situation}: ${outcome}`, () =>
        Effect.gen(function* () {
          const setting = yield* setUp(mode, situation === "gone, with restoreState")
          yield* bring[situation](setting)
          yield* happens[outcome](setting)
        })
      )
    }

    for (const place of places) {
      const outcome = first[mode][place]
      it.effect(`a first call, where ${place}: ${outcome}`, () =>
        Effect.gen(function* () {
          let busy = false
          const affinity = yield* SessionAffinity.make({ mode, busy: ({ id }) => busy || id === "full" })
          if (place !== "there is none") yield* Effect.andThen(affinity.add("full"), affinity.add("free"))
          if (place === "all drain") yield* Effect.andThen(affinity.drain("full"), affinity.drain("free"))
          busy = place === "all are busy"
          const call = yield* Effect.forkChild(Effect.result(affinity.resolve("k")), {
            startImmediately: true
          })
          if (outcome === "waits") {
            yield* TestClock.adjust("4 seconds")
            assert.isUndefined(call.pollUnsafe())
            busy = false
            yield* affinity.recheck("full")
            yield* affinity.recheck("free")
            yield* TestClock.adjust("1 second")
          }
          const result = yield* Fiber.join(call)
          if (outcome === "NoTargets") {
            assert.deepInclude(result, { _tag: "Failure" })
            assert.strictEqual((yield* Effect.flip(affinity.resolve("k")))._tag, "NoTargets")
          } else if (outcome === "is placed") {
            assert.deepInclude(yield* affinity.resolve("k"), { target: "free" })
          } else {
            assert.deepInclude(result, { _tag: "Success" })
            assert.deepInclude(yield* affinity.stats, { waiting: 0, bindings: 1 })
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
    const { affinity } = yield* setUp("strict")
    yield* affinity.drain("home")
    yield* Effect.flip(affinity.resolve("k"))
    assert.strictEqual((yield* affinity.resolve("k", { mode: "rebind" })).target, "other")
  })
)

describe("lookup", () => {
  it.effect("D8 bound, expired, target gone and unknown are answers of their own", () =>
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
        expiresAt: 15_000,
        metadata: {}
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
      const { affinity, before } = yield* setUp("strict")
      assert.deepStrictEqual(yield* affinity.bind("k", "home"), before)
      const moved = yield* affinity.bind("k", "other")
      assert.strictEqual(moved.target, "other")
      assert.isAbove(moved.epoch, before.epoch)
      assert.deepStrictEqual(yield* affinity.resolve("k"), moved)
    })
  )

  it.effect("never to a target that is draining, gone or was never there", () =>
    Effect.gen(function* () {
      const { affinity } = yield* setUp("strict")
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
      const { affinity, before } = yield* setUp("strict")
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
      const { affinity } = yield* setUp("strict")
      assert.isTrue(yield* affinity.unbind("k"))
      assert.isFalse(yield* affinity.unbind("k"))
      assert.strictEqual((yield* affinity.lookup("k"))._tag, "Unknown")
    })
  )

  it.effect("with an epoch, leaves a later incarnation alone", () =>
    Effect.gen(function* () {
      const { affinity, before } = yield* setUp("strict")
      yield* affinity.remove("home")
      const after = yield* affinity.bind("k", "other")
      assert.isFalse(yield* affinity.unbind("k", before.epoch))
      assert.isTrue(yield* affinity.unbind("k", after.epoch))
    })
  )
})
