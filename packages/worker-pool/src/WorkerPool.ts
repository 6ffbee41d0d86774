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
import { CircuitBreaker } from "@fireweed/circuit-breaker"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import process from "node:process"
import { PoolUnavailable } from "./CallError.ts"
import type { CallError, StartError } from "./CallError.ts"
import * as Listeners from "./internal/Listeners.ts"
import * as OutputLog from "./internal/OutputLog.ts"
import * as Metrics from "./internal/metrics.ts"
import * as Ring from "./internal/Ring.ts"
import * as Places from "./internal/places.ts"
import { decode } from "./internal/settings.ts"
import * as Timers from "./internal/Timers.ts"
import type { Options } from "./Options.ts"
import * as Callbacks from "./pool/Callbacks.ts"
import * as Calls from "./pool/Calls.ts"
import * as CallWatch from "./pool/CallWatch.ts"
import type { CallOptions, CheckedCallOptions } from "./pool/Calls.ts"
import * as Dispatcher from "./pool/Dispatcher.ts"
import * as Reentry from "./pool/Reentry.ts"
import * as SessionHandle from "./pool/SessionHandle.ts"
import type { Session } from "./pool/SessionHandle.ts"
import * as Scaling from "./pool/Scaling.ts"
import * as Sessions from "./pool/Sessions.ts"
import * as Signatures from "./pool/Signatures.ts"
import * as Strict from "./pool/Strict.ts"
import * as Streams from "./pool/Streams.ts"
import type { CheckedStreamOptions, StreamOptions } from "./pool/Streams.ts"
import type { PoolEvent } from "./PoolEvent.ts"
import * as PythonModule from "./PythonModule.ts"
import * as Codec from "./protocol/Codec.ts"
import type { Exports } from "./protocol/Export.ts"
import * as Kind from "./protocol/Kind.ts"
import * as Supervisor from "./recovery/Supervisor.ts"
import * as Environment from "./transport/Environment.ts"
import * as Process from "./transport/Process.ts"
import * as Sweep from "./transport/Sweep.ts"
import type { Output } from "./transport/Transport.ts"
import * as Zygote from "./transport/Zygote.ts"
import type { WorkerState } from "./worker/WorkerState.ts"
import { isAlive } from "./worker/WorkerState.ts"
import * as Health from "./worker/Health.ts"
import * as Cancellation from "./worker/Cancellation.ts"
import * as Heartbeat from "./worker/Heartbeat.ts"
import * as Worker from "./worker/Worker.ts"

export type { Callback, Hook, Options } from "./Options.ts"
export type { Export, Exports, Parameter, Signature } from "./protocol/Export.ts"
export type { CallOptions, CheckedCallOptions } from "./pool/Calls.ts"
export type { Session } from "./pool/SessionHandle.ts"
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
   * Opens a session: makes an object of a Python class on one worker, where it stays. Its calls run there, in order. The scope's end
   * closes it (`close()` is called if the object has it). When its worker dies the session is lost: calls fail with `SessionError`.
   */
  readonly session: (
    key: string,
    target: Target,
    args?: ReadonlyArray<unknown>,
    options?: Pick<CallOptions, "kwargs" | "deadline">
  ) => Effect.Effect<Session, CallError, Scope.Scope>
  /**
   * What Python exposes by `@fireweed.expose` in modules that are imported before a worker is ready, with its signatures: that of the worker
   * that got ready last.
   */
  readonly exports: Effect.Effect<Exports>
  /** What happens from now on. Events are built only while somebody listens. */
  readonly events: Stream.Stream<PoolEvent>
  /** The latest events, the oldest first: as many as the option `history` says. */
  readonly history: Effect.Effect<ReadonlyArray<Recorded>>
  /** The pool as it is now. Costs some microseconds, and one more for each worker: nothing is asked of Python. */
  readonly snapshot: Effect.Effect<Snapshot>
}

/** An event, and when it happened, in milliseconds since 1970. */
export interface Recorded {
  readonly at: number
  readonly event: PoolEvent
}

/** A pool at one moment. */
export interface Snapshot {
  readonly workers: ReadonlyArray<WorkerSnapshot>
  /** Calls that wait for a worker. */
  readonly queued: number
  /** Calls that run, those whose caller has left included. */
  readonly running: number
  readonly sessions: number
  /** The circuit breaker of the starts: `Closed`, `Open` or `HalfOpen`. */
  readonly circuit: string
}

