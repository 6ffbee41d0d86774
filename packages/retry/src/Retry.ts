/**
 * Runs an effect again when it fails, by a policy that is decoded once and shared by any number of calls. Nothing is built before the
 * first failure. Only typed failures are retried; interruption and defects pass.
 */
import type * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import type * as Schedule from "effect/Schedule"
import * as Backoff from "./Backoff.ts"
import * as Category from "./Category.ts"
import * as engine from "./internal/engine.ts"
import * as Metrics from "./internal/metrics.ts"
import * as decode from "./internal/retryOptions.ts"
import type { RetryBudget } from "./RetryBudget.ts"
import type { Attempt, RetryExhausted } from "./RetryExhausted.ts"

export { RetryExhausted } from "./RetryExhausted.ts"
export type { Attempt, Reason } from "./RetryExhausted.ts"
export { CurrentAttempt } from "./internal/engine.ts"

const TypeId = "~@fireweed/retry/Policy"

/**
 * What fails when a policy gives up: a {@link RetryExhausted} with the history, or the last error as it came.
 *
 * @category models
 */
export type Surface = "exhausted" | "last"

/**
 * A decoded policy, made by {@link make} or {@link byCategory} and used by {@link run}. `E` is the error it can judge, and `T`
 * what its `timeout` adds to the errors of an effect.
 *
 * @category models
 */
export interface Policy<
  in E = unknown,
  out S extends Surface = Surface,
  out T = never
> extends engine.Settings<E> {
  readonly [TypeId]: { readonly _S?: S; readonly _T?: T }
}

/**
 * What {@link run} adds to the errors of the effect: nothing if the policy surfaces the last error.
 *
 * @category models
 */
export type GivenUp<S extends Surface, E> = [S] extends ["last"] ? never : RetryExhausted<E>

/**
 * The error that a `timeout` adds, if there is one.
 *
 * @category models
 */
export type TimedOut<D extends Duration.Input | undefined> = [D] extends [undefined]
  ? never
  : Cause.TimeoutError

/**
 * Options of every policy.
 *
 * @category models
 */
export interface CommonOptions<
  in E,
  out S extends Surface,
  out D extends Duration.Input | undefined = undefined
> {
  /**
   * How long each attempt may take. One that takes longer is interrupted and fails with a `TimeoutError`, which is judged like any other
   * error: its category is `"timeout"`, and it does not say that the call had not begun. Default: as long as it takes.
   */
  readonly timeout?: D | undefined
  /**
   * The time from the start of the first attempt within which the last may start. A delay that would pass it is not slept: the call
   * gives up at once. It does not interrupt an attempt. Default: no end.
   */
  readonly maxElapsed?: Duration.Input | undefined
  /**
   * Reads the wait an error asks for, which becomes the least delay, with up to a fifth added so that clients do not come back
   * together. Zero is now; infinity is never: the error passes. It is given the time of the wall clock, in milliseconds since 1970. Readers
   * for HTTP and gRPC are in `RetryAfter`. Default: the error's `retryAfter` field, if that is a `Duration`.
   */
  readonly retryAfter?: ((error: E, now: number) => Duration.Input | undefined) | undefined
  /** A longer `retryAfter` is taken as this one. Default 1 minute. */
  readonly maxRetryAfter?: Duration.Input | undefined
  /**
   * Whether to wait out the `retryAfter` of a circuit breaker's rejection (an error of category `"circuit"`). Default false: a
   * rejection passes at once and costs no attempt. One without `retryAfter` always passes.
   */
  readonly waitForCircuit?: boolean | undefined
  /**
   * Whether a call may run twice. `false`: it is retried only after errors which say that it had not begun (`started: "no"` or
   * `retrySafe: true`). Default: not said, so it is retried unless the rule of a category asks for an idempotent call. Each call can
   * say otherwise.
   */
  readonly idempotent?: boolean | undefined
  /** Default `"exhausted"`. */
  readonly surface?: S | undefined
  /** How many attempts the history keeps: the last ones. Default 16. */
  readonly history?: number | undefined
  /**
   * A budget that this policy shares with others: each call adds to it, each retry takes from it. When it is spent, a call that fails gives
   * up at once, with the reason `"budget"`. Default: none.
   */
  readonly budget?: RetryBudget | undefined
  /** Called after each failure that will be retried, before the delay. An effect it gives is run. */
  readonly onRetry?: ((attempt: Attempt<E>) => Effect.Effect<unknown> | void) | undefined
  /** Called after each delay, before the next attempt, with the failure that led to it. An effect it gives is run. */
  readonly afterDelay?: ((attempt: Attempt<E>) => Effect.Effect<unknown> | void) | undefined
  /** Called before giving up. An effect it gives is run. */
  readonly onGiveUp?: ((exhausted: RetryExhausted<E>) => Effect.Effect<unknown> | void) | undefined
  /** Names the policy in metrics and spans. Default `"retry"`. */
  readonly name?: string | undefined
  /**
   * Counts `retry_attempts`, `retry_retries` and `retry_give_ups`, labelled with `policy`, the last also with `reason`. Default `false`.
   */
  readonly metrics?: boolean | undefined
  /**
   * Writes `retry.policy`, `retry.attempts` and, if it gives up, `retry.given_up` (the reason) on the span around the call, where there is
   * one. Default `false`.
   */
  readonly spans?: boolean | undefined
}

