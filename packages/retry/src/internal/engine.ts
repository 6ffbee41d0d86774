/** The loop: what happens after a failure, and what it must remember. */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Random from "effect/Random"
import * as Result from "effect/Result"
import type * as Backoff from "../Backoff.ts"
import type { RetryBudget } from "../RetryBudget.ts"
import { type Attempt, RetryExhausted } from "../RetryExhausted.ts"
import { monotonic } from "./clock.ts"
import { counted } from "./counted.ts"
import { decide, type Plan, type Rules } from "./decide.ts"

export type { Plan } from "./decide.ts"

/**
 * The number of the attempt that runs, from 1. It is set from the second attempt on, so that the first costs nothing; the first attempt
 * of a retry inside another's second attempt therefore reads 2.
 *
 * @category references
 */
export const CurrentAttempt: Context.Reference<number> = Context.Reference(
  "@fireweed/retry/Retry/CurrentAttempt",
  {
    defaultValue: () => 1
  }
)

/** A decoded policy. */
export interface Settings<in E> extends Rules<E> {
  readonly timeout: number | undefined
  readonly maxElapsed: number | undefined
  readonly idempotent: boolean | undefined
  readonly surface: "exhausted" | "last"
  readonly history: number
  readonly budget: RetryBudget | undefined
  readonly onRetry: ((attempt: Attempt<E>) => Effect.Effect<unknown> | void) | undefined
  readonly onGiveUp: ((exhausted: RetryExhausted<E>) => Effect.Effect<unknown> | void) | undefined
}

/** One call that has failed at least once. */
interface Call<A, E, R> {
  readonly self: Effect.Effect<A, E, R>
  readonly settings: Settings<E>
  readonly idempotent: boolean | undefined
  readonly maxElapsed: number | undefined
  readonly steps: Map<Plan<E>, Backoff.Step>
  readonly attempts: Array<Attempt<E>>
  /** The attempt that runs, or has just failed. */
  number: number
  /** When the call began and when this attempt did, in milliseconds of the monotonic clock, if it was read. */
  readonly began: number | undefined
  attemptBegan: number | undefined
}

/** The whole call. Before the first failure there is one handler, and the clock is read only if there is a deadline or a budget. */
export const run = <A, E, R>(
  self: Effect.Effect<A, E, R>,
  settings: Settings<E>,
  idempotent: boolean | undefined,
  maxElapsed: number | undefined
): Effect.Effect<A, E | RetryExhausted<E>, R> =>
  maxElapsed === undefined && settings.budget === undefined
    ? Effect.catchCause(self, (cause) =>
        failed(begin(self, settings, idempotent, maxElapsed, undefined), cause)
      )
    : Effect.withFiber((fiber) => {
        const began = monotonic(fiber)
        const once = Effect.catchCause(self, (cause) =>
          failed(begin(self, settings, idempotent, maxElapsed, began), cause)
        )
        return settings.budget === undefined ? once : counted(once, settings.budget, fiber, began)
      })

const begin = <A, E, R>(
  self: Effect.Effect<A, E, R>,
  settings: Settings<E>,
  idempotent: boolean | undefined,
  maxElapsed: number | undefined,
  began: number | undefined
): Call<A, E, R> => ({
  self,
  settings,
  idempotent: idempotent ?? settings.idempotent,
  maxElapsed,
  steps: new Map(),
  attempts: [],
  number: 1,
  began,
  attemptBegan: began
})

const failed = <A, E, R>(
  call: Call<A, E, R>,
  cause: Cause.Cause<E>
): Effect.Effect<A, E | RetryExhausted<E>, R> => {
  const found = Cause.findError(cause)
  if (Result.isFailure(found) || Cause.hasDies(cause)) return Effect.failCause(cause)
  const error = found.success
  return Effect.withFiber((fiber) => {
    const now = monotonic(fiber)
    const random = fiber.getRef(Random.Random)
    const decided = decide(
      call.settings,
      {
        steps: call.steps,
        left: (call.maxElapsed ?? Infinity) - (now - (call.began ?? now)),
        idempotent: call.idempotent,
        random: () => random.nextDoubleUnsafe()
      },
      error
    )
    const isOver = decided._tag === "Retry" && call.settings.budget?.spendUnsafe(now) === false
    const decision = isOver ? ({ _tag: "GiveUp", reason: "budget", delay: decided.delay } as const) : decided
    if (decision._tag === "Pass") return Effect.failCause(cause)

    const attempt = record(call, error, fiber, now, Duration.millis(decision.delay))
    if (decision._tag === "GiveUp") {
      if (call.settings.surface === "last" && call.settings.onGiveUp === undefined)
        return Effect.failCause(cause)
      const exhausted = new RetryExhausted({
        reason: decision.reason,
        count: call.number,
        attempts: call.attempts,
        lastError: error
      })
      const given: Effect.Effect<never, E | RetryExhausted<E>> =
        call.settings.surface === "last" ? Effect.failCause(cause) : Effect.fail(exhausted)
      return after(call.settings.onGiveUp?.(exhausted), given)
    }

    call.steps.set(decision.plan, decision.step)
    call.number++
    const next = attemptAgain(call)
    return after(
      call.settings.onRetry?.(attempt),
      // A sleep of zero would still hand the fiber back to the scheduler.
      decision.delay === 0 ? next : Effect.andThen(Effect.sleep(attempt.delay), next)
    )
  })
}

const attemptAgain = <A, E, R>(call: Call<A, E, R>): Effect.Effect<A, E | RetryExhausted<E>, R> =>
  Effect.withFiber((fiber) => {
    call.attemptBegan = monotonic(fiber)
    return Effect.catchCause(Effect.provideService(call.self, CurrentAttempt, call.number), (cause) =>
      failed(call, cause)
    )
  })

const record = <A, E, R>(
  call: Call<A, E, R>,
  error: E,
  fiber: Fiber.Fiber<unknown, unknown>,
  now: number,
  delay: Duration.Duration
): Attempt<E> => {
  const attempt: Attempt<E> = {
    number: call.number,
    error,
    at: fiber.getRef(Clock.Clock).currentTimeMillisUnsafe(),
    duration: call.attemptBegan === undefined ? undefined : Duration.millis(now - call.attemptBegan),
    delay
  }
  call.attempts.push(attempt)
  if (call.attempts.length > call.settings.history) call.attempts.shift()
  return attempt
}

const after = <A, E, R>(
  hook: Effect.Effect<unknown> | void,
  effect: Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> => (Effect.isEffect(hook) ? Effect.andThen(hook, effect) : effect)
