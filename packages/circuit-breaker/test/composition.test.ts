import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import { TestClock } from "effect/testing"
import { CircuitBreaker } from "../src/index.ts"
import { phase } from "./calls.ts"

/** A dependency that is down, and counts who asks it. */
const down = () => {
  const asked = { calls: 0 }
  return Object.assign(asked, { call: Effect.suspend(() => Effect.fail(`down ${++asked.calls}`)) })
}

describe("with a retry", () => {
  it.effect("outside, each attempt passes through the breaker, which protects the dependency", () =>
    Effect.gen(function* () {
      const breaker = yield* CircuitBreaker.make({ tripPolicy: CircuitBreaker.consecutive(3) })
      const dependency = down()
      const error = yield* Effect.flip(Effect.retry(breaker.run(dependency.call), { times: 9 }))
      assert.strictEqual(dependency.calls, 3)
      assert.instanceOf(error, CircuitBreaker.CircuitOpen)
      assert.strictEqual((yield* breaker.snapshot).calls.rejected, 7)
    })
  )

  it.effect("inside, the breaker judges whole calls", () =>
    Effect.gen(function* () {
      const breaker = yield* CircuitBreaker.make({ tripPolicy: CircuitBreaker.consecutive(3) })
      const dependency = down()
      const call = breaker.run(Effect.retry(dependency.call, { times: 9 }))
      for (let i = 0; i < 2; i++) yield* Effect.exit(call)
      assert.deepStrictEqual([dependency.calls, yield* phase(breaker)], [20, "Closed"])
      yield* Effect.exit(call)
      assert.deepStrictEqual([dependency.calls, yield* phase(breaker)], [30, "Open"])
      assert.strictEqual((yield* breaker.snapshot).calls.failures, 3)
    })
  )

  for (const which of ["an open", "a forced open"] as const) {
    it.effect(`that waits for the retryAfter of ${which} circuit asks again only then`, () =>
      Effect.gen(function* () {
        const breaker = yield* CircuitBreaker.make({ openDuration: "10 seconds" })
        if (which === "an open") yield* breaker.trip
        else yield* breaker.override("ForcedOpen")
        const patient = Schedule.recurs(6).pipe(
          Schedule.setInputType<CircuitBreaker.Rejection>(),
          Schedule.modifyDelay(({ input }) => Effect.succeed(input.retryAfter))
        )
        const call = yield* Effect.forkChild(
          Effect.exit(Effect.retry(breaker.run(Effect.succeed("well")), patient))
        )
        yield* TestClock.adjust("1 minute")
        const exit = yield* Fiber.join(call)
        const { rejected } = (yield* breaker.snapshot).calls
        if (which === "an open") assert.deepStrictEqual([exit, rejected], [Exit.succeed("well"), 1])
        else assert.deepStrictEqual([Exit.isFailure(exit), rejected], [true, 7])
      })
    )
  }
})

describe("with a timeout", () => {
  const hung = Effect.never.pipe(Effect.timeout("5 seconds"))

  it.effect("inside, it counts; outside, it is an interruption, which does not", () =>
    Effect.gen(function* () {
      const options = { tripPolicy: CircuitBreaker.consecutive(1) }
      const inside = yield* CircuitBreaker.make(options)
      const outside = yield* CircuitBreaker.make(options)
      yield* Effect.forkChild(Effect.exit(inside.run(hung)))
      yield* Effect.forkChild(
        Effect.exit(outside.run(Effect.never).pipe(Effect.timeout(Duration.seconds(5))))
      )
      yield* TestClock.adjust("5 seconds")
      assert.deepStrictEqual([yield* phase(inside), yield* phase(outside)], ["Open", "Closed"])
      assert.strictEqual((yield* outside.snapshot).calls.ignored, 1)
    })
  )
})
