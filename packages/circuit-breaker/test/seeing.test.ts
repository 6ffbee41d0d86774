import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import type * as Tracer from "effect/Tracer"
import { TestClock } from "effect/testing"
import { CircuitBreaker } from "../src/index.ts"
import { fail, failTimes, rejection, start, succeed } from "./calls.ts"

describe("explain", () => {
  it.effect("says why it is where it is, and what it takes to leave", () =>
    Effect.gen(function* () {
      const breaker = yield* CircuitBreaker.make({
        name: "prices",
        tripPolicy: CircuitBreaker.anyOf([CircuitBreaker.consecutive(2), CircuitBreaker.failureRate()])
      })
      yield* fail(breaker)
      const closed = yield* breaker.explain
      assert.include(closed, `Circuit "prices" is closed since 1970-01-01T00:00:00.000Z: it is new.`)
      assert.include(closed, "after 2 failures in a row; there are 1.")
      assert.include(closed, "when 50 % of at least 20 calls are failed; there are 1 of 1.")
      yield* fail(breaker)
      yield* TestClock.adjust("15 seconds")
      const open = yield* breaker.explain
      assert.include(open, "is open since 1970-01-01T00:00:00.000Z: 2 calls failed in a row.")
      assert.include(open, "The first trial is let through in 45s.")
      assert.include(open, "It has opened 1 times in a row.")
      yield* TestClock.adjust("45 seconds")
      assert.include(yield* breaker.explain, "The next call is its first trial.")
      yield* start(breaker)
      assert.include(
        yield* breaker.explain,
        "Trials: 1 in flight, 0 succeeded, 0 failed; those in flight have 1m left."
      )
      yield* breaker.override("Shadow")
      assert.include(yield* breaker.explain, "It is overridden: all calls run, and are judged.")
    })
  )
})

const counted = (breaker: string) =>
  Effect.map(Metric.snapshot, (all) =>
    Object.fromEntries(
      all
        .filter(
          ({ attributes, id }) => id.startsWith("circuit_breaker_") && attributes?.["breaker"] === breaker
        )
        .map(({ attributes, id, state }) => {
          const { breaker: _, ...labels } = attributes ?? {}
          const name = [id.replace("circuit_breaker_", ""), ...Object.values(labels)].join(" ")
          return [name, "count" in state ? Number(state.count) : Number.NaN]
        })
    )
  )

describe("metrics", () => {
  it.effect("count calls, rejections, transitions and open time, with few labels; on request only", () =>
    Effect.gen(function* () {
      const breaker = yield* CircuitBreaker.make({ name: "counted", metrics: true, halfOpen: { trials: 1 } })
      const silent = yield* CircuitBreaker.make({ name: "silent" })
      for (const each of [breaker, silent]) {
        yield* succeed(each)
        yield* failTimes(each, 5)
        yield* rejection(each)
        yield* each.override("ForcedOpen").pipe(Effect.andThen(rejection(each)), Effect.scoped)
      }
      yield* TestClock.adjust("1 minute")
      yield* succeed(breaker)
      const late = yield* start(breaker)
      yield* breaker.reset
      yield* late.fail
      yield* breaker.override("ForcedClosed").pipe(Effect.andThen(fail(breaker)), Effect.scoped)
      assert.deepStrictEqual(yield* counted("counted"), {
        "calls Success": 2,
        "calls Failure": 5,
        "calls Stale": 1,
        "calls Bypassed": 1,
        "rejections Open": 1,
        "rejections ForcedOpen": 1,
        "transitions Open": 1,
        "transitions HalfOpen": 1,
        "transitions Closed": 1,
        open_milliseconds: 60_000
      })
      assert.deepStrictEqual(yield* counted("silent"), {})
    })
  )

  it.effect("are those of the registry that the breaker is made in", () =>
    Effect.gen(function* () {
      const breaker = yield* CircuitBreaker.make({ name: "apart", metrics: true }).pipe(
        Effect.provideService(Metric.MetricRegistry, new Map())
      )
      yield* succeed(breaker)
      assert.deepStrictEqual(yield* counted("apart"), {})
    })
  )

  it.effect("count open time as it passes, and that of a restored circuit from then on", () =>
    Effect.gen(function* () {
      const first = yield* CircuitBreaker.make()
      yield* first.trip
      yield* TestClock.adjust("20 seconds")
      const breaker = yield* CircuitBreaker.make({
        name: "restored",
        metrics: true,
        restore: yield* first.save
      })
      yield* TestClock.adjust("45 seconds")
      const trial = yield* start(breaker)
      const openTime = Effect.map(counted("restored"), (all) => all["open_milliseconds"])
      assert.strictEqual(yield* openTime, 45_000)
      yield* TestClock.adjust("1 second")
      yield* trial.fail
      assert.strictEqual(yield* openTime, 46_000)
      yield* TestClock.adjust("10 seconds")
      yield* breaker.reset
      assert.strictEqual(yield* openTime, 56_000)
      yield* TestClock.adjust("1 hour")
      yield* breaker.trip
      assert.strictEqual(yield* openTime, 56_000)
    })
  )
})

const attributesOf = (breaker: CircuitBreaker.CircuitBreaker) =>
  Effect.gen(function* () {
    let span: Tracer.Span | undefined
    yield* Effect.currentSpan.pipe(
      Effect.tap((current) => Effect.sync(() => (span = current))),
      Effect.andThen(Effect.exit(breaker.run(Effect.void))),
      Effect.withSpan("call")
    )
    return Object.fromEntries(span?.attributes ?? [])
  })

describe("spans", () => {
  it.effect("name the circuit, its state and what lies over it, on request only", () =>
    Effect.gen(function* () {
      const breaker = yield* CircuitBreaker.make({ name: "prices", spans: true })
      yield* breaker.trip
      assert.deepStrictEqual(yield* attributesOf(breaker), {
        "circuit.name": "prices",
        "circuit.state": "Open",
        "circuit.override": "None"
      })
      assert.deepStrictEqual(yield* attributesOf(yield* CircuitBreaker.make()), {})
      // Without a span there is nothing to write to, and the call runs.
      assert.strictEqual(yield* (yield* CircuitBreaker.make({ spans: true })).run(Effect.succeed(1)), 1)
    })
  )
})
