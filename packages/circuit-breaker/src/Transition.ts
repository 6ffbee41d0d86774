/**
 * The words for what a circuit does: its three phases, the moves between them, and why each was made.
 */

/**
 * Where a circuit is: `Closed` lets calls through, `Open` refuses them, `HalfOpen` lets a few through as trials.
 */
export type Phase = "Closed" | "Open" | "HalfOpen"

/**
 * Why a circuit opened.
 *
 * - `ConsecutiveFailures`: that many calls failed in a row while it was closed;
 * - `TrialFailed`: a trial failed while it was half-open;
 * - `TrialsOverdue`: the half-open period reached its deadline before enough trials had succeeded;
 * - `Tripped`: somebody called `trip`.
 */
export type OpenReason =
  | { readonly _tag: "ConsecutiveFailures"; readonly failures: number }
  | { readonly _tag: "TrialFailed" }
  | { readonly _tag: "TrialsOverdue" }
  | { readonly _tag: "Tripped" }

/**
 * Why a circuit is in the phase it is in: an {@link OpenReason}, or
 *
 * - `Created`: it is new;
 * - `OpenTimeOver`: the open time was over and a call came, the first trial;
 * - `TrialsSucceeded`: enough trials succeeded, so it closed;
 * - `Reset`: somebody called `reset`.
 */
export type Reason =
  | OpenReason
  | { readonly _tag: "Created" }
  | { readonly _tag: "OpenTimeOver" }
  | { readonly _tag: "TrialsSucceeded" }
  | { readonly _tag: "Reset" }

/**
 * A move from one phase to another.
 */
export interface Transition {
  /** The name of the breaker. */
  readonly breaker: string
  /** The phase it left; `undefined` when this only tells a new subscriber where the circuit is. */
  readonly from: Phase | undefined
  readonly to: Phase
  /** When, in milliseconds since 1970. A deadline that nobody watched is dated when it passed, not when it was noticed. */
  readonly at: number
  readonly reason: Reason
}
