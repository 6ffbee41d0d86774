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
 * - `FailureRate`, `SlowCalls`: of so many `calls`, so many were `marked` as failed, or slow, and `rate` was the limit;
 * - `TrialFailed`, `TrialSlow`: a trial failed, or took too long, while it was half-open;
 * - `TrialsOverdue`: trials were in flight until the deadline of the half-open period;
 * - `Tripped`: somebody called `trip`.
 */
export type OpenReason =
  | { readonly _tag: "ConsecutiveFailures"; readonly failures: number }
  | {
      readonly _tag: "FailureRate" | "SlowCalls"
      readonly marked: number
      readonly calls: number
      readonly rate: number
    }
  | { readonly _tag: "TrialFailed" }
  | { readonly _tag: "TrialSlow" }
  | { readonly _tag: "TrialsOverdue" }
  | { readonly _tag: "Tripped" }

/**
 * Why a circuit is in the phase it is in: an {@link OpenReason}, or
 *
 * - `Created`: it is new;
 * - `Restored`: it was made with what another one had saved;
 * - `OpenTimeOver`: the open time was over and a call came, the first trial;
 * - `Probed`: a probe found the dependency well;
 * - `TrialsSucceeded`: enough trials succeeded, so it closed;
 * - `Reset`: somebody called `reset`;
 * - `Overridden`: no move; another `override` lies over the circuit now, or `None`.
 */
export type Reason =
  | OpenReason
  | { readonly _tag: "Created" }
  | { readonly _tag: "Restored" }
  | { readonly _tag: "OpenTimeOver" }
  | { readonly _tag: "Probed" }
  | { readonly _tag: "TrialsSucceeded" }
  | { readonly _tag: "Reset" }
  | { readonly _tag: "Overridden"; readonly override: Override }

/**
 * What lies over a circuit, and does not touch it: `ForcedOpen` rejects all calls, `ForcedClosed` lets all through unjudged, `Shadow` lets all through and
 * goes on judging, so that one sees what the circuit would have done.
 */
export type Override = "None" | "ForcedOpen" | "ForcedClosed" | "Shadow"

/**
 * A move from one phase to another; or, with one phase as both, a change of what lies over the circuit.
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
