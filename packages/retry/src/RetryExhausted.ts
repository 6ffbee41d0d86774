/** Giving up: the error, and the history it carries. */
import type * as Cause from "effect/Cause"
import * as Data from "effect/Data"
import type * as Duration from "effect/Duration"
import * as Formatter from "effect/Formatter"

/**
 * One failed attempt.
 *
 * @category models
 */
export interface Attempt<out E> {
  /** Its number, from 1. */
  readonly number: number
  readonly error: E
  /** When it failed, in milliseconds of the wall clock since 1970. */
  readonly at: number
  /** How long it took; unknown for the first attempt unless the policy has `maxElapsed`, since then no clock is read before a failure. */
  readonly duration: Duration.Duration | undefined
  /** The wait that follows it; for the last attempt the one that was not waited, zero unless the reason is `"deadline"`. */
  readonly delay: Duration.Duration
}

/**
 * Why it was given up: all retries are spent; the next delay would pass `maxElapsed`; the shared budget is spent; or the call may have run and
 * is not idempotent.
 *
 * @category models
 */
export type Reason = "attempts" | "deadline" | "budget" | "idempotency"

interface Fields<E> {
  readonly reason: Reason
  /** How many attempts were made. */
  readonly count: number
  /** The last of them, oldest first, as many as the policy's `history`. */
  readonly attempts: ReadonlyArray<Attempt<E>>
  readonly lastError: E
}

const RetryExhaustedBase: new <E>(
  args: Fields<E> & { readonly cause: E }
) => Cause.YieldableError & { readonly _tag: "RetryExhausted" } & Fields<E> =
  Data.TaggedError("RetryExhausted")

/**
 * An error that would be retried was not, for a `reason`. It has no stack: the errors in `attempts` say where they come from. It has no
 * `category` either, so a policy around this one does not retry what has been given up unless it is told to.
 *
 * @category errors
 */
export class RetryExhausted<E> extends RetryExhaustedBase<E> {
  constructor(fields: Fields<E>) {
    const limit: unknown = Reflect.get(Error, "stackTraceLimit")
    Reflect.set(Error, "stackTraceLimit", 0)
    super({ ...fields, cause: fields.lastError })
    Reflect.set(Error, "stackTraceLimit", limit)
  }
  override get message(): string {
    return `gave up after ${this.count} ${this.count === 1 ? "attempt" : "attempts"}: ${why[this.reason]}; last error: ${headline(this.lastError)}`
  }
}

const why: Record<Reason, string> = {
  attempts: "no retry is left",
  deadline: "the next delay would pass maxElapsed",
  budget: "the retry budget that it shares is spent",
  idempotency: "the call may have run; mark it idempotent if it may run twice"
}

const headline = (error: unknown): string => {
  if (!(error instanceof Error)) return Formatter.format(error)
  return error.message === "" ? error.name : `${error.name}: ${error.message}`
}
