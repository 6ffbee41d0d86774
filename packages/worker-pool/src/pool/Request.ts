/**
 * A call on its way through the pool, and how what a worker says of it becomes a value or an error.
 */
import * as Duration from "effect/Duration"
import * as Base64 from "effect/encoding/Base64"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { DeadlineExceeded, InvalidCall, PythonError, stackless, WorkerLost } from "../CallError.ts"
import type { CallError, Started } from "../CallError.ts"
import type { Timer } from "../internal/Timers.ts"
import type * as LinkedQueue from "../internal/LinkedQueue.ts"
import * as Codec from "../protocol/Codec.ts"
import { violation } from "../protocol/Frame.ts"
import type { CodecId, Payload, ProtocolViolation } from "../protocol/Frame.ts"
import * as Message from "../protocol/Message.ts"
import type { End } from "../transport/Transport.ts"
import type { Outcome, StreamAssignment } from "../worker/Assignment.ts"
import type { Worker } from "../worker/Worker.ts"
import type * as FairQueue from "./FairQueue.ts"
import type { Waiting } from "./Reentry.ts"
import type { Entry } from "./Sessions.ts"

/** The moment a call must be done, in the milliseconds of the pool's timers; and how long that was when it was made. */
export interface Deadline {
  readonly at: number
  readonly length: number
}

/** Calls that only this worker can run, one after the other: those of a session, or what is broadcast to it. */
export interface Lane {
  readonly worker: Worker
}

/** A call on its way. */
export interface Request {
  /** CALL, OPEN or CLOSE. */
  readonly kind: number
  /** The function, or the session and its method, for messages. */
  readonly target: string
  readonly codec: CodecId
  /** What its frame carries; asked for when it is sent, since the time left is part of it. */
  readonly payload: (now: number) => Payload
  /** Its session, if it has one: only that one's worker can take it, when the calls of that session before it are done. */
  readonly session: Entry | undefined
  /** With this it is broadcast to a worker: in order with what else is, and before the calls that wait for that worker. */
  readonly broadcast?: Lane | undefined
  /** It makes its worker ready to serve, rather than being served: it counts as no answered call. */
  readonly isPreparation?: boolean | undefined
  /** The calls that wait for it, if it is made from a callback. */
  readonly waiting: Waiting | undefined
  readonly deadline: Deadline | undefined
  /** Longest time it may run, in milliseconds, whatever the deadline; `Infinity` for no limit. */
  readonly runLimit: number
  /** Waits for as long as it takes, and is never refused for want of room: what ends something must not be dropped. */
  readonly patient: boolean
  /** With this the call is a stream; nothing more comes after it was settled. */
  readonly stream: StreamAssignment | undefined
  /** Told exactly once; for a stream, with what its generator returned. */
  readonly settle: (result: Exit.Exit<unknown, CallError>) => void
  /** Told each time a worker gets it. */
  readonly given?: ((worker: string, now: number) => void) | undefined
  /** Order of arrival. */
  readonly order: number
  /** Whose call it is: keys take turns. */
  readonly key: string | undefined
  /** Seconds of waiting that it is ahead. */
  readonly priority: number
  /** When it began to wait, in milliseconds of the pool's timers; `undefined` if it never did. */
  arrivedAt: number | undefined
  /** Whether its answer has a snapshot with it; settled when it is sent. */
  takes: boolean
  place: Place
  /** Ends its wait, or its run. */
  timer: Timer | undefined
}

/** Where a call stands. */
export type Place =
  | { readonly _tag: "New" }
  | { readonly _tag: "Queued"; readonly member: FairQueue.Member<Request> }
  /** Behind another call of its session. */
  | { readonly _tag: "Behind"; readonly node: LinkedQueue.Node<Request> }
  /** `id` is its number on the wire. */
  | { readonly _tag: "Running"; readonly worker: Worker; readonly id: number }
  | { readonly _tag: "Settled" }

/** The calls it is in line with, on the only worker that can run it; `undefined` if any can. */
export const laneOf = ({ broadcast, session }: Request): Lane | undefined => session ?? broadcast

/** The places that carry nothing. */
export const NEW: Place = { _tag: "New" }
export const SETTLED: Place = { _tag: "Settled" }

/** A value that came with a snapshot of its session, or with why there is none. */
export class Taken {
  readonly value: unknown
  readonly snapshot: Uint8Array | undefined
  readonly failure: Message.PythonException | undefined
  constructor(
    value: unknown,
    snapshot: Uint8Array | undefined,
    failure: Message.PythonException | undefined
  ) {
    this.value = value
    this.snapshot = snapshot
    this.failure = failure
  }
}

