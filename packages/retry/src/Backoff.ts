/**
 * How long to wait before each retry: families of backoff as plain data, and one pure function, {@link next}, that turns one of them
 * and a number in [0, 1) into a delay.
 *
 * Every delay lies within `[floor, cap]`, at any retry: nothing overflows, and jitter is drawn *within* those bounds, so that the cap
 * is never passed and never makes all clients wait the same time.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as Schedule from "effect/Schedule"
import * as decode from "./internal/backoffOptions.ts"
import { type Backoff, type Jitter, type Step, TypeId } from "./internal/backoff.ts"
import { delayOf } from "./internal/delay.ts"

export type { Backoff, Jitter, Limits, Step } from "./internal/backoff.ts"

/**
 * Options of every family. Impossible ones (unknown keys, a floor over the cap, a base over the cap) are thrown as a `TypeError`.
 *
 * @category models
 */
export interface Options {
  /** No delay is shorter. Default 0. */
  readonly floor?: Duration.Input | undefined
  /** No delay is longer. Default 30 seconds; for `constant` and `delays`, the longest they can come to. */
  readonly cap?: Duration.Input | undefined
  /** Default `"none"`. The two decorrelated families are jitter by themselves and take none. */
  readonly jitter?: Jitter | undefined
}

/** @category guards */
export const isBackoff = (u: unknown): u is Backoff<never> =>
  typeof u === "object" && u !== null && TypeId in u

/**
 * The same delay each time.
 *
 * @category constructors
 */
export const constant = (delay: Duration.Input, options?: Options): Backoff => delays([delay], options)

/**
 * The given delays one after the other; the last of them from then on.
 *
 * @category constructors
 */
export const delays = (
  list: readonly [Duration.Input, ...ReadonlyArray<Duration.Input>],
  options?: Options
): Backoff => {
  const decoded = decode.delays({ ...options, delays: list })
  const stretch = typeof decoded.jitter === "string" ? 1 : 1 + decoded.jitter.proportional
  const cap = decoded.cap ?? Math.max(decoded.floor, ...decoded.delays) * stretch
  return { [TypeId]: TypeId, family: "delays", ...decoded, cap }
}

/**
 * `base`, then `increment` more each time (default: `base`).
 *
 * @category constructors
 */
export const linear = (
  base: Duration.Input,
  options?: Options & { readonly increment?: Duration.Input | undefined }
): Backoff => {
  const decoded = decode.linear({ ...options, base })
  return { [TypeId]: TypeId, family: "linear", ...decoded, increment: decoded.increment ?? decoded.base }
}

/**
 * `base`, then `factor` times as long each time (default 2).
 *
 * ```ts
 * import { Backoff } from "@fireweed/retry"
 * import * as assert from "node:assert"
 *
 * const backoff = Backoff.exponential("100 millis", { cap: "1 second" })
 * assert.deepStrictEqual(Backoff.preview(backoff, 5), [100, 200, 400, 800, 1000])
 * ```
 *
 * @category constructors
 */
export const exponential = (
  base: Duration.Input,
  options?: Options & { readonly factor?: number | undefined }
): Backoff => ({ [TypeId]: TypeId, family: "exponential", ...decode.exponential({ ...options, base }) })

/**
 * `base` times 1, 1, 2, 3, 5, 8 and so on.
 *
 * @category constructors
 */
export const fibonacci = (base: Duration.Input, options?: Options): Backoff => ({
  [TypeId]: TypeId,
  family: "fibonacci",
  ...decode.fibonacci({ ...options, base })
})

/**
 * Uniform between `base` and three times the delay before it: "decorrelated jitter" of Marc Brooker, *Exponential Backoff And Jitter*
 * (AWS Architecture Blog, 2015).
 *
 * @category constructors
 */
export const decorrelatedV1 = (base: Duration.Input, options?: Omit<Options, "jitter">): Backoff => ({
  [TypeId]: TypeId,
  family: "decorrelated-v1",
  jitter: "none",
  ...decode.decorrelated({ ...options, base })
})

/**
 * Smooth decorrelated jitter, as Polly has it (`DecorrelatedJitterBackoffV2`): the n-th attempt lands near `base` times 2^n after the
 * start, without the lumps that other jitters leave. Medians of the delays: 0.9, 1.1, 2, 4, 8, 16 times `base`.
 *
 * The formula: with t = n + U and x(t) = 2^t tanh(sqrt(4t)), the delay is (x(t_n) - x(t_(n-1))) `base` / 1.4, for n from 0 and U
 * uniform in [0, 1). Where that range reaches over the cap it is scaled down to it as a whole; Polly cuts it, so that at the cap all
 * its clients wait the same time.
 *
 * @category constructors
 */
export const decorrelatedV2 = (base: Duration.Input, options?: Omit<Options, "jitter">): Backoff => ({
  [TypeId]: TypeId,
  family: "decorrelated-v2",
  jitter: "none",
  ...decode.decorrelated({ ...options, base })
})

/**
 * A function of the number of the retry (from 1) and of the error. What it gives is clamped to `[floor, cap]`.
 *
 * @category constructors
 */
export const custom = <E = unknown>(
  delay: (retry: number, error: E) => Duration.Input,
  options?: Options
): Backoff<E> => ({ [TypeId]: TypeId, family: "custom", delay, ...decode.limits({ ...options }) })

/**
 * What comes before the first delay.
 *
 * @category steps
 */
export const start: Step = { retry: 0, draw: 0, delay: 0 }

/**
 * The next delay of a sequence: pure, with `draw` in [0, 1) as its only chance.
 *
 * @category steps
 */
export const next = <E>(backoff: Backoff<E>, previous: Step, draw: number, error: E): Step => {
  const retry = previous.retry + 1
  return { retry, draw, delay: delayOf(backoff, retry, previous, draw, error) }
}

/**
 * The first `count` delays in milliseconds, each drawn at `draw` (default 0.5, the middle).
 *
 * @category steps
 */
export const preview = (backoff: Backoff, count: number, draw = 0.5): ReadonlyArray<number> => {
  const steps: Array<number> = []
  for (let step = start; steps.length < count; steps.push(step.delay))
    step = next(backoff, step, draw, undefined)
  return steps
}

/**
 * The backoff as a schedule without end, for `Effect.retry`, `Effect.repeat` and the combinators of `Schedule`; its output is the
 * delay. Chance comes from `Random`.
 *
 * ```ts
 * import { Backoff } from "@fireweed/retry"
 * import * as Effect from "effect/Effect"
 * import * as Schedule from "effect/Schedule"
 *
 * const schedule = Backoff.toSchedule(Backoff.decorrelatedV2("1 milli")).pipe(Schedule.upTo({ times: 3 }))
 * await Effect.runPromise(Effect.retry(Effect.fail("no"), schedule).pipe(Effect.flip))
 * ```
 *
 * @category conversions
 */
export const toSchedule = <E>(backoff: Backoff<E>): Schedule.Schedule<Duration.Duration, E> =>
  Schedule.fromStep(
    Effect.sync(() => {
      let step = start
      return (_now: number, error: E) =>
        Effect.map(Random.next, (draw): [Duration.Duration, Duration.Duration] => {
          step = next(backoff, step, draw, error)
          const delay = Duration.millis(step.delay)
          return [delay, delay]
        })
    })
  )
