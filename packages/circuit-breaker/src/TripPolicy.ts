/**
 * Trip policies: when a closed circuit opens.
 */
import type * as Duration from "effect/Duration"

/**
 * When a closed circuit opens, as data. See {@link consecutive}, {@link failureRate}, {@link slowCalls} and {@link anyOf}.
 */
export type TripPolicy =
  | { readonly _tag: "Consecutive"; readonly failures: number }
  | {
      readonly _tag: "FailureRate"
      readonly rate?: number | undefined
      readonly over?: Over | undefined
      readonly minimum?: number | undefined
    }
  | {
      readonly _tag: "SlowCalls"
      readonly slowAfter?: Duration.Input | undefined
      readonly rate?: number | undefined
      readonly over?: Over | undefined
      readonly minimum?: number | undefined
    }
  | { readonly _tag: "AnyOf"; readonly policies: ReadonlyArray<TripPolicy> }

/**
 * The calls that a rate is taken of: the last so many, or those of the last so long. A window of time is counted in ten parts, and
 * forgets all parts that have passed at once, so it covers between nine tenths and all of its length.
 */
export type Over = { readonly calls: number } | { readonly window: Duration.Input }

/**
 * How near a trip policy is to opening the circuit.
 */
export type TripStatus =
  | {
      readonly _tag: "Consecutive"
      /** Failures in a row so far. */
      readonly failures: number
      /** The number of them that opens the circuit. */
      readonly threshold: number
    }
  | {
      readonly _tag: "FailureRate" | "SlowCalls"
      /** Calls of the window that failed, or were slow. */
      readonly marked: number
      /** Calls of the window. */
      readonly calls: number
      /** The rate that opens the circuit, from so many calls on. */
      readonly rate: number
      readonly minimum: number
    }
  | { readonly _tag: "AnyOf"; readonly policies: ReadonlyArray<TripStatus> }

/**
 * Opens the circuit after `failures` failed calls in a row; one success starts the count again. The row is in order of completion,
 * not of start.
 *
 * `failures` is a whole number, at least 1: `make` refuses anything else.
 *
 * ```ts
 * import { CircuitBreaker } from "@fireweed/circuit-breaker"
 *
 * const breaker = CircuitBreaker.make({ tripPolicy: CircuitBreaker.consecutive(3) })
 * ```
 */
export const consecutive = (failures: number): TripPolicy => ({ _tag: "Consecutive", failures })

/**
 * Opens the circuit when at least `rate` (above 0 to 1; default 0.5) of the calls failed, once there are `minimum` of them (default 20, or all
 * that `over.calls` has). `over` is the last 100 calls, unless it says otherwise. Ignored calls are no calls.
 *
 * ```ts
 * import { CircuitBreaker } from "@fireweed/circuit-breaker"
 *
 * const lastHundred = CircuitBreaker.make({ tripPolicy: CircuitBreaker.failureRate() })
 * const lastHalfMinute = CircuitBreaker.make({
 *   tripPolicy: CircuitBreaker.failureRate({ rate: 0.25, over: { window: "30 seconds" }, minimum: 50 })
 * })
 * ```
 */
export const failureRate = (
  options: {
    readonly rate?: number | undefined
    readonly over?: Over | undefined
    readonly minimum?: number | undefined
  } = {}
): TripPolicy => ({ _tag: "FailureRate", ...options })

/**
 * Opens the circuit when at least `rate` (default 0.8) of the calls took `slowAfter` (default 10 seconds) or longer, once there are `minimum` of
 * them. A call that still runs counts as slow from the moment when it has taken so long; that is noticed when a call comes or ends, or somebody
 * asks. Whether it fails later is another policy's business. A slow trial of a half-open circuit is a failure.
 *
 * ```ts
 * import { CircuitBreaker } from "@fireweed/circuit-breaker"
 *
 * const tripPolicy = CircuitBreaker.anyOf([
 *   CircuitBreaker.consecutive(5),
 *   CircuitBreaker.slowCalls({ slowAfter: "2 seconds", rate: 0.5, over: { window: "1 minute" } })
 * ])
 * ```
 */
export const slowCalls = (
  options: {
    readonly slowAfter?: Duration.Input | undefined
    readonly rate?: number | undefined
    readonly over?: Over | undefined
    readonly minimum?: number | undefined
  } = {}
): TripPolicy => ({ _tag: "SlowCalls", ...options })

/**
 * Opens the circuit when any of these policies does; if several do at once, the last of them gives the reason. At most one of them is `slowCalls`.
 *
 * ```ts
 * import { CircuitBreaker } from "@fireweed/circuit-breaker"
 *
 * const tripPolicy = CircuitBreaker.anyOf([CircuitBreaker.consecutive(5), CircuitBreaker.failureRate()])
 * ```
 */
export const anyOf = (policies: ReadonlyArray<TripPolicy>): TripPolicy => ({ _tag: "AnyOf", policies })
