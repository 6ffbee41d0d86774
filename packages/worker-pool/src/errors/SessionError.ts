/** A session that is not there, or whose state cannot be kept. */
import * as Schema from "effect/Schema"
import { printed } from "./printed.ts"
import type { Base, Started } from "./Base.ts"

const SessionErrorBase: Base<
  SessionError,
  "SessionError",
  {
    readonly reason: Schema.Literals<
      readonly ["lost", "closed", "expired", "exists", "limit", "snapshot", "store", "restore"]
    >
    readonly key: Schema.String
    readonly target: Schema.String
    readonly detail: Schema.String
  }
> = printed(
  Schema.TaggedError<SessionError>()("SessionError", {
    reason: Schema.Literals(["lost", "closed", "expired", "exists", "limit", "snapshot", "store", "restore"]),
    key: Schema.String,
    target: Schema.String,
    detail: Schema.String
  })
)

/**
 * The session is not there: its worker died and its object with it (`lost`), it was closed (`closed`) or not used for too long (`expired`),
 * another has its key (`exists`), the pool holds as many as it may (`limit`), or what is stored of it cannot be had (`restore`). The call
 * never ran.
 *
 * Or the call ran, and no snapshot could be made after it (`snapshot`), or be stored (`store`): should the worker die before the next one,
 * what the call did is lost.
 *
 * @category errors
 */
export class SessionError extends SessionErrorBase {
  /** What failed, for `@fireweed/retry`: never retried by itself. */
  get category(): "session" {
    return "session"
  }
  /** Whether the call may have run. */
  get started(): Started {
    return this.reason === "snapshot" || this.reason === "store" ? "maybe" : "no"
  }
  /** What to do. */
  get hint(): string {
    switch (this.reason) {
      case "lost":
        return "open the session again and rebuild its state"
      case "closed":
        return "use a session only inside its scope"
      case "expired":
        return "open the session again, or raise sessions.idleTimeout"
      case "exists":
        return "choose another key, or close the session that has it"
      case "limit":
        return "close sessions, or raise maxSessions"
      case "snapshot":
        return "correct snapshot(); the call ran, so a retry is safe only if it may run twice"
      case "store":
        return "see why the store fails; the call ran, so a retry is safe only if it may run twice"
      case "restore":
        return "see why it cannot be read, or open the session without keep to begin anew"
    }
  }
  /** What happened, to whom. */
  override get message(): string {
    return `${this.target}: ${this.detail}; ${this.hint}`
  }
}
