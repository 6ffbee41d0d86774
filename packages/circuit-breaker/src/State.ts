/**
 * What can be seen of a circuit at one moment.
 */
import type * as Duration from "effect/Duration"
import type { OpenReason, Reason } from "./Transition.ts"
import type { TripStatus } from "./TripPolicy.ts"

/**
 * The phase of a circuit, with what belongs to it.
 *
 * An `Open` circuit whose `retryAfter` is zero is due: it stays open until a call comes, and that call is its first trial.
 */
export type State =
  | { readonly _tag: "Closed" }
  | {
      readonly _tag: "Open"
      /** What is left of the open time. */
      readonly retryAfter: Duration.Duration
      readonly reason: OpenReason
    }
  | {
      readonly _tag: "HalfOpen"
      /** What is left until the deadline of the half-open period. */
      readonly retryAfter: Duration.Duration
      /** Why it had opened. */
      readonly reason: OpenReason
      /** Trials in flight. */
      readonly running: number
      /** Trials that have a place in the total: in flight, or succeeded. */
      readonly started: number
      /** Trials that succeeded. */
      readonly succeeded: number
    }

/**
 * Everything a circuit knows about itself, as plain data. Times are in milliseconds since 1970.
 */
export interface Snapshot {
  readonly breaker: string
  readonly state: State
  /** When the phase began. */
  readonly since: number
  /** Why the phase began. */
  readonly reason: Reason
  /** When an open circuit admits its first trial; `undefined` in any other phase. */
  readonly openUntil: number | undefined
  /** How near the trip policy is to opening the circuit. */
  readonly trip: TripStatus
  /** Openings in a row. They are forgotten once the circuit has stayed closed as long as it was last to be open. */
  readonly consecutiveOpenings: number
  /** The error of the last failure that counted; `undefined` if there was none since the last reset. */
  readonly lastFailure: unknown
  /** Calls since the breaker was made, by what became of them. */
  readonly calls: {
    readonly successes: number
    readonly failures: number
    readonly ignored: number
    /** Results that came after a transition or a reset, and changed nothing. */
    readonly stale: number
    readonly rejected: number
  }
}
