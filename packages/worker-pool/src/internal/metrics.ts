/**
 * The metrics of a pool. Their labels are few and known beforehand: the pool, how a call ended, how a worker stands. Targets, keys of
 * sessions and workers are no labels, since their number has no bound.
 */
import type * as Context from "effect/Context"
import * as Metric from "effect/Metric"
import type { PoolEvent } from "../PoolEvent.ts"
import type { WorkerState } from "../worker/WorkerState.ts"

/** What is true of a pool at one moment. */
export interface Standing {
  readonly queued: number
  /** For how long calls have been waiting, in milliseconds. */
  readonly waitingFor: number
  readonly running: number
  readonly sessions: number
  readonly states: Iterable<WorkerState>
  /** Resident memory of all workers, in bytes. */
  readonly memory: number
}

/** The metrics of one pool. */
export interface Metrics {
  /** Counts what happens. */
  readonly count: (event: PoolEvent) => void
  /** Takes down what is true now. */
  readonly sample: (standing: Standing) => void
}

// From 0.1 ms to 52 s, each bound twice the one before.
const boundaries = Metric.exponentialBoundaries({ start: 0.1, factor: 2, count: 20 })

// Made with their labels: to add them at each update would cost several times as much.
type Labels = { readonly [name: string]: string }
type Labelled<S> = (attributes: Labels) => Metric.Metric<number, S>

const calls = (attributes: Labels) =>
  Metric.counter("worker_pool_calls", { attributes, description: "Calls that ended, by outcome" })
const took = (attributes: Labels) =>
  Metric.histogram("worker_pool_call_milliseconds", {
    attributes,
    description: "From the call to its end, wait and retries included",
    boundaries
  })
const waited = (attributes: Labels) =>
  Metric.histogram("worker_pool_queue_milliseconds", {
    attributes,
    description: "From the call until a worker had it",
    boundaries
  })
const retries = (attributes: Labels) =>
  Metric.counter("worker_pool_retries", { attributes, description: "Calls that were tried again" })
const starts = (attributes: Labels) =>
  Metric.counter("worker_pool_starts", {
    attributes,
    description: "Starts of workers, by outcome: ready, failed"
  })
const ends = (attributes: Labels) =>
  Metric.counter("worker_pool_ends", { attributes, description: "Workers that were ready and are gone" })
const lost = (attributes: Labels) =>
  Metric.counter("worker_pool_sessions_lost", {
    attributes,
    description: "Sessions that went with their worker"
  })
const brought = (attributes: Labels) =>
  Metric.counter("worker_pool_sessions_brought", {
    attributes,
    description: "Sessions that were brought to another worker: restored, remade, moved"
  })
const unsaved = (attributes: Labels) =>
  Metric.counter("worker_pool_snapshots_failed", {
    attributes,
    description: "Snapshots of sessions that failed, no call with them"
  })
const expired = (attributes: Labels) =>
  Metric.counter("worker_pool_sessions_expired", {
    attributes,
    description: "Sessions that were not used for too long"
  })
const workers = (attributes: Labels) =>
  Metric.gauge("worker_pool_workers", { attributes, description: "Workers, by state" })
const queued = (attributes: Labels) =>
  Metric.gauge("worker_pool_queued", { attributes, description: "Calls that wait for a worker" })
const waiting = (attributes: Labels) =>
  Metric.gauge("worker_pool_waiting_milliseconds", {
    attributes,
    description: "For how long there has been a call that waits"
  })
const running = (attributes: Labels) =>
  Metric.gauge("worker_pool_running", { attributes, description: "Calls that run" })
const sessions = (attributes: Labels) =>
  Metric.gauge("worker_pool_sessions", { attributes, description: "Open sessions" })
const memory = (attributes: Labels) =>
  Metric.gauge("worker_pool_memory_bytes", { attributes, description: "Resident memory of all workers" })

/** `context` says which registry counts. */
export const make = (pool: string, context: Context.Context<never>): Metrics => {
  const plain = <S>(metric: Labelled<S>): ((value: number) => void) => {
    const own = metric({ pool })
    return (value) => own.updateUnsafe(value, context)
  }
  const labelled = <S>(metric: Labelled<S>, label: string) => {
    const made = new Map<string, Metric.Metric<number, S>>()
    return (name: string, value: number): void => {
      const known = made.get(name)
      const own = known ?? metric({ pool, [label]: name })
      if (known === undefined) made.set(name, own)
      own.updateUnsafe(value, context)
    }
  }
  const call = labelled(calls, "outcome")
  const start = labelled(starts, "outcome")
  const bring = labelled(brought, "how")
  const state = labelled(workers, "state")
  const one = {
    took: plain(took),
    waited: plain(waited),
    retry: plain(retries),
    end: plain(ends),
    lost: plain(lost),
    unsaved: plain(unsaved),
    expired: plain(expired)
  }
  const now = {
    queued: plain(queued),
    waiting: plain(waiting),
    running: plain(running),
    sessions: plain(sessions),
    memory: plain(memory)
  }

  return {
    count: (event) => {
      switch (event._tag) {
        case "CallEnded":
          call(event.outcome, 1)
          one.took(event.took)
          return one.waited(event.waited)
        case "CallRetried":
          return one.retry(1)
        case "WorkerReady":
          return start("ready", 1)
        case "StartFailed":
          return start("failed", 1)
        case "WorkerGone":
          return one.end(1)
        case "SessionLost":
          return one.lost(1)
        case "SessionRestored":
          return bring("restored", 1)
        case "SessionRemade":
          return bring("remade", 1)
        case "SessionMoved":
          return bring("moved", 1)
        case "SessionSnapshotFailed":
          return one.unsaved(1)
        case "SessionExpired":
          return one.expired(1)
        default:
      }
    },
    sample: (standing) => {
      now.queued(standing.queued)
      now.waiting(standing.waitingFor)
      now.running(standing.running)
      now.sessions(standing.sessions)
      now.memory(standing.memory)
      const counts: Record<WorkerState, number> = {
        initializing: 0,
        ready: 0,
        busy: 0,
        degraded: 0,
        draining: 0,
        terminating: 0,
        terminated: 0
      }
      for (const one of standing.states) counts[one]++
      for (const [name, count] of Object.entries(counts)) state(name, count)
    }
  }
}
