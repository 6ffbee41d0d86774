/** A permit: settles what it was given to settle, once. */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { failure, ignored, type Outcome, success } from "../Outcome.ts"
import type { Permit } from "../Permit.ts"

export class HeldPermit implements Permit {
  private readonly settle: (outcome: Outcome) => void

  constructor(settle: (outcome: Outcome) => void) {
    let settled = false
    this.settle = (outcome) => {
      if (settled) return
      settled = true
      settle(outcome)
    }
  }

  readonly successUnsafe = (): void => this.settle(success)
  readonly failureUnsafe = (error?: unknown, retryAfter?: Duration.Input): void =>
    this.settle(failure({ error, retryAfter }))
  readonly ignoreUnsafe = (): void => this.settle(ignored)

  get success(): Effect.Effect<void> {
    return Effect.sync(this.successUnsafe)
  }

  failure(error?: unknown, retryAfter?: Duration.Input): Effect.Effect<void> {
    return Effect.sync(() => this.failureUnsafe(error, retryAfter))
  }

  get ignore(): Effect.Effect<void> {
    return Effect.sync(this.ignoreUnsafe)
  }
}