/** A worker at one moment. */
export interface WorkerSnapshot {
  /** Its place in the pool and which worker it is there: `2.1` is the first one in the second place. */
  readonly id: string
  readonly state: WorkerState
  readonly pid: number | undefined
  /** Version of its Python. */
  readonly python: string
  /** Calls that it runs. */
  readonly running: number
  /** Calls it has answered. */
  readonly served: number
  readonly sessions: number
  /** Resident memory of its process in bytes, as of its last report: after a call, ten times a second at most. */
  readonly memory: number | undefined
  /** Time on a processor so far, in seconds, as of that report. */
  readonly cpu: number | undefined
  /** Python threads of its process, as of that report; an idle worker has two. */
  readonly threads: number | undefined
  /** What its calls left behind, by name. */
  readonly dirty: ReadonlyArray<string>
  /** For how long its oldest call has run, in milliseconds, to a `heartbeat.interval`; 0 if it is idle. */
  readonly runningFor: number
  /** Whether it runs something and does not answer. */
  readonly unresponsive: boolean
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
    const places = Places.make(given)
    const settings = { ...given, ...places }
    const { cwd, pythonPath: path } = places
    const interpreter =
      settings.connect === undefined ? yield* Environment.suitable(settings) : "custom transport"
    const mark = settings.connect === undefined ? yield* Sweep.mark(settings.sweep) : {}

    const preload = [...new Set([...settings.preload, ...settings.modules.map(({ name }) => name)])]
    const clock = yield* Clock.Clock
    const history = Ring.make<Recorded>(settings.history)
    const metrics = settings.metrics ? Metrics.make(settings.name, yield* Effect.context()) : undefined
    const listeners = Listeners.make<PoolEvent>([
      ...(metrics === undefined ? [] : [metrics.count]),
      ...(settings.history === 0
        ? []
        : [(event: PoolEvent) => history.add({ at: clock.currentTimeMillisUnsafe(), event })])
    ])
    yield* Effect.addFinalizer(() => listeners.end)
    const timers = yield* Timers.make
    const log = yield* OutputLog.make
    // Before the workers, so that it outlives the last of their callbacks.
    const fork = yield* FiberSet.makeRuntime()
    const onOutput = (worker: string, stream: Output, line: string): void => {
      listeners.publish(() => ({ _tag: "Output", worker, output: stream, line }))
      if (settings.output === "log")
        log.write({
          level: stream === "stdout" ? "Info" : "Warn",
          text: line,
          annotations: { worker, output: stream }
        })
    }
    const started = { interpreter, cwd, env: { ...settings.env, ...mark }, maxFrame: settings.maxFrame }
    const forks =
      settings.start === "zygote" ||
      (settings.start === "auto" &&
        preload.length > 0 &&
        Zygote.refusal({ ...process.env, ...settings.env }) === undefined)
    const connect =
      settings.connect ??
      (forks
        ? yield* Zygote.make({
            ...started,
            path,
            preload,
            startTimeout: settings.startTimeout,
            onOutput: (stream, line) => onOutput("zygote", stream, line),
            onRefused: (reason) => listeners.publish(() => ({ _tag: "ForkRefused", reason }))
          })
        : Process.connect(started))
    const sessions = yield* Sessions.make(settings.maxSessions)
    const breaker = yield* CircuitBreaker.make({
      name: "worker starts",
      tripPolicy: CircuitBreaker.consecutive(settings.crashLoop.deaths),
      openDuration: settings.crashLoop.pause,
      // After the pause one worker is tried, not all: what kills them is likely still there.
      halfOpen: { trials: 1, deadline: settings.startTimeout + Supervisor.PROBATION + 1_000 }
    })
    const workers = new Map<string, Worker.Worker>()
    let exports: Exports = {}
    const dispatcher = Dispatcher.make({
      timers,
      limit: settings.queue.limit,
      timeout: settings.queue.timeout,
      weights: settings.queue.weights,
      limits: settings.limits,
      workers: () => workers.values(),
      onWait: () => scaling?.onWaiting(),
      callback: Callbacks.make(settings.callbacks)
    })
    // There is none before the first worker is ready, nor any call.
    let scaling: Scaling.Scaling | undefined

