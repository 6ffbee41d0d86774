/**
 * Circuit breakers: stop calling what is broken, and find out when it is well again.
 *
 * - Closed: calls run, and the trip policy watches how they end. Enough failures open the circuit.
 * - Open: calls fail at once with {@link CircuitOpen}, and do not run, until the open time is over.
 * - Half-open: the next calls run as trials, a few; all others fail at once with {@link CircuitHalfOpen}. Enough successes
 *   close the circuit, one failure reopens it, and so does the deadline, for trials that never end.
 *
 * A breaker never waits and starts no fiber or timer: time is looked at when a call comes or somebody asks. A call that
 * was admitted before a transition or a reset runs to its end, and its result changes nothing.
 *
 * **Order.** A retry outside the breaker makes attempts that each pass through it, which protects the dependency; a retry
 * inside makes the breaker judge whole calls. A timeout belongs inside: outside, it interrupts the call, and an
 * interrupted call is ignored.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import * as Layer from "effect/Layer"
import type * as Result from "effect/Result"
import type * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import { Breaker } from "./internal/breaker.ts"
import { decode } from "./internal/options.ts"
import type { TypeId } from "./internal/typeId.ts"
import type { Classify, Outcome } from "./Outcome.ts"
import type { Permit } from "./Permit.ts"
import type { Rejection } from "./Rejection.ts"
import type { Saved, Snapshot, State } from "./State.ts"
import type { Override, Transition } from "./Transition.ts"
import type { TripPolicy } from "./TripPolicy.ts"

export { type Classify, classifyDefault, failure, ignored, type Outcome, success } from "./Outcome.ts"
export { probe } from "./Probe.ts"
export { type Recorded, replay, type Replayed } from "./Replay.ts"
export type { Permit } from "./Permit.ts"
export { CircuitForcedOpen, CircuitHalfOpen, CircuitOpen, type Rejection } from "./Rejection.ts"
export type { Saved, SavedTrip, Snapshot, State } from "./State.ts"
export type { OpenReason, Override, Phase, Reason, Transition } from "./Transition.ts"
export {
  anyOf,
  consecutive,
  failureRate,
  type Over,
  slowCalls,
  type TripPolicy,
  type TripStatus
} from "./TripPolicy.ts"

/**
 * One circuit, and all that can be done with it. The `...Unsafe` forms do the same at once, for callbacks.
 */
export interface CircuitBreaker {
  readonly [TypeId]: typeof TypeId
  readonly name: string
  /** Its key in a registry; `undefined` for a breaker of its own. */
  readonly key: unknown
  /** Runs an effect if the circuit lets it, and judges its exit; else fails with a rejection. */
  readonly run: <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E | Rejection, R>
  /** Takes a permit, for work that is no single effect. A permit not settled when the scope closes is ignored. */
  readonly acquire: Effect.Effect<Permit, Rejection, Scope.Scope>
  /**
   * Takes a permit that belongs to no scope: its holder must settle it. One of a half-open circuit that is forgotten holds
   * a trial until the deadline, which then reopens the circuit.
   */
  readonly acquireUnsafe: () => Result.Result<Permit, Rejection>
  /**
   * Tells the circuit of a call that it did not admit. Counts while the circuit is closed; otherwise it is stale, since
   * only trials count then.
   */
  readonly record: (outcome: Outcome) => Effect.Effect<void>
  readonly recordUnsafe: (outcome: Outcome) => void
  /** Where the circuit is now. */
  readonly state: Effect.Effect<State>
  readonly stateUnsafe: () => State
  /** Everything about the circuit now. */
  readonly snapshot: Effect.Effect<Snapshot>
  readonly snapshotUnsafe: () => Snapshot
  /** Opens the circuit by hand; one that is open stays open for at least another open time. */
  readonly trip: Effect.Effect<void>
  readonly tripUnsafe: () => void
  /** Closes the circuit and forgets failures and openings; calls that are still running no longer count. */
  readonly reset: Effect.Effect<void>
  readonly resetUnsafe: () => void
  /**
   * Tells an open circuit that the dependency is well: its next calls are trials, or it closes, its row of openings not forgotten. See
   * {@link probe}.
   */
  readonly recover: (to: "HalfOpen" | "Closed") => Effect.Effect<void>
  readonly recoverUnsafe: (to: "HalfOpen" | "Closed") => void
  /**
   * Lies over the circuit until the scope closes, and does not touch what is beneath. There may be several holders: `ForcedOpen` wins over
   * `ForcedClosed`, and that over `Shadow`. Calls that run when it changes no longer count.
   */
  readonly override: (which: Exclude<Override, "None">) => Effect.Effect<void, never, Scope.Scope>
  /** What of the circuit outlives its process, for the option `restore` of another one. */
  readonly save: Effect.Effect<Saved>
  /** Why the circuit is where it is, with counts and thresholds, in a few lines for a person. */
  readonly explain: Effect.Effect<string>
  /**
   * Where the circuit is, as a transition without `from`, then each transition. Never ends. A slow subscriber loses the
   * oldest of more than 128 it has not taken. What time alone does is noticed when a call comes or somebody asks.
   */
  readonly transitions: Stream.Stream<Transition>
}