/** What an outcome means: for the caller, and for the worker if its answer breaks a rule. */
export interface Meaning {
  readonly result: Exit.Exit<unknown, CallError>
  readonly broken?: ProtocolViolation
}

/** Reads an outcome. It reads the frame at once. */
export const interpret = (
  request: Request,
  worker: string,
  outcome: Exclude<Outcome, { readonly _tag: "NotBegun" }>
): Meaning => {
  switch (outcome._tag) {
    case "Result": {
      const read = Codec.byId(outcome.frame.codec).decode(outcome.frame)
      if ("_tag" in read) return violated(request, worker, read)
      const broken = request.stream?.end?.(read.value)
      if (broken !== undefined) return violated(request, worker, broken)
      const value = request.takes ? readTaken(read.value) : read.value
      return value === undefined && request.takes
        ? violated(
            request,
            worker,
            violation("snapshot", "an answer without the snapshot that was asked for")
          )
        : { result: Exit.succeed(value) }
    }
    case "Failed": {
      const error = Option.getOrUndefined(Message.readError(outcome.frame))
      if (error === undefined) return violated(request, worker, violation("error", "it cannot be read"))
      return { result: Exit.fail(stackless(() => readFailure(request, worker, error))) }
    }
    case "Lost":
      return { result: Exit.fail(lost(request, worker, outcome.end, "maybe", outcome.stuck)) }
  }
}

/** The error of a call whose worker is gone. */
export const lost = (
  request: Request,
  worker: string,
  end: End,
  started: Started,
  stuck: boolean
): WorkerLost =>
  stackless(
    () =>
      new WorkerLost({
        reason: stuck ? "stuck" : end.reason === "too-old" ? "exit" : end.reason,
        target: request.target,
        worker,
        started,
        exitCode: end.exitCode,
        signal: end.signal,
        detail: end.detail,
        stderr: end.stderr,
        ...(end.diagnosis === undefined ? {} : { diagnosis: end.diagnosis })
      })
  )

const violated = (request: Request, worker: string, broken: ProtocolViolation): Meaning => {
  const detail = `broke the protocol (${broken.rule}): ${broken.detail}`
  const end: End = { reason: "violation", exitCode: null, signal: null, detail, stderr: "" }
  return { result: Exit.fail(lost(request, worker, end, "maybe", false)), broken }
}

// The bytes are copied: they are kept for longer than the frame that they came in.
const readTaken = (answer: unknown): Taken | undefined => {
  if (!Array.isArray(answer) || answer.length !== 3) return undefined
  const [value, data, why]: ReadonlyArray<unknown> = answer
  if (data === null) {
    const failure = Option.getOrUndefined(decodeException(why))
    return failure && new Taken(value, undefined, failure)
  }
  const bytes = typeof data === "string" ? Result.getOrUndefined(Base64.decode(data)) : data
  return bytes instanceof Uint8Array ? new Taken(value, bytes.slice(), undefined) : undefined
}

const decodeException = Schema.decodeUnknownOption(Message.PythonException)

const invalid = (
  request: Request,
  reason: InvalidCall["reason"],
  detail: string,
  started: Started
): InvalidCall => stackless(() => new InvalidCall({ reason, target: request.target, detail, started }))

const readFailure = (
  request: Request,
  worker: string,
  error: Message.WorkerError
): PythonError | InvalidCall | DeadlineExceeded => {
  const { target } = request
  const started: Started = error.started ? "maybe" : "no"
  const exception = error.error ?? { type: "Exception", message: error.message, frames: [] }
  switch (error.code) {
    case "target":
      return invalid(request, "target", error.message, started)
    case "decode":
      return invalid(request, "arguments", error.message, started)
    case "encode":
      return invalid(request, "result", error.message, started)
    case "stream":
      return invalid(request, "stream", error.message, started)
    case "exit":
      return new PythonError({ reason: "exit", target, worker, exception })
    case "interrupt":
      return new PythonError({ reason: "interrupt", target, worker, exception })
    case "oom":
      return new PythonError({ reason: "memory", target, worker, exception })
    case "deadline":
      // The worker looked at its own clock, a moment before ours.
      return new DeadlineExceeded({
        reason: "waiting",
        target,
        deadline: Duration.millis(request.deadline?.length ?? 0)
      })
    case "cancelled":
    // Who cancels a call does not wait for its answer; so this is an exception like any other.
    case "raised":
      return new PythonError({ reason: "raised", target, worker, exception })
  }
}
