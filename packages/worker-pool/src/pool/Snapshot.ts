/**
 * A pool as it is at one moment.
 */
import type { Standing } from "../internal/metrics.ts"
import type { Worker } from "../worker/Worker.ts"
import * as Health from "../worker/Health.ts"
import type { WorkerState } from "../worker/WorkerState.ts"
import type { Dispatcher } from "./Dispatcher.ts"
import type { Sessions } from "./Sessions.ts"
import type { Roster, Workers } from "./Workers.ts"

/** A pool at one moment. */
export interface Snapshot {
  readonly workers: ReadonlyArray<WorkerSnapshot>
  /** Calls that wait for a worker. */
  readonly queued: number
  /** For how long there has been a call that any worker could run and none does, in milliseconds. */
  readonly waitingFor: number
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
  /** Whether it does not answer. */
  readonly unresponsive: boolean
}

/** What there is to look at. */
interface Parts {
  readonly roster: Roster
  readonly dispatcher: Dispatcher
  readonly sessions: Sessions
}

/** Looks at a pool. */
export const make = (parts: Parts & { readonly workers: Workers }): Snapshot => {
  const { dispatcher, roster, sessions, workers } = parts
  return {
    workers: Array.from(roster.values(), (worker) => ofWorker(worker, parts.workers, sessions)),
    queued: dispatcher.queued(),
    waitingFor: dispatcher.waitingFor(),
    running: dispatcher.running(),
    sessions: sessions.size(),
    circuit: workers.circuit()
  }
}

/** The same as numbers, for metrics. */
export const standing = ({ dispatcher, roster, sessions }: Parts): Standing => ({
  queued: dispatcher.queued(),
  waitingFor: dispatcher.waitingFor(),
  running: dispatcher.running(),
  sessions: sessions.size(),
  states: Array.from(roster.values(), (worker) => worker.state()),
  memory: Array.from(roster.values(), (worker) => worker.vitals()?.rss ?? 0).reduce((a, b) => a + b, 0)
})

const ofWorker = (worker: Worker, workers: Workers, sessions: Sessions): WorkerSnapshot => {
  const vitals = worker.vitals()
  const health = workers.healthOf(worker)
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
}
