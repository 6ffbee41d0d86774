/** A Python function that failed. */
import * as Schema from "effect/Schema"
import type { PythonException } from "../protocol/Message.ts"
import * as Message from "../protocol/Message.ts"
import type { Base, Started } from "./Base.ts"
import { format, headline } from "./PythonTraceback.ts"

const PythonErrorBase: Base<
  PythonError,
  "PythonError",
  {
    readonly reason: Schema.Literals<readonly ["raised", "exit", "interrupt", "memory"]>
    readonly target: Schema.String
    readonly worker: Schema.String
    readonly exception: Schema.Codec<PythonException>
  }
> = Schema.TaggedError<PythonError>()("PythonError", {
  reason: Schema.Literals(["raised", "exit", "interrupt", "memory"]),
  target: Schema.String,
  worker: Schema.String,
  exception: Message.PythonException
})

/**
 * The Python function raised, or left by `sys.exit`, `KeyboardInterrupt` or `MemoryError`. The worker is well and serves the next call.
 *
 * @category errors
 */
export class PythonError extends PythonErrorBase {
  /** What failed, for `@fireweed/retry`. */
  get category(): "python" {
    return "python"
  }
  /** User code ran. */
  get started(): Started {
    return "maybe"
  }
  /** What to do. */
  get hint(): string {
    switch (this.reason) {
      case "raised":
        return "see `traceback`; retry only if the function may be run twice"
      case "exit":
        return "return a value instead of calling sys.exit"
      case "interrupt":
        return "do not raise KeyboardInterrupt in a worker"
      case "memory":
        return "send less at once, or give the worker more memory"
    }
  }
  /** The traceback, as Python prints it. */
  get traceback(): string {
    return format(this.exception)
  }
  /** What happened, to whom. */
  override get message(): string {
    return `${this.target} on worker ${this.worker}: ${headline(this.exception)}`
  }
}
