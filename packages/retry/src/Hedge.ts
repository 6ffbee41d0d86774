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
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import * as Schema from "effect/Schema"
import { monotonic } from "./internal/clock.ts"
import { counted } from "./internal/counted.ts"
import { decoder, Millis } from "./internal/options.ts"
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
}

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
  const { after, attempts, budget } = decode({ ...options })
  return Effect.withFiber((fiber) => {
    const race = hedged(self, after, attempts, budget)
    return budget === undefined ? race : counted(race, budget, fiber, monotonic(fiber))
  })
})

const hedged = <A, E, R>(
  self: Effect.Effect<A, E, R>,
  after: number,
  attempts: number,
  budget: RetryBudget | undefined
): Effect.Effect<A, E, R> => {
  /** Those that run; the race is over when there are none. */
  let running = 0
  let first: Cause.Cause<E> | undefined

  const attempt: Effect.Effect<A, E, R> = Effect.suspend(() => {
    running++
    return Effect.catchCause(self, (cause) => {
      first ??= cause
      return --running === 0 ? Effect.failCause(first) : Effect.never
    })
  })

  // The fiber that waits is made only if the attempt does not end at once, and the next one only after the wait.
  const from = (number: number): Effect.Effect<A, E, R> =>
    number === attempts
      ? attempt
      : Effect.raceFirst(
          attempt,
          Effect.andThen(
            Effect.sleep(after),
            Effect.withFiber((fiber) =>
              budget?.spendUnsafe(monotonic(fiber)) === false ? Effect.never : from(number + 1)
            )
          )
        )
  return from(1)
}

const decode = decoder(
  "Hedge.run",
  Schema.Struct({
    after: Millis,
    attempts: Schema.Int.check(Schema.isGreaterThanOrEqualTo(2)).pipe(
      Schema.withDecodingDefault(Effect.succeed(2))
    ),
    budget: Schema.optional(Schema.declare(isRetryBudget, { expected: "a RetryBudget" }))
  })
)
