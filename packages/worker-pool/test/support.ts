/** What the tests with a real Python share. */
import { WorkerPool } from "@fireweed/worker-pool"
import type { PoolEvent } from "@fireweed/worker-pool"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import type * as Scope from "effect/Scope"
import { mkdtempSync, readFileSync, realpathSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

/** The folder of `sample.py`. */
export const fixtures: string = fileURLToPath(new URL("./fixtures", import.meta.url))

/** A pool of real workers that can import `sample`. */
export const pool = (options: WorkerPool.Options = {}) =>
  WorkerPool.make({ size: 1, pythonPath: [fixtures], output: "ignore", ...options })

/** An empty folder, for as long as the scope is open. */
export const folder: Effect.Effect<string, never, Scope.Scope> = Effect.acquireRelease(
  Effect.sync(() => realpathSync(mkdtempSync(join(tmpdir(), "fireweed-test-")))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true }))
)

/** Whether a process runs; a zombie does not. */
export const isRunning = (pid: number): boolean => {
  try {
    const status = readFileSync(`/proc/${pid}/stat`, "utf8")
    return status.slice(status.lastIndexOf(")") + 2, status.lastIndexOf(")") + 3) !== "Z"
  } catch {
    return false
  }
}

/** Waits until the condition holds, for 10 seconds at most; then dies, and says what was waited for. */
export const until = (what: string, condition: () => boolean): Effect.Effect<void> =>
  Effect.suspend(() => (condition() ? Effect.void : Effect.fail("not yet"))).pipe(
    Effect.retry(Schedule.spaced("10 millis")),
    Effect.timeoutOrElse({
      duration: "10 seconds",
      orElse: () => Effect.die(new Error(`waited too long: ${what}`))
    }),
    Effect.orDie
  )

/** Waits until so many workers are ready. */
export const whole = (pool: WorkerPool.WorkerPool, size: number) =>
  Effect.flatMap(pool.snapshot, ({ workers }) =>
    workers.length === size ? Effect.void : Effect.fail("not yet")
  ).pipe(Effect.retry(Schedule.spaced("10 millis")), Effect.timeout("10 seconds"))

/** Collects the events of a pool from now on. */
export const record = (pool: WorkerPool.WorkerPool) =>
  Effect.gen(function* () {
    const events: Array<PoolEvent.PoolEvent> = []
    yield* Effect.forkScoped(
      Stream.runForEach(pool.events, (event) => Effect.sync(() => events.push(event))),
      { startImmediately: true }
    )
    return events
  })
