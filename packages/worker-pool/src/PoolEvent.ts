/**
 * What happens in a pool, for those who watch it.
 */
import type { CallError, Diagnosis, StartError } from "./CallError.ts"
import type { Ended, Recovery } from "./recovery/Recoveries.ts"
import type { Output } from "./transport/Transport.ts"
import type { WorkerState } from "./worker/WorkerState.ts"

/** How a call ended: `interrupted` if its caller left, `defect` if a fault of this package ended it, else the tag of its error. */
export type CallOutcome = "success" | "interrupted" | "defect" | CallError["_tag"]

/** A call has ended, with its retries: a call, a stream, or the opening of a session. Times are milliseconds. */
export interface CallEnded {
  readonly _tag: "CallEnded"
  readonly target: string
  readonly outcome: CallOutcome
  readonly error: CallError | undefined
  /** The worker that had it last; `undefined` if none had. */
  readonly worker: string | undefined
  /** 0 if it was refused before it was sent. */
  readonly attempts: number
  /** Until a worker had it, or until its end if none had. */
  readonly waited: number
  readonly took: number
}

/**
 * A session lives on another worker: `SessionRestored` with its last snapshot, or `SessionRemade` as new, since its worker died;
 * `SessionMoved` with all its state, since its worker is to go.
 */
export interface SessionBrought<Tag extends string> {
  readonly _tag: Tag
  readonly key: string
  readonly from: string
  readonly worker: string
  readonly epoch: number
  /** For how long it could not be called, in milliseconds. */
  readonly took: number
}

/** One event. */
export type PoolEvent =
  | CallEnded
  /** A worker changed its state. */
  | {
      readonly _tag: "WorkerState"
      readonly worker: string
      readonly from: WorkerState
      readonly to: WorkerState
    }
  /** A worker is ready. */
  | {
      readonly _tag: "WorkerReady"
      readonly worker: string
      readonly pid: number | undefined
      readonly python: string
    }
  /** A worker that was ready is gone. */
  | { readonly _tag: "WorkerGone"; readonly worker: string; readonly detail: string }
  /** A file of Python code has changed, and the workers are restarted, as the option `reload` says. */
  | { readonly _tag: "Reloading"; readonly file: string }
  /**
   * A worker that lives is replaced, and leaves when what it has is done: it reached a limit of the option `recycle`, or the pool is
   * restarted. Its successor serves.
   */
  | {
      readonly _tag: "WorkerReplaced"
      readonly worker: string
      readonly successor: string
      readonly reason: "calls" | "age" | "memory" | "dirty" | "restart"
    }
  /** A worker does not answer, and has not for `silentFor` milliseconds. Told once, until it answers. */
  | {
      readonly _tag: "WorkerUnresponsive"
      readonly worker: string
      readonly silentFor: number
      readonly diagnosis: Diagnosis
    }
  /** An unresponsive worker answers again. */
  | { readonly _tag: "WorkerResponsive"; readonly worker: string }
  /** The calls of a worker have left behind something more; all of it, by name: `README.md` has the names. */
  | { readonly _tag: "WorkerDirty"; readonly worker: string; readonly dirty: ReadonlyArray<string> }
  /** A worker could not be started. */
  | { readonly _tag: "StartFailed"; readonly worker: string; readonly error: StartError }
  /** Workers are spawned from now on, not forked, for this reason. */
  | { readonly _tag: "ForkRefused"; readonly reason: string }
  /** The circuit breaker of the starts went from one state to another. */
  | { readonly _tag: "Circuit"; readonly from: string; readonly to: string }
  /** A call that failed is tried again. */
  | {
      readonly _tag: "CallRetried"
      readonly target: string
      readonly attempt: number
      readonly error: CallError
    }
  /** A session was opened on a worker; `kept` if it has the state that an earlier one of its key has left. */
  | { readonly _tag: "SessionOpened"; readonly key: string; readonly worker: string; readonly kept: boolean }
  /** A session was closed. */
  | { readonly _tag: "SessionClosed"; readonly key: string; readonly worker: string }
  /** A session was not used for too long, and is closed. */
  | { readonly _tag: "SessionExpired"; readonly key: string; readonly worker: string }
  | SessionBrought<"SessionRestored">
  | SessionBrought<"SessionRemade">
  | SessionBrought<"SessionMoved">
  /** No snapshot of a session could be made or stored, and no call has failed for that: the one before is still what it would be restored from. */
  | {
      readonly _tag: "SessionSnapshotFailed"
      readonly key: string
      readonly worker: string
      readonly error: CallError
    }
  /** A session went with its worker. */
  | { readonly _tag: "SessionLost"; readonly key: string; readonly worker: string }
  /** A recovery has its place and begins: a worker is replaced, or a session restored. */
  | ({ readonly _tag: "RecoveryStarted" } & Recovery)
  /** A recovery has ended, or was cancelled while it waited for its place. */
  | ({ readonly _tag: "RecoveryEnded" } & Ended)
  /** User code printed a line; what a preload prints before workers are forked has the worker `zygote`. */
  | { readonly _tag: "Output"; readonly worker: string; readonly output: Output; readonly line: string }
  /**
   * User code logged something, warned, or lost an exception. `level` is Python's number: 10 is DEBUG, 50 CRITICAL. `target` is the call
   * it did so in, if that is known.
   */
  | {
      readonly _tag: "Log"
      readonly worker: string
      readonly level: number
      readonly logger: string
      readonly message: string
      readonly target: string | undefined
    }
