/**
 * A pool of Python workers behind promises.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { InvalidCall } from "../CallError.ts"
import type { CallError } from "../CallError.ts"
import { messageOf } from "../internal/thrown.ts"
import type { Callback, Options } from "../Options.ts"
import type { PoolEvent } from "../PoolEvent.ts"
import type { Exports } from "../protocol/Export.ts"
import type { Drained, EndedRecovery, Recovery, Snapshot, Target } from "../WorkerPool.ts"
import * as WorkerPool from "../WorkerPool.ts"
import * as Broadcasts from "./Broadcasts.ts"
import * as CallOption from "./CallOption.ts"
import type { Items } from "./Items.ts"
import * as AsyncItems from "./Items.ts"
import * as Maps from "./Maps.ts"
import { callback, run } from "./run.ts"
import { closeOnSignals } from "./signals.ts"

/** Options of a pool: those of `WorkerPool.make`, where all durations may be numbers of milliseconds, and two more. */
export interface PoolOptions extends Omit<Options, "preload" | "modules" | "callbacks"> {
  /**
   * Modules that each worker imports before it is ready, by file (`./analysis.py`, relative to `root`, or a URL) or by name. Functions of `./analysis.py`
   * are then called as `analysis:score`. Default: none; modules that are found in `pythonPath` are imported when they are called.
   */
  readonly modules?: ReadonlyArray<string | URL> | undefined
  /** Functions that Python may call by `fireweed.call_parent` while one of its own calls runs; they may be `async`. Default: none. */
  readonly callbacks?: { readonly [name: string]: Callback } | undefined
  /**
   * Whether SIGINT and SIGTERM close the pool, so that `teardown` and sessions are told, within twice `shutdownTimeout` (10 seconds). The program then
   * ends by that signal, unless others listen to it. A second signal ends it at once. Default: false: the program ends at once, and
   * its workers with it.
   */
  readonly closeOnSignals?: boolean | undefined
}

/** Options of one call. */
export interface CallOptions {
  /** Keyword arguments. */
  readonly kwargs?: { readonly [name: string]: unknown } | undefined
  /**
   * Time for all of it, in milliseconds: the wait for a worker, retries and the work. Then it is cancelled in Python, and rejects with
   * `DeadlineExceeded`. Default: no limit but the queue's.
   */
  readonly timeout?: number | undefined
  /** Cancels it, in Python too; it rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined
  /** Whether the function may run twice: then a call whose worker dies is tried on another, up to four times. Default: false. */
  readonly idempotent?: boolean | undefined
}

/** Options of a call that checks its result. */
export interface CheckedCallOptions<A> extends CallOptions {
  /** Reads the result, or throws: then the call rejects with `InvalidCall`, reason `result`. Any schema library's `parse` will do. */
  readonly result: (value: unknown) => A
}

/** Options of one stream. */
export interface StreamOptions extends CallOptions {
  /** How many items Python may be ahead of the loop, 1 to 65,536. Default: 64. */
  readonly credit?: number | undefined
}

/** Options of one map. */
export interface MapOptions extends CallOptions {
  /**
   * What an item is: the only positional argument (`"item"`, with `kwargs` for all), or all arguments, `{ args, kwargs }` (`"call"`; either may
   * be left out). Default: `"item"`.
   */
  readonly each?: "item" | "call" | undefined
  /** Time for all of it, in milliseconds, the pauses of the loop included. Default: no limit. */
  readonly timeout?: number | undefined
  /** Whether the function may run twice: then a chunk whose worker dies is tried on another, up to four times. Default: false. */
  readonly idempotent?: boolean | undefined
  /** How many items go in one call, 1 to 65,536. Default: one at first, then as many as take 5 ms, up to 4,096. */
  readonly chunk?: number | undefined
  /** How many chunks run at once, at most. Default: as many calls as the pool's workers can run when all of them are there. */
  readonly concurrency?: number | undefined
}

/** Options of a map that checks its results. */
export interface CheckedMapOptions<A> extends MapOptions {
  /** Reads each result, or throws: then the map rejects with `MapError`, whose reason is `InvalidCall`, reason `result`. */
  readonly result: (value: unknown) => A
}

/** Options of one broadcast. */
export interface BroadcastOptions extends Pick<CallOptions, "kwargs" | "signal"> {
  /**
   * Time for all of it, in milliseconds. Then a worker that is still busy is told of as `DeadlineExceeded`; what is remembered it does all the
   * same, as the next thing. Default: no limit.
   */
  readonly timeout?: number | undefined
  /** It takes the place of the one of the same key. Default: none, and it is remembered beside all others. */
  readonly key?: string | undefined
  /**
   * Whether workers that come later do it, too. If not, an earlier one of the same key is forgotten. Default: true, unless it fails on all
   * workers, by what it raised.
   */
  readonly remember?: boolean | undefined
}

