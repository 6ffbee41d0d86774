/**
 * Pools of Python workers.
 *
 * A pool starts Python processes, gives them calls, and keeps them alive: one that dies is replaced, what it had not begun is given to
 * another, and what cannot be saved ends in one typed error. Nothing it started outlives its scope, nor this process.
 *
 * ```ts
 * import { WorkerPool } from "@fireweed/worker-pool"
 * import * as Effect from "effect/Effect"
 *
 * const program = Effect.gen(function* () {
 *   const pool = yield* WorkerPool.make({ size: 2 })
 *   return yield* pool.call("statistics:mean", [[1, 2, 3, 4]])
 * })
 *
 * const mean = await Effect.runPromise(Effect.scoped(program))
 * if (mean !== 2.5) throw new Error("expected 2.5")
 * ```
 */
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import { identity } from "effect/Function"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import { MapError } from "./MapError.ts"
import type { CallError, StartError } from "./CallError.ts"
import * as Places from "./internal/places.ts"
import { decode } from "./internal/settings.ts"
import * as Timers from "./internal/Timers.ts"
import type { Options } from "./Options.ts"
import * as Admission from "./pool/Admission.ts"
import type { Drained } from "./pool/Admission.ts"
import * as Broadcasts from "./pool/Broadcast.ts"
import type { Answer, BroadcastOptions, CheckedBroadcastOptions } from "./pool/Broadcast.ts"
import * as Callbacks from "./pool/Callbacks.ts"
import * as Calls from "./pool/Calls.ts"
import type { CallOptions, CheckedCallOptions } from "./pool/Calls.ts"
import * as CallWatch from "./pool/CallWatch.ts"
import * as Dispatcher from "./pool/Dispatcher.ts"
import * as Observability from "./pool/Observability.ts"
import type { Recorded } from "./pool/Observability.ts"
import * as Maps from "./pool/Maps.ts"
import type { CheckedMapOptions, MapOptions } from "./pool/Maps.ts"
import * as Reentry from "./pool/Reentry.ts"
import * as Replay from "./pool/Replay.ts"
import * as SessionHandle from "./pool/SessionHandle.ts"
import * as Sessions from "./pool/Sessions.ts"
import * as Snapshots from "./pool/Snapshot.ts"
import type { Snapshot } from "./pool/Snapshot.ts"
import type { Source } from "./pool/Source.ts"
import * as Streams from "./pool/Streams.ts"
import type { CheckedStreamOptions, StreamOptions } from "./pool/Streams.ts"
import * as Strict from "./pool/Strict.ts"
import * as Workers from "./pool/Workers.ts"
import type { PoolEvent } from "./PoolEvent.ts"
import * as Codec from "./protocol/Codec.ts"
import type { Exports } from "./protocol/Export.ts"
import * as Kind from "./protocol/Kind.ts"
import * as PythonModule from "./PythonModule.ts"
import * as Recoveries from "./recovery/Recoveries.ts"
import * as Environment from "./transport/Environment.ts"
import * as Sweep from "./transport/Sweep.ts"

export type { Callback, Hook, Options } from "./Options.ts"
export type { Export, Exports, Parameter, Signature } from "./protocol/Export.ts"
export type { Drained } from "./pool/Admission.ts"
export type { Answer, BroadcastOptions, CheckedBroadcastOptions } from "./pool/Broadcast.ts"
export type { CallOptions, CheckedCallOptions } from "./pool/Calls.ts"
export type { CheckedMapOptions, MapOptions } from "./pool/Maps.ts"
export type { Recorded } from "./pool/Observability.ts"
export type { Session, SessionOptions } from "./pool/SessionHandle.ts"
export type { Snapshot, WorkerSnapshot } from "./pool/Snapshot.ts"
export type { Source } from "./pool/Source.ts"
export type { Ended as EndedRecovery, Outcome as RecoveryOutcome, Recovery } from "./recovery/Recoveries.ts"
export type { CheckedStreamOptions, StreamOptions } from "./pool/Streams.ts"

