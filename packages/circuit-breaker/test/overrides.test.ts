import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"
import { CircuitBreaker } from "../src/index.ts"
import { fail, failTimes, phase, rejection, start, succeed } from "./calls.ts"

const ok = (breaker: CircuitBreaker.CircuitBreaker) => breaker.run(Effect.succeed("ran"))

/** Holds an override until it is let go. */
const held = (breaker: CircuitBreaker.CircuitBreaker, which: "ForcedOpen" | "ForcedClosed" | "Shadow") =>
  Effect.gen(function* () {
    const scope = yield* Scope.make()
    yield* Scope.provide(breaker.override(which), scope)
    return Scope.close(scope, Exit.void)
  })

describe("forced open", () => {
  it.effect("rejects all calls, typed, until the scope closes; then it is as it was", () =>
    Effect.gen(function* () {
      const breaker = yield* CircuitBreaker.make({ name: "prices" })
      yield* failTimes(breaker, 4)
      const letGo = yield* held(breaker, "ForcedOpen")
      const error = yield* rejection(breaker)
      assert.instanceOf(error, CircuitBreaker.CircuitForcedOpen)
      assert.include(error.message, `Circuit "prices" is forced open`)
      assert.deepStrictEqual(error.retryAfter, Duration.minutes(1))
      assert.strictEqual((yield* breaker.snapshot).override, "ForcedOpen")
      assert.strictEqual(yield* phase(breaker), "Closed")
      yield* letGo
      assert.strictEqual(yield* ok(breaker), "ran")
      yield* failTimes(breaker, 5)
      assert.strictEqual(yield* phase(breaker), "Open")
    })
  )

  it.effect("does not stop the open time beneath", () =>
    Effect.gen(function* () {
      const breaker = yield* CircuitBreaker.make()
      yield* breaker.trip
      const letGo = yield* held(breaker, "ForcedOpen")
      yield* TestClock.adjust("20 seconds")
      const error = yield* rejection(breaker)
      assert.strictEqual(error._tag, "CircuitForcedOpen")
      assert.deepStrictEqual(error.retryAfter, Duration.seconds(40))
      yield* TestClock.adjust("40 seconds")
      yield* letGo
      yield* succeed(breaker)
      assert.strictEqual(yield* phase(breaker), "HalfOpen")
    })
  )

  it.effect("has as many holders as hold it, and each lets go once", () =>
    Effect.gen(function* () {
      const breaker = yield* CircuitBreaker.make()
      const first = yield* held(breaker, "ForcedOpen")
      const second = yield* held(breaker, "ForcedOpen")
      yield* first
      yield* first
      assert.strictEqual((yield* rejection(breaker))._tag, "CircuitForcedOpen")
      yield* second
      assert.strictEqual(yield* ok(breaker), "ran")
    })
  )
})

describe("forced closed", () => {
  it.effect("lets all calls through an open circuit, and judges none", () =>
    Effect.gen(function* () {
      const breaker = yield* CircuitBreaker.make()
      yield* breaker.trip
      const letGo = yield* held(breaker, "ForcedClosed")
      yield* failTimes(breaker, 10)
      assert.strictEqual(yield* ok(breaker), "ran")
      assert.deepInclude((yield* breaker.snapshot).calls, {
        successes: 0,
        failures: 0,
        bypassed: 11,
        rejected: 0
      })
      yield* letGo
      assert.strictEqual((yield* rejection(breaker))._tag, "CircuitOpen")
    })
  )
})

it.effect("forced closed, what is recorded by hand is not judged either", () =>
  Effect.gen(function* () {
    const breaker = yield* CircuitBreaker.make({ tripPolicy: CircuitBreaker.consecutive(1) })
    const letGo = yield* held(breaker, "ForcedClosed")
    yield* breaker.record(CircuitBreaker.failure({ error: "down" }))
    assert.strictEqual(yield* phase(breaker), "Closed")
    assert.deepInclude((yield* breaker.snapshot).calls, { failures: 0, bypassed: 1 })
    yield* letGo
    yield* breaker.record(CircuitBreaker.failure({ error: "down" }))
    assert.strictEqual(yield* phase(breaker), "Open")
  })
)

describe("shadow", () => {
  it.effect("judges, tells what the circuit would have done, and lets all calls through", () =>
    Effect.gen(function* () {
      const breaker = yield* CircuitBreaker.make({ halfOpen: { trials: 1 } })
      const letGo = yield* held(breaker, "Shadow")
      yield* failTimes(breaker, 5)
      assert.strictEqual(yield* phase(breaker), "Open")
      assert.strictEqual(yield* ok(breaker), "ran")
      assert.deepInclude((yield* breaker.snapshot).calls, {
        failures: 5,
        rejected: 0,
        shadowed: 1,
        bypassed: 1
      })
      yield* TestClock.adjust("1 minute")
      yield* succeed(breaker)
      assert.strictEqual(yield* phase(breaker), "Closed")
      yield* failTimes(breaker, 5)
      yield* letGo
      assert.strictEqual((yield* rejection(breaker))._tag, "CircuitOpen")
    })
  )
})

it.effect("forced open wins over forced closed, and that over a shadow", () =>
  Effect.gen(function* () {
    const breaker = yield* CircuitBreaker.make()
    const over = Effect.map(breaker.snapshot, ({ override }) => override)
    const shadow = yield* held(breaker, "Shadow")
    assert.strictEqual(yield* over, "Shadow")
    const closed = yield* held(breaker, "ForcedClosed")
    const open = yield* held(breaker, "ForcedOpen")
    assert.strictEqual(yield* over, "ForcedOpen")
    yield* open
    assert.strictEqual(yield* over, "ForcedClosed")
    yield* closed
    assert.strictEqual(yield* over, "Shadow")
    yield* shadow
    assert.strictEqual(yield* over, "None")
  })
)

it.effect("calls that run when it changes are stale, and their trials are free again", () =>
  Effect.gen(function* () {
    const breaker = yield* CircuitBreaker.make({ halfOpen: { trials: 1 } })
    yield* breaker.trip
    yield* TestClock.adjust("1 minute")
    const trial = yield* start(breaker)
    yield* yield* held(breaker, "ForcedOpen")
    yield* trial.fail
    assert.deepInclude((yield* breaker.snapshot).calls, { stale: 1, failures: 0 })
    yield* succeed(breaker)
    assert.strictEqual(yield* phase(breaker), "Closed")
  })
)

it.effect("each change is told, with the phase beneath; trip and reset act beneath", () =>
  Effect.gen(function* () {
    const breaker = yield* CircuitBreaker.make()
    const seen: Array<string> = []
    yield* Effect.forkChild(
      Stream.runForEach(breaker.transitions, ({ from, reason, to }) =>
        Effect.sync(() => seen.push(`${from}-${to} ${"override" in reason ? reason.override : reason._tag}`))
      ),
      { startImmediately: true }
    )
    const letGo = yield* held(breaker, "ForcedOpen")
    yield* breaker.trip
    yield* letGo
    yield* fail(breaker)
    yield* breaker.reset
    yield* TestClock.adjust("1 milli")
    assert.deepStrictEqual(seen, [
      "undefined-Closed Created",
      "Closed-Closed ForcedOpen",
      "Closed-Open Tripped",
      "Open-Open None",
      "Open-Closed Reset"
    ])
  })
)
