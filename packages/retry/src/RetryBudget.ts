/**
 * Retry budgets: when everything fails at once, retries must not multiply the load. A budget is shared by all calls to one dependency, and
 * lets them retry a share of what they call. Over it, a call that fails gives up at once.
 *
 * ```ts
 * import { Backoff, Retry, RetryBudget } from "@fireweed/retry"
 * import * as assert from "node:assert"
 * import * as Effect from "effect/Effect"
 *
 * const budget = RetryBudget.make({ ratio: 0.1, minimum: 5 })
 * const policy = Retry.make({ retries: 3, backoff: Backoff.constant(0), budget })
 *
 * let attempts = 0
 * const down = Effect.suspend(() => (attempts++, Effect.fail("down")))
 * await Effect.runPromise(Effect.replicateEffect(Effect.exit(Retry.run(down, policy)), 100))
 * assert.strictEqual(attempts, 115) // 100 calls, and 15 retries in place of 300
 * ```
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { decoder, Millis } from "./internal/options.ts"
import { Window } from "./internal/window.ts"

const TypeId = "~@fireweed/retry/RetryBudget"

/**
 * A budget. It holds no resource, and is only counted while it is used.
 *
 * @category models
 */
export interface RetryBudget {
  readonly [TypeId]: typeof TypeId
  /**
   * A call begins; `now` in milliseconds of a clock that does not run backwards. Retries and hedges around one call that share a budget
   * count it once.
   */
  readonly callUnsafe: (now: number) => void
  /** Takes one retry, if there is one left. */
  readonly spendUnsafe: (now: number) => boolean
  /** Calls and retries of the window, and how many retries are left, as of `now`. */
  readonly statusUnsafe: (now: number) => Status
}

/**
 * A budget at one moment.
 *
 * @category models
 */
export interface Status {
  readonly calls: number
  readonly retries: number
  readonly left: number
}

/**
 * @category models
 */
export interface Options {
  /** Retries for each call of the window, from 0 to 1. Default 0.2. */
  readonly ratio?: number | undefined
  /** Retries that are there however few the calls. Default 10. */
  readonly minimum?: number | undefined
  /** How far back calls and retries are counted; it is counted in ten parts. Default 10 seconds. */
  readonly window?: Duration.Input | undefined
}

/**
 * Makes a budget. Throws a `TypeError` that names the option for an unknown key or an impossible value.
 *
 * @category constructors
 */
export const make = (options: Options = {}): RetryBudget => {
  const { minimum, ratio, window } = decode({ ...options })
  const calls = new Window(window)
  const retries = new Window(window)
  // 0.29 of 100 is 28.999999999999996 to the machine, and 29 to everybody else.
  const left = (now: number): number =>
    Math.max(0, Math.floor(minimum + ratio * calls.count(now) + 1e-9) - retries.count(now))
  return {
    [TypeId]: TypeId,
    callUnsafe: (now) => calls.add(now),
    spendUnsafe: (now) => {
      if (left(now) < 1) return false
      retries.add(now)
      return true
    },
    statusUnsafe: (now) => ({ calls: calls.count(now), retries: retries.count(now), left: left(now) })
  }
}

/** @category guards */
export const isRetryBudget = (u: unknown): u is RetryBudget =>
  typeof u === "object" && u !== null && TypeId in u

const decode = decoder(
  "RetryBudget.make",
  Schema.Struct({
    ratio: Schema.Finite.check(Schema.isBetween({ minimum: 0, maximum: 1 })).pipe(
      Schema.withDecodingDefault(Effect.succeed(0.2))
    ),
    minimum: Schema.Int.check(Schema.isGreaterThanOrEqualTo(0)).pipe(
      Schema.withDecodingDefault(Effect.succeed(10))
    ),
    window: Millis.check(Schema.isGreaterThan(0)).pipe(
      Schema.withDecodingDefault(Effect.succeed("10 seconds" as const))
    )
  })
)
