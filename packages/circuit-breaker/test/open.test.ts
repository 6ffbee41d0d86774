import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import { TestClock } from "effect/testing"
import { CircuitBreaker } from "../src/index.ts"
import { fail, failTimes, phase, rejection, succeed } from "./calls.ts"

const options = { name: "prices", tripPolicy: CircuitBreaker.consecutive(2) }
const once = { tripPolicy: CircuitBreaker.consecutive(1), halfOpen: { trials: 1 } }

const retryAfter = (breaker: CircuitBreaker.CircuitBreaker) =>
  Effect.map(rejection(breaker), (error) => Duration.toMillis(error.retryAfter))

it.effect("rejects calls and says why, for how long, and what failed", () =>
  Effect.gen(function* () {
    const breaker = yield* CircuitBreaker.make(options)
    yield* failTimes(breaker, 2)
    yield* TestClock.adjust("20 seconds")
    const error = yield* rejection(breaker)
    assert.instanceOf(error, CircuitBreaker.CircuitOpen)
    assert.strictEqual(error._tag, "CircuitOpen")
    assert.strictEqual(error.category, "circuit")
    assert.strictEqual(error.breaker, "prices")
    assert.deepStrictEqual(error.retryAfter, Duration.seconds(40))
    assert.deepStrictEqual(error.reason, { _tag: "ConsecutiveFailures", failures: 2 })
    assert.strictEqual(error.lastFailure, "down")
    assert.strictEqual((yield* breaker.snapshot).calls.rejected, 1)
  })
)

it.effect("a rejection is an error without a stack, caught by its tag", () =>
  Effect.gen(function* () {
    const breaker = yield* CircuitBreaker.make(options)
    yield* breaker.trip
    const error = yield* rejection(breaker)
    assert.instanceOf(error, Error)
    assert.isUndefined(Reflect.get(error, "stack"))
    const message = `Circuit "prices" is open (it was tripped by hand), so the call was not made; try again in 1m`
    assert.deepStrictEqual([error.name, error.message], ["CircuitOpen", message])
    assert.include(Cause.pretty(Cause.fail(error)), message)
    const caught = yield* breaker.run(Effect.succeed("ran")).pipe(
      Effect.catchTags({
        CircuitOpen: ({ breaker }) => Effect.succeed(breaker),
        CircuitHalfOpen: () => Effect.succeed("half-open")
      })
    )
    assert.strictEqual(caught, "prices")
  })
)

it.effect("at exactly the end of the open time the next call is admitted", () =>
  Effect.gen(function* () {
    const breaker = yield* CircuitBreaker.make(options)
    yield* failTimes(breaker, 2)
    yield* TestClock.adjust("59999 millis")
    assert.strictEqual(yield* retryAfter(breaker), 1)
    yield* TestClock.adjust("1 millis")
    assert.deepStrictEqual(yield* breaker.state, {
      _tag: "Open",
      retryAfter: Duration.zero,
      reason: { _tag: "ConsecutiveFailures", failures: 2 }
    })
    assert.strictEqual((yield* succeed(breaker))._tag, "Success")
    assert.strictEqual(yield* phase(breaker), "HalfOpen")
  })
)

it.effect("the open time counts from the transition, not from rejected calls", () =>
  Effect.gen(function* () {
    const breaker = yield* CircuitBreaker.make({ ...once, openDuration: "10 seconds" })
    yield* fail(breaker)
    yield* TestClock.adjust("9 seconds")
    yield* rejection(breaker)
    yield* TestClock.adjust("1 seconds")
    assert.strictEqual((yield* succeed(breaker))._tag, "Success")
  })
)

/** How long a circuit stays open that a failure with this hint opens. */
const opened = (hint: Duration.Input) =>
  Effect.gen(function* () {
    const breaker = yield* CircuitBreaker.make({
      ...once,
      openDuration: "10 seconds",
      maxOpenDuration: "1 minute"
    })
    yield* fail(breaker, { retryAfter: Duration.fromInputUnsafe(hint) })
    return yield* retryAfter(breaker)
  })

describe("retryAfter of the failure that opens it", () => {
  it.effect("lengthens the opening", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* opened("30 seconds"), 30_000)
    })
  )

  it.effect("never shortens it", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* opened("1 seconds"), 10_000)
    })
  )

  it.effect("lengthens it up to the maximum", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* opened("2 hours"), 60_000)
      assert.strictEqual(yield* opened(Duration.infinity), 60_000)
    })
  )
})

describe("growth over consecutive openings", () => {
  const growing = CircuitBreaker.make({
    ...once,
    openDuration: "10 seconds",
    openDurationFactor: 2,
    maxOpenDuration: "35 seconds"
  })

  it.effect("each opening in a row lasts longer, up to the maximum", () =>
    Effect.gen(function* () {
      const breaker = yield* growing
      const times: Array<number> = []
      for (let i = 0; i < 4; i++) {
        yield* fail(breaker)
        times.push(yield* retryAfter(breaker))
        yield* TestClock.adjust("35 seconds")
      }
      assert.deepStrictEqual(times, [10_000, 20_000, 35_000, 35_000])
    })
  )

  it.effect("the row survives a close shorter than the last opening", () =>
    Effect.gen(function* () {
      const breaker = yield* growing
      yield* fail(breaker)
      yield* TestClock.adjust("10 seconds")
      yield* succeed(breaker)
      yield* TestClock.adjust("9999 millis")
      assert.strictEqual((yield* breaker.snapshot).consecutiveOpenings, 1)
      yield* fail(breaker)
      assert.strictEqual(yield* retryAfter(breaker), 20_000)
    })
  )

  it.effect("and ends once the circuit has stayed closed as long as its last opening", () =>
    Effect.gen(function* () {
      const breaker = yield* growing
      yield* fail(breaker)
      yield* TestClock.adjust("10 seconds")
      yield* succeed(breaker)
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual((yield* breaker.snapshot).consecutiveOpenings, 0)
      yield* fail(breaker)
      assert.strictEqual(yield* retryAfter(breaker), 10_000)
    })
  )
})

