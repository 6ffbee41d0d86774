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

const opened = Effect.tap(CircuitBreaker.make(), (breaker) => breaker.trip)

it.effect("a probe that hangs is given up, and the next one is made", () =>
  Effect.gen(function* () {
    const breaker = yield* opened
    let pings = 0
    const ping = Effect.suspend(() => (++pings === 1 ? Effect.never : Effect.void))
    yield* CircuitBreaker.probe(breaker, ping, { success: "Closed" })
    yield* TestClock.adjust("15 seconds")
    assert.deepStrictEqual([pings, breaker.stateUnsafe()._tag], [2, "Closed"])
  })
)

it.effect("a probe of one opening does not answer for the next", () =>
  Effect.gen(function* () {
    const breaker = yield* opened
    yield* CircuitBreaker.probe(breaker, Effect.sleep("20 seconds"), {
      every: "25 seconds",
      success: "Closed"
    })
    yield* TestClock.adjust("30 seconds")
    yield* breaker.reset
    yield* breaker.trip
    yield* TestClock.adjust("20 seconds")
    assert.strictEqual(breaker.stateUnsafe()._tag, "Open")
    yield* TestClock.adjust("25 seconds")
    assert.strictEqual(breaker.stateUnsafe()._tag, "Closed")
  })
)

it.effect.each<readonly [object, string]>([
  [{ every: "0 seconds" }, "every"],
  [{ evry: "5 seconds" }, "evry"],
  [{ success: "closed" }, "success"]
])("refuses %o", ([options, names]) =>
  Effect.gen(function* () {
    const breaker = yield* opened
    const exit = yield* Effect.exit(Effect.suspend(() => CircuitBreaker.probe(breaker, Effect.void, options)))
    assert.include(String(exit), "CircuitBreaker.probe: ")
    assert.include(String(exit), names)
  })
)
