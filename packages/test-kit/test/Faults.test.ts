import { assert, describe, it } from "@effect/vitest"
import { Faults } from "@fireweed/test-kit"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { TestClock } from "effect/testing"
import { check } from "../src/internal/faultPlan.ts"

const ok = Effect.succeed(20)

/** What became of so many runs: the value, or the tag of the error. */
const runs = (faults: Faults.Faults, point: string, count: number) =>
  Effect.forEach(Array.from({ length: count }), () =>
    Effect.match(faults.around(point, ok), { onFailure: ({ _tag }) => _tag, onSuccess: String })
  )

/** The passages that were struck, of 1,000. */
const struck = (seed: number | string, before: ReadonlyArray<Faults.Rule> = []) =>
  Effect.gen(function* () {
    const faults = yield* Faults.make({
      seed,
      rules: [...before, { at: "p", fault: Faults.kill, when: { chance: 0.3 } }]
    })
    yield* runs(faults, "p", 1_000)
    return faults.strikes.map(({ nth }) => nth)
  })

/** One that strikes the first passage. */
const one = (fault: Faults.Fault) =>
  Effect.map(
    Faults.make({ rules: [{ at: "p", fault, when: { nth: 1 } }] }),
    (faults) => (effect: Effect.Effect<number>, corrupt?: (n: number) => number) =>
      faults.around("p", effect, { corrupt })
  )

describe("D77 a rule strikes exactly when it says", () => {
  for (const [title, when, expected] of [
    ["always", undefined, [1, 2, 3, 4, 5, 6]],
    ["at the nth passage", { nth: 3 }, [3]],
    ["at every so many", { every: 2 }, [2, 4, 6]],
    ["with chance 1", { chance: 1 }, [1, 2, 3, 4, 5, 6]],
    ["with chance 0", { chance: 0 }, []]
  ] as const) {
    it.effect(title, () =>
      Effect.gen(function* () {
        const faults = yield* Faults.make({ rules: [{ at: "p", fault: Faults.kill, when }] })
        yield* runs(faults, "p", 6)
        assert.deepStrictEqual(
          faults.strikes.map(({ nth }) => nth),
          [...expected]
        )
      })
    )
  }

  it.effect("so many times at most, and no more once it is over", () =>
    Effect.gen(function* () {
      const faults = yield* Faults.make({ rules: [{ at: "p", fault: Faults.kill, times: 2 }] })
      assert.deepStrictEqual(yield* runs(faults, "p", 3), ["FaultInjected", "FaultInjected", "20"])
      const endless = yield* Faults.make({ rules: [{ at: "p", fault: Faults.kill }] })
      assert.deepStrictEqual(yield* runs(endless, "p", 1), ["FaultInjected"])
      yield* endless.end
      assert.deepStrictEqual(yield* runs(endless, "p", 1), ["20"])
    })
  )

  it.effect("at points by the beginning of their names, and of several rules the first", () =>
    Effect.gen(function* () {
      const faults = yield* Faults.make({
        rules: [
          { at: "db:*", fault: Faults.kill, when: { nth: 2 } },
          { at: "db:read", fault: Faults.corrupt }
        ]
      })
      for (const point of ["db:read", "db:write", "net", "db:read"]) yield* runs(faults, point, 1)
      assert.deepStrictEqual(
        faults.strikes.map(({ fault, nth, point }) => [point, nth, fault]),
        [
          ["db:read", 1, "Corrupt"],
          ["db:read", 2, "Kill"]
        ]
      )
    })
  )
})

describe("chance", () => {
  it.effect("D77 is that of the seed, and about as often as it says", () =>
    Effect.gen(function* () {
      const first = yield* struck(1)
      assert.deepStrictEqual(yield* struck(1), first)
      assert.notDeepEqual(yield* struck(2), first)
      assert.isTrue(first.length > 240 && first.length < 360, String(first.length))
    })
  )
})

describe("around an effect", () => {
  it.effect("kill: it fails, typed, and nothing of it has run", () =>
    Effect.gen(function* () {
      let ran = 0
      const around = yield* one(Faults.kill)
      const effect = around(Effect.sync(() => ++ran))
      const error = yield* Effect.flip(effect)
      assert.strictEqual(error.message, 'killed on purpose at passage 1 of "p"')
      assert.strictEqual(ran, 0)
      assert.strictEqual(yield* effect, 1)
    })
  )

  it.effect("slow: it begins later; stop: it is done later", () =>
    Effect.gen(function* () {
      for (const [fault, startsAt] of [
        [Faults.slow("2 seconds"), 2_000],
        [Faults.stop("2 seconds"), 0]
      ] as const) {
        let ran = 0
        const around = yield* one(fault)
        const fiber = yield* Effect.forkChild(around(Effect.sync(() => ++ran)), { startImmediately: true })
        assert.strictEqual(ran, startsAt === 0 ? 1 : 0)
        yield* TestClock.adjust("1999 millis")
        assert.isUndefined(fiber.pollUnsafe())
        yield* TestClock.adjust("1 milli")
        assert.strictEqual(yield* Fiber.join(fiber), 1)
      }
    })
  )

  it.effect("corrupt: its value is another; without one to put in its place, it fails", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* (yield* one(Faults.corrupt))(ok, (n) => -n), -20)
      assert.strictEqual((yield* Effect.flip((yield* one(Faults.corrupt))(ok)))._tag, "FaultInjected")
    })
  )

  it.effect("starve: it gives nothing until it is interrupted", () =>
    Effect.gen(function* () {
      const fiber = yield* Effect.forkChild((yield* one(Faults.starve))(ok), { startImmediately: true })
      yield* TestClock.adjust("1 day")
      assert.isUndefined(fiber.pollUnsafe())
      yield* Fiber.interrupt(fiber)
    })
  )
})

describe("a plan that makes no sense is refused", () => {
  const refused: ReadonlyArray<readonly [rule: unknown, named: RegExp]> = [
    [{ at: "", fault: Faults.kill }, /"at"/],
    [{ at: "p", fault: { _tag: "Burn" } }, /"fault"/],
    [{ at: "p", fault: { _tag: "Slow", duration: "soon" } }, /"duration"/],
    [{ at: "p", fault: Faults.kill, when: { chance: 2 } }, /"when"/],
    [{ at: "p", fault: Faults.kill, times: 0 }, /"times"/],
    [{ at: "p", fault: Faults.kill, often: true }, /"often"/]
  ]
  for (const [rule, named] of refused) {
    it(String(named), () => assert.throws(() => check({ rules: [rule] }), named))
  }

  it.effect("as a defect", () =>
    Effect.gen(function* () {
      const exit = yield* Effect.exit(Faults.make({ rules: [{ at: "", fault: Faults.kill }] }))
      assert.isTrue(Exit.hasDies(exit))
    })
  )
})
