import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { TestClock } from "effect/testing"
import { CircuitBreaker } from "../src/index.ts"
import { fail, failTimes, phase, rejection, start, succeed } from "./calls.ts"

it.effect("lets calls through, and their results", () =>
  Effect.gen(function* () {
    const breaker = yield* CircuitBreaker.make()
    assert.deepStrictEqual(yield* succeed(breaker), Exit.succeed("ok"))
    assert.deepStrictEqual(yield* fail(breaker), Exit.fail("down"))
    assert.strictEqual(yield* phase(breaker), "Closed")
  })
)

it.effect("opens after five consecutive failures", () =>
  Effect.gen(function* () {
    const breaker = yield* CircuitBreaker.make()
    yield* failTimes(breaker, 4)
    assert.strictEqual(yield* phase(breaker), "Closed")
    yield* fail(breaker)
    assert.strictEqual(yield* phase(breaker), "Open")
  })
)

it.effect("a success starts the count again", () =>
  Effect.gen(function* () {
    const breaker = yield* CircuitBreaker.make()
    yield* failTimes(breaker, 4)
    yield* succeed(breaker)
    yield* failTimes(breaker, 4)
    assert.strictEqual(yield* phase(breaker), "Closed")
    yield* fail(breaker)
    assert.strictEqual(yield* phase(breaker), "Open")
  })
)

it.effect("failures count in order of completion", () =>
  Effect.gen(function* () {
    const breaker = yield* CircuitBreaker.make({ tripPolicy: CircuitBreaker.consecutive(2) })
    const first = yield* start(breaker)
    const second = yield* start(breaker)
    const third = yield* start(breaker)
    yield* third.fail
    yield* first.succeed
    yield* second.fail
    assert.strictEqual(yield* phase(breaker), "Closed")
  })
)

it.effect("work runs in the caller's fiber, as many calls at once as come", () =>
  Effect.gen(function* () {
    const breaker = yield* CircuitBreaker.make()
    const calls = yield* Effect.forEach(Array.from({ length: 50 }), () => start(breaker))
    for (const call of calls) assert.isTrue(Exit.isSuccess(yield* call.succeed))
    assert.strictEqual(yield* breaker.run(Effect.fiberId), yield* Effect.fiberId)
  })
)

it.effect("tells what it knows", () =>
  Effect.gen(function* () {
    yield* TestClock.setTime(5_000)
    const breaker = yield* CircuitBreaker.make({ name: "prices" })
    yield* fail(breaker, "first")
    yield* fail(breaker, "second")
    assert.deepStrictEqual(yield* breaker.snapshot, {
      breaker: "prices",
      state: { _tag: "Closed" },
      override: "None",
      since: 5_000,
      reason: { _tag: "Created" },
      openUntil: undefined,
      trip: { _tag: "Consecutive", failures: 2, threshold: 5 },
      consecutiveOpenings: 0,
      lastFailure: "second",
      calls: { successes: 0, failures: 2, ignored: 0, stale: 0, bypassed: 0, rejected: 0, shadowed: 0 }
    })
  })
)

it.effect("is data-first, data-last, and a service", () =>
  Effect.gen(function* () {
    const breaker = yield* CircuitBreaker.CircuitBreaker
    breaker.tripUnsafe()
    const first = yield* Effect.flip(CircuitBreaker.run(Effect.void, breaker))
    const last = yield* Effect.void.pipe(CircuitBreaker.run(breaker), Effect.flip)
    assert.deepStrictEqual([first.breaker, last.breaker], ["prices", "prices"])
    assert.strictEqual((yield* rejection(breaker))._tag, "CircuitOpen")
  }).pipe(Effect.provide(CircuitBreaker.layer({ name: "prices" })))
)