describe("by hand", () => {
  it.effect("trip opens, and trip again keeps it open for another open time", () =>
    Effect.gen(function* () {
      const breaker = yield* CircuitBreaker.make()
      yield* breaker.trip
      yield* TestClock.adjust("50 seconds")
      assert.strictEqual(yield* retryAfter(breaker), 10_000)
      yield* breaker.trip
      assert.strictEqual(yield* retryAfter(breaker), 60_000)
      assert.strictEqual((yield* breaker.snapshot).consecutiveOpenings, 1)
    })
  )

  it.effect("reset closes, and forgets failures and openings", () =>
    Effect.gen(function* () {
      const breaker = yield* CircuitBreaker.make(options)
      yield* failTimes(breaker, 2)
      yield* breaker.reset
      const { calls, consecutiveOpenings, lastFailure, reason, state } = yield* breaker.snapshot
      assert.deepStrictEqual(state, { _tag: "Closed" })
      assert.deepStrictEqual(reason, { _tag: "Reset" })
      assert.deepStrictEqual([consecutiveOpenings, lastFailure, calls.failures], [0, undefined, 2])
      yield* fail(breaker)
      assert.strictEqual(yield* phase(breaker), "Closed")
    })
  )
})

const lengths = (openDuration: CircuitBreaker.Options["openDuration"], openings: number) =>
  Effect.gen(function* () {
    const breaker = yield* CircuitBreaker.make({ openDuration, tripPolicy: CircuitBreaker.consecutive(1) })
    const seen: Array<number> = []
    for (let i = 0; i < openings; i++) {
      yield* fail(breaker)
      const { retryAfter } = yield* rejection(breaker)
      seen.push(Duration.toMillis(retryAfter))
      yield* TestClock.adjust(retryAfter)
    }
    return seen
  })

describe("a schedule as open time", () => {
  it.effect("gives the length of each opening in a row, and its last one goes on", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(
        yield* lengths(Schedule.exponential("1 second"), 4),
        [1_000, 2_000, 4_000, 8_000]
      )
      assert.deepStrictEqual(
        yield* lengths(Schedule.upTo(Schedule.exponential("1 second"), { times: 2 }), 4),
        [1_000, 2_000, 2_000, 2_000]
      )
    })
  )

  it.effect("takes one step for each opening, and begins anew with a new row", () =>
    Effect.gen(function* () {
      let steps = 0
      const openDuration = Schedule.tap(Schedule.exponential("1 second"), () =>
        Effect.sync(() => void steps++)
      )
      const breaker = yield* CircuitBreaker.make({ ...once, openDuration })
      steps = 0
      const seen: Array<number> = []
      for (let i = 0; i < 10; i++) {
        yield* fail(breaker)
        seen.push(yield* retryAfter(breaker))
        yield* TestClock.adjust(seen[i] ?? 0)
      }
      assert.deepStrictEqual([steps, seen[9]], [10, 512_000])
      yield* succeed(breaker)
      yield* TestClock.adjust("512 seconds")
      yield* fail(breaker)
      assert.strictEqual(yield* retryAfter(breaker), 1_000)
    })
  )

  it.effect("is walked through for a row that was restored, but for no more than 1,000 openings", () =>
    Effect.gen(function* () {
      let steps = 0
      const openDuration = Schedule.forever.pipe(
        Schedule.modifyDelay(({ output }) => Effect.sync(() => ((steps = output + 1), steps * 1_000)))
      )
      const restored = (openings: number) =>
        Effect.gen(function* () {
          const breaker = yield* CircuitBreaker.make({ ...once, openDuration })
          yield* breaker.trip
          const saved = { ...(yield* breaker.save), openings }
          return yield* CircuitBreaker.make({ ...once, openDuration, restore: saved })
        })
      const third = yield* restored(2)
      const endless = yield* restored(1_000_000_000)
      yield* TestClock.adjust("1 second")
      steps = 0
      yield* fail(third)
      assert.deepStrictEqual([steps, yield* retryAfter(third)], [3, 3_000])
      yield* fail(endless)
      assert.deepStrictEqual([steps, yield* retryAfter(endless)], [1_000, 1_000_000])
    })
  )

  it.effect("has no meaning beside a factor", () =>
    Effect.gen(function* () {
      const exit = yield* Effect.exit(
        CircuitBreaker.make({ openDuration: Schedule.spaced("1 second"), openDurationFactor: 2 })
      )
      assert.include(String(exit), "openDurationFactor")
    })
  )
})