/**
 * A function to call: `package.module:function`, with a dotted name for what is inside a class; `./file.py:function`, relative to the
 * option `root`, absolute, or as a `file:` URL; or the name of one that Python exposes.
 */
export type Target = string

/** A pool of Python workers. */
export interface WorkerPool {
  readonly [TypeId]: typeof TypeId
  /** Calls a Python function. With a `result` schema the value is checked and typed; without one it is `unknown`. */
  readonly call: {
    <A>(
      target: Target,
      args: ReadonlyArray<unknown>,
      options: CheckedCallOptions<A>
    ): Effect.Effect<A, CallError>
    (target: Target, args?: ReadonlyArray<unknown>, options?: CallOptions): Effect.Effect<unknown, CallError>
  }
  /**
   * Calls a Python generator, or another function that returns an iterator, synchronous or not, and gives what it yields. Each run of the
   * stream is a call of its own. A consumer that leaves early closes the generator; one that is slow holds it up.
   *
   * ```ts
   * import { WorkerPool } from "@fireweed/worker-pool"
   * import * as Effect from "effect/Effect"
   * import * as Schema from "effect/Schema"
   * import * as Stream from "effect/Stream"
   *
   * const program = Effect.gen(function* () {
   *   const pool = yield* WorkerPool.make({ size: 1 })
   *   const letters = pool.stream("itertools:permutations", ["abc"], { item: Schema.Unknown })
   *   return yield* Stream.runCollect(Stream.take(letters, 2))
   * })
   *
   * const letters = await Effect.runPromise(Effect.scoped(program))
   * if (letters.length !== 2) throw new Error("expected 2")
   * ```
   */
  readonly stream: {
    <A>(
      target: Target,
      args: ReadonlyArray<unknown>,
      options: CheckedStreamOptions<A>
    ): Stream.Stream<A, CallError>
    (
      target: Target,
      args?: ReadonlyArray<unknown>,
      options?: StreamOptions
    ): Stream.Stream<unknown, CallError>
  }
  /**
   * Calls a Python function with each of many items, on all workers, and gives the results in the order of the items. Items travel in chunks,
   * one call each, and are taken as they are needed: from an iterable or a stream, which may be without end. A consumer that is slow
   * holds it up; one that leaves cancels what runs. An item that fails ends it with a `MapError`, which has its index, after the results before it.
   *
   * ```ts
   * import { WorkerPool } from "@fireweed/worker-pool"
   * import * as Effect from "effect/Effect"
   * import * as Schema from "effect/Schema"
   * import * as Stream from "effect/Stream"
   *
   * const program = Effect.gen(function* () {
   *   const pool = yield* WorkerPool.make({ size: 2 })
   *   const words = ["alpha", "beta", "gamma"]
   *   return yield* Stream.runCollect(pool.map("builtins:len", words, { result: Schema.Int }))
   * })
   *
   * const lengths = await Effect.runPromise(Effect.scoped(program))
   * if (lengths.join() !== "5,4,5") throw new Error("expected 5, 4 and 5")
   * ```
   */
  readonly map: {
    <A, E = never, R = never>(
      target: Target,
      items: Source<E, R>,
      options: CheckedMapOptions<A>
    ): Stream.Stream<A, MapError | E, R>
    <E = never, R = never>(
      target: Target,
      items: Source<E, R>,
      options?: MapOptions
    ): Stream.Stream<unknown, MapError | E, R>
  }
  /**
   * Calls a function on every worker that serves, beside its other calls, and answers what each said, a worker that died meanwhile included. It is
   * remembered, and done again by each worker that comes later, before that one serves: so a call that is made after it has answered meets no
   * worker that was not told. Broadcasts are made in order, and one with the `key` of an earlier one takes its place. A worker that fails at
   * what it has to do again is not started (`StartError`, reason `replay`).
   *
   * ```ts
   * import { WorkerPool } from "@fireweed/worker-pool"
   * import * as Effect from "effect/Effect"
   * import * as Result from "effect/Result"
   *
   * const program = Effect.gen(function* () {
   *   const pool = yield* WorkerPool.make({ size: 2 })
   *   const answers = yield* pool.broadcast("random:seed", [42], { key: "seed" })
   *   for (const { result, worker } of answers) if (Result.isFailure(result)) yield* Effect.logWarning(worker, result.failure)
   *   return yield* pool.call("random:randrange", [1_000])
   * })
   *
   * if ((await Effect.runPromise(Effect.scoped(program))) !== 654) throw new Error("expected 654")
   * ```
   */
  readonly broadcast: {
    <A>(
      target: Target,
      args: ReadonlyArray<unknown>,
      options: CheckedBroadcastOptions<A>
    ): Effect.Effect<ReadonlyArray<Answer<A>>, CallError>
    (
      target: Target,
      args?: ReadonlyArray<unknown>,
      options?: BroadcastOptions
    ): Effect.Effect<ReadonlyArray<Answer<unknown>>, CallError>
  }
  /**
   * Opens a session: makes an object of a Python class on one worker, where it stays. Its calls run there, in order. The scope's end
   * closes it (`close()` is called if the object has it). When its worker dies the session is lost, and calls fail with `SessionError`,
   * unless the options say that it survives.
   *
   * ```ts
   * import { WorkerPool } from "@fireweed/worker-pool"
   * import * as Effect from "effect/Effect"
   *
   * const program = Effect.gen(function* () {
   *   const pool = yield* WorkerPool.make({ size: 1 })
   *   const counter = yield* pool.session("user-42", "collections:Counter", ["abracadabra"])
   *   yield* counter.call("update", ["bazaar"])
   *   return yield* counter.call("total")
   * })
   *
   * const total = await Effect.runPromise(Effect.scoped(program))
   * if (total !== 17) throw new Error(`expected 17, not ${total}`)
   * ```
   */
  readonly session: SessionHandle.Open
  /**
   * Replaces all workers by new ones, one after the other: a successor is started, then the worker is given no more calls, and leaves when what it
   * has is done. No call fails, and no place is empty meanwhile. What is not done after `timeout` (30 seconds by default) is lost with the
   * worker: sessions that cannot move, calls that take longer. Where a worker cannot be started the others stay as they are. With workers that are
   * forked, what they are forked from is started anew first.
   */
  readonly restart: (options?: {
    readonly timeout?: Duration.Input | undefined
  }) => Effect.Effect<void, StartError>
  /**
   * Takes nothing new from now on (`PoolUnavailable`, reason `draining`), and waits until what is in hand has come to its end: calls that run
   * or wait, streams, and sessions, whose calls are still made until their scopes close. Answers how many there were, and how many are left after
   * `timeout` (30 seconds by default). The scope's end then has nothing to break off.
   *
   * ```ts
   * import { WorkerPool } from "@fireweed/worker-pool"
   * import * as Effect from "effect/Effect"
   * import * as Fiber from "effect/Fiber"
   *
   * const program = Effect.gen(function* () {
   *   const pool = yield* WorkerPool.make({ size: 1 })
   *   const call = yield* Effect.forkChild(pool.call("time:sleep", [0.1]), { startImmediately: true })
   *   const drained = yield* pool.drain({ timeout: "10 seconds" })
   *   yield* Fiber.join(call)
   *   return drained
   * })
   *
   * const { abandoned, completed } = await Effect.runPromise(Effect.scoped(program))
   * if (completed !== 1 || abandoned !== 0) throw new Error("expected one that is done, and none that is left")
   * ```
   */
  readonly drain: (options?: { readonly timeout?: Duration.Input | undefined }) => Effect.Effect<Drained>
  /**
   * What Python exposes by `@fireweed.expose` in modules that are imported before a worker is ready, with its signatures: that of the worker
   * that got ready last.
   */
  readonly exports: Effect.Effect<Exports>
  /** What the pool does to come back from failures: those under way, the last hundred, and a way to cancel one. */
  readonly recoveries: Pick<Recoveries.Recoveries, "active" | "ended" | "cancel">
  /** What happens from now on. Events are built only while somebody listens. */
  readonly events: Stream.Stream<PoolEvent>
  /** The latest events, the oldest first: as many as the option `history` says. */
  readonly history: Effect.Effect<ReadonlyArray<Recorded>>
  /** The pool as it is now. Costs some microseconds, and one more for each worker: nothing is asked of Python. */
  readonly snapshot: Effect.Effect<Snapshot>
}

