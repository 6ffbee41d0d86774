import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { TestClock } from "effect/testing"
import { CircuitBreaker } from "../src/index.ts"
import { fail, failTimes, phase, rejection, start, succeed } from "./calls.ts"

/** As JSON, and back, as another process would. */
const moved = (breaker: CircuitBreaker.CircuitBreaker, options: CircuitBreaker.Options = {}) =>
  Effect.gen(function* () {
    const saved: CircuitBreaker.Saved = JSON.parse(JSON.stringify(yield* breaker.save))
    return yield* CircuitBreaker.make({ ...options, restore: saved })
  })

describe("a circuit that is restored", () => {
  it.effect("is open for as long as it was to be, and says why it had opened", () =>
    Effect.gen(function* () {
      const breaker = yield* CircuitBreaker.make()
      yield* failTimes(breaker, 5)
      yield* TestClock.adjust("20 seconds")
      const restored = yield* moved(breaker)
      const error = yield* rejection(restored)
      assert.deepStrictEqual(error.retryAfter, Duration.seconds(40))
      assert.deepStrictEqual(error.reason, { _tag: "ConsecutiveFailures", failures: 5 })
      assert.deepStrictEqual((yield* restored.snapshot).reason, { _tag: "Restored" })
      yield* TestClock.adjust("40 seconds")
      yield* succeed(restored)
      assert.strictEqual(yield* phase(restored), "HalfOpen")
    })
  )

  it.effect("is due if it was half-open, since its trials are lost", () =>
    Effect.gen(function* () {
      const breaker = yield* CircuitBreaker.make()
      yield* breaker.trip
      yield* TestClock.adjust("1 minute")
      yield* start(breaker)
      const restored = yield* moved(breaker)
      assert.strictEqual(yield* phase(restored), "Open")
      yield* succeed(restored)
      assert.strictEqual(yield* phase(restored), "HalfOpen")
    })
  )

  it.effect("goes on counting its row of openings", () =>
    Effect.gen(function* () {
      const options = { openDurationFactor: 2 }
      const breaker = yield* CircuitBreaker.make(options)
      yield* breaker.trip
      const restored = yield* moved(breaker, options)
      yield* TestClock.adjust("1 minute")
      yield* fail(restored)
      assert.deepStrictEqual((yield* rejection(restored)).retryAfter, Duration.minutes(2))
    })
  )

  for (const [title, tripPolicy] of [
    ["in a row", CircuitBreaker.consecutive(5)],
    ["of the last calls", CircuitBreaker.failureRate({ over: { calls: 5 } })],
    ["of the last time", CircuitBreaker.failureRate({ over: { window: "1 minute" }, minimum: 5 })],
    [
      "of any",
      CircuitBreaker.anyOf([
        CircuitBreaker.failureRate({ over: { calls: 5 } }),
        CircuitBreaker.consecutive(9)
      ])
    ]
  ] as const) {
    it.effect(`remembers failures ${title}`, () =>
      Effect.gen(function* () {
        const breaker = yield* CircuitBreaker.make({ tripPolicy })
        yield* failTimes(breaker, 4)
        yield* TestClock.adjust("10 seconds")
        const restored = yield* moved(breaker, { tripPolicy })
        assert.strictEqual(yield* phase(restored), "Closed")
        yield* fail(restored)
        assert.strictEqual(yield* phase(restored), "Open")
      })
    )
  }

  it.effect("does not take the memory of another policy", () =>
    Effect.gen(function* () {
      const breaker = yield* CircuitBreaker.make({ tripPolicy: CircuitBreaker.consecutive(9) })
      yield* failTimes(breaker, 8)
      const restored = yield* moved(breaker, {
        tripPolicy: CircuitBreaker.failureRate({ over: { calls: 4 } })
      })
      assert.deepInclude((yield* restored.snapshot).trip, { calls: 0 })
    })
  )

  for (const [named, hostile] of [
    ["openings", { openings: 0.5 }],
    ["openings", { openings: -1 }],
    ["openTime", { openTime: -1 }],
    ["failures", { trip: { _tag: "Consecutive", failures: -9 } }],
    ["marked", { trip: { _tag: "FailureRate", calls: [{ age: 0, calls: 1, marked: 2 }] } }],
    ["since", { since: Number.NaN }]
  ] as const) {
    it.effect(`is refused when it is not what was saved: ${JSON.stringify(hostile)}`, () =>
      Effect.gen(function* () {
        const saved = yield* (yield* CircuitBreaker.make()).save
        const exit = yield* Effect.exit(CircuitBreaker.make({ restore: { ...saved, ...hostile } }))
        assert.include(String(exit), named)
      })
    )
  }
})
