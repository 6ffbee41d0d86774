/** What a backoff is: plain data, so that it can be compared, printed and kept in tables. */
import type * as Duration from "effect/Duration"

export const TypeId = "~@fireweed/retry/Backoff"

/**
 * How a delay `d` is spread: `none` is `d`; `full` is uniform in [floor, d]; `equal` in [d/2, d]; `proportional: f` in
 * [d(1 - f), d(1 + f)], with f from 0 to 1. The bounds are clamped to `[floor, cap]` before the draw.
 *
 * @category models
 */
export type Jitter = "none" | "full" | "equal" | { readonly proportional: number }

/**
 * A backoff: its family with its figures, in milliseconds, and its bounds. `E` is the error a custom family looks at.
 *
 * @category models
 */
export type Backoff<E = unknown> = Limits & {
  readonly [TypeId]: typeof TypeId
} & (
    | { readonly family: "linear"; readonly base: number; readonly increment: number }
    | { readonly family: "exponential"; readonly base: number; readonly factor: number }
    | { readonly family: "fibonacci" | "decorrelated-v1" | "decorrelated-v2"; readonly base: number }
    | { readonly family: "delays"; readonly delays: ReadonlyArray<number> }
    | { readonly family: "custom"; readonly delay: (retry: number, error: E) => Duration.Input }
  )

/**
 * The bounds of a backoff and its jitter, in milliseconds.
 *
 * @category models
 */
export interface Limits {
  readonly floor: number
  readonly cap: number
  readonly jitter: Jitter
}

/**
 * One delay of a sequence, and all that the next one needs to know: the number of the retry (from 1), the draw it was made with, and
 * the delay in milliseconds.
 *
 * @category models
 */
export interface Step {
  readonly retry: number
  readonly draw: number
  readonly delay: number
}

/** The bounds of a backoff that names none. */
export const defaults: Limits = { floor: 0, cap: 30_000, jitter: "none" }
