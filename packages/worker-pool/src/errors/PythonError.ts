/** A Python function that failed. */
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import * as SchemaTransformation from "effect/SchemaTransformation"
import type { PythonException } from "../protocol/Message.ts"
import * as Message from "../protocol/Message.ts"
import { printed, stackOf } from "./printed.ts"
import type { Base, Started } from "./Base.ts"
import { format, headline } from "./PythonTraceback.ts"

/** One that was read from a frame, where all of it was checked: once is enough. */
const Exception: Schema.Codec<PythonException> = Schema.declare(
  (u): u is PythonException =>
    Predicate.hasProperty(u, "type") &&
    Predicate.hasProperty(u, "message") &&
    Predicate.hasProperty(u, "frames"),
  {
    expected: "a Python exception",
    toCodecJson: () =>
      Schema.link<PythonException>()(Message.PythonException, SchemaTransformation.passthrough())
  }
)

const PythonErrorBase: Base<
  PythonError,
  "PythonError",
  {
    readonly reason: Schema.Literals<readonly ["raised", "exit", "interrupt", "memory"]>
    readonly target: Schema.String
    readonly worker: Schema.String
    readonly exception: Schema.Codec<PythonException>
  }
> = printed(
  Schema.TaggedError<PythonError>()("PythonError", {
    reason: Schema.Literals(["raised", "exit", "interrupt", "memory"]),
    target: Schema.String,
    worker: Schema.String,
    exception: Exception
  })
)

/**
 * The Python function raised, or left by `sys.exit`, `KeyboardInterrupt` or `MemoryError`. The worker is well and serves the next call.
 *
 * @category errors
 */
export class PythonError extends PythonErrorBase {
  // Whatever makes one, a decoder too, passes what the class takes; one by one, as what Deno derives for JSR cannot spread them.
  // @effect-diagnostics-next-line overriddenSchemaConstructor:off
  constructor(
    fields: ConstructorParameters<typeof PythonErrorBase>[0],
    options?: ConstructorParameters<typeof PythonErrorBase>[1]
  ) {
    super(fields, options)
    Object.defineProperty(this, "stack", STACK)
  }
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
  /** What happened, to whom, and what to do. */
  override get message(): string {
    return `${this.target} on worker ${this.worker}: ${headline(this.exception)}; ${this.hint}`
  }
}

const STACK = stackOf<PythonError>(({ traceback }) => traceback)
