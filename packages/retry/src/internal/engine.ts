/** The loop: what happens after a failure, and what it must remember. */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Pull from "effect/Pull"
import * as Random from "effect/Random"
import * as Result from "effect/Result"
import * as Schedule from "effect/Schedule"
import * as Backoff from "../Backoff.ts"
import type { RetryBudget } from "../RetryBudget.ts"
import { type Attempt, type Reason, RetryExhausted } from "../RetryExhausted.ts"
import { monotonic } from "./clock.ts"
import { counted } from "./counted.ts"
import { admit, type Decision, fit, giveUp, type Plan, type Rules } from "./decide.ts"
import type { Retries } from "./metrics.ts"

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
  readonly name: string
  readonly timeout: number | undefined
  readonly maxElapsed: number | undefined
  readonly idempotent: boolean | undefined
  readonly surface: "exhausted" | "last"
  readonly history: number
  readonly budget: RetryBudget | undefined
  readonly metrics: Retries | undefined
  readonly spans: boolean
  readonly onRetry: Hook<Attempt<E>> | undefined
  readonly afterDelay: Hook<Attempt<E>> | undefined
  readonly onGiveUp: Hook<RetryExhausted<E>> | undefined
}

type Hook<A> = (a: A) => Effect.Effect<unknown> | void

/** What one call wants otherwise than its policy. */
export interface Wishes {
  readonly idempotent: boolean | undefined
  readonly maxElapsed: number | undefined
}

/** One call that has failed at least once. */
interface Call<E> {
  readonly settings: Settings<E>
  readonly wishes: Wishes
  readonly progress: Map<Plan<E>, Progress<E>>
  readonly attempts: Array<Attempt<E>>
  /** The attempt that runs, or has just failed. */
  number: number
  /** When the call began and when this attempt did, in milliseconds of the monotonic clock, if it was read. */
  readonly began: number | undefined
  attemptBegan: number | undefined
}

/** How far one plan has come. */
interface Progress<E> {
  retries: number
  step: Backoff.Step
  ask: Ask<E> | undefined
}

/** A schedule that has begun. */
type Ask<E> = (now: number, error: E) => Pull.Pull<[unknown, Duration.Duration], never, unknown>

/** The whole call. Before the first failure there is one handler, and no clock is read unless something needs the time. */
export const run = <A, E, R>(
  self: Effect.Effect<A, E, R>,
  settings: Settings<E>,
  wishes: Wishes
): Effect.Effect<A, E | RetryExhausted<E>, R> =>
  wishes.maxElapsed === undefined &&
  settings.budget === undefined &&
  settings.metrics === undefined &&
  !settings.spans
    ? Effect.catchCause(self, (cause) => failed(self, begin(settings, wishes, undefined), cause))
    : Effect.withFiber((fiber) =>
        start(settings, fiber, (began) =>
          Effect.catchCause(noted(self, settings, 1), (cause) =>
            failed(self, begin(settings, wishes, began), cause)
          )
        )
      )

/** The same decisions as a schedule. It begins with the first attempt, as long as it is built then, as `Effect.retry` does. */
export const toSchedule = <E>(settings: Settings<E>, wishes: Wishes): Schedule.Schedule<Attempt<E>, E> =>
  Schedule.fromStep(
    Effect.withFiber((fiber) =>
      start(settings, fiber, (began) => {
        const call = begin(settings, wishes, began)
        return Effect.succeed((_now: number, error: E) =>
          Effect.withFiber((fiber) =>
            decided(call, error, fiber, (decision, now) => {
              const attempt = record(call, error, fiber, now, decision._tag === "Pass" ? 0 : decision.delay)
              if (decision._tag === "Pass") return Cause.done(attempt)
              if (decision._tag === "GiveUp")
                return after(
                  settings.onGiveUp?.(exhaustedBy(call, decision.reason, error)),
                  marked(Cause.done(attempt), settings, decision.reason)
                )
              call.number++
              call.attemptBegan = now + decision.delay
              settings.metrics?.attempt(fiber)
              const next: [Attempt<E>, Duration.Duration] = [attempt, attempt.delay]
              return after(settings.onRetry?.(attempt), noted(Effect.succeed(next), settings, call.number))
            })
          )
        )
      })
    )
  )

