/** The catalogue of faults: what user code, or the world around it, does to a worker, and what must come of it. */
import type { CallError, WorkerPool } from "@fireweed/worker-pool"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { folder } from "../support.ts"

/** What the caller sees. */
export type Expected =
  | { readonly _tag: "Value"; readonly is: unknown }
  | { readonly _tag: "Error"; readonly like: Pattern }
  | { readonly _tag: "Either"; readonly of: ReadonlyArray<Expected> }

/**
 * What a value must look like: a regular expression matches text, a function decides, an object names some of its properties, an array all of
 * its elements; anything else must be equal.
 */
export type Pattern = unknown

/**
 * What becomes of the worker: it answers the next call (`reused`), or its successor does (`replaced`). One that is `dirty` answers as well,
 * but keeps what the call left behind, so that it is not used again.
 */
export type Reuse = "reused" | "replaced" | "dirty"

/** What depends on the version of Python: the second number of it is given. */
export type ByVersion<A> = A | { readonly by: (minor: number) => A }

/** A fault of a call. */
export interface Fault {
  /** What the call does. Unique in its section. */
  readonly name: string
  readonly act: Act
  readonly expected: ByVersion<Expected>
  readonly reuse: ByVersion<Reuse>
  /** The worker needs these options, and so a pool of its own. */
  readonly pool?: WorkerPool.Options
  /** Serves on, but is not fit for the faults to come, such as one without standard output. */
  readonly spent?: boolean
  /** It is another one where a worker runs several calls at once. */
  readonly alone?: boolean
  /** What must have been told of the worker that is gone. */
  readonly gone?: RegExp
  /** What must have been logged by Python: the logger, and the message. */
  readonly logged?: RegExp
  /** What the worker must tell that the call left behind, by name. */
  readonly left?: ReadonlyArray<string>
}

/** A fault of a start. */
export interface StartFault {
  readonly name: string
  /** The options, for an interpreter that works, and an empty folder. */
  readonly options: (python: string, folder: string) => WorkerPool.Options
  /** The error; without it the pool starts, and serves. */
  readonly error?: Pattern
}

/** One section of the catalogue. */
export interface Section<A> {
  readonly name: string
  readonly faults: ReadonlyArray<A>
}

export type Act = (pool: WorkerPool.WorkerPool) => Effect.Effect<unknown, CallError.CallError, Scope.Scope>

// --- what is done

/** Calls a function. */
export const call =
  (target: string, args: ReadonlyArray<unknown> = [], options: WorkerPool.CallOptions = {}): Act =>
  (pool) =>
    pool.call(target, args, options)

/** Runs statements. */
export const exec = (source: string, options: WorkerPool.CallOptions = {}): Act =>
  call("builtins:exec", [source, {}], options)

/** Gives the value of an expression. */
export const evaluate = (source: string): Act => call("faults:evaluate", [source])

/** Imports a module with that source, and gives its `value`. */
export const importing =
  (name: string, source: string, options: WorkerPool.CallOptions = {}): Act =>
  (pool) =>
    Effect.flatMap(folder, (path) => pool.call("faults:module", [path, name, source], options))

/** Runs statements that go on for longer than they may. */
export const hang = (source: string): Act => exec(source, { deadline: HANG })

/** Time that a hanging call is given, in milliseconds. */
export const HANG = 500

// --- what is expected

export const value = (is: unknown): Expected => ({ _tag: "Value", is })

/** Statements give nothing. */
export const nothing: Expected = value(null)

export const error = (tag: CallError.CallError["_tag"], reason: string, more: object = {}): Expected => ({
  _tag: "Error",
  like: { _tag: tag, reason, ...more }
})

/** The function raised an exception of that type. */
export const raised = (type: string | RegExp, more: object = {}): Expected =>
  error("PythonError", "raised", { exception: { type, ...more } })

export const left: Expected = error("PythonError", "exit")

export const invalid = (
  reason: "target" | "arguments" | "result" | "stream",
  detail: Pattern = /./
): Expected => error("InvalidCall", reason, { detail })

/** It ended by itself, with that status. */
export const exited = (exitCode: number, more: object = {}): Expected =>
  error("WorkerLost", "exit", { exitCode, signal: null, started: "maybe", ...more })

/** It was killed by that signal, which was not the pool's. */
export const killed = (signal: string, more: object = {}): Expected =>
  error("WorkerLost", "signal", { signal, exitCode: null, started: "maybe", ...more })

export const lost = (reason: "eof" | "violation" | "stuck", more: object = {}): Expected =>
  error("WorkerLost", reason, { started: "maybe", ...more })

export const late: Expected = error("DeadlineExceeded", "running", { started: "maybe" })

export const either = (...of: ReadonlyArray<Expected>): Expected => ({ _tag: "Either", of })

export const by = <A>(choose: (minor: number) => A): { readonly by: (minor: number) => A } => ({ by: choose })