/**
 * How a breaker behaves. All durations are finite and more than zero.
 */
export interface Options {
  /** Named in rejections and transitions. Default `"circuit"`. */
  readonly name?: string | undefined
  /** When it opens. Default `consecutive(5)`. */
  readonly tripPolicy?: TripPolicy | undefined
  /**
   * How long it stays open. At exactly the end, the next call is admitted. A schedule gives the length of each opening in a row, as its delays; when it
   * ends, its last one goes on. Default 60 seconds.
   */
  readonly openDuration?: Duration.Input | Schedule.Schedule<unknown, number> | undefined
  /**
   * Each opening in a row lasts this many times as long as the one before. The row survives a close, and ends once the
   * circuit has stayed closed as long as it was last to be open. At least 1. Default 1.
   */
  readonly openDurationFactor?: number | undefined
  /**
   * The longest that an opening can become by the factor, or by the `retryAfter` of the failure that opens it. Not less
   * than `openDuration`. Default 1 hour, or `openDuration` if that is longer.
   */
  readonly maxOpenDuration?: Duration.Input | undefined
  readonly halfOpen?:
    | {
        /** Trials of one half-open period, in all: those in flight and those that succeeded. Default 3. */
        readonly trials?: number | undefined
        /** Trials in flight at once, at most `trials`. Default `trials`. */
        readonly concurrency?: number | undefined
        /** Successful trials that close the circuit, at most `trials`; one that fails reopens it. Default `trials`. */
        readonly successes?: number | undefined
        /**
         * In place of `successes`: the share of failed trials, above 0 to 1, that reopens the circuit. It closes as soon as that share can no
         * more be reached.
         */
        readonly failureRate?: number | undefined
        /**
         * How long trials may be in flight, from the first one, or from the first after a pause in which there were none; then the circuit
         * reopens. Default `openDuration`, and at least 30 seconds.
         */
        readonly deadline?: Duration.Input | undefined
      }
    | undefined
  /** Judges how calls ended. Default {@link classifyDefault}. If it throws, the outcome is ignored and the call dies. */
  readonly classify?: Classify | undefined
  /**
   * Counts calls by outcome, rejections by state, transitions, and the time that it was open, as Effect metrics `circuit_breaker_*` with the label
   * `breaker`. Default `false`.
   */
  readonly metrics?: boolean | undefined
  /** Names the circuit and its state on the span of each call, where there is one. Default `false`. */
  readonly spans?: boolean | undefined
  /** Begins where another breaker was saved, also one of another process. Default: closed. */
  readonly restore?: Saved | undefined
}

/**
 * The breaker of a context, for when there is one. For several, declare a service of your own for each.
 *
 * ```ts
 * import { CircuitBreaker } from "@fireweed/circuit-breaker"
 * import * as Context from "effect/Context"
 * import * as Layer from "effect/Layer"
 *
 * class Payments extends Context.Service<Payments, CircuitBreaker.CircuitBreaker>()("app/Payments") {
 *   static readonly layer = Layer.effect(Payments, CircuitBreaker.make({ name: "payments" }))
 * }
 * ```
 */
