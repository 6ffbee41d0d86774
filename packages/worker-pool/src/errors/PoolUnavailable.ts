/** A pool that cannot serve. */
import * as Duration from "effect/Duration"
import * as Schema from "effect/Schema"
import { printed } from "./printed.ts"
import type { Base, Started } from "./Base.ts"

const PoolUnavailableBase: Base<
  PoolUnavailable,
  "PoolUnavailable",
  {
    readonly reason: Schema.Literals<readonly ["closed", "draining", "crash-loop"]>
    readonly target: Schema.String
    readonly retryAfter: Schema.Duration
    readonly detail: Schema.String
  }
> = printed(
  Schema.TaggedError<PoolUnavailable>()("PoolUnavailable", {
    reason: Schema.Literals(["closed", "draining", "crash-loop"]),
    target: Schema.String,
    retryAfter: Schema.Duration,
    detail: Schema.String
  })
)

/**
 * No worker can serve: the pool is closed, or drained before that, or its workers die one after the other and the circuit breaker holds back
 * the next start for `retryAfter`. The call never ran.
 *
 * @category errors
 */
export class PoolUnavailable extends PoolUnavailableBase {
  /** What failed, for `@fireweed/retry`: a circuit's rejection costs no attempt. */
  get category(): "circuit" {
    return "circuit"
  }
  /** It never ran. */
  get started(): Started {
    return "no"
  }
  /** What to do. */
  get hint(): string {
    switch (this.reason) {
      case "closed":
        return "keep the pool's scope open for as long as it is used"
      case "draining":
        return "a retry is safe, in another pool"
      case "crash-loop":
        return `see why the workers die; the pool tries again in ${Duration.format(this.retryAfter)}`
    }
  }
  /** What happened, to whom. */
  override get message(): string {
    return `${this.target}: ${this.detail}; ${this.hint}`
  }
}
