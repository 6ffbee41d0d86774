/** What the tests with a real Python share. */
import { eventually, Fixture } from "@fireweed/test-kit"
import { WorkerPool } from "@fireweed/worker-pool"
import type { CallError, PoolEvent } from "@fireweed/worker-pool"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type * as Scope from "effect/Scope"
import { spawnSync } from "node:child_process"
import { readFileSync } from "node:fs"
import process from "node:process"
import { fileURLToPath } from "node:url"

/** The folder of `sample.py`. */
export const fixtures: string = fileURLToPath(new URL("./fixtures", import.meta.url))

/** A pool of real workers that can import `sample`. */
export const pool = (options: WorkerPool.Options = {}) =>
  WorkerPool.make({ size: 1, pythonPath: [fixtures], output: "ignore", ...options })

/** A Python that has numpy: that of the other tests, that of the `PATH`, or the system's, to which a package manager adds it. */
export const pythonWithNumpy = (): string | undefined =>
  [process.env["FIREWEED_PYTHON"] ?? "", "python3", "/usr/bin/python3"].find(
    (name) => name !== "" && hasNumpy(name)
  )

const hasNumpy = (python: string): boolean =>
  spawnSync(python, ["-c", "import sys; assert sys.version_info >= (3, 9); import numpy"]).status === 0

/** An empty folder, for as long as the scope is open. */
export const folder: Effect.Effect<string, never, Scope.Scope> = Effect.orDie(
  Effect.map(Fixture.temporaryFolder(), ({ value }) => value)
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
  Effect.orDie(eventually(condition, { what, within: "10 seconds" }))

/** Waits until so many workers are ready. */
export const whole = (pool: WorkerPool.WorkerPool, size: number) =>
  eventually(
    Effect.map(pool.snapshot, ({ workers }) => workers.length === size),
    { what: `${size} workers are ready`, within: "10 seconds" }
  )

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

/** The error of a call that must be invalid. */
export const invalid = (effect: Effect.Effect<unknown, CallError.CallError>) =>
  Effect.map(Effect.flip(effect), (error) => {
    if (error._tag !== "InvalidCall") throw error
    return error
  })