export const CircuitBreaker: Context.Service<CircuitBreaker, CircuitBreaker> =
  Context.Service<CircuitBreaker>("@fireweed/circuit-breaker/CircuitBreaker")

/**
 * Makes a breaker, closed.
 *
 * Its time is the `Clock` of the fiber that makes it, for as long as it lives. Options that make no sense (an unknown key,
 * more successes than trials) are a defect, a `TypeError` that names the option.
 *
 * ```ts
 * import { CircuitBreaker } from "@fireweed/circuit-breaker"
 * import * as Effect from "effect/Effect"
 *
 * const program = Effect.gen(function* () {
 *   const breaker = yield* CircuitBreaker.make({ name: "prices", tripPolicy: CircuitBreaker.consecutive(2) })
 *   const price = breaker.run(Effect.fail("down"))
 *   yield* Effect.exit(price)
 *   yield* Effect.exit(price)
 *   return yield* Effect.flip(price)
 * })
 *
 * const error = await Effect.runPromise(program)
 * if (!(error instanceof CircuitBreaker.CircuitOpen)) throw new Error("expected an open circuit")
 * ```
 */
export const make = (options: Options = {}): Effect.Effect<CircuitBreaker> =>
  Effect.contextWith((context: Context.Context<never>) =>
    Clock.clockWith((clock) =>
      Effect.sync(() => new Breaker(decode(options, "CircuitBreaker.make", context), clock))
    )
  )

/**
 * A layer of the {@link CircuitBreaker} service; the options are those of {@link make}.
 *
 * ```ts
 * import { CircuitBreaker } from "@fireweed/circuit-breaker"
 * import * as Effect from "effect/Effect"
 *
 * const program = CircuitBreaker.CircuitBreaker.use((breaker) => breaker.run(Effect.succeed(1)))
 *
 * await Effect.runPromise(Effect.provide(program, CircuitBreaker.layer({ openDuration: "10 seconds" })))
 * ```
 */
export const layer = (options: Options = {}): Layer.Layer<CircuitBreaker> =>
  Layer.effect(CircuitBreaker, make(options))

/**
 * Runs an effect if the circuit lets it, and judges its exit; else fails with a {@link Rejection}.
 *
 * ```ts
 * import { CircuitBreaker } from "@fireweed/circuit-breaker"
 * import * as Effect from "effect/Effect"
 *
 * const program = Effect.gen(function* () {
 *   const breaker = yield* CircuitBreaker.make()
 *   const first = yield* CircuitBreaker.run(Effect.succeed(1), breaker)
 *   const second = yield* Effect.succeed(2).pipe(CircuitBreaker.run(breaker))
 *   return first + second
 * })
 *
 * if ((await Effect.runPromise(program)) !== 3) throw new Error("expected 3")
 * ```
 */
export const run: {
  (breaker: CircuitBreaker): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E | Rejection, R>
  <A, E, R>(self: Effect.Effect<A, E, R>, breaker: CircuitBreaker): Effect.Effect<A, E | Rejection, R>
} = dual(
  2,
  <A, E, R>(self: Effect.Effect<A, E, R>, breaker: CircuitBreaker): Effect.Effect<A, E | Rejection, R> =>
    breaker.run(self)
)

/**
 * Takes a permit, for work that is no single effect. A permit not settled when the scope closes is ignored.
 *
 * ```ts
 * import { CircuitBreaker } from "@fireweed/circuit-breaker"
 * import * as Effect from "effect/Effect"
 *
 * const program = Effect.gen(function* () {
 *   const breaker = yield* CircuitBreaker.make()
 *   const permit = yield* CircuitBreaker.acquire(breaker)
 *   // ... work that is no single effect
 *   yield* permit.success
 * }).pipe(Effect.scoped)
 *
 * await Effect.runPromise(program)
 * ```
 */
export const acquire = (breaker: CircuitBreaker): Effect.Effect<Permit, Rejection, Scope.Scope> =>
  breaker.acquire
