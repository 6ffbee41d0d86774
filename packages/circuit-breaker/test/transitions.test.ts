import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"
import { CircuitBreaker } from "../src/index.ts"
import { fail, succeed } from "./calls.ts"

const options = { name: "prices", tripPolicy: CircuitBreaker.consecutive(2), halfOpen: { trials: 1 } }

const collect = (breaker: CircuitBreaker.CircuitBreaker, count: number) =>
  Effect.forkChild(Stream.runCollect(Stream.take(breaker.transitions, count)), { startImmediately: true })

it.effect("every transition is told once, with its time and reason, after where the circuit was", () =>
  Effect.gen(function* () {
    yield* TestClock.setTime(1_000_000)
    const breaker = yield* CircuitBreaker.make(options)
    const fiber = yield* collect(breaker, 8)
    yield* fail(breaker)
    yield* fail(breaker)
    yield* TestClock.adjust("61 seconds")
    yield* fail(breaker)
    yield* TestClock.adjust("60 seconds")
    yield* succeed(breaker)
    yield* breaker.trip
    yield* breaker.reset
    yield* breaker.reset
    assert.deepStrictEqual(
      (yield* Fiber.join(fiber)).map(({ at, breaker, from, reason, to }) => [
        breaker,
        at - 1_000_000,
        from,
        to,
        reason._tag
      ]),
      [
        ["prices", 0, undefined, "Closed", "Created"],
        ["prices", 0, "Closed", "Open", "ConsecutiveFailures"],
        ["prices", 61_000, "Open", "HalfOpen", "OpenTimeOver"],
        ["prices", 61_000, "HalfOpen", "Open", "TrialFailed"],
        ["prices", 121_000, "Open", "HalfOpen", "OpenTimeOver"],
        ["prices", 121_000, "HalfOpen", "Closed", "TrialsSucceeded"],
        ["prices", 121_000, "Closed", "Open", "Tripped"],
        ["prices", 121_000, "Open", "Closed", "Reset"]
      ]
    )
  })
)

it.effect("a new subscriber is told where the circuit is", () =>
  Effect.gen(function* () {
    const breaker = yield* CircuitBreaker.make(options)
    yield* TestClock.adjust("5 seconds")
    yield* breaker.trip
    yield* TestClock.adjust("5 seconds")
    const fiber = yield* collect(breaker, 1)
    assert.deepStrictEqual(yield* Fiber.join(fiber), [
      { breaker: "prices", from: undefined, to: "Open", at: 5_000, reason: { _tag: "Tripped" } }
    ])
  })
)

it.effect("a deadline is dated when it passed, not when it was noticed", () =>
  Effect.gen(function* () {
    const breaker = yield* CircuitBreaker.make(options)
    yield* breaker.trip
    yield* TestClock.adjust("60 seconds")
    yield* Effect.forkChild(breaker.run(Effect.never), { startImmediately: true })
    yield* TestClock.adjust("1 hour")
    const fiber = yield* collect(breaker, 1)
    assert.deepStrictEqual(yield* Fiber.join(fiber), [
      { breaker: "prices", from: undefined, to: "Open", at: 120_000, reason: { _tag: "TrialsOverdue" } }
    ])
  })
)

it.effect("every subscriber is told, whoever else has left", () =>
  Effect.gen(function* () {
    const breaker = yield* CircuitBreaker.make(options)
    const left = yield* collect(breaker, 10)
    const stays = yield* collect(breaker, 3)
    yield* breaker.trip
    yield* Fiber.interrupt(left)
    yield* breaker.reset
    assert.deepStrictEqual(
      (yield* Fiber.join(stays)).map(({ to }) => to),
      ["Closed", "Open", "Closed"]
    )
    yield* breaker.trip
    const late = yield* collect(breaker, 2)
    yield* breaker.reset
    assert.deepStrictEqual(
      (yield* Fiber.join(late)).map(({ to }) => to),
      ["Open", "Closed"]
    )
  })
)
