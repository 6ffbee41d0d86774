import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { TestClock } from "effect/testing"
import { CircuitBreaker } from "../src/index.ts"
import { phase, rejection, start, succeed } from "./calls.ts"

const make = (options: CircuitBreaker.Options = {}) =>
  CircuitBreaker.make({
    tripPolicy: CircuitBreaker.slowCalls({
      slowAfter: "2 seconds",
      rate: 0.5,
      over: { calls: 4 },
      minimum: 2
    }),
    ...options
  })

/** A call that takes so long. */
const lasting = (breaker: CircuitBreaker.CircuitBreaker, millis: number) =>
  Effect.gen(function* () {
    const call = yield* start(breaker)
    yield* TestClock.adjust(millis)
    yield* call.succeed
  })

it.effect("calls that take as long as that, or longer, are slow, though they succeed", () =>
  Effect.gen(function* () {
    const breaker = yield* make()
    yield* lasting(breaker, 1_999)
    assert.deepInclude((yield* breaker.snapshot).trip, { calls: 1, marked: 0 })
    yield* lasting(breaker, 2_000)
    const error = yield* rejection(breaker)
    assert.deepStrictEqual(error.reason, { _tag: "SlowCalls", marked: 1, calls: 2, rate: 0.5 })
    assert.include(error.message, "1 of 2 calls were slow")
  })
)

it.effect("calls that still run count from the moment when they are slow, once", () =>
  Effect.gen(function* () {
    const breaker = yield* make()
    const hung = [yield* start(breaker), yield* start(breaker)]
    yield* TestClock.adjust("1999 millis")
    assert.strictEqual(yield* phase(breaker), "Closed")
    yield* TestClock.adjust("10 seconds")
    const { openUntil, reason, since } = yield* breaker.snapshot
    assert.strictEqual(reason._tag, "SlowCalls")
    // It opened when the second call got slow, not when somebody looked.
    assert.deepStrictEqual([since, openUntil], [2_000, 62_000])
    for (const call of hung) yield* call.succeed
    assert.deepInclude((yield* breaker.snapshot).calls, { successes: 0, stale: 2 })
  })
)

it.effect("a slow call that fails later counts as slow once, and as a failure", () =>
  Effect.gen(function* () {
    const breaker = yield* make({
      tripPolicy: CircuitBreaker.anyOf([
        CircuitBreaker.consecutive(2),
        CircuitBreaker.slowCalls({ slowAfter: "2 seconds", over: { calls: 10 }, minimum: 10 })
      ])
    })
    const call = yield* start(breaker)
    yield* TestClock.adjust("3 seconds")
    yield* breaker.state
    yield* call.fail
    assert.deepStrictEqual((yield* breaker.snapshot).trip, {
      _tag: "AnyOf",
      policies: [
        { _tag: "Consecutive", failures: 1, threshold: 2 },
        { _tag: "SlowCalls", marked: 1, calls: 1, rate: 0.8, minimum: 10 }
      ]
    })
  })
)

it.effect("interrupted calls say nothing of the pace, unless they were slow already", () =>
  Effect.gen(function* () {
    const breaker = yield* make()
    const quick = yield* start(breaker)
    yield* quick.interrupt
    assert.deepInclude((yield* breaker.snapshot).trip, { calls: 0 })
    const slow = yield* start(breaker)
    yield* TestClock.adjust("2 seconds")
    yield* slow.interrupt
    assert.deepInclude((yield* breaker.snapshot).trip, { calls: 1, marked: 1 })
  })
)

it.effect("a slow trial is a failure, when it ends or when it is seen to be slow", () =>
  Effect.gen(function* () {
    const breaker = yield* make()
    for (const looksUp of [false, true]) {
      yield* breaker.trip
      yield* TestClock.adjust("1 minute")
      const trial = yield* start(breaker)
      yield* TestClock.adjust("2 seconds")
      if (!looksUp) yield* trial.succeed
      assert.deepStrictEqual((yield* breaker.snapshot).reason, { _tag: "TrialSlow" })
      if (looksUp) yield* trial.succeed
    }
  })
)

it.effect("permits have a pace, too; a call that was told of has none", () =>
  Effect.gen(function* () {
    const breaker = yield* make()
    const permit = Result.getOrThrow(breaker.acquireUnsafe())
    yield* TestClock.adjust("5 seconds")
    permit.successUnsafe()
    yield* breaker.record(CircuitBreaker.success)
    assert.deepInclude((yield* breaker.snapshot).trip, { calls: 1, marked: 1 })
  })
)

it.effect("nothing is kept of calls that have ended", () =>
  Effect.gen(function* () {
    const breaker = yield* make({ tripPolicy: CircuitBreaker.slowCalls({ over: { calls: 5 } }) })
    const calls = yield* Effect.forEach(Array.from({ length: 20 }), () => start(breaker))
    for (const call of calls.toReversed()) yield* call.succeed
    yield* succeed(breaker)
    yield* TestClock.adjust("1 hour")
    assert.deepInclude((yield* breaker.snapshot).trip, { calls: 5, marked: 0 })
  })
)
