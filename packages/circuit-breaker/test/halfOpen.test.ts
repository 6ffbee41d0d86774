import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Scheduler from "effect/Scheduler"
import { TestClock } from "effect/testing"
import { CircuitBreaker } from "../src/index.ts"
import { fail, phase, rejection, start, succeed } from "./calls.ts"

/** A breaker whose open time has just ended. */
const due = Effect.fnUntraced(function* (
  options: CircuitBreaker.Options & { readonly openDuration?: Duration.Input } = {}
) {
  const breaker = yield* CircuitBreaker.make(options)
  yield* breaker.trip
  yield* TestClock.adjust(options.openDuration ?? "60 seconds")
  return breaker
})

it.effect("admits three trials at once and rejects the rest at once", () =>
  Effect.gen(function* () {
    const breaker = yield* due({ name: "prices" })
    for (let i = 0; i < 3; i++) yield* start(breaker)
    yield* TestClock.adjust("20 seconds")
    const error = yield* rejection(breaker)
    assert.instanceOf(error, CircuitBreaker.CircuitHalfOpen)
    assert.strictEqual(error._tag, "CircuitHalfOpen")
    assert.strictEqual(error.category, "circuit")
    assert.deepStrictEqual(error.retryAfter, Duration.seconds(40))
    assert.deepStrictEqual(error.reason, { _tag: "Tripped" })
    assert.include(error.message, `Circuit "prices" is half-open and all its trials are taken`)
    assert.deepStrictEqual(yield* breaker.state, {
      _tag: "HalfOpen",
      retryAfter: Duration.seconds(40),
      reason: { _tag: "Tripped" },
      running: 3,
      started: 3,
      succeeded: 0,
      failed: 0
    })
  })
)

it.effect("closes after enough successes", () =>
  Effect.gen(function* () {
    const breaker = yield* due()
    yield* succeed(breaker)
    yield* succeed(breaker)
    assert.strictEqual(yield* phase(breaker), "HalfOpen")
    yield* succeed(breaker)
    assert.strictEqual(yield* phase(breaker), "Closed")
  })
)

it.effect("closes without waiting for the trials it does not need", () =>
  Effect.gen(function* () {
    const breaker = yield* due({ halfOpen: { trials: 3, successes: 2 } })
    yield* start(breaker)
    yield* succeed(breaker)
    yield* succeed(breaker)
    assert.strictEqual(yield* phase(breaker), "Closed")
  })
)

it.effect("reopens from half-open on failure", () =>
  Effect.gen(function* () {
    const breaker = yield* due()
    yield* succeed(breaker)
    yield* succeed(breaker)
    yield* fail(breaker)
    const error = yield* rejection(breaker)
    assert.strictEqual(error._tag, "CircuitOpen")
    assert.deepStrictEqual(error.reason, { _tag: "TrialFailed" })
    assert.deepStrictEqual(error.retryAfter, Duration.seconds(60))
  })
)

it.effect("successes of an earlier half-open period do not count", () =>
  Effect.gen(function* () {
    const breaker = yield* due()
    yield* succeed(breaker)
    yield* succeed(breaker)
    yield* fail(breaker)
    yield* TestClock.adjust("60 seconds")
    yield* succeed(breaker)
    assert.strictEqual(yield* phase(breaker), "HalfOpen")
  })
)

it.effect("a place once taken by a success is not given back", () =>
  Effect.gen(function* () {
    const breaker = yield* due({ halfOpen: { trials: 2 } })
    yield* succeed(breaker)
    yield* start(breaker)
    assert.strictEqual((yield* rejection(breaker))._tag, "CircuitHalfOpen")
  })
)

it.effect("trials at once are limited apart from trials in all", () =>
  Effect.gen(function* () {
    const breaker = yield* due({ halfOpen: { trials: 3, concurrency: 1 } })
    for (let i = 0; i < 3; i++) {
      const trial = yield* start(breaker)
      assert.strictEqual((yield* rejection(breaker))._tag, "CircuitHalfOpen")
      yield* trial.succeed
    }
    assert.strictEqual(yield* phase(breaker), "Closed")
  })
)

it.effect("an interrupted trial gives back its slot and its place", () =>
  Effect.gen(function* () {
    const breaker = yield* due({ halfOpen: { trials: 1 } })
    for (let i = 0; i < 5; i++) {
      const trial = yield* start(breaker)
      assert.strictEqual((yield* rejection(breaker))._tag, "CircuitHalfOpen")
      yield* trial.interrupt
    }
    yield* succeed(breaker)
    assert.strictEqual(yield* phase(breaker), "Closed")
  })
)

it.effect("a trial that fails before it does anything leaks nothing", () =>
  Effect.gen(function* () {
    const breaker = yield* due({ halfOpen: { trials: 1 } })
    yield* Effect.exit(breaker.run(Effect.interrupt))
    yield* Effect.exit(breaker.run(Effect.suspend(() => Effect.interrupt)))
    yield* succeed(breaker)
    assert.strictEqual(yield* phase(breaker), "Closed")
  })
)

