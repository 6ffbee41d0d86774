import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { TestClock } from "effect/testing"
import { Backoff, Retry } from "../src/index.ts"

const now = Backoff.constant(0)

/** Attempts that take so long, one after the other; when each started and was interrupted. */
const taking = (...millis: ReadonlyArray<number>) => {
  const log: Array<string> = []
  let started = 0
  const note = (what: string) => Effect.map(Clock.currentTimeMillis, (at) => void log.push(`${at} ${what}`))
  const effect = Effect.suspend(() => {
    const number = ++started
    return note(`#${number}`).pipe(
      Effect.andThen(Effect.sleep(millis[number - 1] ?? 0)),
      Effect.as(number),
      Effect.onInterrupt(() => note(`#${number} interrupted`))
    )
  })
  return { effect, log }
}

const ended = <A, E>(effect: Effect.Effect<A, E>) =>
  Effect.gen(function* () {
    const fiber = yield* Effect.forkChild(Effect.exit(effect), { startImmediately: true })
    yield* TestClock.adjust("1 hour")
    return yield* Fiber.join(fiber)
  })

/** How many attempts a call makes that never ends. */
const calls = (
  policy: Retry.Policy<Cause.TimeoutError, Retry.Surface, Cause.TimeoutError>,
  idempotent?: boolean
) =>
  Effect.gen(function* () {
    const { effect, log } = taking(9_999, 9_999, 9_999, 9_999, 9_999)
    yield* ended(Effect.exit(Retry.run(effect, policy, { idempotent })))
    return log.length / 2
  })

describe("the timeout of a policy", () => {
  it.effect("is for each attempt, interrupts it, and the next one has its own", () =>
    Effect.gen(function* () {
      const { effect, log } = taking(5_000, 5_000, 900)
      const policy = Retry.make({ timeout: "1 second", backoff: Backoff.constant("10 seconds") })
      assert.deepStrictEqual(yield* ended(Retry.run(effect, policy)), Exit.succeed(3))
      assert.deepStrictEqual(log, [
        "0 #1",
        "1000 #1 interrupted",
        "11000 #2",
        "12000 #2 interrupted",
        "22000 #3"
      ])
    })
  )

  it.effect("fails with a TimeoutError, in the history and when the last error surfaces", () =>
    Effect.gen(function* () {
      const policy = { timeout: "1 second", retries: 1, backoff: now } as const
      const error = yield* Effect.flip(
        yield* ended(Retry.run(taking(9_999, 9_999).effect, Retry.make(policy)))
      )
      assert.instanceOf(error, Retry.RetryExhausted)
      assert.deepStrictEqual(
        error.attempts.map((attempt) => attempt.error._tag),
        ["TimeoutError", "TimeoutError"]
      )
      assert.deepStrictEqual(error.attempts[1]?.duration, Duration.seconds(1))
      const last = Retry.run(taking(9_999, 9_999).effect, Retry.make({ ...policy, surface: "last" }))
      assert.instanceOf(yield* Effect.flip(yield* ended(last)), Cause.TimeoutError)
    })
  )

  it.effect("is judged: by `while`, by category, and by the idempotency gate", () =>
    Effect.gen(function* () {
      const timeout = "1 second"
      assert.strictEqual(yield* calls(Retry.make({ timeout })), 4)
      assert.strictEqual(yield* calls(Retry.make({ timeout }), false), 1)
      assert.strictEqual(
        yield* calls(Retry.make({ timeout, while: (error: unknown) => !Cause.isTimeoutError(error) })),
        1
      )
      assert.strictEqual(yield* calls(Retry.byCategory({ timeout })), 1)
      assert.strictEqual(yield* calls(Retry.byCategory({ timeout }), true), 2)
    })
  )

  it.effect("lets what is quick pass, and what fails in time fail as it does", () =>
    Effect.gen(function* () {
      const policy = Retry.make({ timeout: "1 second", retries: 0, surface: "last" })
      assert.deepStrictEqual(yield* ended(Retry.run(taking(999).effect, policy)), Exit.succeed(1))
      assert.deepStrictEqual(yield* ended(Retry.run(Effect.fail("no"), policy)), Exit.fail("no"))
    })
  )

  it.effect("is interrupted with the call", () =>
    Effect.gen(function* () {
      const { effect, log } = taking(9_999)
      const run = Retry.run(effect, Retry.make({ timeout: "1 second" }))
      const fiber = yield* Effect.forkChild(run, { startImmediately: true })
      yield* TestClock.adjust("500 millis")
      yield* Fiber.interrupt(fiber)
      yield* TestClock.adjust("1 hour")
      assert.deepStrictEqual(log, ["0 #1", "500 #1 interrupted"])
    })
  )

  it.effect("leaves each attempt its number", () =>
    Effect.gen(function* () {
      const seen: Array<number> = []
      const slow = Effect.andThen(
        Effect.map(Retry.CurrentAttempt, (number) => seen.push(number)),
        Effect.never
      )
      yield* ended(Retry.run(slow, Retry.make({ timeout: "1 second", retries: 2, backoff: now })))
      assert.deepStrictEqual(seen, [1, 2, 3])
    })
  )

  it("is longer than nothing, and ends", () => {
    for (const timeout of [0, -1, Infinity, Number.NaN])
      assert.throws(() => Retry.make({ timeout }), /"timeout"/)
  })
})
