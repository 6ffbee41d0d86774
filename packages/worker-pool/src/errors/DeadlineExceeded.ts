/** A call that took too long. */
import * as Duration from "effect/Duration"
import * as Schema from "effect/Schema"
import { printed } from "./printed.ts"
import type { Base, Started } from "./Base.ts"

const DeadlineExceededBase: Base<
  DeadlineExceeded,
  "DeadlineExceeded",
  {
    readonly reason: Schema.Literals<readonly ["waiting", "running"]>
    readonly target: Schema.String
    readonly deadline: Schema.Duration
  }
> = printed(
  Schema.TaggedError<DeadlineExceeded>()("DeadlineExceeded", {
    reason: Schema.Literals(["waiting", "running"]),
    target: Schema.String,
    deadline: Schema.Duration
  })
)

/**
 * The call's deadline passed while it waited for a worker, or while it ran; in the second case Python was told to stop.
 *
 * @category errors
 */
export class DeadlineExceeded extends DeadlineExceededBase {
  /** What failed, for `@fireweed/retry`. */
  get category(): "timeout" {
    return "timeout"
  }
  /** Whether user code may have run. */
  get started(): Started {
    return this.reason === "waiting" ? "no" : "maybe"
  }
  /** What to do. */
  get hint(): string {
    return this.reason === "waiting"
      ? "add workers, or call less often"
      : "allow more time, or ask for less work"
  }
  /** What happened, to whom. */
  override get message(): string {
    return `${this.target}: not done after ${Duration.format(this.deadline)} (${this.reason}); ${this.hint}`
  }
}
