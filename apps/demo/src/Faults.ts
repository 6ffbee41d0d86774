/**
 * Breaking things, at a chosen moment.
 */
import type { WorkerPool } from "@fireweed/worker-pool"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import process from "node:process"

/** A worker that was killed. */
export interface Victim {
  readonly worker: string
  readonly pid: number
}

/**
 * Makes the call, and kills the worker that runs it with SIGKILL before it can answer: that of a session, or the one that took it. No
 * time passes between the two, so the call is in flight whatever the machine does. Does not kill when no worker took the call.
 */
export const killUnder = <A, E>(
  pool: WorkerPool.WorkerPool,
  call: Effect.Effect<A, E>,
  onKill: (victim: Victim) => Effect.Effect<void>,
  worker?: string
): Effect.Effect<A, E> =>
  Effect.gen(function* () {
    // A worker whose answer brought us here becomes idle only once we are done with it.
    yield* Effect.yieldNow
    const before = busy(yield* pool.snapshot)
    const fiber = yield* Effect.forkChild(call, { startImmediately: true })
    const after = yield* pool.snapshot
    const id = worker ?? [...busy(after)].find((each) => !before.has(each))
    const pid = after.workers.find((each) => each.id === id)?.pid
    if (id !== undefined && pid !== undefined) {
      process.kill(pid, "SIGKILL")
      yield* onKill({ worker: id, pid })
    }
    return yield* Fiber.join(fiber)
  })

/** Those of the processes that live. */
export const alive = (pids: Iterable<number>): ReadonlyArray<number> => [...pids].filter(isAlive)

const busy = (snapshot: WorkerPool.Snapshot): ReadonlySet<string> =>
  new Set(snapshot.workers.filter((worker) => worker.state === "busy").map((worker) => worker.id))

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    // No such process, or by now one of somebody else.
    return false
  }
}
