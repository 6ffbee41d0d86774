/** Whether to retry, and when: pure, given the next delay, the time that is left, and chance. */
import * as Duration from "effect/Duration"
import type * as Schedule from "effect/Schedule"
import * as Category from "../Category.ts"
import type { Reason } from "../RetryExhausted.ts"
import type { Backoff } from "./backoff.ts"

export interface Plan<in E> {
  readonly retries: number
  readonly backoff: Backoff<E> | Schedule.Schedule<unknown, E>
  readonly retryAfter: "floor" | "instead"
  readonly onlyIdempotent: boolean
}

/** What decides; durations in milliseconds. */
export interface Rules<in E> {
  /** The plan for an error, one object for each thing that is counted apart; `undefined` lets the error pass. */
  readonly plan: (error: E) => Plan<E> | undefined
  readonly retryAfter: (error: E, now: number) => Duration.Input | undefined
  readonly maxRetryAfter: number
  readonly waitForCircuit: boolean
}

export type Decision =
  | { readonly _tag: "Pass" }
  | { readonly _tag: "Retry"; readonly delay: number }
  | { readonly _tag: "GiveUp"; readonly reason: Reason; readonly delay: number }

/** An error that may be retried: by which plan, and the wait it asks for, in milliseconds. */
export interface Admitted<in E> {
  readonly _tag: "Admitted"
  readonly plan: Plan<E>
  readonly hint: number | undefined
}

/** Whether an error is to be retried at all; `now` is the time of the wall clock. */
export const admit = <E>(
  rules: Rules<E>,
  error: E,
  idempotent: boolean | undefined,
  now: number
): Admitted<E> | Decision => {
  const hint = hintOf(rules, error, now)
  if (hint === Infinity) return pass
  if (Category.of(error) === "circuit" && !(rules.waitForCircuit && hint !== undefined)) return pass
  const plan = rules.plan(error)
  if (plan === undefined) return pass
  return allowed(plan, idempotent, error) ? { _tag: "Admitted", plan, hint } : giveUp("idempotency")
}

/** Whether there is time for a delay, once the error's own wait has been taken into account. */
export const fit = <E>(
  rules: Rules<E>,
  { hint, plan }: Admitted<E>,
  backoff: number,
  left: number,
  random: () => number
): Decision => {
  const delay = hint === undefined ? backoff : hinted(rules, plan, backoff, hint, random)
  return delay > left ? giveUp("deadline", delay) : { _tag: "Retry", delay }
}

export const giveUp = (reason: Reason, delay = 0): Decision => ({ _tag: "GiveUp", reason, delay })

const pass: Decision = { _tag: "Pass" }

const hintOf = <E>(rules: Rules<E>, error: E, now: number): number | undefined => {
  const hint = rules.retryAfter(error, now)
  // A wait that is no number was not understood, and must not become a retry at once.
  if (hint === undefined || Number.isNaN(hint)) return undefined
  return Math.max(0, Duration.toMillis(hint))
}

const allowed = <E>(plan: Plan<E>, idempotent: boolean | undefined, error: E): boolean =>
  idempotent === true || (idempotent === undefined && !plan.onlyIdempotent) || Category.isSafe(error)

// The spread is added to the clamped hint, not clamped with it: else all whose hint is at the maximum would come back together.
const hinted = <E>(
  rules: Rules<E>,
  plan: Plan<E>,
  backoff: number,
  hint: number,
  random: () => number
): number => {
  if (hint === 0) return 0
  const least = Math.min(hint, rules.maxRetryAfter) * (1 + random() / 5)
  return plan.retryAfter === "instead" ? least : Math.max(backoff, least)
}
