/** Calls through a breaker, for the tests. */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type { CircuitBreaker } from "../src/index.ts"

type Breaker = CircuitBreaker.CircuitBreaker

export const succeed = (breaker: Breaker) => Effect.exit(breaker.run(Effect.succeed("ok")))

export const fail = (breaker: Breaker, error: unknown = "down") =>
  Effect.exit(breaker.run(Effect.fail(error)))

export const failTimes = (breaker: Breaker, times: number) =>
  Effect.repeat(fail(breaker), { times: times - 1 })

/** The rejection of a call that must be rejected, and must not run. */
export const rejection = (breaker: Breaker) =>
  Effect.flip(breaker.run(Effect.die("a rejected call ran"))).pipe(Effect.orDie)

/** A call in flight: it ends when told to. */
export const start = Effect.fnUntraced(function* (breaker: Breaker) {
  const reply = yield* Deferred.make<string, string>()
  const fiber = yield* Effect.forkChild(Effect.exit(breaker.run(Deferred.await(reply))), {
    startImmediately: true
  })
  return {
    succeed: Effect.andThen(Deferred.succeed(reply, "ok"), Fiber.join(fiber)),
    fail: Effect.andThen(Deferred.fail(reply, "down"), Fiber.join(fiber)),
    interrupt: Fiber.interrupt(fiber)
  }
})

export const phase = (breaker: Breaker) => Effect.map(breaker.state, (state) => state._tag)
