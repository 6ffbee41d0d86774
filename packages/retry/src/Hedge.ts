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
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import * as Schema from "effect/Schema"
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
  return Effect.suspend(() => {
    /** Those that run; the race is over when there are none. */
    let running = 0
    let first: Cause.Cause<E> | undefined
    const over = Deferred.makeUnsafe<never, E>()

    const attempt: Effect.Effect<A, E, R> = Effect.suspend(() => {
      running++
      return Effect.onError(self, (cause) =>
        Effect.sync(() => {
          first ??= cause
          if (--running === 0) Deferred.doneUnsafe(over, Effect.failCause(first))
        })
      )
    })

    const later = (nth: number): Effect.Effect<A, E, R> =>
      Effect.sleep(after * nth).pipe(
        Effect.raceFirst(Deferred.await(over)),
        Effect.andThen(now),
        Effect.flatMap((now) => (budget?.spendUnsafe(now) === false ? Deferred.await(over) : attempt))
      )

    const race = Effect.raceAll([
      attempt,
      ...Array.from({ length: attempts - 1 }, (_, index) => later(index + 1))
    ])
    const raced = Effect.catchCause(race, (cause) => Effect.failCause(first ?? cause))
    return budget === undefined
      ? raced
      : Effect.andThen(
          Effect.map(now, (now) => budget.callUnsafe(now)),
          raced
        )
  })
})

/** In milliseconds, of the clock that retries count their budgets by. */
const now: Effect.Effect<number> = Clock.clockWith((clock) =>
  Effect.sync(() => Number(clock.monotonicTimeNanosUnsafe()) / 1e6)
)

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
