import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Random from "effect/Random"
import * as Schedule from "effect/Schedule"
import { TestClock } from "effect/testing"
import { Backoff, Retry, RetryBudget } from "../src/index.ts"

/** An effect that fails with the errors one after the other, and the last from then on; and when it was called. */
const failing = <E>(...errors: readonly [E, ...ReadonlyArray<E>]) => {
  const calls: Array<number> = []
  const effect = Effect.flatMap(Clock.currentTimeMillis, (at) =>
    Effect.fail(errors[Math.min(calls.push(at), errors.length) - 1] ?? errors[0])
  )
  return { calls, effect }
}

const ended = <A, E>(effect: Effect.Effect<A, E>) =>
  Effect.gen(function* () {
    const fiber = yield* Effect.forkChild(Effect.exit(effect))
    yield* TestClock.adjust("1 day")
    return yield* Fiber.join(fiber)
  })

const times = (backoff: Schedule.Schedule<unknown>, options?: Retry.Options<string, "exhausted">) =>
  Effect.gen(function* () {
    const { calls, effect } = failing("no")
    const exit = yield* ended(Retry.run(effect, Retry.make({ retries: Infinity, ...options, backoff })))
    const error = yield* Effect.flip(exit)
    return [
      error instanceof Retry.RetryExhausted ? error.reason : error,
      ...calls.map((at) => at - (calls[0] ?? 0))
    ]
  })

describe("a schedule as the backoff of a policy", () => {
  it.effect("gives the delays, and its end is the end of the retries", () =>
    Effect.gen(function* () {
      const schedule = Schedule.upTo(Schedule.exponential("1 second"), { times: 3 })
      assert.deepStrictEqual(yield* times(schedule), ["attempts", 0, 1000, 3000, 7000])
    })
  )

  it.effect("leaves `retries`, `maxElapsed` and hints in force", () =>
    Effect.gen(function* () {
      const every = Schedule.spaced("1 second")
      assert.deepStrictEqual(yield* times(every, { retries: 1 }), ["attempts", 0, 1000])
      assert.deepStrictEqual(yield* times(every, { maxElapsed: "2 seconds" }), ["deadline", 0, 1000, 2000])
      const [, first, then = Number.NaN] = yield* times(every, { retries: 1, retryAfter: () => "10 seconds" })
      assert.isTrue(first === 0 && Number(then) >= 10_000 && Number(then) <= 12_000)
    })
  )

  it.effect("begins anew for each call, and sees errors, clock and chance", () =>
    Effect.gen(function* () {
      const inputs: Array<string> = []
      const schedule = Schedule.exponential("1 second").pipe(
        Schedule.setInputType<string>(),
        Schedule.tap(({ input }) => Effect.sync(() => inputs.push(input))),
        Schedule.jittered,
        Schedule.upTo({ times: 2 })
      )
      const policy = Retry.make({ backoff: schedule })
      const { calls, effect } = failing("a", "b", "c")
      const run = Random.withSeed(Effect.exit(Retry.run(effect, policy)), 7)
      yield* ended(Effect.andThen(run, run))
      assert.deepStrictEqual(inputs.slice(0, 3), ["a", "b", "c"])
      assert.strictEqual(calls.length, 6)
      const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = calls
      assert.closeTo(b - a, e - d, 1e-5)
      assert.closeTo(c - b, f - e, 1e-5)
      assert.isTrue(b - a >= 800 && b - a <= 1200 && b - a !== 1000)
    })
  )

  it.effect("that would wait for ever gives up instead", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* times(Schedule.spaced(Duration.infinity)), ["attempts", 0])
    })
  )

  it.effect("can be the backoff of a category", () =>
    Effect.gen(function* () {
      const rules = {
        flood: {
          severity: "minor",
          retries: 9,
          backoff: Schedule.upTo(Schedule.spaced("1 second"), { times: 2 })
        }
      } as const
      const { calls, effect } = failing({ category: "flood" })
      yield* ended(Retry.run(effect, Retry.byCategory({ rules })))
      assert.deepStrictEqual(calls, [0, 1000, 2000])
    })
  )
})

const count = <E>(error: E, schedule: Schedule.Schedule<Retry.Attempt<E>, E>) =>
  Effect.gen(function* () {
    const { calls, effect } = failing(error)
    yield* ended(Effect.retry(effect, schedule))
    return calls.length
  })

describe("a policy as a schedule", () => {
  it.effect("drives Effect.retry as it would itself, each time from the start", () =>
    Effect.gen(function* () {
      const policy = Retry.make({ retries: 2, backoff: Backoff.linear("1 second"), surface: "last" })
      const [own, others] = [failing("no"), failing("no")]
      const direct = Effect.exit(Retry.run(own.effect, policy))
      const driven = Effect.exit(Effect.retry(others.effect, Retry.toSchedule(policy)))
      yield* ended(Effect.andThen(direct, direct))
      yield* TestClock.setTime(0)
      const exit = yield* ended(Effect.andThen(driven, driven))
      assert.deepStrictEqual(others.calls, own.calls)
      assert.deepStrictEqual(exit, Exit.succeed(Exit.fail("no")))
    })
  )

  it.effect("stops at what the policy lets pass, and by its gate and its categories", () =>
    Effect.gen(function* () {
      const policy = Retry.make({ while: (error: string) => error !== "stop" })
      assert.strictEqual(yield* count("stop", Retry.toSchedule(policy)), 1)
      assert.strictEqual(yield* count("go", Retry.toSchedule(policy, { idempotent: false })), 1)
      assert.strictEqual(yield* count("go", Retry.toSchedule(policy)), 4)
      assert.strictEqual(yield* count({ category: "health" }, Retry.toSchedule(Retry.byCategory())), 3)
    })
  )

  it.effect("counts maxElapsed from the start of the first attempt", () =>
    Effect.gen(function* () {
      const policy = Retry.make({ maxElapsed: "2500 millis", backoff: Backoff.constant("1 second") })
      const { calls, effect } = failing("no")
      yield* ended(Effect.retry(Effect.delay(effect, "2 seconds"), Retry.toSchedule(policy)))
      assert.deepStrictEqual(calls, [2000])
    })
  )

  it.effect("shares the budget, and calls the hooks", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      const budget = RetryBudget.make({ ratio: 0, minimum: 1 })
      const policy = Retry.make({
        budget,
        backoff: Backoff.constant(0),
        onRetry: ({ number }) => void log.push(`retry ${number}`),
        onGiveUp: ({ count, reason }) => void log.push(`${reason} ${count}`)
      })
      yield* ended(Effect.retry(failing("no").effect, Retry.toSchedule(policy)))
      assert.deepStrictEqual(log, ["retry 1", "budget 2"])
      assert.deepInclude(budget.statusUnsafe(0), { calls: 1, retries: 1 })
    })
  )

  it.effect("can be combined, and gives the attempts that failed", () =>
    Effect.gen(function* () {
      const seen: Array<readonly [number, unknown]> = []
      const schedule = Retry.toSchedule(Retry.make({ backoff: Backoff.constant("1 second") })).pipe(
        Schedule.tap(({ output }) => Effect.sync(() => seen.push([output.number, output.error]))),
        Schedule.upTo({ times: 2 })
      )
      yield* ended(Effect.retry(failing("a", "b", "c").effect, schedule))
      assert.deepStrictEqual(seen.slice(0, 2), [
        [1, "a"],
        [2, "b"]
      ])
    })
  )
})