/** What comes before the first attempt, when anybody needs the time or wants to see. */
const start = <E, A, E2, R>(
  settings: Settings<E>,
  fiber: Fiber.Fiber<unknown, unknown>,
  once: (began: number) => Effect.Effect<A, E2, R>
): Effect.Effect<A, E2, R> => {
  const began = monotonic(fiber)
  settings.metrics?.attempt(fiber)
  return settings.budget === undefined ? once(began) : counted(once(began), settings.budget, fiber, began)
}

const begin = <E>(settings: Settings<E>, wishes: Wishes, began: number | undefined): Call<E> => ({
  settings,
  wishes,
  progress: new Map(),
  attempts: [],
  number: 1,
  began,
  attemptBegan: began
})

const failed = <A, E, R>(
  self: Effect.Effect<A, E, R>,
  call: Call<E>,
  cause: Cause.Cause<E>
): Effect.Effect<A, E | RetryExhausted<E>, R> => {
  const found = Cause.findError(cause)
  if (Result.isFailure(found) || Cause.hasDies(cause)) return Effect.failCause(cause)
  const error = found.success
  return Effect.withFiber((fiber) =>
    decided(call, error, fiber, (decision, now): Effect.Effect<A, E | RetryExhausted<E>, R> => {
      const { onGiveUp, onRetry, surface } = call.settings
      if (decision._tag === "Pass") return Effect.failCause(cause)
      const attempt = record(call, error, fiber, now, decision.delay)
      if (decision._tag === "GiveUp") {
        const { reason } = decision
        if (surface === "last" && onGiveUp === undefined)
          return marked(Effect.failCause(cause), call.settings, reason)
        const exhausted = exhaustedBy(call, reason, error)
        const end: Effect.Effect<never, E | RetryExhausted<E>> =
          surface === "last" ? Effect.failCause(cause) : Effect.fail(exhausted)
        return after(onGiveUp?.(exhausted), marked(end, call.settings, reason))
      }
      call.number++
      const next = again(self, call, attempt)
      // A sleep of zero would still hand the fiber back to the scheduler.
      const then = decision.delay === 0 ? next : Effect.andThen(Effect.sleep(attempt.delay), next)
      return after(onRetry?.(attempt), then)
    })
  )
}

const again = <A, E, R>(
  self: Effect.Effect<A, E, R>,
  call: Call<E>,
  attempt: Attempt<E>
): Effect.Effect<A, E | RetryExhausted<E>, R> => {
  const { afterDelay, metrics } = call.settings
  const next = Effect.withFiber((fiber) => {
    call.attemptBegan = monotonic(fiber)
    metrics?.attempt(fiber)
    const numbered = Effect.provideService(self, CurrentAttempt, call.number)
    return Effect.catchCause(noted(numbered, call.settings, call.number), (cause) =>
      failed(self, call, cause)
    )
  })
  return afterDelay === undefined ? next : Effect.suspend(() => after(afterDelay(attempt), next))
}

/** Decides on a failure, pays for it, and counts it. */
const decided = <E, A, E2, R>(
  call: Call<E>,
  error: E,
  fiber: Fiber.Fiber<unknown, unknown>,
  follow: (decision: Decision, now: number) => Effect.Effect<A, E2, R>
): Effect.Effect<A, E2, R> => {
  const { budget, metrics } = call.settings
  const now = monotonic(fiber)
  const pay = (decision: Decision): Effect.Effect<A, E2, R> => {
    const isOver = decision._tag === "Retry" && budget?.spendUnsafe(now) === false
    const paid = isOver ? giveUp("budget", decision.delay) : decision
    if (paid._tag === "Retry") metrics?.retry(fiber)
    if (paid._tag === "GiveUp") metrics?.giveUp(fiber, paid.reason)
    return follow(paid, now)
  }
  const decision = decide(call, error, fiber, now)
  return Effect.isEffect(decision) ? Effect.flatMap(decision, pay) : pay(decision)
}

