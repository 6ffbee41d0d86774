/** A call for which there was no room. */
import * as Duration from "effect/Duration"
import * as Schema from "effect/Schema"
import { printed } from "./printed.ts"
import type { Base, Started } from "./Base.ts"

const QueueFullBase: Base<
  QueueFull,
  "QueueFull",
  {
    readonly reason: Schema.Literals<readonly ["limit", "timeout"]>
    readonly target: Schema.String
    readonly queued: Schema.Finite
    readonly waited: Schema.Duration
  }
> = printed(
  Schema.TaggedError<QueueFull>()("QueueFull", {
    reason: Schema.Literals(["limit", "timeout"]),
    target: Schema.String,
    queued: Schema.Finite,
    waited: Schema.Duration
  })
)

/**
 * All workers are busy and the queue is at its limit (`limit`), or the call waited in it for too long (`timeout`). It never ran.
 *
 * @category errors
 */
export class QueueFull extends QueueFullBase {
  /** What failed, for `@fireweed/retry`. */
  get category(): "resource" {
    return "resource"
  }
  /** It never ran. */
  get started(): Started {
    return "no"
  }
  /** What to do. */
  get hint(): string {
    return "add workers, call less often, or raise queue.limit or queue.timeout"
  }
  /** What happened, to whom. */
  override get message(): string {
    return this.reason === "limit"
      ? `${this.target}: the queue is full (${this.queued} calls wait); ${this.hint}`
      : `${this.target}: waited ${Duration.format(this.waited)} for a worker; ${this.hint}`
  }
}