/**
 * Options of {@link make}.
 *
 * @category models
 */
export interface Options<
  in E,
  out S extends Surface,
  out D extends Duration.Input | undefined = undefined
> extends CommonOptions<E, S, D> {
  /**
   * Default `Backoff.decorrelatedV2("100 millis")`, which stops growing at 30 seconds. A `Schedule` begins anew with the first failure of each
   * call, and its end, or a delay without end, ends the retries; how many there are at most is still for `retries` to say.
   */
  readonly backoff?: Backoff.Backoff<E> | Schedule.Schedule<unknown, E> | undefined
  /** How many times it is tried *again*; `Infinity` for no end. Default 3. */
  readonly retries?: number | undefined
  /** Which errors to retry; the others pass. Default: all. */
  readonly while?: ((error: E) => boolean) | undefined
}

/**
 * Options of {@link byCategory}.
 *
 * @category models
 */
export interface CategoryOptions<
  in E,
  C extends string,
  out S extends Surface,
  out D extends Duration.Input | undefined = undefined
> extends CommonOptions<E, S, D> {
  /** Rules to add to those of `Category.rules`, or to put in their place. */
  readonly rules?: Readonly<Record<C, Category.Rule>> | undefined
  /** The category of an error; `undefined` leaves it to the error's own `category`. */
  readonly classify?: ((error: E) => NoInfer<C> | Category.Name | undefined) | undefined
}

/**
 * Options of one call.
 *
 * @category models
 */
export interface CallOptions {
  /** Whether this call may run twice; wins over the policy. */
  readonly idempotent?: boolean | undefined
  /** The time within which the last attempt of this call may start; wins over the policy. */
  readonly maxElapsed?: Duration.Input | undefined
}

/**
 * Makes a policy: one backoff for all errors. Throws a `TypeError` that names the option for an unknown key or an impossible value.
 *
 * ```ts
 * import { Backoff, Retry } from "@fireweed/retry"
 * import * as assert from "node:assert"
 * import * as Effect from "effect/Effect"
 *
 * const policy = Retry.make({ retries: 2, backoff: Backoff.constant("1 milli") })
 *
 * let calls = 0
 * const flaky = Effect.suspend(() => (++calls < 3 ? Effect.fail("not yet") : Effect.succeed("done")))
 * assert.strictEqual(await Effect.runPromise(Retry.run(flaky, policy)), "done")
 * assert.strictEqual(calls, 3)
 * ```
 *
 * @category constructors
 */
export const make = <
  E = unknown,
  const S extends Surface = "exhausted",
  const D extends Duration.Input | undefined = undefined
>(
  options?: Options<E | TimedOut<D>, S, D>
): Policy<E | TimedOut<D>, S, TimedOut<D>> => {
  const decoded = decode.policy({ ...options })
  const { backoff = Backoff.decorrelatedV2("100 millis"), while: predicate } = options ?? {}
  const plan = { retries: decoded.retries, backoff, retryAfter: "floor", onlyIdempotent: false } as const
  return settle(options ?? {}, decoded, (error) =>
    predicate === undefined || predicate(error) ? plan : undefined
  )
}

/**
 * Makes a policy that takes its plan from the category of each error, by the table `Category.rules` and what `rules` adds to it. The
 * retries of each category are counted apart. An error of a category that has no retries, or is not in the table, passes.
 *
 * ```ts
 * import { Backoff, Category, Retry } from "@fireweed/retry"
 * import * as assert from "node:assert"
 * import * as Effect from "effect/Effect"
 *
 * const policy = Retry.byCategory({
 *   rules: { throttled: { severity: "minor", retries: 5, backoff: Backoff.linear("1 milli") } },
 *   classify: (error: { readonly status: number }) => (error.status === 429 ? "throttled" : undefined)
 * })
 *
 * let calls = 0
 * const call = Effect.suspend(() => Effect.fail({ status: ++calls < 3 ? 429 : 404 }))
 * const error = await Effect.runPromise(Effect.flip(Retry.run(call, policy)))
 * assert.deepStrictEqual([error, calls], [{ status: 404 }, 3])
 * ```
 *
 * @category constructors
 */
export const byCategory = <
  E = unknown,
  C extends string = never,
  const S extends Surface = "exhausted",
  const D extends Duration.Input | undefined = undefined
