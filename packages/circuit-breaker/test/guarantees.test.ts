/** What an earlier breaker got wrong, by the numbers that those faults have. */
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"
import { CircuitBreaker } from "../src/index.ts"
import { fail, failTimes, phase, rejection, start, succeed } from "./calls.ts"

it.effect(
  "D14 a typed failure counts without being thrown, a cancellation does not, and a predicate decides otherwise",
  () =>
    Effect.gen(function* () {
      const breaker = yield* CircuitBreaker.make({
        tripPolicy: CircuitBreaker.consecutive(2),
        classify: (exit) =>
          Exit.isFailure(exit) && String(exit.cause).includes("caller") ? CircuitBreaker.ignored : undefined
      })
      for (let i = 0; i < 9; i++) yield* fail(breaker, "mistake of the caller")
      for (let i = 0; i < 9; i++) yield* (yield* start(breaker)).interrupt
      assert.strictEqual(yield* phase(breaker), "Closed")
      yield* failTimes(breaker, 2)
      assert.strictEqual(yield* phase(breaker), "Open")
    })
)

it.effect(
  "D15 the breaker only decides: calls run in their callers' fibers, side by side, for as long as they take",
  () =>
    Effect.gen(function* () {
      const breaker = yield* CircuitBreaker.make()
      const ids = new Set<number>()
      const call = breaker.run(
        Effect.andThen(
          Effect.withFiber((fiber) => Effect.sync(() => ids.add(fiber.id))),
          Effect.sleep("1 hour")
        )
      )
      const callers = yield* Effect.forEach(Array.from({ length: 50 }), () =>
        Effect.forkChild(call, { startImmediately: true })
      )
      assert.deepStrictEqual(
        [...ids],
        callers.map(({ id }) => id)
      )
      yield* TestClock.adjust("1 hour")
      for (const caller of callers) yield* Fiber.join(caller)
    })
)

it.effect(
  "D16 trials at once are given back on every exit, and a mix that could never close is refused",
  () =>
    Effect.gen(function* () {
      const breaker = yield* CircuitBreaker.make({ halfOpen: { trials: 3, concurrency: 1 } })
      yield* breaker.trip
      yield* TestClock.adjust("1 minute")
      const interrupted = yield* start(breaker)
      assert.strictEqual((yield* rejection(breaker))._tag, "CircuitHalfOpen")
      yield* interrupted.interrupt
      for (let i = 0; i < 3; i++) yield* succeed(breaker)
      assert.strictEqual(yield* phase(breaker), "Closed")
      const tolerant = yield* CircuitBreaker.make({
        halfOpen: { trials: 4, concurrency: 1, failureRate: 0.6 }
      })
      yield* tolerant.trip
      yield* TestClock.adjust("1 minute")
      yield* fail(tolerant)
      yield* Effect.exit(tolerant.run(Effect.die("a bug")))
      for (let i = 0; i < 2; i++) yield* succeed(tolerant)
      assert.strictEqual(yield* phase(tolerant), "Closed")
      const impossible = yield* Effect.exit(CircuitBreaker.make({ halfOpen: { trials: 1, successes: 3 } }))
      assert.include(String(impossible), "successes (3) can never be reached with 1 trials")
    })
)

it.effect(
  "D17 results of an earlier state are counted, and change nothing: neither the state nor the open time",
  () =>
    Effect.gen(function* () {
      const breaker = yield* CircuitBreaker.make({
        tripPolicy: CircuitBreaker.consecutive(1),
        halfOpen: { trials: 2 }
      })
      const [early, late] = [
        [yield* start(breaker), yield* start(breaker)],
        [yield* start(breaker), yield* start(breaker)]
      ] as const
      yield* fail(breaker)
      const { openUntil } = yield* breaker.snapshot
      yield* TestClock.adjust("30 seconds")
      yield* early[0].fail
      yield* early[1].succeed
      const open = yield* breaker.snapshot
      assert.deepStrictEqual([open.state._tag, open.openUntil], ["Open", openUntil])
      assert.deepInclude(open.calls, { failures: 1, successes: 0, stale: 2 })

      yield* TestClock.adjust("30 seconds")
      const trial = yield* start(breaker)
      yield* late[0].succeed
      yield* late[1].fail
      assert.deepInclude((yield* breaker.snapshot).calls, { failures: 1, successes: 0, stale: 4 })
      yield* trial.succeed
      assert.strictEqual(yield* phase(breaker), "HalfOpen")
      yield* succeed(breaker)
      assert.strictEqual(yield* phase(breaker), "Closed")
    })
)

it.effect(
  "D18 every transition is one event, that to half-open too, and the state is what a call would find",
  () =>
    Effect.gen(function* () {
      const breaker = yield* CircuitBreaker.make({ halfOpen: { trials: 1 } })
      const moves: Array<string> = []
      yield* Effect.forkChild(
        Stream.runForEach(breaker.transitions, ({ to }) => Effect.sync(() => moves.push(to))),
        { startImmediately: true }
      )
      yield* failTimes(breaker, 5)
      yield* TestClock.adjust("1 minute")
      // Due: the next call would run, and the state says so.
      assert.deepInclude(yield* breaker.state, { _tag: "Open" })
      assert.include(yield* breaker.explain, "The next call is its first trial.")
      yield* succeed(breaker)
      yield* TestClock.adjust("1 milli")
      assert.deepStrictEqual(moves, ["Closed", "Open", "HalfOpen", "Closed"])
    })
)

it.effect("D19 two breakers of one name share nothing: each is a value with its own options", () =>
  Effect.gen(function* () {
    const strict = yield* CircuitBreaker.make({ name: "same", tripPolicy: CircuitBreaker.consecutive(1) })
    const patient = yield* CircuitBreaker.make({ name: "same", tripPolicy: CircuitBreaker.consecutive(9) })
    yield* fail(strict)
    yield* fail(patient)
    assert.deepStrictEqual([yield* phase(strict), yield* phase(patient)], ["Open", "Closed"])
  })
)

it.effect("D20 a rejection is an error of its own, with the time after which to try again", () =>
  Effect.gen(function* () {
    const breaker = yield* CircuitBreaker.make()
    yield* breaker.trip
    const error = yield* rejection(breaker)
    assert.deepInclude(error, { _tag: "CircuitOpen", category: "circuit" })
    yield* TestClock.adjust(error.retryAfter)
    yield* succeed(breaker)
    assert.strictEqual(yield* phase(breaker), "HalfOpen")
  })
)
