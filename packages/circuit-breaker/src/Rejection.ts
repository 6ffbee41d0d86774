/**
 * Rejections: the errors of calls that a circuit did not let through.
 */
import * as Duration from "effect/Duration"
import * as Formatter from "effect/Formatter"
import type { OpenReason } from "./Transition.ts"

/**
 * What all rejections have in common. The call did not run, so trying again is safe; it is of use after `retryAfter`.
 *
 * Rejections are made by the thousand while a dependency is down, so they are errors without a stack: building one costs
 * about as much as an object.
 */
abstract class Rejected implements Error {
  static {
    // `instanceof Error`, and printed as one, without the `Error` constructor, which would capture a stack.
    Object.setPrototypeOf(this.prototype, Error.prototype)
  }

  abstract readonly _tag: string
  abstract readonly message: string
  /** The kind of error, for code that handles errors of several packages: always `"circuit"`. */
  readonly category = "circuit"
  /** The name of the breaker. */
  readonly breaker: string
  /** Its key in a registry; `undefined` for a breaker of its own. */
  readonly key: unknown
  /** How long until another call may get through. */
  readonly retryAfter: Duration.Duration
  /** Why the circuit last opened. */
  readonly reason: OpenReason
  /** The error of the last failure that counted; `undefined` if there was none since the last reset. */
  readonly lastFailure: unknown

  constructor(
    breaker: string,
    key: unknown,
    retryAfter: Duration.Duration,
    reason: OpenReason,
    lastFailure: unknown
  ) {
    this.breaker = breaker
    this.key = key
    this.retryAfter = retryAfter
    this.reason = reason
    this.lastFailure = lastFailure
  }

  get name(): string {
    return this._tag
  }

  protected get who(): string {
    return this.key === undefined ? `"${this.breaker}"` : `"${this.breaker}" of ${Formatter.format(this.key)}`
  }
}

/**
 * The circuit is open: `retryAfter` is what is left of the open time.
 */
export class CircuitOpen extends Rejected {
  readonly _tag = "CircuitOpen"

  get message(): string {
    return `Circuit ${this.who} is open (${describe(this.reason)}), so the call was not made; try again in ${Duration.format(this.retryAfter)}`
  }
}

/**
 * The circuit is half-open and all its trials are taken: `retryAfter` is what is left until its deadline, though the
 * trials may settle sooner.
 */
export class CircuitHalfOpen extends Rejected {
  readonly _tag = "CircuitHalfOpen"

  get message(): string {
    return `Circuit ${this.who} is half-open and all its trials are taken (it opened because ${describe(this.reason)}), so the call was not made; try again within ${Duration.format(this.retryAfter)}`
  }
}

/**
 * The circuit is forced open: nobody gets through until all who hold it so have let go. How long that is, is not known: `retryAfter` is what is left
 * of an opening beneath, or else as long as the first opening would last.
 */
export class CircuitForcedOpen extends Rejected {
  readonly _tag = "CircuitForcedOpen"

  get message(): string {
    return `Circuit ${this.who} is forced open, so the call was not made; try again when it is let go`
  }
}

/**
 * Every way a call can be rejected.
 */
export type Rejection = CircuitOpen | CircuitHalfOpen | CircuitForcedOpen

/** Why a circuit opened, in words. */
export const describe = (reason: OpenReason): string => {
  switch (reason._tag) {
    case "ConsecutiveFailures":
      return `${reason.failures} calls failed in a row`
    case "FailureRate":
      return `${reason.marked} of ${reason.calls} calls failed`
    case "SlowCalls":
      return `${reason.marked} of ${reason.calls} calls were slow`
    case "TrialFailed":
      return "a trial failed"
    case "TrialSlow":
      return "a trial was slow"
    case "TrialsOverdue":
      return "its trials did not end in time"
    case "Tripped":
      return "it was tripped by hand"
  }
}
