/** A session that is not there. */
import * as Schema from "effect/Schema"
import { printed } from "./printed.ts"
import type { Base, Started } from "./Base.ts"

const SessionErrorBase: Base<
  SessionError,
  "SessionError",
  {
    readonly reason: Schema.Literals<readonly ["lost", "closed", "exists", "limit"]>
    readonly key: Schema.String
    readonly target: Schema.String
    readonly detail: Schema.String
  }
> = printed(
  Schema.TaggedError<SessionError>()("SessionError", {
    reason: Schema.Literals(["lost", "closed", "exists", "limit"]),
    key: Schema.String,
    target: Schema.String,
    detail: Schema.String
  })
)

/**
 * The session is not there: its worker died and its object with it (`lost`), it was closed (`closed`), another has its key (`exists`),
 * or the pool holds as many as it may (`limit`). The call never ran.
 *
 * @category errors
 */
export class SessionError extends SessionErrorBase {
  /** What failed, for `@fireweed/retry`: never retried by itself. */
  get category(): "session" {
    return "session"
  }
  /** It never ran. */
  get started(): Started {
    return "no"
  }
  /** What to do. */
  get hint(): string {
    switch (this.reason) {
      case "lost":
        return "open the session again and rebuild its state"
      case "closed":
        return "use a session only inside its scope"
      case "exists":
        return "choose another key, or close the session that has it"
      case "limit":
        return "close sessions, or raise maxSessions"
    }
  }
  /** What happened, to whom. */
  override get message(): string {
    return `${this.target}: ${this.detail}; ${this.hint}`
  }
}
