import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { TestClock } from "effect/testing"
import { CircuitBreaker } from "../src/index.ts"
import { fail, phase, start, succeed } from "./calls.ts"

const options = { tripPolicy: CircuitBreaker.consecutive(1), halfOpen: { trials: 2 } }

const stale = (breaker: CircuitBreaker.CircuitBreaker) =>
  Effect.map(breaker.snapshot, ({ calls }) => calls.stale)

it.effect("a failure from before the circuit opened does not lengthen the opening", () =>
  Effect.gen(function* () {
    const breaker = yield* CircuitBreaker.make(options)
    const old = yield* start(breaker)
    yield* fail(breaker)
    yield* TestClock.adjust("30 seconds")
    const before = yield* breaker.state
    yield* old.fail
    assert.deepStrictEqual(yield* breaker.state, before)
    assert.strictEqual(yield* stale(breaker), 1)
  })
)

it.effect("a success from before the circuit opened is no trial", () =>
  Effect.gen(function* () {
    const breaker = yield* CircuitBreaker.make(options)
    const old = yield* start(breaker)
    yield* fail(breaker)
    yield* TestClock.adjust("60 seconds")
    yield* succeed(breaker)
    yield* old.succeed
    assert.strictEqual(yield* phase(breaker), "HalfOpen")
    assert.strictEqual(yield* stale(breaker), 1)
  })
)

it.effect("a failure from before the circuit opened does not reopen it from half-open", () =>
  Effect.gen(function* () {
    const breaker = yield* CircuitBreaker.make(options)
    const old = yield* start(breaker)
    yield* fail(breaker)
    yield* TestClock.adjust("60 seconds")
    yield* succeed(breaker)
    yield* old.fail
    yield* succeed(breaker)
    assert.strictEqual(yield* phase(breaker), "Closed")
  })
)

it.effect("an interruption from before the circuit opened does not free a trial", () =>
  Effect.gen(function* () {
    const breaker = yield* CircuitBreaker.make({ ...options, halfOpen: { trials: 1 } })
    const old = yield* start(breaker)
    yield* fail(breaker)
    yield* TestClock.adjust("60 seconds")
    yield* start(breaker)
    yield* old.interrupt
    assert.include(yield* breaker.state, { _tag: "HalfOpen", running: 1, started: 1 })
  })
)

it.effect("a trial of an earlier half-open period changes nothing", () =>
  Effect.gen(function* () {
    const breaker = yield* CircuitBreaker.make(options)
    yield* breaker.trip
    yield* TestClock.adjust("60 seconds")
    const hung = yield* start(breaker)
    yield* TestClock.adjust("2 minutes")
    yield* succeed(breaker)
    yield* hung.succeed
    assert.include(yield* breaker.state, { _tag: "HalfOpen", running: 0, started: 1, succeeded: 1 })
    assert.strictEqual(yield* stale(breaker), 1)
  })
)

it.effect("a call from before a reset changes nothing", () =>
  Effect.gen(function* () {
    const breaker = yield* CircuitBreaker.make(options)
    const old = yield* start(breaker)
    yield* breaker.reset
    yield* old.fail
    assert.strictEqual(yield* phase(breaker), "Closed")
    assert.strictEqual(yield* stale(breaker), 1)
  })
)

it.effect("the last trial to fail opens the circuit once", () =>
  Effect.gen(function* () {
    const breaker = yield* CircuitBreaker.make(options)
    yield* breaker.trip
    yield* TestClock.adjust("60 seconds")
    const first = yield* start(breaker)
    const second = yield* start(breaker)
    yield* first.fail
    yield* second.fail
    const { calls, consecutiveOpenings } = yield* breaker.snapshot
    assert.deepStrictEqual([consecutiveOpenings, calls.failures, calls.stale], [2, 1, 1])
  })
)
