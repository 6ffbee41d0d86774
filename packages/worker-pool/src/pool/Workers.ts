/**
 * The workers of one pool: started, watched, replaced, more or fewer of them as calls need. It says of each when it can serve and when it
 * is gone; what runs on them is the {@link Dispatcher}'s.
 */
import { CircuitBreaker } from "@fireweed/circuit-breaker"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberSet from "effect/FiberSet"
import * as Scope from "effect/Scope"
import process from "node:process"
import { PoolUnavailable, StartError } from "../CallError.ts"
import type { Settings } from "../internal/settings.ts"
import type * as Places from "../internal/places.ts"
import type { Timers } from "../internal/Timers.ts"
import type { PoolEvent } from "../PoolEvent.ts"
import type { Exports } from "../protocol/Export.ts"
import type * as Recoveries from "../recovery/Recoveries.ts"
import * as Supervisor from "../recovery/Supervisor.ts"
import * as Process from "../transport/Process.ts"
import * as Threads from "../transport/Threads.ts"
import * as Zygote from "../transport/Zygote.ts"
import type * as Callbacks from "../worker/Callbacks.ts"
import * as Cancellation from "../worker/Cancellation.ts"
import type * as Health from "../worker/Health.ts"
import * as Heartbeat from "../worker/Heartbeat.ts"
import * as Worker from "../worker/Worker.ts"
import { isAlive } from "../worker/WorkerState.ts"
import type { Dispatcher } from "./Dispatcher.ts"
import type { Observability } from "./Observability.ts"
import * as Reload from "./Reload.ts"
import * as Renewal from "./Renewal.ts"
import * as Scaling from "./Scaling.ts"
import type { Replay } from "./Replay.ts"
import type { Sessions } from "./Sessions.ts"
import * as Signatures from "./Signatures.ts"

/** The workers that serve, by name, those that came first before the others. */
export type Roster = Map<string, Worker.Worker>

/** The workers of one pool. */
export interface Workers {
  /** A call waits. */
  readonly onWaiting: () => void
  /** What the worker that got ready last exposes. */
  readonly exports: () => Exports
  readonly healthOf: (worker: Worker.Worker) => Health.Health
  /** The state of the circuit breaker of the starts. */
  readonly circuit: () => string
  /** Replaces all workers, one after the other, the successor first. */
  readonly restart: Renewal.Renewal["restart"]
}

/** What they are made of. */
export interface WorkersOptions {
  readonly settings: Settings & Places.Places
  /** What is started. */
  readonly interpreter: string
  /** Environment by which what is left of a pool can be told. */
  readonly mark: { readonly [name: string]: string }
  readonly timers: Timers
  readonly observability: Observability
  /** Empty; filled and emptied here. */
  readonly roster: Roster
  readonly dispatcher: Dispatcher
  readonly sessions: Sessions
  readonly replay: Replay
  readonly recoveries: Recoveries.Recoveries
  /** Starts the effects of callbacks. */
  readonly fork: Callbacks.Fork
}

/**
 * Starts the least number of workers, and returns when the first of them can serve; fails when none can be started. The scope's end stops
 * them all.
 */