    // Those of whom it was told that they do not answer.
    const silent = new WeakSet<Worker.Worker>()
    const heartbeat = Heartbeat.make({
      timers,
      interval: settings.heartbeat.interval,
      killAfter: settings.heartbeat.killAfter ?? Number.POSITIVE_INFINITY,
      workers: () => workers.values(),
      onUnresponsive: (worker, silentFor) =>
        worker.examine((diagnosis) => {
          if (diagnosis === undefined) return
          silent.add(worker)
          listeners.publish(() => ({
            _tag: "WorkerUnresponsive",
            worker: worker.id,
            silentFor: silentFor + Cancellation.LOOK,
            diagnosis
          }))
        }),
      onResponsive: (worker) => {
        if (silent.delete(worker)) listeners.publish(() => ({ _tag: "WorkerResponsive", worker: worker.id }))
      }
    })

    // The breaker moves only when it is asked, so asking after each event that can move it sees every transition.
    let circuit = breaker.stateUnsafe()._tag
    const watchCircuit = (): void => {
      const from = circuit
      circuit = breaker.stateUnsafe()._tag
      if (circuit !== from) listeners.publish(() => ({ _tag: "Circuit", from, to: circuit }))
    }

    // It may take a moment until its process is gone, but nothing more can be expected of it.
    const onEnding = (worker: Worker.Worker): void => {
      workers.delete(worker.id)
      const lost = sessions.remove(worker)
      dispatcher.retire(worker)
      for (const key of lost) listeners.publish(() => ({ _tag: "SessionLost", key, worker: worker.id }))
    }

    const start = (slot: number, life: number): Effect.Effect<Worker.Worker, StartError, Scope.Scope> =>
      Worker.make({
        id: `${slot}.${life}`,
        connect,
        interpreter,
        timers,
        path,
        maxFrame: settings.maxFrame,
        memory: settings.memory.limit,
        concurrency: settings.concurrency,
        preparation: {
          preload,
          describe: Signatures.targets(settings.modules),
          setup: settings.setup,
          teardown: settings.teardown,
          strict: settings.strict,
          callbacks: Object.keys(settings.callbacks),
          logs: LOG_LEVELS[settings.logs]
        },
        refusal: (ready) =>
          Signatures.refusal(settings.modules, ready, { interpreter, strict: settings.strict }),
        fork,
        codec: settings.codec,
        startTimeout: settings.startTimeout,
        cancelGrace: settings.cancelGrace,
        shutdownGrace: settings.shutdownTimeout,
        onState: (id, from, to) => {
          listeners.publish(() => ({ _tag: "WorkerState", worker: id, from, to }))
          const worker = workers.get(id)
          if (worker !== undefined && !isAlive(to)) onEnding(worker)
        },
        onRoom: dispatcher.offer,
        onBusy: heartbeat.wake,
        onDirty: (worker, dirty) => listeners.publish(() => ({ _tag: "WorkerDirty", worker, dirty })),
        onOutput,
        onLog: (worker, { level, logger, message }, target) => {
          listeners.publish(() => ({ _tag: "Log", worker, level, logger, message, target }))
          log.write({
            level: OutputLog.levelOf(level),
            text: message,
            annotations: { worker, logger, ...(target === undefined ? {} : { target }) }
          })
        }
      })

    const supervisor = yield* Supervisor.make({
      min: settings.size.min,
      max: settings.size.max,
      wanted: () => dispatcher.waiting().count > 0,
      breaker,
      start,
      onReady: (worker) => {
        workers.set(worker.id, worker)
        exports = worker.exports
        listeners.publish(() => ready(worker))
        watchCircuit()
        sessions.add(worker)
        dispatcher.setUnavailable(undefined)
        dispatcher.offer(worker)
        scaling?.onReady()
      },
      onEnd: (worker, end) => {
        listeners.publish(() => ({ _tag: "WorkerGone", worker: worker.id, detail: end.detail }))
        watchCircuit()
      },
      onStartFailed: (slot, life, error) => {
        listeners.publish(() => ({ _tag: "StartFailed", worker: `${slot}.${life}`, error }))
        watchCircuit()
      },
      onHeldBack: (rejection) => {
        watchCircuit()
        // While one is tried, the others may hope for its success; the breaker's own answer is the time it allows for that.
        const wait =
          rejection._tag === "CircuitHalfOpen"
            ? Math.min(Duration.toMillis(rejection.retryAfter), settings.crashLoop.pause)
            : Duration.toMillis(rejection.retryAfter)
        const until = timers.now() + wait
        dispatcher.setUnavailable((target) => crashLoop(target, until - timers.now(), rejection))
      }
    })
    scaling = Scaling.make({
      ...settings.size,
      timers,
      concurrency: settings.concurrency,
      workers: () => workers,
      starting: supervisor.starting,
      waiting: dispatcher.waiting,
      peak: dispatcher.peak,
      isHeld: (worker) => sessions.countOn(worker) > 0,
      grow: supervisor.grow,
      retire: (worker) => {
        onEnding(worker)
        worker.drain()
        supervisor.retire(worker)
      }
    })
    // Finalizers run last to first: calls are refused before the workers stop.
    yield* Effect.addFinalizer(() => Effect.sync(dispatcher.close))