/** Options of a broadcast that checks its results. */
export interface CheckedBroadcastOptions<A> extends BroadcastOptions {
  /** Reads each result, or throws: then the worker's answer is `InvalidCall`, reason `result`. */
  readonly result: (value: unknown) => A
}

/** What came of a broadcast on one worker. */
export type Answer<A> =
  | { readonly worker: string; readonly status: "fulfilled"; readonly value: A }
  | { readonly worker: string; readonly status: "rejected"; readonly reason: CallError }

/** Options of a session. */
export interface SessionOptions
  extends Omit<CallOptions, "idempotent">, Pick<WorkerPool.SessionOptions, "onLoss" | "snapshots"> {}

/** A Python object that lives on one worker. */
export interface Session extends AsyncDisposable {
  readonly key: string
  /** The worker it lives on now. */
  readonly worker: string
  /** Which of its incarnations that is: the number grows each time that it is brought to another worker. */
  readonly epoch: number
  /**
   * Calls a method. Calls of one session run in order, one at a time. One that is `idempotent` is repeated when the session comes back
   * from the death of its worker.
   */
  readonly call: {
    <A>(method: string, args: ReadonlyArray<unknown>, options: CheckedCallOptions<A>): Promise<A>
    <A = unknown>(method: string, args?: ReadonlyArray<unknown>, options?: CallOptions): Promise<A>
  }
  /** Calls a method that is a generator. */
  readonly stream: <A = unknown>(
    method: string,
    args?: ReadonlyArray<unknown>,
    options?: StreamOptions
  ) => Items<A>
  /** Closes it: `close()` of the object is called if it has it. Any number of times. */
  readonly close: () => Promise<void>
}

/**
 * A pool of Python workers. While it is open the program does not end, as with a server: `close` it, or let `await using` do so.
 *
 * Whatever goes wrong with a call rejects with one of the classes of this module, all of them `Error`s with a `_tag`, and says what to do.
 * An option that makes no sense is a `TypeError`.
 */
