import { assert, describe, it } from "@effect/vitest"
import { CircuitBreaker } from "@fireweed/circuit-breaker"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { TestClock } from "effect/testing"
import { Backoff, Retry } from "../src/index.ts"

const now = Backoff.constant(0)

/** Fails until so many calls were made, then succeeds; and when it was called. */
const dependency = (failures: number) => {
  const calls: Array<number> = []
  const call = Effect.flatMap(Clock.currentTimeMillis, (at) =>
    calls.push(at) <= failures ? Effect.fail("down") : Effect.succeed("up")
  )
  return { call, calls }
}

const breakerOf = (failures: number) =>
  CircuitBreaker.make({ tripPolicy: CircuitBreaker.consecutive(failures), openDuration: "10 seconds" })

const tagOf = (error: string | { readonly _tag: string }) => (typeof error === "string" ? error : error._tag)

describe("a retry around a circuit breaker protects the dependency", () => {
  it.effect(
    "each attempt counts, the circuit opens in the midst of a call, and no attempt is spent on it",
    () =>
      Effect.gen(function* () {
        const breaker = yield* breakerOf(3)
        const { call, calls } = dependency(99)
        const policy = Retry.make({ retries: 10, backoff: now })
        const error = yield* Effect.flip(Retry.run(breaker.run(call), policy))
        assert.strictEqual(tagOf(error), "CircuitOpen")
        assert.strictEqual(calls.length, 3)
      })
  )

  it.effect("or waits until the circuit lets it through, when it is asked to", () =>
    Effect.gen(function* () {
      const breaker = yield* breakerOf(3)
      const { call, calls } = dependency(3)
      const policy = Retry.make({ retries: 10, backoff: now, waitForCircuit: true })
      const fiber = yield* Effect.forkChild(Effect.exit(Retry.run(breaker.run(call), policy)))
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(yield* Fiber.join(fiber), Exit.succeed("up"))
      const [, , third = Number.NaN, trial = Number.NaN] = calls
      assert.isTrue(third === 0 && trial >= 10_000 && trial <= 12_000)
    })
  )
})

describe("a retry inside a circuit breaker is judged as one call", () => {
  it.effect("the circuit opens after whole calls, and a call that succeeds in the end is a success", () =>
    Effect.gen(function* () {
      const breaker = yield* breakerOf(3)
      const policy = Retry.make({ retries: 2, backoff: now })
      const flaky = dependency(2)
      assert.strictEqual(yield* breaker.run(Retry.run(flaky.call, policy)), "up")
      assert.strictEqual((yield* breaker.state)._tag, "Closed")

      const { call, calls } = dependency(99)
      const reasons: Array<string> = []
      for (let i = 0; i < 4; i++)
        reasons.push(tagOf(yield* Effect.flip(breaker.run(Retry.run(call, policy)))))
      assert.deepStrictEqual(reasons, ["RetryExhausted", "RetryExhausted", "RetryExhausted", "CircuitOpen"])
      assert.strictEqual(calls.length, 9)
    })
  )
})

it.effect("the wait of any rejection is kept: a circuit's is a Duration like all others", () =>
  Effect.gen(function* () {
    const breaker = yield* breakerOf(1)
    yield* Effect.exit(breaker.run(Effect.fail("down")))
    yield* TestClock.adjust("4 seconds")
    const error = yield* Effect.flip(breaker.run(Effect.void))
    assert.deepStrictEqual(Duration.toMillis(error.retryAfter), 6000)
  })
)
