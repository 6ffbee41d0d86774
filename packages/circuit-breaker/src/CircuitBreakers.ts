/**
 * Circuits by key: one policy, and a circuit of its own for each host, tenant or model.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Duration from "effect/Duration"
import type * as Scope from "effect/Scope"
import type { CircuitBreaker, Options as BreakerOptions } from "./CircuitBreaker.ts"
import { Breaker } from "./internal/breaker.ts"
import { decodeKeyed } from "./internal/options.ts"
import type { Rejection } from "./Rejection.ts"

/**
 * Any number of circuits with one policy. A key has a circuit from its first use, and loses it when it has not been used for a while, unless the circuit
 * is still to be open, is overridden, or has trials or tracked calls in flight. A circuit that somebody has kept, or a call that ends later, takes the key
 * back, if no other circuit has it by then.
 */
export interface CircuitBreakers<K> {
  /** Runs an effect if the key's circuit lets it, and judges its exit; else fails with a rejection that carries the key. */
  readonly run: <A, E, R>(self: Effect.Effect<A, E, R>, key: K) => Effect.Effect<A, E | Rejection, R>
  /** The key's circuit; a new one if it has none. */
  readonly get: (key: K) => Effect.Effect<CircuitBreaker>
  readonly getUnsafe: (key: K) => CircuitBreaker
  /** All keys that have a circuit now, with their circuits. */
  readonly entries: Effect.Effect<ReadonlyArray<readonly [key: K, breaker: CircuitBreaker]>>
  /** How many there are. */
  readonly size: Effect.Effect<number>
  /** Forgets a key. Calls that run on its circuit go on, and no longer matter. */
  readonly remove: (key: K) => Effect.Effect<void>
}

/**
 * The options of each circuit, and of the registry.
 */
export interface Options extends Omit<BreakerOptions, "restore"> {
  /** A key that was not used for so long loses its circuit; up to a tenth later. Default 1 hour. */
  readonly idleTimeToLive?: Duration.Input | undefined
}

/**
 * The registry of a context, with strings for keys.
 */
export const CircuitBreakers: Context.Service<
  CircuitBreakers<string>,
  CircuitBreakers<string>
> = Context.Service<CircuitBreakers<string>>("@fireweed/circuit-breaker/CircuitBreakers")

/**
 * Makes a registry; one fiber sweeps idle keys until the scope closes. Keys are told apart as in a `Map`. Options that make no sense are a
 * defect, a `TypeError` that names the option.
 *
 * ```ts
 * import { CircuitBreaker, CircuitBreakers } from "@fireweed/circuit-breaker"
 * import * as Effect from "effect/Effect"
 *
 * const program = Effect.gen(function* () {
 *   const hosts = yield* CircuitBreakers.make<string>({ tripPolicy: CircuitBreaker.consecutive(1) })
 *   yield* Effect.exit(hosts.run(Effect.fail("down"), "a.example"))
 *   const rejected = yield* Effect.flip(hosts.run(Effect.succeed(1), "a.example"))
 *   return [rejected, yield* hosts.run(Effect.succeed(2), "b.example")]
 * })
 *
 * const [rejected, two] = await Effect.runPromise(Effect.scoped(program))
 * if (!(rejected instanceof CircuitBreaker.CircuitOpen) || two !== 2) throw new Error("expected one open circuit")
 * ```
 */
export const make = <K = string>(
  options: Options = {}
): Effect.Effect<CircuitBreakers<K>, never, Scope.Scope> =>
  Effect.gen(function* () {
    const context = yield* Effect.context()
    const { breaker: decoded, idleTimeToLive } = decodeKeyed(options, context)
    const clock = yield* Clock.Clock
    const circuits = new Map<K, Breaker>()

    const entry = (key: K): Breaker => {
      const known = circuits.get(key)
      if (known !== undefined) return known
      // One that was forgotten and is used again gets its key back, unless another one has it by now.
      const breaker = new Breaker(decoded, clock, key, (breaker) => {
        if (!circuits.has(key)) circuits.set(key, breaker)
      })
      circuits.set(key, breaker)
      return breaker
    }

    const handOut = (key: K): Breaker => {
      const breaker = entry(key)
      breaker.use()
      return breaker
    }

    const sweep = Effect.sync(() => {
      for (const [key, breaker] of circuits) if (breaker.forgets(LOOKS)) circuits.delete(key)
    })
    yield* Effect.forkScoped(Effect.forever(Effect.delay(sweep, idleTimeToLive / PARTS)))

    return {
      run: (self, key) => Effect.suspend(() => entry(key).runUnsafe(self)),
      get: (key) => Effect.sync(() => handOut(key)),
      getUnsafe: handOut,
      entries: Effect.sync(() => [...circuits]),
      size: Effect.sync(() => circuits.size),
      remove: (key) => Effect.sync(() => void circuits.delete(key))
    }
  })

/**
 * A layer of the {@link CircuitBreakers} service; the options are those of {@link make}.
 *
 * ```ts
 * import { CircuitBreakers } from "@fireweed/circuit-breaker"
 * import * as Effect from "effect/Effect"
 *
 * const program = CircuitBreakers.CircuitBreakers.use((hosts) => hosts.run(Effect.succeed(1), "a.example"))
 *
 * await Effect.runPromise(Effect.provide(program, CircuitBreakers.layer({ openDuration: "10 seconds" })))
 * ```
 */
export const layer = (options: Options = {}): Layer.Layer<CircuitBreakers<string>> =>
  Layer.effect(CircuitBreakers, make(options))

const PARTS = 10

/** The first look can come at once after a use. */
const LOOKS = PARTS + 1
