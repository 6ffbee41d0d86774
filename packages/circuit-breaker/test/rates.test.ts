import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { TestClock } from "effect/testing"
import { CircuitBreaker } from "../src/index.ts"
import * as Window from "../src/internal/window.ts"
import { fail, failTimes, phase, succeed } from "./calls.ts"

const { failureRate } = CircuitBreaker

const times = (count: number, effect: Effect.Effect<unknown>) => Effect.repeat(effect, { times: count - 1 })

describe("failure rate over the last calls", () => {
  it.effect(
    "opens at exactly the rate, once there are enough calls, also when a success is the last of them",
    () =>
      Effect.gen(function* () {
        const breaker = yield* CircuitBreaker.make({
          tripPolicy: failureRate({ rate: 0.5, over: { calls: 10 }, minimum: 4 })
        })
        yield* failTimes(breaker, 2)
        yield* succeed(breaker)
        assert.strictEqual(yield* phase(breaker), "Closed")
        yield* succeed(breaker)
        assert.deepStrictEqual(yield* breaker.snapshot.pipe(Effect.map(({ reason }) => reason)), {
          _tag: "FailureRate",
          marked: 2,
          calls: 4,
          rate: 0.5
        })
        const error = yield* Effect.flip(breaker.run(Effect.void))
        assert.include(error.message, "2 of 4 calls failed")
      })
  )

  it.effect("forgets the oldest call with each new one", () =>
    Effect.gen(function* () {
      const breaker = yield* CircuitBreaker.make({
        tripPolicy: failureRate({ rate: 0.5, over: { calls: 4 } })
      })
      yield* fail(breaker)
      yield* times(4, succeed(breaker))
      yield* fail(breaker)
      assert.strictEqual(yield* phase(breaker), "Closed")
      yield* fail(breaker)
      assert.strictEqual(yield* phase(breaker), "Open")
    })
  )

  it.effect("has 50 % of at least 20 of the last 100 calls for defaults", () =>
    Effect.gen(function* () {
      const breaker = yield* CircuitBreaker.make({ tripPolicy: failureRate() })
      yield* failTimes(breaker, 19)
      assert.deepStrictEqual((yield* breaker.snapshot).trip, {
        _tag: "FailureRate",
        marked: 19,
        calls: 19,
        rate: 0.5,
        minimum: 20
      })
      yield* fail(breaker)
      assert.strictEqual(yield* phase(breaker), "Open")
    })
  )

  it.effect("ignored calls are no calls, and a rate is never reached without a failure", () =>
    Effect.gen(function* () {
      const breaker = yield* CircuitBreaker.make({
        tripPolicy: failureRate({ rate: 0.01, over: { calls: 2 } })
      })
      yield* times(5, Effect.exit(breaker.run(Effect.interrupt)))
      yield* times(5, succeed(breaker))
      assert.strictEqual(yield* phase(breaker), "Closed")
    })
  )

  it.effect("begins anew when the circuit has closed", () =>
    Effect.gen(function* () {
      const breaker = yield* CircuitBreaker.make({
        tripPolicy: failureRate({ over: { calls: 4 } }),
        halfOpen: { trials: 1 }
      })
      yield* failTimes(breaker, 4)
      yield* TestClock.adjust("1 minute")
      yield* succeed(breaker)
      yield* failTimes(breaker, 3)
      assert.strictEqual(yield* phase(breaker), "Closed")
    })
  )
})

describe("failure rate over a window of time", () => {
  const make = CircuitBreaker.make({
    tripPolicy: failureRate({ rate: 0.5, over: { window: "5 seconds" }, minimum: 5 })
  })

  it.effect("four failures, an hour idle, one failure: stays closed", () =>
    Effect.gen(function* () {
      const breaker = yield* make
      yield* failTimes(breaker, 4)
      yield* TestClock.adjust("1 hour")
      yield* fail(breaker)
      assert.strictEqual(yield* phase(breaker), "Closed")
      assert.deepInclude((yield* breaker.snapshot).trip, { calls: 1, marked: 1 })
    })
  )

  it.effect("opens on failures within the window, and on no others", () =>
    Effect.gen(function* () {
      const breaker = yield* make
      for (let i = 0; i < 12; i++) {
        yield* fail(breaker)
        yield* TestClock.adjust("1250 millis")
      }
      assert.strictEqual(yield* phase(breaker), "Closed")
      yield* failTimes(breaker, 2)
      assert.strictEqual(yield* phase(breaker), "Open")
    })
  )

  it.effect("is looked at without a call, too", () =>
    Effect.gen(function* () {
      const breaker = yield* make
      yield* failTimes(breaker, 4)
      yield* TestClock.adjust("5 seconds")
      assert.deepInclude((yield* breaker.snapshot).trip, { calls: 0, marked: 0 })
    })
  )
})

describe("windows count as a list of all calls does", () => {
  const Steps = Schema.Array(
    Schema.Struct({
      pause: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 1_500 })),
      marked: Schema.Boolean
    })
  ).check(Schema.isMaxLength(60))

  const LENGTH = 1_000
  const SIZE = 7

  const agree = (steps: typeof Steps.Type): boolean => {
    const time = new Window.Time(LENGTH)
    const calls = new Window.Calls(SIZE)
    const all: Array<{ at: number; marked: boolean }> = []
    let now = 12_345
    for (const { marked, pause } of steps) {
      now += pause
      all.push({ at: now, marked })
      time.add(now, marked)
      calls.add(now, marked)
      const part = LENGTH / 10
      const inTime = all.filter(({ at }) => Math.floor(at / part) > Math.floor(now / part) - 10)
      const last = all.slice(-SIZE)
      for (const [window, model] of [
        [time, inTime],
        [calls, last]
      ] as const) {
        if (window.calls !== model.length) return false
        if (window.marked !== model.filter((call) => call.marked).length) return false
      }
      // Saved and loaded elsewhere, where time has another beginning, it goes on as it was.
      const elsewhere = new Window.Time(LENGTH)
      elsewhere.load(time.save(now), now + 77_700)
      if (elsewhere.calls !== time.calls || elsewhere.marked !== time.marked) return false
    }
    return true
  }

  it.effect("for any calls at any time", () =>
    Effect.gen(function* () {
      const result = yield* Arbitrary.checkEffect(
        Arbitrary.schema(Steps),
        (steps) => Effect.sync(() => agree(steps)),
        {
          runs: 300,
          size: 60,
          seed: 11
        }
      )
      assert.isUndefined(Arbitrary.formatCheckFailure(result))
    })
  )
})

describe("any of several policies", () => {
  it.effect("opens when one does, and says which", () =>
    Effect.gen(function* () {
      const tripPolicy = CircuitBreaker.anyOf([
        CircuitBreaker.consecutive(3),
        failureRate({ over: { calls: 6 } })
      ])
      const inARow = yield* CircuitBreaker.make({ tripPolicy })
      yield* failTimes(inARow, 3)
      assert.deepStrictEqual((yield* inARow.snapshot).reason, { _tag: "ConsecutiveFailures", failures: 3 })
      const scattered = yield* CircuitBreaker.make({ tripPolicy })
      for (let i = 0; i < 3; i++) yield* Effect.andThen(fail(scattered), succeed(scattered))
      assert.strictEqual((yield* scattered.snapshot).reason._tag, "FailureRate")
      assert.deepStrictEqual((yield* scattered.snapshot).trip._tag, "AnyOf")
    })
  )
})