>(
  options?: CategoryOptions<E | TimedOut<D>, C, S, D>
): Policy<E | TimedOut<D>, S, TimedOut<D>> => {
  const rules: Readonly<Record<string, Category.Rule>> = { ...Category.rules, ...options?.rules }
  const decoded = decode.byCategory({ ...options, rules })
  const plans = new Map(
    Object.entries(decoded.rules)
      .filter(([, rule]) => rule.retries > 0)
      .map(([category, rule]) => [
        category,
        { ...rule, backoff: rules[category]?.backoff ?? Backoff.constant(0) }
      ])
  )
  const classify = options?.classify
  return settle(options ?? {}, decoded, (error) => {
    const category = classify?.(error) ?? Category.of(error)
    return category === undefined ? undefined : plans.get(category)
  })
}

/**
 * Runs an effect by a policy. An error that is not to be retried passes as it is; see {@link GivenUp} for the others.
 *
 * The value it gives can be built once and run many times. `CurrentAttempt` tells the effect its number.
 *
 * ```ts
 * import { Retry } from "@fireweed/retry"
 * import * as assert from "node:assert"
 * import * as Effect from "effect/Effect"
 *
 * const policy = Retry.byCategory()
 * const sent = Effect.fail({ category: "connection", started: "maybe" })
 *
 * const error = await Effect.runPromise(sent.pipe(Retry.run(policy, { idempotent: false }), Effect.flip))
 * assert.ok(error instanceof Retry.RetryExhausted)
 * assert.strictEqual(error.reason, "idempotency")
 * ```
 *
 * @category combinators
 */
export const run: {
  /** Runs an effect by a policy. */
  <E, S extends Surface, T>(
    policy: Policy<E, S, T>,
    options?: CallOptions
  ): <A, E1 extends E, R>(self: Effect.Effect<A, E1, R>) => Effect.Effect<A, E1 | T | GivenUp<S, E1 | T>, R>
  /** Runs an effect by a policy. */
  <A, E, R, S extends Surface, T>(
    self: Effect.Effect<A, E, R>,
    policy: Policy<NoInfer<E | T>, S, T>,
    options?: CallOptions
  ): Effect.Effect<A, E | T | GivenUp<S, E | T>, R>
} = dual(
  (args) => Effect.isEffect(args[0]),
  <A, E, R>(
    self: Effect.Effect<A, E, R>,
    policy: Policy<E | Cause.TimeoutError>,
    options?: CallOptions
  ): Effect.Effect<A, E | Cause.TimeoutError | RetryExhausted<E | Cause.TimeoutError>, R> =>
    engine.run(
      policy.timeout === undefined ? self : Effect.timeout(self, policy.timeout),
      policy,
      wishesOf(policy, options)
    )
)

/**
 * The policy as a schedule, for `Effect.retry`, `Stream.retry`, `Layer.retry` and the combinators of `Schedule`: it makes the same decisions
 * with the same hooks, and its output is the attempt that has failed. The last error comes out unchanged, and `afterDelay` is not called: a
 * schedule does not run the effect. The compiler refuses a policy with a `timeout` for the same reason.
 *
 * ```ts
 * import { Backoff, Retry } from "@fireweed/retry"
 * import * as assert from "node:assert"
 * import * as Effect from "effect/Effect"
 *
 * const policy = Retry.make({ retries: 2, backoff: Backoff.constant("1 milli"), while: (error: string) => error === "busy" })
 *
 * let calls = 0
 * const call = Effect.suspend(() => Effect.fail(++calls < 3 ? "busy" : "broken"))
 * const error = await Effect.runPromise(Effect.flip(Effect.retry(call, Retry.toSchedule(policy))))
 * assert.deepStrictEqual([error, calls], ["broken", 3])
 * ```
 *
 * @category conversions
 */
export const toSchedule = <E>(policy: Policy<E>, options?: CallOptions): Schedule.Schedule<Attempt<E>, E> =>
  engine.toSchedule(policy, wishesOf(policy, options))

const wishesOf = <E>(policy: Policy<E, Surface, unknown>, options: CallOptions | undefined): engine.Wishes =>
  options === undefined
    ? policy
    : {
        idempotent: options.idempotent,
        maxElapsed:
          options.maxElapsed === undefined
            ? policy.maxElapsed
            : Duration.toMillis(Duration.fromInputUnsafe(options.maxElapsed))
      }

const settle = <E, S extends Surface, D extends Duration.Input | undefined>(
  options: CommonOptions<E, S, D>,
  decoded: decode.Common,
  plan: (error: E) => engine.Plan<E> | undefined
): Policy<E, S, TimedOut<D>> => ({
  [TypeId]: {},
  plan,
  name: decoded.name,
  metrics: decoded.metrics ? Metrics.retries(decoded.name) : undefined,
  spans: decoded.spans,
  timeout: decoded.timeout,
  maxElapsed: decoded.maxElapsed,
  retryAfter: options.retryAfter ?? Category.retryAfter,
  maxRetryAfter: decoded.maxRetryAfter,
  waitForCircuit: decoded.waitForCircuit,
  idempotent: decoded.idempotent,
  surface: decoded.surface,
  history: decoded.history,
  budget: decoded.budget,
  onRetry: options.onRetry,
  afterDelay: options.afterDelay,
  onGiveUp: options.onGiveUp
})
