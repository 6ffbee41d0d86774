import { assert, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { TestClock } from "effect/testing"
import { CircuitBreaker } from "../src/index.ts"
import { phase } from "./calls.ts"

const options = { tripPolicy: CircuitBreaker.consecutive(1), halfOpen: { trials: 1 } }

/** A breaker whose open time has just ended, and that will close by one success. */
const due = Effect.gen(function* () {
  const breaker = yield* CircuitBreaker.make(options)
  yield* breaker.trip
  yield* TestClock.adjust("60 seconds")
  return breaker
})

const acquire = (breaker: CircuitBreaker.CircuitBreaker) => Effect.fromResult(breaker.acquireUnsafe())

it.effect("success, failure and ignore settle a permit", () =>
  Effect.gen(function* () {
    const breaker = yield* CircuitBreaker.make(options)
    yield* (yield* CircuitBreaker.acquire(breaker)).success
    yield* (yield* CircuitBreaker.acquire(breaker)).ignore
    yield* (yield* CircuitBreaker.acquire(breaker)).failure("down", "2 minutes")
    const error = yield* Effect.flip(CircuitBreaker.acquire(breaker))
    assert.deepStrictEqual([error.lastFailure, error.retryAfter], ["down", Duration.minutes(2)])
    assert.deepStrictEqual((yield* breaker.snapshot).calls, {
      successes: 1,
      failures: 1,
      ignored: 1,
      stale: 0,
      bypassed: 0,
      rejected: 1,
      shadowed: 0
    })
  })
)

it.effect("the first settling wins", () =>
  Effect.gen(function* () {
    const breaker = yield* CircuitBreaker.make(options)
    const permit = yield* acquire(breaker)
    yield* permit.success
    yield* permit.success
    yield* permit.failure("late")
    permit.failureUnsafe("late")
    permit.ignoreUnsafe()
    assert.strictEqual(yield* phase(breaker), "Closed")
    const { calls } = yield* breaker.snapshot
    assert.deepStrictEqual([calls.successes, calls.failures, calls.ignored, calls.stale], [1, 0, 0, 0])
  })
)

it.effect("an abandoned permit is released with its scope, as ignored", () =>
  Effect.gen(function* () {
    const breaker = yield* due
    yield* Effect.scoped(
      Effect.gen(function* () {
        yield* breaker.acquire
        assert.strictEqual((yield* Effect.flip(breaker.acquire))._tag, "CircuitHalfOpen")
      })
    )
    assert.include(yield* breaker.state, { _tag: "HalfOpen", running: 0, started: 0 })
    yield* (yield* breaker.acquire).success
    assert.strictEqual(yield* phase(breaker), "Closed")
  })
)

it.effect("a permit settled in its scope is not released again", () =>
  Effect.gen(function* () {
    const breaker = yield* CircuitBreaker.make({ ...options, halfOpen: { trials: 2 } })
    yield* breaker.trip
    yield* TestClock.adjust("60 seconds")
    yield* Effect.scoped(Effect.flatMap(breaker.acquire, (permit) => permit.success))
    assert.include(yield* breaker.state, { _tag: "HalfOpen", running: 0, started: 1, succeeded: 1 })
  })
)

it.effect("an unscoped permit holds its trial until it is settled, by callbacks too", () =>
  Effect.gen(function* () {
    const breaker = yield* due
    const permit = Result.getOrThrow(breaker.acquireUnsafe())
    const refused = breaker.acquireUnsafe()
    assert.isTrue(Result.isFailure(refused) && refused.failure._tag === "CircuitHalfOpen")
    yield* TestClock.adjust("59 seconds")
    permit.successUnsafe()
    assert.strictEqual(breaker.stateUnsafe()._tag, "Closed")
  })
)

it.effect("a forgotten unscoped permit is fenced at the deadline", () =>
  Effect.gen(function* () {
    const breaker = yield* due
    const permit = yield* acquire(breaker)
    yield* TestClock.adjust("60 seconds")
    assert.strictEqual(yield* phase(breaker), "Open")
    permit.failureUnsafe("late")
    const { calls, consecutiveOpenings } = breaker.snapshotUnsafe()
    assert.deepStrictEqual([calls.stale, consecutiveOpenings], [1, 2])
  })
)

it.effect("a crash loop stops itself: start, die, start, die, refused, start, live", () =>
  Effect.gen(function* () {
    const breaker = yield* CircuitBreaker.make({ ...options, tripPolicy: CircuitBreaker.consecutive(2) })
    ;(yield* acquire(breaker)).failureUnsafe("exit 1")
    ;(yield* acquire(breaker)).failureUnsafe("exit 1")
    const error = yield* Effect.flip(acquire(breaker))
    yield* TestClock.adjust(error.retryAfter)
    ;(yield* acquire(breaker)).successUnsafe()
    assert.strictEqual(breaker.stateUnsafe()._tag, "Closed")
  })
)

it.effect("outcomes recorded by hand count while closed, and are stale otherwise", () =>
  Effect.gen(function* () {
    const breaker = yield* CircuitBreaker.make({ ...options, tripPolicy: CircuitBreaker.consecutive(2) })
    yield* breaker.record(CircuitBreaker.failure())
    yield* breaker.record(CircuitBreaker.success)
    yield* breaker.record(CircuitBreaker.failure())
    assert.strictEqual(yield* phase(breaker), "Closed")
    breaker.recordUnsafe(CircuitBreaker.failure({ error: "down" }))
    assert.strictEqual(yield* phase(breaker), "Open")
    yield* TestClock.adjust("60 seconds")
    yield* acquire(breaker)
    yield* breaker.record(CircuitBreaker.success)
    yield* breaker.record(CircuitBreaker.failure())
    assert.strictEqual(yield* phase(breaker), "HalfOpen")
    assert.strictEqual((yield* breaker.snapshot).calls.stale, 2)
  })
)