    const prepare = Calls.prepare({
      timers,
      codec: Codec.byName(settings.codec),
      maxFrame: settings.maxFrame,
      locate: places.target,
      refusal: ({ kind, session, target }) =>
        settings.strict ? Strict.refusal(exports, kind, target, session !== undefined) : undefined,
      reentry: (waiting, { session, target }) =>
        Reentry.refusal(waiting, session, target, {
          size: settings.size.max,
          concurrency: settings.concurrency,
          limitOf: (function_) =>
            (Object.hasOwn(settings.limits, function_) ? settings.limits[function_] : undefined) ??
            Number.POSITIVE_INFINITY,
          has: (worker) => workers.get(worker.id) === worker
        }),
      onRetry: (attempt, error) =>
        listeners.publish(() => ({ _tag: "CallRetried", target: error.target, attempt, error }))
    })

    const watch = CallWatch.make({
      timers,
      spans: settings.spans,
      listening: listeners.listening,
      publish: listeners.publish
    })
    const invoke = Calls.make(prepare, dispatcher, watch)
    const openStream = Streams.make(prepare, dispatcher, watch)
    if (metrics !== undefined) {
      const sample = Effect.sync(() =>
        metrics.sample({
          queued: dispatcher.queued(),
          running: dispatcher.running(),
          sessions: sessions.size(),
          states: Array.from(workers.values(), (worker) => worker.state()),
          memory: Array.from(workers.values(), (worker) => worker.vitals()?.rss ?? 0).reduce(
            (a, b) => a + b,
            0
          )
        })
      )
      yield* Effect.forkScoped(Effect.forever(Effect.andThen(sample, Effect.sleep(SAMPLE_EVERY))), {
        startImmediately: true
      })
    }

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
      return invoke({ kind: Kind.Request.call, target, label: target }, args, options)
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
      return openStream({ kind: Kind.Request.call, target, label: target }, args, options)
    }

    return {
      [TypeId]: TypeId,
      call,
      stream,
      session: SessionHandle.opener({
        invoke,
        openStream,
        sessions,
        dispatcher,
        timers,
        patience: settings.queue.timeout,
        closeTimeout: settings.shutdownTimeout,
        fork,
        publish: listeners.publish
      }),
      exports: Effect.sync(() => exports),
      events: listeners.stream,
      history: Effect.sync(history.values),
      snapshot: Effect.sync(() => ({
        workers: [...workers.values()].map((worker) => {
          const vitals = worker.vitals()
          const health = heartbeat.healthOf(worker)
          return {
            id: worker.id,
            state: worker.state(),
            pid: worker.pid(),
            python: worker.hello.python.join("."),
            running: worker.running(),
            served: worker.served(),
            sessions: sessions.countOn(worker),
            memory: vitals?.rss ?? undefined,
            cpu: vitals?.cpu,
            threads: vitals?.threads,
            dirty: vitals?.dirty ?? [],
            runningFor: health.runningFor,
            unresponsive: !Health.isResponsive(health)
          }
        }),
        queued: dispatcher.queued(),
        running: dispatcher.running(),
        sessions: sessions.size(),
        circuit: breaker.stateUnsafe()._tag
      }))
    }
  })

/** Time between two looks at what the gauges tell. */
const SAMPLE_EVERY = "1 second"

/** The options `logs`, as numbers of Python's `logging`. */
const LOG_LEVELS = { debug: 10, info: 20, warning: 30, error: 40, off: undefined } as const

const ready = (worker: Worker.Worker): PoolEvent => ({
  _tag: "WorkerReady",
  worker: worker.id,
  pid: worker.pid(),
  python: worker.hello.python.join(".")
})

const crashLoop = (target: string, left: number, rejection: CircuitBreaker.Rejection): PoolUnavailable =>
  new PoolUnavailable({
    reason: "crash-loop",
    target,
    retryAfter: Duration.millis(Math.max(0, left)),
    detail: `no worker lives, and the last ones died before they answered a call (${lastWords(rejection.lastFailure)})`
  })

const lastWords = (failure: unknown): string => {
  if (typeof failure === "object" && failure !== null && "detail" in failure) return String(failure.detail)
  return "for reasons unknown"
}