it.effect("an interruption between any two steps of a trial leaks nothing", () =>
  Effect.gen(function* () {
    const breaker = yield* due({ halfOpen: { trials: 1 } })
    let reached = 0
    for (let steps = 0; steps < 20; steps++) {
      const body = Effect.andThen(
        Effect.sync(() => reached++),
        Effect.never
      )
      const fiber = yield* breaker
        .run(body)
        .pipe(
          Effect.provideService(Scheduler.MaxOpsBeforeYield, 3),
          Effect.forkChild({ startImmediately: true })
        )
      for (let i = 0; i < steps; i++) yield* Effect.yieldNow
      yield* Fiber.interrupt(fiber)
      const state = yield* breaker.state
      assert.isTrue(
        state._tag === "Open" || (state._tag === "HalfOpen" && state.running === 0 && state.started === 0)
      )
    }
    assert.isAbove(reached, 0)
    assert.isBelow(reached, 20)
  })
)

describe("deadline", () => {
  it.effect("passing it reopens the circuit, from that moment", () =>
    Effect.gen(function* () {
      const breaker = yield* due()
      yield* start(breaker)
      yield* TestClock.adjust("59999 millis")
      assert.strictEqual(yield* phase(breaker), "HalfOpen")
      yield* TestClock.adjust("11 seconds")
      const error = yield* rejection(breaker)
      assert.strictEqual(error._tag, "CircuitOpen")
      assert.deepStrictEqual(error.reason, { _tag: "TrialsOverdue" })
      assert.deepStrictEqual(error.retryAfter, Duration.millis(49_001))
    })
  )

  it.effect("is at least 30 seconds by default", () =>
    Effect.gen(function* () {
      const breaker = yield* due({ openDuration: "1 seconds" })
      yield* start(breaker)
      yield* TestClock.adjust("29999 millis")
      assert.strictEqual(yield* phase(breaker), "HalfOpen")
      yield* TestClock.adjust("1 millis")
      assert.strictEqual(yield* phase(breaker), "Open")
    })
  )

  it.effect("starts with the first trial, and anew with the first after a pause without any", () =>
    Effect.gen(function* () {
      const breaker = yield* due({ halfOpen: { deadline: "10 seconds" } })
      yield* TestClock.adjust("1 hour")
      const first = yield* start(breaker)
      yield* TestClock.adjust("5 seconds")
      yield* start(breaker)
      yield* first.interrupt
      // One was in flight all the time.
      yield* TestClock.adjust("4999 millis")
      assert.strictEqual(yield* phase(breaker), "HalfOpen")
      yield* TestClock.adjust("1 millis")
      assert.strictEqual(yield* phase(breaker), "Open")

      yield* TestClock.adjust("1 minute")
      const trial = yield* start(breaker)
      yield* TestClock.adjust("9 seconds")
      yield* trial.succeed
      yield* start(breaker)
      yield* TestClock.adjust("9 seconds")
      assert.strictEqual(yield* phase(breaker), "HalfOpen")
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* phase(breaker), "Open")
    })
  )

  it.effect("does not keep a healthy circuit with few calls from closing", () =>
    Effect.gen(function* () {
      const breaker = yield* due()
      for (let i = 0; i < 3; i++) {
        yield* succeed(breaker)
        yield* TestClock.adjust("40 seconds")
      }
      assert.strictEqual(yield* phase(breaker), "Closed")
    })
  )

  it.effect("a result at the deadline is too late", () =>
    Effect.gen(function* () {
      const breaker = yield* due({ halfOpen: { trials: 1, deadline: "10 seconds" } })
      const trial = yield* start(breaker)
      yield* TestClock.adjust("10 seconds")
      yield* trial.succeed
      assert.strictEqual(yield* phase(breaker), "Open")
      assert.strictEqual((yield* breaker.snapshot).calls.stale, 1)
    })
  )

  it.effect("a circuit nobody watched since is due for a trial again", () =>
    Effect.gen(function* () {
      const breaker = yield* due({ halfOpen: { trials: 1 } })
      yield* start(breaker)
      yield* TestClock.adjust("2 minutes")
      yield* succeed(breaker)
      assert.strictEqual(yield* phase(breaker), "Closed")
    })
  )
})

describe("a failure rate over the trials", () => {
  const half = { halfOpen: { trials: 4, failureRate: 0.5 } }

  it.effect("reopens as soon as it is reached", () =>
    Effect.gen(function* () {
      const breaker = yield* due(half)
      yield* fail(breaker)
      assert.deepInclude(yield* breaker.state, { _tag: "HalfOpen", failed: 1, started: 1 })
      yield* succeed(breaker)
      yield* fail(breaker)
      assert.strictEqual(yield* phase(breaker), "Open")
    })
  )

  it.effect("closes as soon as it can no more be reached", () =>
    Effect.gen(function* () {
      const breaker = yield* due(half)
      yield* fail(breaker)
      yield* succeed(breaker)
      yield* succeed(breaker)
      assert.strictEqual(yield* phase(breaker), "HalfOpen")
      yield* succeed(breaker)
      assert.strictEqual(yield* phase(breaker), "Closed")
    })
  )

  it.effect("excludes successes", () =>
    Effect.gen(function* () {
      const exit = yield* Effect.exit(CircuitBreaker.make({ halfOpen: { successes: 1, failureRate: 0.5 } }))
      assert.include(String(exit), "exclude each other")
    })
  )
})
