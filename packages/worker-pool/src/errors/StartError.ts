/** A worker that could not be started. */
import * as Schema from "effect/Schema"
import type { PythonException } from "../protocol/Message.ts"
import * as Message from "../protocol/Message.ts"
import { printed } from "./printed.ts"
import type { Base, Started } from "./Base.ts"
import { format as formatMismatch, Mismatch } from "./Mismatch.ts"
import { format as formatTraceback } from "./PythonTraceback.ts"

const StartErrorBase: Base<
  StartError,
  "StartError",
  {
    readonly reason: Schema.Literals<
      readonly [
        "interpreter-not-found",
        "interpreter-not-executable",
        "folder-not-found",
        "python-too-old",
        "exited",
        "timeout",
        "handshake",
        "init",
        "requirement-not-met",
        "signature",
        "replay",
        "cancelled"
      ]
    >
    readonly interpreter: Schema.String
    readonly detail: Schema.String
    readonly stderr: Schema.String
    readonly fix: Schema.optionalKey<Schema.String>
    readonly exception: Schema.optionalKey<Schema.Codec<PythonException>>
    readonly mismatches: Schema.optionalKey<Schema.$Array<Schema.Codec<Mismatch>>>
  }
> = printed(
  Schema.TaggedError<StartError>()("StartError", {
    reason: Schema.Literals([
      "interpreter-not-found",
      "interpreter-not-executable",
      "folder-not-found",
      "python-too-old",
      "exited",
      "timeout",
      "handshake",
      "init",
      "requirement-not-met",
      "signature",
      "replay",
      "cancelled"
    ]),
    interpreter: Schema.String,
    detail: Schema.String,
    stderr: Schema.String,
    fix: Schema.optionalKey(Schema.String),
    exception: Schema.optionalKey(Message.PythonException),
    mismatches: Schema.optionalKey(Schema.Array(Mismatch))
  })
)

/**
 * A worker could not be started. `WorkerPool.make` fails with it when its first worker cannot; `hint` names the fix. With the reason
 * `signature`, `mismatches` has what Python and the option `modules` do not agree on.
 *
 * @category errors
 */
export class StartError extends StartErrorBase {
  /** What failed, for `@fireweed/retry`. */
  get category(): "initialization" {
    return "initialization"
  }
  /** Nothing ran. */
  get started(): Started {
    return "no"
  }
  /** What to do. */
  get hint(): string {
    switch (this.reason) {
      case "interpreter-not-found":
      case "interpreter-not-executable":
        return "install Python 3.9 or newer, or name one in the option `python` or in FIREWEED_PYTHON"
      case "requirement-not-met":
        return this.fix ?? "install it for this interpreter, or change the option `requires`"
      case "folder-not-found":
        return "create the folder, or change the option `cwd`"
      case "signature":
        return "change the description or the Python function"
      case "python-too-old":
        return "name a newer one in the option `python` or in FIREWEED_PYTHON"
      case "init":
        return this.exception === undefined
          ? "correct the options preload, setup or teardown"
          : "see the traceback below"
      case "exited":
        return this.stderr.trim() === "" ? "run it by hand to see why" : "see its standard error below"
      case "timeout":
        return "raise startTimeout, or see what the interpreter waits for"
      case "cancelled":
        return "it was asked for by `recoveries.cancel`; the pool tries again"
      case "replay":
        return "broadcast what works under the same key, or let that key be forgotten by `remember: false`"
      case "handshake":
        return "reinstall @fireweed/worker-pool: its two halves do not match"
    }
  }
  /** What its preload or setup raised, as Python prints it; empty if it was not that. */
  get traceback(): string {
    return this.exception === undefined ? "" : formatTraceback(this.exception)
  }
  /** What happened, to whom. */
  override get message(): string {
    const mismatches = (this.mismatches ?? []).map(formatMismatch).join("\n")
    const tail = `${mismatches}\n${this.traceback}\n${this.stderr}`.trim()
    return `${this.interpreter}: ${this.detail}; ${this.hint}${tail === "" ? "" : `\n  ${tail.replaceAll("\n", "\n  ")}`}`
  }
}
