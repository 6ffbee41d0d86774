/**
 * Permits: admissions held by hand, for work that is no single effect.
 */
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"

/**
 * The right to make one call, to be settled with what came of it.
 *
 * The first settling wins and later ones do nothing. A permit of a half-open circuit holds one of its trials until it is
 * settled or the period ends. One settled after the circuit has moved on changes nothing, and is counted as stale.
 *
 * The `...Unsafe` forms do the same at once, for callbacks.
 */
export interface Permit {
  /** The dependency is well. */
  readonly success: Effect.Effect<void>
  /** The call counts against the dependency, which may have asked to be left alone for `retryAfter`. */
  readonly failure: (error?: unknown, retryAfter?: Duration.Input) => Effect.Effect<void>
  /** The call says nothing about the dependency, or was never made. */
  readonly ignore: Effect.Effect<void>
  readonly successUnsafe: () => void
  readonly failureUnsafe: (error?: unknown, retryAfter?: Duration.Input) => void
  readonly ignoreUnsafe: () => void
}
