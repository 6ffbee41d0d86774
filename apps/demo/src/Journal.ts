/**
 * What the pool went through, from its events.
 */
import type { PoolEvent, WorkerPool } from "@fireweed/worker-pool"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"

/** A journal. It grows while the pool lives. */
export interface Journal {
  /** Every process that was a worker, whether it lives or not. */
  readonly pids: ReadonlySet<number>
  /** Workers that were replaced. */
  readonly restarts: number
  /** Calls that the pool tried again by itself. */
  readonly retries: number
  /** Sessions that went with their worker. */
  readonly lost: number
  /** Sessions that came back with their snapshot. */
  readonly restored: number
  /** Transitions of the circuit breaker, such as `Closed to Open`. */
  readonly circuit: ReadonlyArray<string>
  /** Lines that workers printed. */
  readonly output: ReadonlyArray<string>
}

/** Keeps the journal of a pool, and hands each event on. */
export const keep = (
  pool: WorkerPool.WorkerPool,
  onEvent: (event: PoolEvent.PoolEvent) => Effect.Effect<void>
): Effect.Effect<Journal, never, Scope.Scope> =>
  Effect.gen(function* () {
    const pids = new Set<number>()
    const circuit: Array<string> = []
    const output: Array<string> = []
    const counts = { restarts: 0, retries: 0, lost: 0, restored: 0 }
    const see = (pid: number | undefined): void => {
      if (pid !== undefined) pids.add(pid)
    }

    const write = (event: PoolEvent.PoolEvent): void => {
      switch (event._tag) {
        case "WorkerReady":
          if (!isFirstLife(event.worker)) counts.restarts++
          return see(event.pid)
        case "CallRetried":
          counts.retries++
          return
        case "SessionLost":
          counts.lost++
          return
        case "SessionRestored":
          counts.restored++
          return
        case "Circuit":
          circuit.push(`${event.from} to ${event.to}`)
          return
        case "Output":
          output.push(event.line)
          return
      }
    }

    yield* pool.events.pipe(
      Stream.runForEach((event) =>
        Effect.andThen(
          Effect.sync(() => write(event)),
          onEvent(event)
        )
      ),
      Effect.forkScoped({ startImmediately: true })
    )
    // Those that were ready before anybody listened.
    for (const worker of (yield* pool.snapshot).workers) see(worker.pid)

    return {
      pids,
      circuit,
      output,
      get restarts() {
        return counts.restarts
      },
      get retries() {
        return counts.retries
      },
      get lost() {
        return counts.lost
      },
      get restored() {
        return counts.restored
      }
    }
  })

/** Whether the worker is the first one in its place: `2.1` is, `2.2` is not. */
export const isFirstLife = (worker: string): boolean => worker.endsWith(".1")