/** Marks values made by {@link make}. */
export type TypeId = "~@fireweed/worker-pool/WorkerPool"
export const TypeId: TypeId = "~@fireweed/worker-pool/WorkerPool"

/** The pool of a context, for a program with one pool. */
export const WorkerPool: Context.Service<WorkerPool, WorkerPool> = Context.Service<WorkerPool>(
  "@fireweed/worker-pool/WorkerPool"
)

/**
 * Provides the service {@link WorkerPool} by {@link make}.
 *
 * ```ts
 * import { WorkerPool } from "@fireweed/worker-pool"
 * import * as Effect from "effect/Effect"
 *
 * const program = WorkerPool.WorkerPool.use((pool) => pool.call("math:sqrt", [16]))
 *
 * const root = await Effect.runPromise(Effect.provide(program, WorkerPool.layer({ size: 1 })))
 * if (root !== 4) throw new Error("expected 4")
 * ```
 */
export const layer = (options: Options = {}): Layer.Layer<WorkerPool, StartError> =>
  Layer.effect(WorkerPool, make(options))

/**
 * A class that is the service of a pool of its own, with the typed calls of its modules and, for all other calls, `pool`. Nothing starts
 * before `layer` is built.
 *
 * ```ts
 * import { PythonModule, WorkerPool } from "@fireweed/worker-pool"
 * import * as Effect from "effect/Effect"
 * import * as Schema from "effect/Schema"
 *
 * const Zlib = PythonModule.make("zlib", {
 *   crc32: PythonModule.fn({ args: { data: Schema.Uint8Array }, positional: ["data"], success: Schema.Int })
 * })
 *
 * class Pool extends WorkerPool.Service<Pool>()("app/Pool", { modules: [Zlib], size: 1 }) {}
 *
 * const program = Effect.gen(function* () {
 *   const { pool, zlib } = yield* Pool
 *   return [yield* zlib.crc32({ data: new TextEncoder().encode("a") }), yield* pool.call("zlib:crc32", [new Uint8Array()])]
 * })
 *
 * const sums = await Effect.runPromise(Effect.provide(program, Pool.layer))
 * if (sums.join() !== "3904355907,0") throw new Error(`not expected: ${sums}`)
 * ```
 */