export interface Pool extends AsyncDisposable {
  /**
   * Calls a Python function. With `result` the value is checked, and typed by it; without, the type argument is believed.
   */
  readonly call: {
    <A>(target: Target, args: ReadonlyArray<unknown>, options: CheckedCallOptions<A>): Promise<A>
    <A = unknown>(target: Target, args?: ReadonlyArray<unknown>, options?: CallOptions): Promise<A>
  }
  /** Calls a Python generator, synchronous or not. It goes on as the loop does; a loop that is left closes it. */
  readonly stream: <A = unknown>(
    target: Target,
    args?: ReadonlyArray<unknown>,
    options?: StreamOptions
  ) => Items<A>
  /**
   * Calls a Python function with each of many items, on all workers; gives the results in the order of the items. Items are taken as they are
   * needed, so they may be without end; a loop that is left cancels what runs. An item that fails rejects with `MapError`, which has
   * its `index` and the `reason`, after the results before it. Each loop takes the items anew.
   *
   * ```ts
   * import { createPool } from "@fireweed/worker-pool/promise"
   *
   * const pool = await createPool({ size: 2 })
   * const lengths = await pool.map<number>("builtins:len", ["alpha", "beta", "gamma"]).toArray()
   * await pool.close()
   * if (lengths.join() !== "5,4,5") throw new Error("expected 5, 4 and 5")
   * ```
   */
  readonly map: {
    <A>(
      target: Target,
      items: Iterable<unknown> | AsyncIterable<unknown>,
      options: CheckedMapOptions<A>
    ): Items<Awaited<A>>
    <A = unknown>(
      target: Target,
      items: Iterable<unknown> | AsyncIterable<unknown>,
      options?: MapOptions
    ): Items<A>
  }
  /** Makes an object of a Python class on one worker, where it stays until it is closed. */
  readonly session: (
    key: string,
    target: Target,
    args?: ReadonlyArray<unknown>,
    options?: SessionOptions
  ) => Promise<Session>
  /**
   * Calls a function on every worker, beside its other calls, and tells what each said. It is remembered, and done again by each worker that
   * comes later, before that one serves.
   *
   * ```ts
   * import { createPool } from "@fireweed/worker-pool/promise"
   *
   * const pool = await createPool({ size: 2 })
   * const answers = await pool.broadcast("random:seed", [42], { key: "seed" })
   * const number = await pool.call("random:randrange", [1_000])
   * await pool.close()
   * if (number !== 654 || answers.some(({ status }) => status === "rejected")) throw new Error("expected 654")
   * ```
   */
  readonly broadcast: {
    <A>(
      target: Target,
      args: ReadonlyArray<unknown>,
      options: CheckedBroadcastOptions<A>
    ): Promise<ReadonlyArray<Answer<Awaited<A>>>>
    <A = unknown>(
      target: Target,
      args?: ReadonlyArray<unknown>,
      options?: BroadcastOptions
    ): Promise<ReadonlyArray<Answer<A>>>
  }
  /** Workers that are replaced, and sessions that are restored: those under way, the last hundred, and a way to cancel one. */
  readonly recoveries: {
    readonly active: () => ReadonlyArray<Recovery>
    readonly ended: () => ReadonlyArray<EndedRecovery>
    readonly cancel: (id: number) => boolean
  }
  /**
   * Takes nothing new from now on (`PoolUnavailable`, reason `draining`), and resolves when what is in hand has come to its end, or after `timeout`
   * milliseconds (30,000 by default): calls, streams, and sessions, which go on until they are closed. Tells how many there were, and how many are left.
   */
  readonly drain: (options?: Pick<CallOptions, "timeout" | "signal">) => Promise<Drained>
  /**
   * Replaces all workers by new ones, one after the other, the successor first; no call fails for it. What a worker has not done within `timeout`
   * milliseconds (30,000 by default) is lost with it. An aborted `signal` stops it after the worker it is at. Rejects with `StartError` where a worker cannot be started; the others go on.
   */
  readonly restart: (options?: Pick<CallOptions, "timeout" | "signal">) => Promise<void>
  /** What happens from now on. */
  readonly events: () => AsyncIterable<PoolEvent>
  /** The pool as it is now. */
  readonly snapshot: () => Snapshot
  /** What Python exposes by `@fireweed.expose`, with its signatures. */
  readonly exports: () => Exports
  /**
   * Refuses new calls, closes sessions, lets idle workers leave, and kills those that run something. Any number of times; resolves when
   * nothing is left. With `drain` it first waits so many milliseconds for what is in hand, as {@link Pool.drain} does; that counts the first time.
   */
  readonly close: (options?: { readonly drain?: number | undefined }) => Promise<void>
}

/**
 * Starts a pool, and resolves when its first worker can serve; the others follow. Rejects with `StartError`, which names the fix, when none can
 * be started.
 *
 * ```ts
 * import { createPool, PythonError } from "@fireweed/worker-pool/promise"
 *
 * const pool = await createPool({ size: 1 })
 * try {
 *   await pool.call("math:sqrt", [-1])
 *   throw new Error("expected it to fail")
 * } catch (error) {
 *   if (!(error instanceof PythonError) || error.exception.type !== "ValueError") throw error
 * } finally {
 *   await pool.close()
 * }
 * ```
 */