export const make = (options: WorkersOptions): Effect.Effect<Workers, StartError, Scope.Scope> =>
  Effect.gen(function* () {
    const { dispatcher, interpreter, observability, replay, roster, sessions, settings, timers } = options
    const { publish } = observability
    const preload = [...new Set([...settings.preload, ...settings.modules.map(({ name }) => name)])]
    const { connect, renew } = yield* transport(options, preload)
    const breaker = yield* CircuitBreaker.make({
      name: "worker starts",
      tripPolicy: CircuitBreaker.consecutive(settings.crashLoop.deaths),
      openDuration: settings.crashLoop.pause,
      // After the pause one worker is tried, not all: what kills them is likely still there.
      halfOpen: { trials: 1, deadline: settings.startTimeout + Supervisor.PROBATION + 1_000 }
    })
    let exports: Exports = {}

    // Those of whom it was told that they do not answer.
    const silent = new WeakSet<Worker.Worker>()
    const heartbeat = Heartbeat.make({
      timers,
      interval: settings.heartbeat.interval,
      killAfter: settings.heartbeat.killAfter ?? Number.POSITIVE_INFINITY,
      idle: settings.heartbeat.idle,
      workers: () => roster.values(),
      onUnresponsive: (worker, silentFor) =>
        worker.examine((diagnosis) => {
          if (diagnosis === undefined) return
          worker.degrade()
          silent.add(worker)
          publish(() => ({
            _tag: "WorkerUnresponsive",
            worker: worker.id,
            silentFor: silentFor + Cancellation.LOOK,
            diagnosis
          }))
        }),
      onResponsive: (worker) => {
        if (silent.delete(worker)) publish(() => ({ _tag: "WorkerResponsive", worker: worker.id }))
      }
    })

    // The breaker moves only when it is asked, so asking after each event that can move it sees every transition.
    let circuit = breaker.stateUnsafe()._tag
    const watchCircuit = (): void => {
      const from = circuit
      circuit = breaker.stateUnsafe()._tag
      if (circuit !== from) publish(() => ({ _tag: "Circuit", from, to: circuit }))
    }

    // It may take a moment until its process is gone, but nothing more can be expected of it.
    const onEnding = (worker: Worker.Worker): void => {
      roster.delete(worker.id)
      leaving.delete(worker)
      // What waits for it is given back only when it is known that its sessions are not there any more.
      sessions.remove(worker)
      dispatcher.retire(worker)
    }

    const run = yield* FiberSet.makeRuntime<never, void, StartError>()
    // Those that are to leave, and are given no more calls.
    const leaving = new Set<Worker.Worker>()
    const release = (worker: Worker.Worker, within: number): Effect.Effect<void> =>
      Effect.gen(function* () {
        leaving.add(worker)
        worker.drain()
        const moved = Effect.andThen(sessions.move(worker), sessions.emptied(worker))
        const done = Effect.andThen(moved, worker.quiet)
        yield* Number.isFinite(within) ? Effect.timeoutOption(done, within) : done
        letGo(worker)
      })
    const renewal = Renewal.make({
      timers,
      limits: settings.recycle,
      workers: () => roster,
      renewTransport: renew,
      succeed: (worker) => supervisor.succeed(worker),
      release,
      isHeld: sessions.isHeld,
      fork: run,
      publish
    })
    const letGo = (worker: Worker.Worker): void => {
      onEnding(worker)
      worker.drain()
      supervisor.retire(worker)
    }

    // It is one of those that serve from the moment in which it knows all that they were told. One that was being started when the others
    // were replaced would be as old as they were.
    const start = (slot: number, life: number): Effect.Effect<Worker.Worker, StartError, Scope.Scope> =>
      Effect.gen(function* () {
        const generation = renewal.generation()
        const own = yield* Scope.fork(yield* Effect.scope)
        const worker = yield* Scope.provide(prepared(slot, life), own)
        const serves = yield* replay.admit(worker, () => {
          if (generation !== renewal.generation()) return false
          renewal.onStarted(worker)
          if (isAlive(worker.state())) roster.set(worker.id, worker)
          return true
        })
        if (serves) return worker
        yield* Scope.close(own, Exit.void)
        return yield* start(slot, life)
      })

    const prepared = (slot: number, life: number): Effect.Effect<Worker.Worker, StartError, Scope.Scope> =>
      Worker.make({
        id: `${slot}.${life}`,
        connect,
        env: settings.placeEnv?.(slot),
        interpreter,
        timers,
        path: settings.pythonPath,
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
        fork: options.fork,
        codec: settings.codec,
        startTimeout: settings.startTimeout,
        cancelGrace: settings.cancelGrace,
        shutdownGrace: settings.shutdownTimeout,
        onState: (id, from, to) => {
          publish(() => ({ _tag: "WorkerState", worker: id, from, to }))
          const worker = roster.get(id)
          if (worker !== undefined && !isAlive(to)) onEnding(worker)
        },
        onRoom: (worker) => {
          if (roster.get(worker.id) !== worker) return
          renewal.look(worker)
          dispatcher.offer(worker)
        },
        onBusy: () => {
          heartbeat.wake()
          scaling?.onBusy()
        },
        onDirty: (worker, dirty) => publish(() => ({ _tag: "WorkerDirty", worker, dirty })),
        onVitals: renewal.look,
        onOutput: observability.onOutput,
        onLog: observability.onLog
      })

    /** The same for one that died or did not start: in its turn, and within its budget. */
    const replace = (slot: number, life: number): Effect.Effect<Worker.Worker, StartError, Scope.Scope> =>
      Effect.flatMap(
        options.recoveries.run({ kind: "replace", subject: `${slot}.${life}` }, start(slot, life)),
        (outcome) =>
          outcome._tag === "Recovered"
            ? Effect.succeed(outcome.value)
            : Effect.fail(outcome._tag === "Failed" ? outcome.error : givenUp(interpreter, outcome))
      )

    // There is none before the first worker is ready, nor any call.
    let scaling: Scaling.Scaling | undefined
    const supervisor = yield* Supervisor.make({
      min: settings.size.min,
      max: settings.size.max,
      wanted: () => dispatcher.waiting().count > 0 || scaling?.isShort() === true,
      breaker,
      start: (slot, life, recovers) => (recovers ? replace(slot, life) : start(slot, life)),
      onReady: (worker) => {
        exports = worker.exports
        publish(() => ready(worker))
        watchCircuit()
        if (!roster.has(worker.id)) return
        sessions.add(worker)
        dispatcher.setUnavailable(undefined)
        dispatcher.offer(worker)
        scaling?.onReady()
        renewal.onReady(worker)
      },
      onEnd: (worker, end) => {
        publish(() => ({ _tag: "WorkerGone", worker: worker.id, detail: end.detail }))
        watchCircuit()
      },
      onStartFailed: (slot, life, error) => {
        publish(() => ({ _tag: "StartFailed", worker: `${slot}.${life}`, error }))
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
      ready: () => roster.size - leaving.size,
      workers: () => [...roster.values()].filter((worker) => !leaving.has(worker)),
      starting: supervisor.starting,
      waiting: dispatcher.waiting,
      peak: dispatcher.peak,
      isHeld: sessions.isHeld,
      grow: supervisor.grow,
      // What can be moved is moved first.
      retire: (worker) =>
        sessions.countOn(worker) === 0 ? letGo(worker) : void run(release(worker, Number.POSITIVE_INFINITY))
    })
    const { onWaiting } = scaling
    yield* Reload.make({
      timers,
      paths: settings.reload,
      restart: renewal.restart(RELOAD_WITHIN),
      fork: run,
      publish
    })

    return {
      onWaiting,
      exports: () => exports,
      healthOf: heartbeat.healthOf,
      circuit: () => breaker.stateUnsafe()._tag,
      restart: renewal.restart
    }
  })

/** How long what runs may go on after its code has changed, in milliseconds. */
const RELOAD_WITHIN = 30_000

/** The options `logs`, as numbers of Python's `logging`. */
const LOG_LEVELS = { debug: 10, info: 20, warning: 30, error: 40, off: undefined } as const

/** How workers come to be: as the option says, else forked where that was asked for, or is possible and pays. */
const transport = (
  { interpreter, mark, observability, settings }: WorkersOptions,
  preload: ReadonlyArray<string>
): Effect.Effect<Zygote.Zygote, never, Scope.Scope> => {
  const launch = {
    interpreter,
    cwd: settings.cwd,
    env: { ...Threads.environment(settings.threads, process.env), ...settings.env, ...mark },
    maxFrame: settings.maxFrame
  }
  const forks =
    settings.start === "zygote" ||
    (settings.start === "auto" &&
      preload.length > 0 &&
      Zygote.refusal({ ...process.env, ...settings.env }) === undefined)
  return settings.connect === undefined && forks
    ? Zygote.make({
        ...launch,
        path: settings.pythonPath,
        preload,
        startTimeout: settings.startTimeout,
        onOutput: (output, line) => observability.onOutput("zygote", output, line),
        onRefused: (reason) => observability.publish(() => ({ _tag: "ForkRefused", reason }))
      })
    : Effect.succeed({ connect: settings.connect ?? Process.connect(launch), renew: () => undefined })
}

const ready = (worker: Worker.Worker): PoolEvent => ({
  _tag: "WorkerReady",
  worker: worker.id,
  pid: worker.pid(),
  python: worker.hello.python.join(".")
})

const givenUp = (
  interpreter: string,
  outcome: Extract<Recoveries.Outcome<never, never>, { readonly _tag: "TimedOut" | "Cancelled" }>
): StartError =>
  outcome._tag === "Cancelled"
    ? new StartError({ reason: "cancelled", interpreter, detail: "its start was cancelled", stderr: "" })
    : new StartError({
        reason: "timeout",
        interpreter,
        detail: `was not ready within ${Duration.format(outcome.budget)} (recovery.budget.replace)`,
        stderr: ""
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
