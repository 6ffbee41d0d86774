/** A worker that is gone with its call. */
import * as Schema from "effect/Schema"
import { printed, stackOf } from "./printed.ts"
import type { Base } from "./Base.ts"
import { Diagnosis } from "./Diagnosis.ts"

const WorkerLostBase: Base<
  WorkerLost,
  "WorkerLost",
  {
    readonly reason: Schema.Literals<readonly ["exit", "signal", "eof", "violation", "stuck"]>
    readonly target: Schema.String
    readonly worker: Schema.String
    readonly started: Schema.Literals<readonly ["no", "maybe"]>
    readonly exitCode: Schema.NullOr<Schema.Finite>
    readonly signal: Schema.NullOr<Schema.String>
    readonly detail: Schema.String
    readonly stderr: Schema.String
    readonly diagnosis: Schema.optionalKey<Schema.Codec<Diagnosis>>
  }
> = printed(
  Schema.TaggedError<WorkerLost>()("WorkerLost", {
    reason: Schema.Literals(["exit", "signal", "eof", "violation", "stuck"]),
    target: Schema.String,
    worker: Schema.String,
    started: Schema.Literals(["no", "maybe"]),
    exitCode: Schema.NullOr(Schema.Finite),
    signal: Schema.NullOr(Schema.String),
    detail: Schema.String,
    stderr: Schema.String,
    diagnosis: Schema.optionalKey(Diagnosis)
  })
)

/**
 * The worker that had the call is gone: it ended (`exit`), was killed (`signal`), closed its pipes (`eof`), broke the protocol
 * (`violation`), or had to be killed since it would not stop or answer (`stuck`, with a `diagnosis`). The pool starts another.
 *
 * @category errors
 */
export class WorkerLost extends WorkerLostBase {
  // Whatever makes one, a decoder too, passes what the class takes; one by one, as what Deno derives for JSR cannot spread them.
  // @effect-diagnostics-next-line overriddenSchemaConstructor:off
  constructor(
    fields: ConstructorParameters<typeof WorkerLostBase>[0],
    options?: ConstructorParameters<typeof WorkerLostBase>[1]
  ) {
    super(fields, options)
    if (this.diagnosis !== undefined && this.diagnosis.stack !== "")
      Object.defineProperty(this, "stack", STACK)
  }
  /** What failed, for `@fireweed/retry`. */
  get category(): "connection" | "communication" {
    return this.reason === "violation" ? "communication" : "connection"
  }
  /** What to do. */
  get hint(): string {
    return this.started === "no"
      ? "a retry is safe: the call had not begun"
      : "the call may have run, so a retry is safe only if it may run twice"
  }
  /** What happened, to whom. */
  override get message(): string {
    const tail = this.stderr.trim().split("\n").slice(-3).join("\n  ")
    return `${this.target}: worker ${this.worker} is gone (${this.detail}); ${this.hint}${tail === "" ? "" : `\n  ${tail}`}`
  }
}

const STACK = stackOf<WorkerLost>(({ diagnosis }) => diagnosis?.stack ?? "")
