/**
 * Outcomes: what a finished call says about the dependency.
 */
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import type * as Exit from "effect/Exit"

/**
 * What a finished call says about the dependency: that it is well, that it is not, or nothing.
 *
 * A failure may carry the error that rejections report as `lastFailure`, and the time for which the dependency asked to
 * be left alone. If that failure opens the circuit, `retryAfter` can lengthen the opening, up to `maxOpenDuration`, and
 * never shortens it.
 */
export type Outcome =
  | { readonly _tag: "Success" }
  | {
      readonly _tag: "Failure"
      readonly error?: unknown
      readonly retryAfter?: Duration.Duration | undefined
    }
  | { readonly _tag: "Ignored" }

/**
 * Judges how a call ended; `undefined` leaves the judgement to {@link classifyDefault}.
 *
 * It is asked about every call, interrupted ones too: one that returns a failure for all that did not succeed makes a
 * caller's own interruption count against the dependency.
 */
export type Classify = (exit: Exit.Exit<unknown, unknown>) => Outcome | undefined

/**
 * The call shows that the dependency is well.
 *
 * ```ts
 * import { CircuitBreaker } from "@fireweed/circuit-breaker"
 * import * as Exit from "effect/Exit"
 *
 * // A typed failure that is no fault of the dependency.
 * const classify: CircuitBreaker.Classify = (exit) =>
 *   Exit.hasFails(exit) ? CircuitBreaker.success : undefined
 * ```
 */
export const success: Outcome = { _tag: "Success" }

/**
 * The call says nothing about the dependency. A trial gives back its slot, and its place in the total.
 *
 * ```ts
 * import { CircuitBreaker } from "@fireweed/circuit-breaker"
 * import * as Exit from "effect/Exit"
 *
 * const classify: CircuitBreaker.Classify = (exit) =>
 *   Exit.hasDies(exit) ? CircuitBreaker.ignored : undefined
 * ```
 */
export const ignored: Outcome = { _tag: "Ignored" }

/**
 * The call counts against the dependency.
 *
 * ```ts
 * import { CircuitBreaker } from "@fireweed/circuit-breaker"
 * import * as Exit from "effect/Exit"
 *
 * const overloaded = (value: unknown) => value === 503
 * const classify: CircuitBreaker.Classify = (exit) =>
 *   Exit.isSuccess(exit) && overloaded(exit.value)
 *     ? CircuitBreaker.failure({ error: exit.value, retryAfter: "2 minutes" })
 *     : undefined
 * ```
 */
export const failure = (options?: {
  readonly error?: unknown
  readonly retryAfter?: Duration.Input | undefined
}): Outcome => ({
  _tag: "Failure",
  error: options?.error,
  retryAfter: options?.retryAfter === undefined ? undefined : Duration.fromInputUnsafe(options.retryAfter)
})

/**
 * The judgement of a breaker without a `classify`: a success is a success; a typed failure and a defect are failures,
 * whose `retryAfter` is the error's own if that is a `Duration`; an exit that is only interruption is ignored.
 *
 * So a timeout outside the breaker, which interrupts the call, is ignored; one inside it counts.
 */
export const classifyDefault = (exit: Exit.Exit<unknown, unknown>): Outcome => {
  if (exit._tag === "Success") return success
  if (Cause.hasInterruptsOnly(exit.cause)) return ignored
  const error = Cause.squash(exit.cause)
  return { _tag: "Failure", error, retryAfter: retryAfterOf(error) }
}

const retryAfterOf = (error: unknown): Duration.Duration | undefined =>
  typeof error === "object" &&
  error !== null &&
  "retryAfter" in error &&
  Duration.isDuration(error.retryAfter)
    ? error.retryAfter
    : undefined
