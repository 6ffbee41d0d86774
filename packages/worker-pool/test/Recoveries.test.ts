import { assert, describe, it } from "@effect/vitest"
import { Category } from "@fireweed/retry"
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { TestClock } from "effect/testing"
import { WorkerLost } from "../src/CallError.ts"
import * as Timers from "../src/internal/Timers.ts"
import * as Recoveries from "../src/recovery/Recoveries.ts"

const setUp = (concurrency = 2) =>
  Effect.gen(function* () {
    const told: Array<string> = []
    const recoveries = Recoveries.make({
      timers: yield* Timers.make,
      concurrency,
      budget: { replace: 1_000, restore: 5_000 },
      onBegin: ({ id, kind, subject, waited }) => told.push(`${id} ${kind} ${subject} after ${waited}`),
      onEnd: ({ id, outcome, took }) => told.push(`${id} ${outcome} after ${took}`)
    })
    const run = <A, E>(effect: Effect.Effect<A, E>, kind: Recoveries.Kind = "replace", budget?: number) =>
      Effect.forkChild(recoveries.run({ kind, subject: "it", budget }, effect), { startImmediately: true })
    const ended = Effect.map(recoveries.ended, (all) => all.map(({ outcome }) => outcome))
    return { ended, recoveries, run, told }
  })

const lost = new WorkerLost({
  reason: "exit",
  target: "app:f",
  worker: "1.1",
  started: "no",
  exitCode: 1,
  signal: null,
  detail: "exited with status 1",
  stderr: ""
})

/** Exhaustive: a fifth does not compile. */
const nameOf = (outcome: Recoveries.Outcome<string, string>): string => {
  switch (outcome._tag) {
    case "Recovered":
      return outcome.value
    case "Failed":
      return outcome.error
    case "TimedOut":
      return "late"
    case "Cancelled":
      return "cancelled"
  }
}

const cancelled = (
  cancel: (recoveries: Recoveries.Recoveries, fiber: Fiber.Fiber<unknown>) => Effect.Effect<unknown>
) =>
  Effect.gen(function* () {
    const { ended, recoveries, run } = yield* setUp(1)
    const stopped = yield* Deferred.make<void>()
    const first = yield* run(Effect.onInterrupt(Effect.never, () => Deferred.succeed(stopped, undefined)))
    const second = yield* run(Effect.succeed("its turn"))
    assert.isUndefined(second.pollUnsafe())
    yield* cancel(recoveries, first)
    assert.isTrue(Exit.isSuccess(yield* Effect.exit(Deferred.await(stopped))))
    const outcome = yield* Fiber.join(second)
    assert.deepStrictEqual(outcome, { _tag: "Recovered", value: "its turn" })
    assert.deepStrictEqual(yield* ended, ["Cancelled", "Recovered"])
    assert.lengthOf(yield* recoveries.active, 0)
    assert.isFalse(yield* recoveries.cancel(1), "there is none of this number any more")
  })

it.effect("D29 an error that has its category keeps it, through any number of recoveries", () =>
  Effect.gen(function* () {
    const { recoveries } = yield* setUp()
    const what = { kind: "replace", subject: "it" } as const
    const again = Effect.flatMap(recoveries.run(what, Effect.fail(lost)), (outcome) =>
      outcome._tag === "Failed" ? Effect.fail(outcome.error) : Effect.void
    )
    const outcome = yield* recoveries.run({ ...what, kind: "restore" }, again)
    assert.isTrue(outcome._tag === "Failed" && outcome.error === lost)
    assert.strictEqual(Category.classify(Category.rules, lost, 1).category, "connection")
  })
)

it.effect("D30 what a recovery answers is one of four, and each is told once", () =>
  Effect.gen(function* () {
    const { ended, recoveries, run, told } = yield* setUp(4)
    const fibers = [
      yield* run(Effect.as(Effect.sleep(100), "well")),
      yield* run(Effect.andThen(Effect.sleep(200), Effect.fail("no"))),
      yield* run(Effect.never),
      yield* run(Effect.never)
    ]
    yield* TestClock.adjust(300)
    assert.isTrue(yield* recoveries.cancel(4))
    yield* TestClock.adjust(700)
    const outcomes = yield* Fiber.joinAll(fibers)
    assert.deepStrictEqual(outcomes.map(nameOf), ["well", "no", "late", "cancelled"])
    assert.deepStrictEqual(yield* ended, ["Recovered", "Failed", "Cancelled", "TimedOut"])
    assert.deepStrictEqual(told, [
      "1 replace it after 0",
      "2 replace it after 0",
      "3 replace it after 0",
      "4 replace it after 0",
      "1 Recovered after 100",
      "2 Failed after 200",
      "4 Cancelled after 300",
      "3 TimedOut after 1000"
    ])
  })
)

