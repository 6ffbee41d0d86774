import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import * as Backoff from "../src/Backoff.ts"
import * as Retry from "../src/Retry.ts"

class Lost extends Data.TaggedError("Lost")<{ readonly message: string }> {}

const numbered = () => {
  let calls = 0
  return Effect.suspend(() => Effect.fail(`error ${++calls}`))
}

const after = <A, E, R>(effect: Effect.Effect<A, E, R>, time: Duration.Input) =>
  Effect.gen(function* () {
    const fiber = yield* Effect.forkChild(Effect.flip(effect))
    yield* TestClock.adjust(time)
    return yield* Fiber.join(fiber)
  })

describe("history", () => {
  it.effect("has each attempt with its error, time, duration and delay", () =>
    Effect.gen(function* () {
      const policy = Retry.make({ retries: 2, backoff: Backoff.linear("1 second") })
      const error = yield* after(Retry.run(Effect.delay(numbered(), "50 millis"), policy), "1 hour")
      assert.instanceOf(error, Retry.RetryExhausted)
      assert.deepStrictEqual(error.attempts, [
        { number: 1, error: "error 1", at: 50, duration: undefined, delay: Duration.seconds(1) },
        { number: 2, error: "error 2", at: 1100, duration: Duration.millis(50), delay: Duration.seconds(2) },
        { number: 3, error: "error 3", at: 3150, duration: Duration.millis(50), delay: Duration.zero }
      ])
      assert.strictEqual(error.lastError, "error 3")
      assert.strictEqual(error.cause, "error 3")
    })
  )

  it.effect("keeps the last 16, and counts them all", () =>
    Effect.gen(function* () {
      const policy = Retry.make({ retries: 1999, backoff: Backoff.constant(0) })
      const error = yield* Effect.flip(Retry.run(numbered(), policy))
      assert.instanceOf(error, Retry.RetryExhausted)
      assert.deepStrictEqual(
        error.attempts.map((attempt) => attempt.number),
        Array.from({ length: 16 }, (_, n) => 1985 + n)
      )
      assert.strictEqual(error.count, 2000)
    })
  )

  it.effect("is as long as asked", () =>
    Effect.gen(function* () {
      const policy = Retry.make({ history: 2, backoff: Backoff.constant(0) })
      const error = yield* Effect.flip(Retry.run(numbered(), policy))
      assert.instanceOf(error, Retry.RetryExhausted)
      assert.deepStrictEqual(
        error.attempts.map((attempt) => attempt.error),
        ["error 3", "error 4"]
      )
    })
  )
})

describe("the error", () => {
  it.effect("says what happened and what to do, without a stack", () =>
    Effect.gen(function* () {
      Error.stackTraceLimit = 7
      const policy = Retry.make({ idempotent: false })
      const error = yield* Effect.flip(Retry.run(Effect.fail(new Lost({ message: "pipe broken" })), policy))
      assert.strictEqual(
        error.message,
        "gave up after 1 attempt: the call may have run; mark it idempotent if it may run twice; last error: Lost: pipe broken"
      )
      assert.notInclude(error.stack ?? "", "\n    at ")
      assert.strictEqual(Error.stackTraceLimit, 7)
    })
  )

  it.effect("is caught by its tag", () =>
    Effect.gen(function* () {
      const run = Retry.run(Effect.fail("no"), Retry.make({ retries: 0 }))
      assert.strictEqual(
        yield* Effect.catchTag(run, "RetryExhausted", (error) => Effect.succeed(error.lastError)),
        "no"
      )
    })
  )

  it.effect("is not made where the last error surfaces", () =>
    Effect.gen(function* () {
      const run = Retry.run(
        numbered(),
        Retry.make({ surface: "last", retries: 1, backoff: Backoff.constant(0) })
      )
      const error: string = yield* Effect.flip(run)
      assert.strictEqual(error, "error 2")
    })
  )
})

describe("hooks", () => {
  it.effect("onRetry comes before each delay, onGiveUp once at the end", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      const note = (text: string) => Effect.map(Clock.currentTimeMillis, (at) => log.push(`${at} ${text}`))
      const policy = Retry.make({
        retries: 2,
        backoff: Backoff.constant("1 second"),
        surface: "last",
        onRetry: ({ delay, error, number }) => note(`${String(error)} ${number} ${Duration.format(delay)}`),
        onGiveUp: ({ count, reason }) => note(`${reason} ${count}`)
      })
      assert.strictEqual(yield* after(Retry.run(numbered(), policy), "1 hour"), "error 3")
      assert.deepStrictEqual(log, ["0 error 1 1 1s", "1000 error 2 2 1s", "2000 attempts 3"])
    })
  )

  it.effect("may be plain functions, and hear nothing of what passes", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      const policy = Retry.make({
        while: () => false,
        onRetry: () => void log.push("retry"),
        onGiveUp: () => void log.push("give up")
      })
      yield* Effect.flip(Retry.run(Effect.fail("no"), policy))
      assert.deepStrictEqual(log, [])
    })
  )
})