/** A schedule has to be asked for its delay; all else is known at once. */
const decide = <E>(
  { began, progress, settings, wishes }: Call<E>,
  error: E,
  fiber: Fiber.Fiber<unknown, unknown>,
  now: number
): Decision | Effect.Effect<Decision> => {
  const time = fiber.getRef(Clock.Clock).currentTimeMillisUnsafe()
  const admitted = admit(settings, error, wishes.idempotent ?? settings.idempotent, time)
  if (admitted._tag !== "Admitted") return admitted
  const { plan } = admitted
  let made = progress.get(plan)
  if (made === undefined) progress.set(plan, (made = { retries: 0, step: Backoff.start, ask: undefined }))
  if (made.retries >= plan.retries) return giveUp("attempts")
  made.retries++

  const random = fiber.getRef(Random.Random)
  const draw = (): number => random.nextDoubleUnsafe()
  const left = wishes.maxElapsed === undefined ? Infinity : wishes.maxElapsed - (now - (began ?? now))
  if (!Schedule.isSchedule(plan.backoff)) {
    made.step = Backoff.next(plan.backoff, made.step, draw(), error)
    return fit(settings, admitted, made.step.delay, left, draw)
  }
  return Effect.map(ask(plan.backoff, made, time, error), (delay) =>
    Number.isFinite(delay) ? fit(settings, admitted, delay, left, draw) : giveUp("attempts")
  )
}

/** The next delay of a schedule, in milliseconds; infinity if it has ended. */
const ask = <E>(
  schedule: Schedule.Schedule<unknown, E>,
  made: Progress<E>,
  time: number,
  error: E
): Effect.Effect<number> => {
  const step =
    made.ask === undefined
      ? Effect.map(Schedule.toStep(schedule), (step) => (made.ask = step))
      : Effect.succeed(made.ask)
  return Effect.flatMap(step, (step) =>
    Effect.map(step(time, error), ([, delay]) => Math.max(0, Duration.toMillis(delay)))
  ).pipe(Pull.catchDone(() => Effect.succeed(Infinity)))
}

const exhaustedBy = <E>(call: Call<E>, reason: Reason, lastError: E): RetryExhausted<E> =>
  new RetryExhausted({ reason, count: call.number, attempts: call.attempts, lastError })

const record = <E>(
  call: Call<E>,
  error: E,
  fiber: Fiber.Fiber<unknown, unknown>,
  now: number,
  delay: number
): Attempt<E> => {
  const attempt: Attempt<E> = {
    number: call.number,
    error,
    at: fiber.getRef(Clock.Clock).currentTimeMillisUnsafe(),
    duration: call.attemptBegan === undefined ? undefined : Duration.millis(now - call.attemptBegan),
    delay: Duration.millis(delay)
  }
  call.attempts.push(attempt)
  if (call.attempts.length > call.settings.history) call.attempts.shift()
  return attempt
}

/** Writes the number of an attempt on the span around the call, if that was asked for. */
const noted = <A, E, R>(
  effect: Effect.Effect<A, E, R>,
  { name, spans }: Pick<Settings<never>, "name" | "spans">,
  attempts: number
): Effect.Effect<A, E, R> =>
  spans
    ? Effect.andThen(Effect.annotateCurrentSpan({ "retry.policy": name, "retry.attempts": attempts }), effect)
    : effect

const marked = <A, E, R>(
  effect: Effect.Effect<A, E, R>,
  { spans }: Pick<Settings<never>, "spans">,
  reason: Reason
): Effect.Effect<A, E, R> =>
  spans ? Effect.andThen(Effect.annotateCurrentSpan("retry.given_up", reason), effect) : effect

const after = <A, E, R>(
  hook: Effect.Effect<unknown> | void,
  effect: Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> => (Effect.isEffect(hook) ? Effect.andThen(hook, effect) : effect)