describe("D31 a cancelled recovery is interrupted, and gives its place back", () => {
  it.effect("by its number", () => cancelled((recoveries) => recoveries.cancel(1)))
  it.effect("by the end of who asked for it", () => cancelled((_, fiber) => Fiber.interrupt(fiber)))

  it.effect("also one that waits for its place", () =>
    Effect.gen(function* () {
      const { recoveries, run, told } = yield* setUp(1)
      yield* run(Effect.sleep(500))
      const waits = yield* run(Effect.sync(() => assert.fail("it was cancelled before it began")))
      yield* TestClock.adjust(100)
      assert.deepStrictEqual(yield* recoveries.active, [
        { id: 1, kind: "replace", subject: "it", waited: 0, took: 100 },
        { id: 2, kind: "replace", subject: "it", waited: 100, took: 0 }
      ])
      yield* recoveries.cancel(2)
      assert.deepStrictEqual(yield* Fiber.join(waits), { _tag: "Cancelled" })
      const next = yield* run(Effect.succeed(1))
      yield* TestClock.adjust(400)
      yield* Fiber.join(next)
      assert.deepStrictEqual(told, [
        "1 replace it after 0",
        "2 Cancelled after 0",
        "1 Recovered after 500",
        "3 replace it after 400",
        "3 Recovered after 0"
      ])
    })
  )
})

describe("D32 every recovery has a budget, and it is enforced", () => {
  it.effect("that of its kind, or its own; the wait for a place does not use it up", () =>
    Effect.gen(function* () {
      const { ended, run } = yield* setUp(1)
      const forever = yield* run(Effect.never)
      const waits = yield* run(Effect.sleep(900))
      const other = yield* run(Effect.never, "restore")
      const own = yield* run(Effect.never, "restore", 100)
      yield* TestClock.adjust(999)
      assert.deepStrictEqual(yield* ended, [])
      yield* TestClock.adjust(901)
      assert.strictEqual((yield* Fiber.join(forever))._tag, "TimedOut")
      assert.strictEqual((yield* Fiber.join(waits))._tag, "Recovered")
      assert.isUndefined(other.pollUnsafe(), "another kind, another budget")
      yield* TestClock.adjust(3_100)
      assert.strictEqual((yield* Fiber.join(other))._tag, "TimedOut")
      yield* TestClock.adjust(100)
      assert.strictEqual((yield* Fiber.join(own))._tag, "TimedOut")
    })
  )

  it.effect("no more of a kind run at once than may, and the kinds do not wait for each other", () =>
    Effect.gen(function* () {
      const { run } = yield* setUp(3)
      let running = 0
      let most = 0
      const job = Effect.acquireUseRelease(
        Effect.sync(() => (most = Math.max(most, ++running))),
        () => Effect.sleep(100),
        () => Effect.sync(() => running--)
      )
      const fibers = yield* Effect.forEach(Array.from({ length: 10 }), () => run(job))
      const other = yield* run(Effect.succeed("at once"), "restore")
      assert.isDefined(other.pollUnsafe())
      yield* TestClock.adjust(400)
      yield* Fiber.joinAll(fibers)
      assert.strictEqual(most, 3)
    })
  )
})

it.effect("D60 no more than the last hundred recoveries are remembered", () =>
  Effect.gen(function* () {
    const { recoveries } = yield* setUp()
    for (let n = 0; n < 250; n++) yield* recoveries.run({ kind: "replace", subject: `${n}` }, Effect.void)
    const ended = yield* recoveries.ended
    assert.lengthOf(ended, Recoveries.HISTORY)
    assert.deepStrictEqual([ended[0]?.subject, ended.at(-1)?.subject], ["150", "249"])
  })
)

it.effect("a fault of this package stays a defect, and gives the place back all the same", () =>
  Effect.gen(function* () {
    const { ended, recoveries, run } = yield* setUp(1)
    const exit = yield* Effect.exit(recoveries.run({ kind: "replace", subject: "it" }, Effect.die("a fault")))
    assert.isTrue(Exit.isFailure(exit) && Cause.hasDies(exit.cause))
    const next = yield* run(Effect.void)
    yield* Fiber.join(next)
    assert.deepStrictEqual(yield* ended, ["Failed", "Recovered"])
  })
)
