/**
 * Trip policies: when a closed circuit opens.
 */

/**
 * When a closed circuit opens, as data.
 *
 * - `Consecutive`: after that many failures in a row. The row is in order of completion, not of start.
 */
export type TripPolicy = { readonly _tag: "Consecutive"; readonly failures: number }

/**
 * How near a trip policy is to opening the circuit.
 */
export type TripStatus = {
  readonly _tag: "Consecutive"
  /** Failures in a row so far. */
  readonly failures: number
  /** The number of them that opens the circuit. */
  readonly threshold: number
}

/**
 * Opens the circuit after `failures` failed calls in a row; one success starts the count again.
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
