/** A hung worker, looked at. */
import * as Schema from "effect/Schema"

/**
 * Why a worker hung, as it was seen from outside.
 *
 * @category models
 */
export interface Diagnosis {
  /**
   * `stopped`: by a signal such as `SIGSTOP`; `gil-held`: native code computes and does not let go of the interpreter's lock; `blocked`: it
   * waits for something and does not; `ignores-cancellation`: the worker is well, but the call goes on although it was cancelled;
   * `unknown`: it does not answer, and cannot be looked at.
   */
  readonly state: "stopped" | "gil-held" | "blocked" | "ignores-cancellation" | "unknown"
  /** The stacks of its threads, as Python's `faulthandler` writes them; empty if they could not be had. */
  readonly stack: string
  /** Where user code is stuck, as `file:line in function`. */
  readonly line?: string
}

/** A diagnosis as data that can cross a process. */
export const Diagnosis: Schema.Codec<Diagnosis> = Schema.Struct({
  state: Schema.Literals(["stopped", "gil-held", "blocked", "ignores-cancellation", "unknown"]),
  stack: Schema.String,
  line: Schema.optionalKey(Schema.String)
})
