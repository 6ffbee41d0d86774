/**
 * What can be seen of a circuit at one moment.
 */
import type * as Duration from "effect/Duration"
import type { OpenReason, Override, Reason } from "./Transition.ts"
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
      /** For how long the trials may still be in flight. */
      readonly retryAfter: Duration.Duration
      /** Why it had opened. */
      readonly reason: OpenReason
      /** Trials in flight. */
      readonly running: number
      /** Trials that have a place in the total: in flight, succeeded, or failed. */
      readonly started: number
      /** Trials that succeeded. */
      readonly succeeded: number
      /** Trials that failed, and were tolerated. */
      readonly failed: number
    }

/**
 * Everything a circuit knows about itself, as plain data. Times are in milliseconds since 1970.
 */
export interface Snapshot {
  readonly breaker: string
  readonly state: State
  /** What lies over the circuit; the state is what it is beneath. */
  readonly override: Override
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
    /** Results that came after a transition, a reset or a change of the override, and changed nothing. */
    readonly stale: number
    /** Results of calls that were let through unjudged, by an override. */
    readonly bypassed: number
    readonly rejected: number
    /** Calls that would have been rejected, but for the override `Shadow`. */
    readonly shadowed: number
  }
}

/**
 * What of a circuit outlives its process, as plain data that JSON can carry: the phase, the row of openings, and the memory of the trip policy. A
 * half-open circuit is saved as an open one that is due, since its trials are lost. Overrides, the last failure and the count of calls are
 * not saved. Times are in milliseconds since 1970.
 */
export interface Saved {
  readonly version: 1
  readonly phase: "Closed" | "Open"
  readonly since: number
  readonly openUntil: number
  /** How long the last opening was to last. */
  readonly openTime: number
  readonly openReason: OpenReason
  readonly openings: number
  readonly trip: SavedTrip
}

/**
 * The memory of a trip policy: calls with their age in milliseconds, which in a window of calls have none.
 */
export type SavedTrip =
  | { readonly _tag: "Consecutive"; readonly failures: number }
  | {
      readonly _tag: "FailureRate" | "SlowCalls"
      readonly calls: ReadonlyArray<{ readonly age: number; readonly calls: number; readonly marked: number }>
    }
  | { readonly _tag: "AnyOf"; readonly policies: ReadonlyArray<SavedTrip> }