export const Service =
  <Self>() =>
  <const Id extends string, const Modules extends ReadonlyArray<PythonModule.PythonModule> = []>(
    id: Id,
    options: Options & { readonly modules?: Modules } = {}
  ): ServiceClass<Self, Id, Modules> => {
    const { modules = [], ...others } = options
    const service = Context.Service<Self, ServiceShape<Modules>>()(id)
    const layerWith = (changes: Omit<Options, "modules">): Layer.Layer<Self, StartError> =>
      Layer.effect(
        service,
        Effect.map(make({ ...others, ...changes, modules }), (pool) => ({
          ...PythonModule.clients(pool, modules),
          pool
        }))
      )
    return Object.assign(service, { layer: layerWith({}), layerWith })
  }

/** What {@link Service} provides. */
export type ServiceShape<Modules extends ReadonlyArray<PythonModule.PythonModule>> =
  PythonModule.Clients<Modules> & { readonly pool: WorkerPool }

/** What {@link Service} makes. */
export interface ServiceClass<
  Self,
  Id extends string,
  Modules extends ReadonlyArray<PythonModule.PythonModule>
> extends Context.ServiceClass<Self, Id, ServiceShape<Modules>> {
  /** Provides the service; fails as {@link make} does. */
  readonly layer: Layer.Layer<Self, StartError>
  /** The same with other options, such as those that come from a configuration, or `connect` in a test. */
  readonly layerWith: (changes: Omit<Options, "modules">) => Layer.Layer<Self, StartError>
}

