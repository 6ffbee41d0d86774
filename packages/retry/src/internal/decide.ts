/** Whether to retry, and when: pure, given what was spent, the time that has passed, and chance. */
import * as Duration from "effect/Duration"
import * as Backoff from "../Backoff.ts"
import * as Category from "../Category.ts"
import type { Reason } from "../RetryExhausted.ts"

export interface Plan<in E> {
  readonly retries: number
  readonly backoff: Backoff.Backoff<E>
  readonly retryAfter: "floor" | "instead"
  readonly onlyIdempotent: boolean
}

/** What decides; durations in milliseconds. */
export interface Rules<in E> {
  /** The plan for an error, one object for each thing that is counted apart; `undefined` lets the error pass. */
  readonly plan: (error: E) => Plan<E> | undefined
  readonly retryAfter: (error: E) => Duration.Input | undefined
  readonly maxRetryAfter: number
  readonly waitForCircuit: boolean
}

export interface Situation<in E> {
  /** The last step of each plan that has been used. */
  readonly steps: ReadonlyMap<Plan<E>, Backoff.Step>
  /** The time left for another attempt to start in, in milliseconds. */
  readonly left: number
  readonly idempotent: boolean | undefined
  readonly random: () => number
}

export type Decision<E> =
  | { readonly _tag: "Pass" }
  | { readonly _tag: "Retry"; readonly plan: Plan<E>; readonly step: Backoff.Step; readonly delay: number }
  | { readonly _tag: "GiveUp"; readonly reason: Reason; readonly delay: number }

export const decide = <E>(rules: Rules<E>, situation: Situation<E>, error: E): Decision<E> => {
  const hint = hintOf(rules, error)
  if (hint === Infinity) return pass
  if (Category.of(error) === "circuit" && !(rules.waitForCircuit && hint !== undefined)) return pass
  const plan = rules.plan(error)
  if (plan === undefined) return pass
  if (!allowed(plan, situation.idempotent, error)) return giveUp("idempotency")

  const previous = situation.steps.get(plan) ?? Backoff.start
  if (previous.retry >= plan.retries) return giveUp("attempts")

  const step = Backoff.next(plan.backoff, previous, situation.random(), error)
  const delay = hint === undefined ? step.delay : hinted(rules, plan, step, hint, situation.random)
  if (delay > situation.left) return giveUp("deadline", delay)
  return { _tag: "Retry", plan, step, delay }
}

const pass = { _tag: "Pass" } as const

const giveUp = (reason: Reason, delay = 0) => ({ _tag: "GiveUp", reason, delay }) as const

const hintOf = <E>(rules: Rules<E>, error: E): number | undefined => {
  const hint = rules.retryAfter(error)
  return hint === undefined ? undefined : Math.max(0, Duration.toMillis(hint))
}

const allowed = <E>(plan: Plan<E>, idempotent: boolean | undefined, error: E): boolean =>
  idempotent === true || (idempotent === undefined && !plan.onlyIdempotent) || Category.isSafe(error)

// The spread is added to the clamped hint, not clamped with it: else all whose hint is at the maximum would come back together.
const hinted = <E>(
  rules: Rules<E>,
  plan: Plan<E>,
  step: Backoff.Step,
  hint: number,
  random: () => number
): number => {
  if (hint === 0) return 0
  const least = Math.min(hint, rules.maxRetryAfter) * (1 + random() / 5)
  return plan.retryAfter === "instead" ? least : Math.max(step.delay, least)
}
