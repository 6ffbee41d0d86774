/**
 * Everything that can go wrong with a call, as one closed union of seven tagged errors. Each says what happened (`message`), to whom
 * (`target`, `worker`), what to do (`hint`) and whether a retry is safe (`started`, `retryAfter`); `category` is what
 * `@fireweed/retry` classifies by. All are schemas, so they can cross a process.
 *
 * They are made where the fault is seen, once, and never wrapped again.
 */
import { Category } from "@fireweed/retry"
import * as Schema from "effect/Schema"
import { DeadlineExceeded } from "./errors/DeadlineExceeded.ts"
import { InvalidCall } from "./errors/InvalidCall.ts"
import { PoolUnavailable } from "./errors/PoolUnavailable.ts"
import { PythonError } from "./errors/PythonError.ts"
import { QueueFull } from "./errors/QueueFull.ts"
import { SessionError } from "./errors/SessionError.ts"
import type { StartError } from "./errors/StartError.ts"
import { WorkerLost } from "./errors/WorkerLost.ts"

export { type Started, stackless } from "./errors/Base.ts"
export { Diagnosis } from "./errors/Diagnosis.ts"
export type { Mismatch } from "./errors/Mismatch.ts"
export { StartError } from "./errors/StartError.ts"
export { DeadlineExceeded, InvalidCall, PoolUnavailable, PythonError, QueueFull, SessionError, WorkerLost }

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
