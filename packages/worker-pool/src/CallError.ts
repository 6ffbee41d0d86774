/**
 * Everything that can go wrong with a call, as one closed union of seven tagged errors. Each says what happened (`message`), to whom
 * (`target`, `worker`), what to do (`hint`) and whether a retry is safe (`started`, `retryAfter`); `category` is what
 * `@fireweed/retry` classifies by. All are schemas, so they can cross a process.
 *
 * They are made where the fault is seen, once, and never wrapped again.
 */
import { Category } from "@fireweed/retry"
import type * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Schema from "effect/Schema"
import type { PythonException } from "./protocol/Message.ts"
import * as Message from "./protocol/Message.ts"

type Base<Self, Tag extends string, Fields extends Schema.Struct.Fields> = Schema.Class<
  Self,
  Schema.TaggedStruct<Tag, Fields>,
  Cause.YieldableError
>

/** Whether user code may have run: after `"no"` a retry is always safe, after `"maybe"` only if the call is idempotent. */
export type Started = "no" | "maybe"

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
    return formatException(this.exception)
  }
  /** What happened, to whom. */
  override get message(): string {
    return `${this.target} on worker ${this.worker}: ${headline(this.exception)}`
  }
}

const InvalidCallBase: Base<
  InvalidCall,
  "InvalidCall",
  {
    readonly reason: Schema.Literals<readonly ["target", "arguments", "result", "stream", "reentry"]>
    readonly target: Schema.String
    readonly detail: Schema.String
    readonly started: Schema.Literals<readonly ["no", "maybe"]>
  }
> = Schema.TaggedError<InvalidCall>()("InvalidCall", {
  reason: Schema.Literals(["target", "arguments", "result", "stream", "reentry"]),
  target: Schema.String,
  detail: Schema.String,
  started: Schema.Literals(["no", "maybe"])
})

/**
 * The call itself is wrong: there is no such function, or it may not be called (`target`), an argument cannot be sent (`arguments`), the
 * result, or an item of a stream, cannot be sent or is not what the schema says (`result`), a stream was asked of a function that gives
 * none, or a value of one that does (`stream`), or it was made from a callback and would wait for the very call that waits for the
 * callback (`reentry`). `detail` names the type and the path to it.
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
      case "reentry":
        return "give Python what it needs before it asks, add workers, or let the callback call another pool"
    }
  }
  /** What happened, to whom. */
  override get message(): string {
    return `${this.target}: ${this.detail}; ${this.hint}`
  }
}

const DeadlineExceededBase: Base<
  DeadlineExceeded,
  "DeadlineExceeded",
  {
    readonly reason: Schema.Literals<readonly ["waiting", "running"]>
    readonly target: Schema.String
    readonly deadline: Schema.Duration
  }
> = Schema.TaggedError<DeadlineExceeded>()("DeadlineExceeded", {
  reason: Schema.Literals(["waiting", "running"]),
  target: Schema.String,
  deadline: Schema.Duration
})

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

/**
 * Why a worker hung, as it was seen from outside.
 *
 * @category models
 */
export interface Diagnosis {
  /**
   * `stopped`: by a signal such as `SIGSTOP`; `gil-held`: native code computes and does not let go of the interpreter's lock; `blocked`: it
   * waits for something and does not; `ignores-cancellation`: the worker is well, but the call goes on although it was cancelled;
   * `unknown`: it does not answer, and cannot be looked at.
   */
  readonly state: "stopped" | "gil-held" | "blocked" | "ignores-cancellation" | "unknown"
  /** The stacks of its threads, as Python's `faulthandler` writes them; empty if they could not be had. */
  readonly stack: string
  /** Where user code is stuck, as `file:line in function`. */
  readonly line?: string
}

/** A diagnosis as data that can cross a process. */
export const Diagnosis: Schema.Codec<Diagnosis> = Schema.Struct({
  state: Schema.Literals(["stopped", "gil-held", "blocked", "ignores-cancellation", "unknown"]),
  stack: Schema.String,
  line: Schema.optionalKey(Schema.String)
})

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
> = Schema.TaggedError<WorkerLost>()("WorkerLost", {
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

/**
 * The worker that had the call is gone: it ended (`exit`), was killed (`signal`), closed its pipes (`eof`), broke the protocol
 * (`violation`), or had to be killed since it would not stop or answer (`stuck`, with a `diagnosis`). The pool starts another.
 *
 * @category errors
 */
export class WorkerLost extends WorkerLostBase {
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

const QueueFullBase: Base<
  QueueFull,
  "QueueFull",
  {
    readonly reason: Schema.Literals<readonly ["limit", "timeout"]>
    readonly target: Schema.String
    readonly queued: Schema.Finite
    readonly waited: Schema.Duration
  }
> = Schema.TaggedError<QueueFull>()("QueueFull", {
  reason: Schema.Literals(["limit", "timeout"]),
  target: Schema.String,
  queued: Schema.Finite,
  waited: Schema.Duration
})

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

const PoolUnavailableBase: Base<
  PoolUnavailable,
  "PoolUnavailable",
  {
    readonly reason: Schema.Literals<readonly ["closed", "crash-loop"]>
    readonly target: Schema.String
    readonly retryAfter: Schema.Duration
    readonly detail: Schema.String
  }
> = Schema.TaggedError<PoolUnavailable>()("PoolUnavailable", {
  reason: Schema.Literals(["closed", "crash-loop"]),
  target: Schema.String,
  retryAfter: Schema.Duration,
  detail: Schema.String
})

/**
 * No worker can serve: the pool is closed, or its workers die one after the other and the circuit breaker holds back the next start for
 * `retryAfter`. The call never ran.
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
    return this.reason === "closed"
      ? "keep the pool's scope open for as long as it is used"
      : `see why the workers die; the pool tries again in ${Duration.format(this.retryAfter)}`
  }
  /** What happened, to whom. */
  override get message(): string {
    return `${this.target}: ${this.detail}; ${this.hint}`
  }
}

/**
 * A description by `PythonModule` that does not match what Python has.
 *
 * @category models
 */
export interface Mismatch {
  /** What is described, as `module:name`. */
  readonly target: string
  /** Its signature as it is described. */
  readonly described: string
  /** Its signature in Python, or what is there instead. */
  readonly python: string
  /** What does not match, one line each. */
  readonly problems: ReadonlyArray<string>
}

const Mismatch: Schema.Codec<Mismatch> = Schema.Struct({
  target: Schema.String,
  described: Schema.String,
  python: Schema.String,
  problems: Schema.Array(Schema.String)
})

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
        "signature"
      ]
    >
    readonly interpreter: Schema.String
    readonly detail: Schema.String
    readonly stderr: Schema.String
    readonly fix: Schema.optionalKey<Schema.String>
    readonly exception: Schema.optionalKey<Schema.Codec<PythonException>>
    readonly mismatches: Schema.optionalKey<Schema.$Array<Schema.Codec<Mismatch>>>
  }
