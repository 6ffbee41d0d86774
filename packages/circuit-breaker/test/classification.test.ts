import { assert, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { TestClock } from "effect/testing"
import { CircuitBreaker } from "../src/index.ts"
import { phase, start } from "./calls.ts"

const options = { tripPolicy: CircuitBreaker.consecutive(1) }

/** The counts and the phase after one call. */
const after = Effect.fnUntraced(function* (
  call: Effect.Effect<unknown, unknown>,
  classify?: CircuitBreaker.Classify
) {
  const breaker = yield* CircuitBreaker.make({ ...options, classify })
  const exit = yield* Effect.exit(breaker.run(call))
  const { calls, lastFailure, state } = yield* breaker.snapshot
  return { exit, lastFailure, phase: state._tag, counts: [calls.successes, calls.failures, calls.ignored] }
})

it.effect("a success is a success", () =>
  Effect.gen(function* () {
    assert.deepStrictEqual((yield* after(Effect.succeed(1))).counts, [1, 0, 0])
  })
)

it.effect("a typed failure is a failure", () =>
  Effect.gen(function* () {
    const { counts, lastFailure, phase } = yield* after(Effect.fail("down"))
    assert.deepStrictEqual([counts, phase, lastFailure], [[0, 1, 0], "Open", "down"])
  })
)

it.effect("a defect is a failure", () =>
  Effect.gen(function* () {
    const { counts, lastFailure, phase } = yield* after(Effect.die("bug"))
    assert.deepStrictEqual([counts, phase, lastFailure], [[0, 1, 0], "Open", "bug"])
  })
)

it.effect("interruption alone is ignored", () =>
  Effect.gen(function* () {
    const { counts, phase } = yield* after(Effect.interrupt)
    assert.deepStrictEqual([counts, phase], [[0, 0, 1], "Closed"])
  })
)

it.effect("a call interrupted from outside is ignored, and counted", () =>
  Effect.gen(function* () {
    const breaker = yield* CircuitBreaker.make(options)
    const call = yield* start(breaker)
    yield* call.interrupt
    assert.strictEqual((yield* breaker.snapshot).calls.ignored, 1)
    assert.strictEqual(yield* phase(breaker), "Closed")
  })
)

it.effect("a failure together with an interruption is a failure", () =>
  Effect.gen(function* () {
    const { counts } = yield* after(Effect.failCause(Cause.combine(Cause.interrupt(1), Cause.fail("down"))))
    assert.deepStrictEqual(counts, [0, 1, 0])
  })
)

it.effect("a timeout inside counts, one outside does not", () =>
  Effect.gen(function* () {
    const inside = yield* CircuitBreaker.make(options)
    const outside = yield* CircuitBreaker.make(options)
    const fiber = yield* Effect.forkChild(
      Effect.all(
        [
          Effect.exit(inside.run(Effect.timeout(Effect.never, "1 seconds"))),
          Effect.exit(Effect.timeout(outside.run(Effect.never), "1 seconds"))
        ],
        { concurrency: 2 }
      )
    )
    yield* TestClock.adjust("1 seconds")
    yield* Fiber.join(fiber)
    assert.deepStrictEqual([yield* phase(inside), yield* phase(outside)], ["Open", "Closed"])
  })
)

it.effect("classify makes a success a failure, with its own error and retryAfter", () =>
  Effect.gen(function* () {
    const breaker = yield* CircuitBreaker.make({
      ...options,
      classify: (exit) =>
        Exit.isSuccess(exit) && exit.value === 503
          ? CircuitBreaker.failure({ error: "overloaded", retryAfter: "5 minutes" })
          : undefined
    })
    assert.strictEqual(yield* breaker.run(Effect.succeed(503)), 503)
    const error = yield* Effect.flip(breaker.run(Effect.succeed(200)))
    assert.strictEqual(error.lastFailure, "overloaded")
    assert.deepStrictEqual(error.retryAfter, Duration.minutes(5))
  })
)

const contrary: CircuitBreaker.Classify = (exit) => {
  if (Exit.hasFails(exit)) return CircuitBreaker.success
  if (Exit.hasInterrupts(exit)) return CircuitBreaker.failure()
  if (Exit.isSuccess(exit)) return CircuitBreaker.ignored
  return undefined
}

it.effect("classify makes failures successes or ignored, and leaves the rest to the default", () =>
  Effect.gen(function* () {
    assert.deepStrictEqual((yield* after(Effect.fail("not found"), contrary)).counts, [1, 0, 0])
    assert.deepStrictEqual((yield* after(Effect.interrupt, contrary)).counts, [0, 1, 0])
    assert.deepStrictEqual((yield* after(Effect.succeed(1), contrary)).counts, [0, 0, 1])
    assert.deepStrictEqual((yield* after(Effect.die("bug"), contrary)).counts, [0, 1, 0])
  })
)

it.effect("a classify that throws makes the call die, and the outcome ignored", () =>
  Effect.gen(function* () {
    const { counts, exit } = yield* after(Effect.succeed(1), () => {
      throw new Error("bug in classify")
    })
    assert.deepStrictEqual(counts, [0, 0, 1])
    assert.isTrue(Exit.hasDies(exit))
  })
)
