/**
 * Hedging: against the slow tail, a second attempt is started when the first takes long, and the first success wins.
 *
 * It calls the dependency more often, so it is for calls that may run twice, with a delay that most calls do not reach (their 95th percentile), and
 * with a budget, so that a dependency that is slow for all is not called twice by all.
 *
 * ```ts
 * import { Hedge, RetryBudget } from "@fireweed/retry"
 * import * as assert from "node:assert"
 * import * as Effect from "effect/Effect"
 *
 * let attempts = 0
 * const tail = Effect.suspend(() => (++attempts === 1 ? Effect.never : Effect.succeed("quick")))
 * const hedged = Hedge.run(tail, { after: "5 millis", budget: RetryBudget.make() })
 * assert.strictEqual(await Effect.runPromise(hedged), "quick")
 * assert.strictEqual(attempts, 2)
 * ```
 */
import type * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import * as Schema from "effect/Schema"
import { monotonic } from "./internal/clock.ts"
import { counted } from "./internal/counted.ts"
import * as Metrics from "./internal/metrics.ts"
import { decoder, Function, Millis } from "./internal/options.ts"
import type { RetryBudget } from "./RetryBudget.ts"
import { isRetryBudget } from "./RetryBudget.ts"

/**
 * @category models
 */
export interface Options {
  /** How long an attempt may take before the next one is started beside it. */
  readonly after: Duration.Input
  /** Attempts in all, at least 2. Default 2. */
  readonly attempts?: number | undefined
  /** Each attempt beside the first takes one retry from it; when it is spent there are no more. Default: none. */
  readonly budget?: RetryBudget | undefined
  /** Called before each attempt beside the first, with its number, from 2. An effect it gives is run. */
  readonly onHedge?: ((attempt: number) => Effect.Effect<unknown> | void) | undefined
  /** Names the hedge in metrics. Default `"hedge"`. */
  readonly name?: string | undefined
  /**
   * Counts `hedge_attempts`, labelled with `hedge` and `kind` (`"first"` or `"beside"`), and `hedge_refusals`: attempts that the budget did not
   * allow. Default `false`.
   */
  readonly metrics?: boolean | undefined
}

/**
 * The number of the attempt that runs, from 1: a call beside another one may well go to another host.
 *
 * @category references
 */
export const CurrentAttempt: Context.Reference<number> = Context.Reference(
  "@fireweed/retry/Hedge/CurrentAttempt",
  { defaultValue: () => 1 }
)

/**
 * Runs an effect, and again beside it each time that `after` has passed without an end. The first success is the result, and the others are
 * interrupted. When all that were started have failed, nothing more is started, and the first failure is the result: hedging is against time; for
 * failures there is `Retry`. Throws a `TypeError` that names an impossible option.
 *
 * @category combinators
 */
export const run: {
  /** Runs an effect, and again beside it when it takes long. */
  (options: Options): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  /** Runs an effect, and again beside it when it takes long. */
  <A, E, R>(self: Effect.Effect<A, E, R>, options: Options): Effect.Effect<A, E, R>
} = dual(2, <A, E, R>(self: Effect.Effect<A, E, R>, options: Options): Effect.Effect<A, E, R> => {
  const decoded = decode({ ...options })
  const settings: Settings = {
    ...decoded,
    onHedge: options.onHedge,
    metrics: decoded.metrics ? Metrics.hedges(decoded.name) : undefined
  }
  return Effect.withFiber((fiber) => {
    const race = hedged(self, settings)
    return settings.budget === undefined ? race : counted(race, settings.budget, fiber, monotonic(fiber))
  })
})

interface Settings {
  readonly after: number
  readonly attempts: number
  readonly budget?: RetryBudget | undefined
  readonly onHedge: Options["onHedge"]
  readonly metrics: Metrics.Hedges | undefined
}

const hedged = <A, E, R>(
  self: Effect.Effect<A, E, R>,
  { after, attempts, budget, metrics, onHedge }: Settings
): Effect.Effect<A, E, R> => {
  /** Those that run; the race is over when there are none. */
  let running = 0
  let first: Cause.Cause<E> | undefined

  const attempt = (number: number): Effect.Effect<A, E, R> =>
    Effect.withFiber((fiber) => {
      running++
      metrics?.attempt(fiber, number)
      return Effect.catchCause(Effect.provideService(self, CurrentAttempt, number), (cause) => {
        first ??= cause
        return --running === 0 ? Effect.failCause(first) : Effect.never
      })
    })

  const beside = (number: number): Effect.Effect<A, E, R> =>
    Effect.withFiber((fiber) => {
      if (budget?.spendUnsafe(monotonic(fiber)) === false) {
        metrics?.refusal(fiber)
        return Effect.never
      }
      const hook = onHedge?.(number)
      return Effect.isEffect(hook) ? Effect.andThen(hook, from(number)) : from(number)
    })

  // The fiber that waits is made only if the attempt does not end at once, and the next one only after the wait.
  const from = (number: number): Effect.Effect<A, E, R> =>
    number === attempts
      ? attempt(number)
      : Effect.raceFirst(attempt(number), Effect.andThen(Effect.sleep(after), beside(number + 1)))

  return from(1)
}

const decode = decoder(
  "Hedge.run",
  Schema.Struct({
    after: Millis,
    attempts: Schema.Int.check(Schema.isGreaterThanOrEqualTo(2)).pipe(
      Schema.withDecodingDefault(Effect.succeed(2))
    ),
    budget: Schema.optional(Schema.declare(isRetryBudget, { expected: "a RetryBudget" })),
    onHedge: Schema.optional(Function),
    name: Schema.String.pipe(Schema.withDecodingDefault(Effect.succeed("hedge"))),
    metrics: Schema.Boolean.pipe(Schema.withDecodingDefault(Effect.succeed(false)))
  })
)