/**
 * Starts a pool, and returns when its first worker can serve; the others follow. Fails when none can be started, with an error that
 * names the fix. Options that make no sense are a defect, a `TypeError` that names the option.
 *
 * The scope's end refuses new calls, lets idle workers leave, and kills those that run something.
 */
export const make = (options: Options = {}): Effect.Effect<WorkerPool, StartError, Scope.Scope> =>
  Effect.gen(function* () {
    const given = decode(options)
    const settings = { ...given, ...Places.make(given) }
    const interpreter =
      settings.connect === undefined ? yield* Environment.suitable(settings) : "custom transport"
    const mark = settings.connect === undefined ? yield* Sweep.mark(settings.sweep) : {}

    const observability = yield* Observability.make(settings)
    const { publish } = observability
    const timers = yield* Timers.make
    // Before the workers, so that it outlives the last of their callbacks.
    const fork = yield* FiberSet.makeRuntime()
    const sessions = yield* Sessions.make(settings.maxSessions)
    // Its new worker may have to be started first.
    const { restore = settings.startTimeout + settings.queue.timeout } = settings.recovery.budget
    const recoveries = Recoveries.make({
      timers,
      concurrency: settings.recovery.concurrency,
      budget: {
        replace: settings.recovery.budget.replace ?? 2 * settings.startTimeout,
        restore
      },
      onBegin: (recovery) => publish(() => ({ _tag: "RecoveryStarted", ...recovery })),
      onEnd: (ended) => publish(() => ({ _tag: "RecoveryEnded", ...ended }))
    })
    const roster: Workers.Roster = new Map()
    const dispatcher = Dispatcher.make({
      timers,
      limit: settings.queue.limit,
      timeout: settings.queue.timeout,
      weights: settings.queue.weights,
      limits: settings.limits,
      workers: () => roster.values(),
      onWait: () => workers.onWaiting(),
      callback: Callbacks.make(settings.callbacks)
    })
    const replay = Replay.make({
      dispatcher,
      interpreter,
      limit: settings.maxBroadcasts,
      patience: settings.startTimeout
    })
    const workers = yield* Workers.make({
      settings,
      interpreter,
      mark,
      timers,
      observability,
      roster,
      dispatcher,
      sessions,
      replay,
      recoveries,
      fork
    })
    // Finalizers run last to first: calls are refused before the workers stop.
    yield* Effect.addFinalizer(() => Effect.sync(dispatcher.close))
    yield* observability.sample(() => Snapshots.standing({ roster, dispatcher, sessions }))

    const prepare = Calls.prepare({
      timers,
      codec: Codec.byName(settings.codec),
      maxFrame: settings.maxFrame,
      locate: settings.target,
      refusal: ({ kind, session, target }) =>
        settings.strict ? Strict.refusal(workers.exports(), kind, target, session !== undefined) : undefined,
      reentry: (waiting, { session, target }) =>
        Reentry.refusal(waiting, session, target, {
          size: settings.size.max,
          concurrency: settings.concurrency,
          limitOf: (function_) =>
            (Object.hasOwn(settings.limits, function_) ? settings.limits[function_] : undefined) ??
            Number.POSITIVE_INFINITY,
          has: (worker) => roster.get(worker.id) === worker
        }),
      onRetry: (attempt, error) =>
        publish(() => ({ _tag: "CallRetried", target: error.target, attempt, error }))
    })
    const watch = CallWatch.make({
      timers,
      spans: settings.spans,
      listening: observability.listening,
      publish
    })
    const invoke = Calls.make(prepare, dispatcher, watch)
    const admission = Admission.make()
    const openStream = Streams.make(prepare, dispatcher, watch)
    const openMap = Maps.make({
      prepare,
      dispatcher,
      watch,
      timers,
      width: settings.size.max * settings.concurrency
    })
    const tellAll = Broadcasts.make({
      replay,
      dispatcher,
      timers,
      prepare,
      watch,
      concurrency: settings.concurrency
    })
    const openSession = SessionHandle.make({
      invoke,
      openStream,
      sessions,
      dispatcher,
      timers,
      recoveries,
      codec: settings.codec,
      store: settings.sessions.store,
      idleTimeout: settings.sessions.idleTimeout ?? Number.POSITIVE_INFINITY,
      queue: settings.queue,
      // Its new worker may have to be started first.
      movePatience: settings.startTimeout + settings.queue.timeout,
      closeTimeout: settings.shutdownTimeout,
      fork,
      publish
    })

    function call<A>(
      target: Target,
      args: ReadonlyArray<unknown>,
      options: CheckedCallOptions<A>
    ): Effect.Effect<A, CallError>
    function call(
      target: Target,
      args?: ReadonlyArray<unknown>,
      options?: CallOptions
    ): Effect.Effect<unknown, CallError>
    function call(
      target: Target,
      args: ReadonlyArray<unknown> = [],
      options: Partial<CheckedCallOptions<unknown>> = {}
    ): Effect.Effect<unknown, CallError> {
      return admission.call(target, invoke({ kind: Kind.Request.call, target, label: target }, args, options))
    }

    function stream<A>(
      target: Target,
      args: ReadonlyArray<unknown>,
      options: CheckedStreamOptions<A>
    ): Stream.Stream<A, CallError>
    function stream(
      target: Target,
      args?: ReadonlyArray<unknown>,
      options?: StreamOptions
    ): Stream.Stream<unknown, CallError>
    function stream(
      target: Target,
      args: ReadonlyArray<unknown> = [],
      options: Partial<CheckedStreamOptions<unknown>> = {}
    ): Stream.Stream<unknown, CallError> {
      const items = openStream({ kind: Kind.Request.call, target, label: target }, args, options)
      return admission.stream(target, items, identity)
    }

    function map<A, E = never, R = never>(
      target: Target,
      items: Source<E, R>,
      options: CheckedMapOptions<A>
    ): Stream.Stream<A, MapError | E, R>
    function map<E = never, R = never>(
      target: Target,
      items: Source<E, R>,
      options?: MapOptions
    ): Stream.Stream<unknown, MapError | E, R>
    function map<E, R>(
      target: Target,
      items: Source<E, R>,
      options: Partial<CheckedMapOptions<unknown>> = {}
    ): Stream.Stream<unknown, MapError | E, R> {
      return admission.stream(
        target,
        openMap(target, items, options),
        (reason) => new MapError({ target, index: 0, count: 0, reason })
      )
    }

    function broadcast<A>(
      target: Target,
      args: ReadonlyArray<unknown>,
      options: CheckedBroadcastOptions<A>
    ): Effect.Effect<ReadonlyArray<Answer<A>>, CallError>
    function broadcast(
      target: Target,
      args?: ReadonlyArray<unknown>,
      options?: BroadcastOptions
    ): Effect.Effect<ReadonlyArray<Answer<unknown>>, CallError>
    function broadcast(
      target: Target,
      args: ReadonlyArray<unknown> = [],
      options: Partial<CheckedBroadcastOptions<unknown>> = {}
    ): Effect.Effect<ReadonlyArray<Answer<unknown>>, CallError> {
      return admission.call(target, tellAll(target, args, options))
    }

    return {
      [TypeId]: TypeId,
      call,
      stream,
      map,
      broadcast,
      session: (key, target, args, options) =>
        admission.scoped(target, openSession(key, target, args, options)),
      restart: ({ timeout = "30 seconds" } = {}) =>
        Effect.suspend(() => workers.restart(Duration.toMillis(Duration.fromInputUnsafe(timeout)))),
      drain: ({ timeout = "30 seconds" } = {}) =>
        Effect.suspend(() => admission.drain(Duration.toMillis(Duration.fromInputUnsafe(timeout)))),
      exports: Effect.sync(workers.exports),
      recoveries: { active: recoveries.active, ended: recoveries.ended, cancel: recoveries.cancel },
      events: observability.events,
      history: observability.history,
      snapshot: Effect.sync(() => Snapshots.make({ roster, dispatcher, sessions, workers }))
    }
  })