> = Schema.TaggedError<StartError>()("StartError", {
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
    "signature"
  ]),
  interpreter: Schema.String,
  detail: Schema.String,
  stderr: Schema.String,
  fix: Schema.optionalKey(Schema.String),
  exception: Schema.optionalKey(Message.PythonException),
  mismatches: Schema.optionalKey(Schema.Array(Mismatch))
})

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
      case "handshake":
        return "reinstall @fireweed/worker-pool: its two halves do not match"
    }
  }
  /** What its preload or setup raised, as Python prints it; empty if it was not that. */
  get traceback(): string {
    return this.exception === undefined ? "" : formatException(this.exception)
  }
  /** What happened, to whom. */
  override get message(): string {
    const mismatches = (this.mismatches ?? []).map(formatMismatch).join("\n")
    const tail = `${mismatches}\n${this.traceback}\n${this.stderr}`.trim()
    return `${this.interpreter}: ${this.detail}; ${this.hint}${tail === "" ? "" : `\n  ${tail.replaceAll("\n", "\n  ")}`}`
  }
}

const SessionErrorBase: Base<
  SessionError,
  "SessionError",
  {
    readonly reason: Schema.Literals<readonly ["lost", "closed", "exists", "limit"]>
    readonly key: Schema.String
    readonly target: Schema.String
    readonly detail: Schema.String
  }
> = Schema.TaggedError<SessionError>()("SessionError", {
  reason: Schema.Literals(["lost", "closed", "exists", "limit"]),
  key: Schema.String,
  target: Schema.String,
  detail: Schema.String
})

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

/**
 * Every way a call can fail.
 *
 * @category errors
 */
export type CallError =
  | PythonError
  | InvalidCall
  | DeadlineExceeded
  | WorkerLost
  | QueueFull
  | PoolUnavailable
  | SessionError

/** The union as a schema, for programs that send errors to other processes. */
export const CallError: Schema.Codec<CallError, unknown> = Schema.toCodecJson(
  Schema.Union([
    PythonError,
    InvalidCall,
    DeadlineExceeded,
    WorkerLost,
    QueueFull,
    PoolUnavailable,
    SessionError
  ])
)

/**
 * How bad an error is, by the table of `@fireweed/retry`: `minor` is the caller's to correct, `major` hits this call, `critical` the pool.
 */
export const severity = (error: CallError | StartError): Category.Severity =>
  Category.rules[error.category].severity

/**
 * Builds an error without capturing a stack: where it was made says nothing (a reader of the pipe made it), and a stack costs
 * several times the error.
 */
export const stackless = <E>(build: () => E): E => {
  const limit = Error.stackTraceLimit
  Error.stackTraceLimit = 0
  try {
    return build()
  } finally {
    Error.stackTraceLimit = limit
  }
}

const formatMismatch = ({ described, problems, python, target }: Mismatch): string =>
  [
    target,
    `  described: ${described}`,
    `  Python:    ${python}`,
    ...problems.map((line) => `  - ${line}`)
  ].join("\n")

const headline = (exception: PythonException): string =>
  exception.message === "" ? exception.type : `${exception.type}: ${exception.message}`

const formatException = (exception: PythonException): string => {
  const before =
    exception.cause !== undefined
      ? `${formatException(exception.cause)}\n\nThe above exception was the direct cause of the following exception:\n\n`
      : exception.context !== undefined
        ? `${formatException(exception.context)}\n\nDuring handling of the above exception, another exception occurred:\n\n`
        : ""
  const frames = exception.frames.map(
    ([file, line, name, source]) =>
      `  File "${file}", line ${line}, in ${name}${source === "" ? "" : `\n    ${source}`}`
  )
  const trace = frames.length === 0 ? "" : `Traceback (most recent call last):\n${frames.join("\n")}\n`
  const notes = (exception.notes ?? []).map((note) => `\n${note}`).join("")
  const group = (exception.group ?? [])
    .map(
      (member, index) => `\n  +---- ${index + 1} ----\n${formatException(member).replaceAll(/^/gm, "  | ")}`
    )
    .join("")
  return `${before}${trace}${headline(exception)}${notes}${group}`
}
