import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { TestClock } from "effect/testing"
import { CircuitBreaker } from "../src/index.ts"
import { phase, succeed } from "./calls.ts"

/** A probe that finds the dependency well from the nth time on. */
const probed = (wellFrom: number, options: Parameters<typeof CircuitBreaker.probe>[2] = {}) =>
  Effect.gen(function* () {
    const breaker = yield* CircuitBreaker.make({ openDuration: "5 minutes" })
    let probes = 0
    const ping = Effect.suspend(() => {
      probes++
      return probes % 2 === 1 && probes < wellFrom
        ? Effect.die("worse")
        : probes < wellFrom
          ? Effect.fail("down")
          : Effect.void
    })
    yield* CircuitBreaker.probe(breaker, ping, options)
    return { breaker, count: () => probes }
  })

it.effect("runs while the circuit is open, and half-opens it on its first success", () =>
  Effect.gen(function* () {
    const { breaker, count } = yield* probed(3)
    yield* TestClock.adjust("1 hour")
    assert.strictEqual(count(), 0)
    yield* breaker.trip
    yield* TestClock.adjust("14999 millis")
    assert.strictEqual(yield* phase(breaker), "Open")
    yield* TestClock.adjust("1 milli")
    assert.strictEqual(yield* phase(breaker), "HalfOpen")
    assert.deepStrictEqual((yield* breaker.snapshot).reason, { _tag: "Probed" })
    yield* TestClock.adjust("1 hour")
    assert.strictEqual(count(), 3)
    for (let i = 0; i < 3; i++) yield* succeed(breaker)
    assert.strictEqual(yield* phase(breaker), "Closed")
  })
)

it.effect("may close it at once, and begins again at the next opening, whose row goes on", () =>
  Effect.gen(function* () {
    const { breaker, count } = yield* probed(1, { every: "1 second", success: "Closed" })
    for (const openings of [1, 2]) {
      yield* breaker.trip
      assert.strictEqual((yield* breaker.snapshot).consecutiveOpenings, openings)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* phase(breaker), "Closed")
    }
    assert.strictEqual(count(), 2)
  })
)

it.effect("ends with its scope, and spends nothing once a call has made the circuit half-open", () =>
  Effect.gen(function* () {
    const scope = yield* Scope.make()
    const { breaker, count } = yield* Scope.provide(probed(1_000, { every: "1 minute" }), scope)
    yield* breaker.trip
    yield* TestClock.adjust("5 minutes")
    yield* succeed(breaker)
    yield* TestClock.adjust("1 hour")
    assert.strictEqual(count(), 5)
    yield* breaker.trip
    yield* Scope.close(scope, Exit.void)
    yield* TestClock.adjust("1 hour")
    assert.strictEqual(count(), 5)
  })
)
