/**
 * Active probing: find out that a dependency is well without spending a user's call on it.
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { CircuitBreaker } from "./CircuitBreaker.ts"
import { decodeProbe } from "./internal/options.ts"

/**
 * Runs `effect` every so often while the circuit is open, in the background, until the scope closes. Its first success half-opens the circuit, or
 * closes it. Failures and defects of the probe only mean that it is not well yet. The circuit's own open time goes on: a call that comes when it is
 * over is a trial, as ever.
 *
 * `every` (default 5 seconds) is the pause before each probe, and the longest that one may take: then it is interrupted, and not well. `success` is
 * what follows a success, by default `"HalfOpen"`. A probe is interrupted, too, when the circuit leaves the opening that it was made for. Options that
 * make no sense are a defect, a `TypeError` that names the option.
 *
 * ```ts
 * import { CircuitBreaker } from "@fireweed/circuit-breaker"
 * import * as Effect from "effect/Effect"
 *
 * const ping = Effect.succeed("pong")
 * const program = Effect.gen(function* () {
 *   const breaker = yield* CircuitBreaker.make({ name: "prices" })
 *   yield* CircuitBreaker.probe(breaker, ping, { every: "20 millis", success: "Closed" })
 *   yield* breaker.trip
 *   yield* Effect.sleep("200 millis")
 *   return (yield* breaker.state)._tag
 * })
 *
 * if ((await Effect.runPromise(Effect.scoped(program))) !== "Closed") throw new Error("expected it to close")
 * ```
 */
export const probe = <A, E, R>(
  breaker: CircuitBreaker,
  effect: Effect.Effect<A, E, R>,
  options: {
    readonly every?: Duration.Input | undefined
    readonly success?: "HalfOpen" | "Closed" | undefined
  } = {}
): Effect.Effect<void, never, R | Scope.Scope> =>
  Effect.suspend(() => {
    const { every, success } = decodeProbe(options)
    const whileOpen = Effect.gen(function* () {
      for (;;) {
        yield* Effect.sleep(every)
        if (breaker.stateUnsafe()._tag !== "Open") return
        if (Exit.isSuccess(yield* Effect.exit(Effect.timeout(effect, every))))
          return yield* breaker.recover(success)
      }
    })
    return breaker.transitions.pipe(
      // An override moves nothing.
      Stream.filter(({ from, to }) => from !== to),
      // What is asked of one opening must not answer for the next.
      Stream.switchMap(({ to }) => (to === "Open" ? Stream.fromEffectDrain(whileOpen) : Stream.empty)),
      Stream.runDrain,
      Effect.forkScoped({ startImmediately: true }),
      Effect.asVoid
    )
  })
