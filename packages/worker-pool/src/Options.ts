/**
 * The options of a pool.
 */
import type * as Duration from "effect/Duration"
import type { PythonModule } from "./PythonModule.ts"
import type { Json } from "./protocol/Json.ts"
import type { Backend as SessionStore } from "./pool/SessionStore.ts"
import type { Connect } from "./transport/Transport.ts"

/** A Python function that a worker calls by itself: `package.module:function`, or that with arguments, which JSON must carry. */
export type Hook =
  | string
  | {
      readonly target: string
      readonly args?: ReadonlyArray<Json> | undefined
      readonly kwargs?: { readonly [name: string]: Json } | undefined
    }

/**
 * A function that Python may call. Keyword arguments come after the others as one object. It gives a value, or an `Effect` of one, which
 * runs with the services that were there when the pool was made. As in Python, its parameters are not checked against what is sent.
 */
export type Callback = (...args: Array<never>) => unknown

/** The options of a pool. All have defaults. */
export interface Options {
  /** What the pool is called in metrics. Default: `python`. */
  readonly name?: string | undefined
  /**
   * Number of workers, 1 to 1,024, or the least and the most. Default: 1 to as many as this machine has processors for this process.
   */
  readonly size?:
    | number
    | {
        /** Workers that are there at any time. Default: 1. */
        readonly min?: number | undefined
        /**
         * Most workers. When calls have waited for 50 ms, without a moment in which none did, workers are started: one for each call that waits,
         * at any time as many as serve already.
         */
        readonly max: number
        /**
         * When the busiest moment of this long (to a sixth) had no need of so many workers, those that are idle leave; sessions with snapshots move, and others hold their worker.
         * Default: 60 seconds.
         */
        readonly idleTimeout?: Duration.Input | undefined
        /** Workers that are kept ready beyond those that run something, as long as there are fewer than the most. Default: 0. */
        readonly spare?: number | undefined
      }
    | undefined
  /**
   * Calls that one worker runs at once, at most 10,000. Above 1, `async def` functions run side by side on one event loop; any other function
   * runs to its end within a step of the loop, and holds up all others. Default: 1.
   */
  readonly concurrency?: number | undefined
  /**
   * The interpreter: a path, or a name on the `PATH`. Default: `FIREWEED_PYTHON`, then the one of `VIRTUAL_ENV`, of `.venv` in `cwd`, of
   * `CONDA_PREFIX`, then what `uv python find` says in a project of uv's, then `python3`, then `python` (on Windows also `py`).
   */
  readonly python?: string | undefined
  /** Working folder of the workers: a path, relative to that of this process, or a URL. Default: that of this process. */
  readonly cwd?: string | URL | undefined
  /**
   * The folder that relative paths in `pythonPath`, `preload` and targets (`./score.py:score`) start from: a path, or a URL. `import.meta.url`
   * makes it the folder of the module that says so. Default: `cwd`.
   */
  readonly root?: string | URL | undefined
  /** Environment variables, added to those of this process. */
  readonly env?: { readonly [name: string]: string } | undefined
  /**
   * Environment variables of the worker in this place, 1 to the most workers, besides `env`: `CUDA_VISIBLE_DEVICES`, say. A successor has those of its
   * predecessor. Forked workers have them only after `preload` was imported. Default: none.
   */
  readonly placeEnv?: ((place: number) => { readonly [name: string]: string }) | undefined
  /**
   * Threads that native libraries may use in each worker (OpenMP, OpenBLAS, MKL, Accelerate, numexpr), so that workers do not take each other's
   * processors; `"all"` leaves it to them. What `env` or the environment of this process says of such a variable stands. Default: 1.
   */
  readonly threads?: number | "all" | undefined
  /** Folders that Python modules are imported from, before Python's own; relative ones start from `root`. Default: `root`. */
  readonly pythonPath?: ReadonlyArray<string | URL> | undefined
  /**
   * What the interpreter must have: names of distributions or modules, with versions as `pip` has them, such as `"pandas>=2,<3"`. It is asked once
   * in this program for each interpreter, environment and folder; what is missing is a `StartError` with the command that installs it.
   * Default: nothing, and nobody is asked.
   */
  readonly requires?: ReadonlyArray<string> | undefined
  /**
   * Modules that each worker imports before it is ready: what is slow to import, what exposes functions. By name, or as a file or the folder
   * of a package (`./score.py`, or a URL), which is then imported under its own name, from anywhere. Default: none.
   */
  readonly preload?: ReadonlyArray<string | URL> | undefined
  /**
   * Files and folders of Python code (with all below them) that are watched: when a file in them changes, the workers are restarted, for development.
   * Relative to `root`. Default: none.
   */
  readonly reload?: ReadonlyArray<string | URL> | undefined
  /**
   * Modules described by `PythonModule.make`. Each worker imports them before it is ready, like those of `preload`, and their signatures are
   * compared with the descriptions: a worker that disagrees is not started (`StartError`, reason `signature`). Default: none.
   */
  readonly modules?: ReadonlyArray<PythonModule> | undefined
  /**
   * Called once in each worker before it is ready, synchronous or `async def`: for models, connections. A worker whose setup fails is not
   * started. Default: none.
   */
  readonly setup?: Hook | undefined
  /**
   * Called in a worker that is told to leave, within `shutdownTimeout`; not in one that dies, or is ended in the middle of a call. What
   * it raises is logged. Default: none.
   */
  readonly teardown?: Hook | undefined
  /**
   * Whether only what Python exposes by `@fireweed.expose`, in modules of `preload` or `setup`, may be called: for targets that come from
   * outside. Default: false.
   */
  readonly strict?: boolean | undefined
  /** Functions that Python may call by `fireweed.call_parent` while one of its own calls runs. Default: none. */
  readonly callbacks?: { readonly [name: string]: Callback } | undefined
  /**
   * From which level on records of Python's `logging` go to Effect's logger, at the level that matches. Warnings (`warning` and below) and
   * exceptions that Python could only print, of finalizers and threads, come with them. `off` leaves all of it to Python, which prints to
   * standard error. Default: `warning`, Python's own, so that nothing changes for the user's code.
   */
  readonly logs?: "debug" | "info" | "warning" | "error" | "off" | undefined
  /**
   * How workers come to be: `spawn` starts each as a process of its own; `zygote` (Linux) forks each from one process that has imported
   * `preload`, in a fraction of the time and of the memory. Where that is not possible or not safe, as when a module of `preload` starts
   * threads, workers are spawned, and a warning and an event say why. `auto` is `zygote` on Linux when there is something to preload, else
   * `spawn`. Default: `auto`.
   */
  readonly start?: "auto" | "spawn" | "zygote" | undefined
  /** The queue of calls that find all workers busy. */
  readonly queue?:
    | {
        /** Most calls that wait; one more fails with `QueueFull`. Default: 1,000. */
        readonly limit?: number | undefined
        /** Longest wait. Default: 10 seconds. */
        readonly timeout?: Duration.Input | undefined
        /** How many calls of a `fairnessKey` make up its turn, 1 to 10,000. Default: 1 for each. */
        readonly weights?: { readonly [fairnessKey: string]: number } | undefined
      }
    | undefined
  /**
   * Most calls of a function that run at once in this pool, 1 to 10,000, by the target as it is called. More of them wait, and hold up no call
   * of another function. Calls of sessions are not counted. Default: no limits.
   */
  readonly limits?: { readonly [target: string]: number } | undefined
  /** Most sessions open at once. Default: 10,000. */
  readonly maxSessions?: number | undefined
  /** Of all sessions. */
  readonly sessions?:
    | {
        /**
         * Where snapshots of sessions are kept: a `KeyValueStore` of `effect/persistence`, such as a folder of files. Default: in memory, until
         * the pool closes.
         */
        readonly store?: SessionStore | undefined
        /**
         * A session that was not called for so long is closed, and its calls fail with `SessionError`, reason `expired`. Default: none is.
         */
        readonly idleTimeout?: Duration.Input | undefined
      }
    | undefined
  /** Most broadcasts that are remembered for workers that come later, 1 to 10,000. Default: 100. */
  readonly maxBroadcasts?: number | undefined
  /**
   * Limit of a worker's start, handshake included; and of all that is broadcast to it before it serves. Default: 30 seconds.
   */
  readonly startTimeout?: Duration.Input | undefined
  /** How it is seen that a worker does not answer any more. Whatever comes from one is a sign of life. */
  readonly heartbeat?:
    | {
        /**
         * A worker that has run the same call for this long, and sent nothing meanwhile, is asked for a sign of life; two more of these later
         * it counts as unresponsive: it is `degraded`, and given no call until something comes from it. Default: 1 second.
         */
        readonly interval?: Duration.Input | undefined
        /**
         * An unresponsive worker that runs a call is killed when it has been silent for this long, at least three intervals. Default: never,
         * since native code may rightly hold the interpreter's lock for minutes.
         */
        readonly killAfter?: Duration.Input | undefined
        /**
         * A worker that runs nothing, and has been silent for this long, is asked for a sign of life; if it gives none for as long again, it is
         * killed. Default: 10 seconds.
         */
        readonly idle?: Duration.Input | undefined
      }
    | undefined
  /**
   * When a worker that does its work is replaced by a new one. The successor is started first, one at a time; then the worker is given no more
   * calls, and leaves when those that it has are done. Sessions with snapshots move to others; one that holds any other stays until that is closed.
   * Default: never.
   */
  readonly recycle?:
    | {
        /** When it has answered so many calls. */
        readonly calls?: number | undefined
        /** When it has been ready for so long. */
        readonly age?: Duration.Input | undefined
        /** When the resident memory of its process has reached so many bytes, as of its last report. */
        readonly memory?: number | undefined
        /** When its calls have left something behind (`WorkerDirty`). Default: false. */
        readonly dirty?: boolean | undefined
        /**
         * But not before it has been ready for this long; so a limit below what every worker needs costs a start now and then, not all the
         * time. Default: 10 seconds.
         */
        readonly minLife?: Duration.Input | undefined
      }
    | undefined
  /** What a worker may use. */
  readonly memory?:
    | {
        /**
         * Private memory of its process in bytes, 1 MiB at least, in force once it is ready (`RLIMIT_DATA`): an allocation beyond it raises
         * `MemoryError`, and the worker lives on. Linux only; elsewhere it is ignored. Default: no limit.
         */
        readonly limit?: number | undefined
      }
    | undefined
  /** Time between the cancellation of a call and the end of a worker that goes on with it. Default: 1 second. */
  readonly cancelGrace?: Duration.Input | undefined
  /** Time an idle worker has to leave when the pool closes. Default: 5 seconds. */
  readonly shutdownTimeout?: Duration.Input | undefined
  /** When starting workers stops for a while, since they die one after the other. */
  readonly crashLoop?:
    | {
        /** Deaths in a row, with no call answered between them. Default: 5. */
        readonly deaths?: number | undefined
        /** Time before the next try. Default: 10 seconds. */
        readonly pause?: Duration.Input | undefined
      }
    | undefined
  /** How the pool comes back from failures. */
  readonly recovery?:
    | {
        /** Most recoveries of one kind at once, 1 to 1,024: workers that are replaced, sessions that are restored. Default: 10. */
        readonly concurrency?: number | undefined
        /** Time that one recovery may take; then it is interrupted, and has failed. */
        readonly budget?:
          | {
              /** Replacing a worker that died or did not start. Default: twice `startTimeout`. */
              readonly replace?: Duration.Input | undefined
              /** Restoring a session. Default: `startTimeout` and `queue.timeout`, for its new worker may have to be started first. */
              readonly restore?: Duration.Input | undefined
            }
          | undefined
      }
    | undefined
  /** Largest frame either way, in bytes. Default: 1 GiB. */
  readonly maxFrame?: number | undefined
  /** What carries values: pickle, read by a machine that runs nothing, or strict JSON. `VALUES.md` has both. Default: `pickle`. */
  readonly codec?: "pickle" | "json" | undefined
  /**
   * Whether the first pool of this program ends what programs that were killed left behind: processes of this user that a pool
   * had started, and whose program is gone. Linux. Default: true.
   */
  readonly sweep?: boolean | undefined
  /**
   * What is done with the lines that user code prints: `log` gives them to Effect's logger (standard output at level Info, standard
   * error at Warn), `ignore` only to those who watch the pool's events. Default: `log`.
   */
  readonly output?: "log" | "ignore" | undefined
  /**
   * Counts calls, their times, retries and the lives of workers, and takes down once a second what is true of the pool, as Effect metrics
   * `worker_pool_*` with the label `pool` and others of which there are few. Default: false.
   */
  readonly metrics?: boolean | undefined
  /**
   * Makes a span for each call, with its worker, wait, attempts and outcome, and sends its `traceparent` along: Python reads it by
   * `fireweed.trace_context()`. Default: false.
   */
  readonly spans?: boolean | undefined
  /** How many of the latest events are kept for `history`. Default: 0, and events are built only while somebody listens. */
  readonly history?: number | undefined
  /** How a worker is started and reached. Default: a spawned Python process; `@fireweed/test-kit` has one in memory. */
  readonly connect?: Connect | undefined
}