export const createPool = async (options: PoolOptions = {}): Promise<Pool> => {
  CallOption.expectObject("createPool", "options", options)
  const { callbacks, closeOnSignals: listens = false, modules, ...rest } = options
  if (callbacks !== undefined) CallOption.expectObject("createPool", "callbacks", callbacks)
  if (typeof listens !== "boolean") throw new TypeError("createPool: closeOnSignals must be true or false")
  if ("preload" in rest) throw new TypeError("createPool: preload is called modules here")
  const scope = Scope.makeUnsafe()
  // Closed before the pool, and all at once, each within its time.
  const sessions = Scope.makeUnsafe("parallel")
  const started = Scope.provide(
    WorkerPool.make({
      ...rest,
      ...(modules === undefined ? {} : { preload: modules }),
      ...(callbacks === undefined ? {} : { callbacks: wrapAll(callbacks) })
    }),
    scope
  )
  // Whatever it started before it failed has to go.
  const pool = await run(Effect.onError(started, (cause) => Scope.close(scope, Exit.failCause(cause))))

  let closing: Promise<void> | undefined
  const close = (options?: { readonly drain?: number | undefined }): Promise<void> => {
    const drain = options?.drain
    const drained =
      drain === undefined
        ? Effect.void
        : pool.drain({ timeout: CallOption.millis("pool.close", "drain", drain) })
    const closed = Effect.andThen(Scope.close(sessions, Exit.void), Scope.close(scope, Exit.void))
    closing ??= run(Effect.andThen(drained, closed)).finally(forget)
    return closing
  }
  const forget = listens ? closeOnSignals(() => close()) : () => {}

  return {
    ...callers("pool", pool),
    map: Maps.make(pool),
    session: async (key, target, args, sessionOptions = {}) => {
      const { call, signal } = CallOption.read(
        "pool.session",
        target,
        args,
        sessionOptions,
        CallOption.SESSION
      )
      if (typeof key !== "string")
        throw new TypeError(`pool.session: the key must be text, not ${typeof key}`)
      const own = Scope.forkUnsafe(sessions)
      const { onLoss, snapshots } = sessionOptions
      const { deadline, kwargs } = call
      const opened = Scope.provide(
        pool.session(key, target, args, { deadline, kwargs, onLoss, snapshots }),
        own
      )
      const session = await run(
        Effect.onError(opened, (cause) => Scope.close(own, Exit.failCause(cause))),
        signal
      )
      return handle(session, own)
    },
    broadcast: Broadcasts.make(pool),
    recoveries: {
      active: () => Effect.runSync(pool.recoveries.active),
      ended: () => Effect.runSync(pool.recoveries.ended),
      cancel: (id) => Effect.runSync(pool.recoveries.cancel(id))
    },
    drain: async (drainOptions) => {
      const { call, signal } = CallOption.read("pool.drain", "", [], drainOptions, CallOption.RESTART)
      return run(pool.drain(call.deadline === undefined ? {} : { timeout: call.deadline }), signal)
    },
    restart: async (restartOptions) => {
      const { call, signal } = CallOption.read("pool.restart", "", [], restartOptions, CallOption.RESTART)
      await run(pool.restart(call.deadline === undefined ? {} : { timeout: call.deadline }), signal)
    },
    events: () => AsyncItems.make(pool.events),
    snapshot: () => Effect.runSync(pool.snapshot),
    exports: () => Effect.runSync(pool.exports),
    close,
    [Symbol.asyncDispose]: () => close()
  }
}

const handle = (session: WorkerPool.Session, scope: Scope.Closeable): Session => {
  let closing: Promise<void> | undefined
  const close = (): Promise<void> => (closing ??= run(Scope.close(scope, Exit.void)))
  return {
    key: session.key,
    get worker() {
      return session.worker
    },
    get epoch() {
      return session.epoch
    },
    ...callers("session", session),
    close,
    [Symbol.asyncDispose]: close
  }
}

/** What a pool and a session have in common. */
const callers = (
  who: string,
  { call, stream }: Pick<WorkerPool.WorkerPool, "call" | "stream">
): Pick<Pool, "call" | "stream"> => {
  function callPromise<A>(
    target: Target,
    args: ReadonlyArray<unknown>,
    options: CheckedCallOptions<A>
  ): Promise<A>
  function callPromise<A = unknown>(
    target: Target,
    args?: ReadonlyArray<unknown>,
    options?: CallOptions
  ): Promise<A>
  async function callPromise(
    target: Target,
    args: ReadonlyArray<unknown> = [],
    options: Partial<CheckedCallOptions<unknown>> = {}
  ): Promise<unknown> {
    const read = CallOption.read(`${who}.call`, target, args, options, CallOption.FUNCTION)
    const value = call(target, args, read.call)
    const { result } = options
    return run(
      result === undefined ? value : Effect.flatMap(value, (value) => parse(target, result, value)),
      read.signal
    )
  }

  function items<A = unknown>(
    target: Target,
    args?: ReadonlyArray<unknown>,
    options?: StreamOptions
  ): Items<A>
  function items(
    target: Target,
    args: ReadonlyArray<unknown> = [],
    options: StreamOptions = {}
  ): Items<unknown> {
    const read = CallOption.read(`${who}.stream`, target, args, options, CallOption.STREAM)
    return AsyncItems.make(stream(target, args, { ...read.call, credit: options.credit }), read.signal)
  }

  return { call: callPromise, stream: items }
}

const parse = (
  target: string,
  read: (value: unknown) => unknown,
  value: unknown
): Effect.Effect<unknown, InvalidCall> =>
  Effect.tryPromise({
    try: async () => read(value),
    catch: (error) => {
      const detail = `the result is not what was asked for: ${messageOf(error)}`
      return new InvalidCall({ reason: "result", target, detail, started: "maybe" })
    }
  })

const wrapAll = (callbacks: { readonly [name: string]: Callback }): { readonly [name: string]: Callback } =>
  Object.fromEntries(
    Object.entries(callbacks).map(([name, user]) => [
      name,
      typeof user === "function" ? callback(user) : user
    ])
  )
