/** A call that is wrong in itself. */
import * as Schema from "effect/Schema"
import { printed } from "./printed.ts"
import type { Base } from "./Base.ts"

const InvalidCallBase: Base<
  InvalidCall,
  "InvalidCall",
  {
    readonly reason: Schema.Literals<readonly ["target", "arguments", "result", "stream", "reentry", "limit"]>
    readonly target: Schema.String
    readonly detail: Schema.String
    readonly started: Schema.Literals<readonly ["no", "maybe"]>
  }
> = printed(
  Schema.TaggedError<InvalidCall>()("InvalidCall", {
    reason: Schema.Literals(["target", "arguments", "result", "stream", "reentry", "limit"]),
    target: Schema.String,
    detail: Schema.String,
    started: Schema.Literals(["no", "maybe"])
  })
)

/**
 * The call itself is wrong: there is no such function, or it may not be called (`target`), an argument cannot be sent (`arguments`), the
 * result, or an item of a stream, cannot be sent or is not what the schema says (`result`), a stream was asked of a function that gives
 * none, or a value of one that does (`stream`), it was made from a callback and would wait for the very call that waits for the
 * callback (`reentry`), or it is a broadcast, and as many are remembered as may be (`limit`). `detail` names the type and the path to it.
 *
 * @category errors
 */
export class InvalidCall extends InvalidCallBase {
  /** What failed, for `@fireweed/retry`: never retried. */
  get category(): "validation" {
    return "validation"
  }
  /** What to do. */
  get hint(): string {
    switch (this.reason) {
      case "target":
        return 'a function is "package.module:function", looked for in pythonPath; of a session, a method of its class'
      case "arguments":
        return "change the argument at that path"
      case "result":
        return "return a value that the codec carries (see VALUES.md), or change the schema"
      case "stream":
        return "ask for what a generator yields by `stream`, and for what any other function returns by `call`"
      case "limit":
        return "give it the key of an earlier one, whose place it takes; or broadcast it with `remember: false`"
      case "reentry":
        return "give Python what it needs before it asks, add workers, or let the callback call another pool"
    }
  }
  /** What happened, to whom. */
  override get message(): string {
    return `${this.target}: ${this.detail}; ${this.hint}`
  }
}
