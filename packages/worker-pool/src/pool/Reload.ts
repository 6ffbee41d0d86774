/**
 * Restarts the workers when Python files change: for development.
 */
import { watch } from "node:fs"
import type { FSWatcher } from "node:fs"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { StartError } from "../CallError.ts"
import type { Timer, Timers } from "../internal/Timers.ts"
import type { PoolEvent } from "../PoolEvent.ts"

/** How long no file must change any more, in milliseconds: editors and checkouts write several. */
export const QUIET = 100

/** What is watched, and what is done. */
export interface ReloadOptions {
  readonly timers: Timers
  /** Files, and folders with all below them; absolute. */
  readonly paths: ReadonlyArray<string>
  readonly restart: Effect.Effect<void, StartError>
  readonly fork: (effect: Effect.Effect<void>) => unknown
  readonly publish: (build: () => PoolEvent) => void
}

/** Watches until the scope closes. A path that cannot be watched is a defect, a `TypeError`. */
export const make = (options: ReloadOptions): Effect.Effect<void, never, Scope.Scope> =>
  Effect.suspend(() => {
    const { paths, restart } = options
    let watchers: ReadonlyArray<FSWatcher> = []
    let closed = false
    const close = (): void => {
      for (const watcher of watchers) watcher.close()
      watchers = []
    }
    // A file that an editor puts in the place of another is not seen any more by a watcher of the one before. The workers start after this, so
    // that what changes meanwhile is in what they read.
    const listenAgain = Effect.sync(() => {
      if (closed) return
      close()
      watchers = paths.flatMap((path) => attempt(() => listen(path, changes)))
    })
    const changes = coalesce({ ...options, restart: Effect.andThen(listenAgain, restart) })
    return Effect.acquireRelease(
      Effect.sync(() => {
        watchers = paths.map((path) => listen(path, changes))
      }),
      () =>
        Effect.sync(() => {
          closed = true
          close()
        })
    )
  })

/** Whether a change of this file is one of Python code. */
export const isCode = (file: string): boolean => file.endsWith(".py") && !/(^|[\\/])\./.test(file)

/** Told of each change, restarts once they are over; and once more for those that come meanwhile. */
export const coalesce = (options: Omit<ReloadOptions, "paths">): ((file: string) => void) => {
  const { fork, publish, restart, timers } = options
  let timer: Timer | undefined
  let going = false
  let latest: string | undefined

  const reload = (): void => {
    timer = undefined
    const file = latest
    if (going || file === undefined) return
    going = true
    latest = undefined
    publish(() => ({ _tag: "Reloading", file }))
    // The workers that serve go on: what was wrong with the new code is told, and mended by the next change.
    const told = restart.pipe(Effect.catch((error) => Effect.logError(`not reloaded: ${error.message}`)))
    fork(
      Effect.andThen(
        told,
        Effect.sync(() => {
          going = false
          if (timer === undefined) reload()
        })
      )
    )
  }

  return (file) => {
    latest = file
    if (timer !== undefined) timers.cancel(timer)
    timer = timers.after(QUIET, reload)
  }
}

/** What is gone when it is watched again is not watched any more. */
const attempt = (watched: () => FSWatcher): ReadonlyArray<FSWatcher> => {
  try {
    return [watched()]
  } catch {
    return []
  }
}

const listen = (path: string, onChange: (file: string) => void): FSWatcher => {
  try {
    const watcher = watch(path, { recursive: true }, (_event, name) => {
      const file = name ?? path
      if (isCode(file)) onChange(file)
    })
    // A folder that is removed while it is watched is no fault of the pool.
    watcher.on("error", () => undefined)
    return watcher
  } catch (error) {
    throw new TypeError(
      `WorkerPool.make: reload: ${path} cannot be watched: ${error instanceof Error ? error.message : String(error)}`,
      { cause: error }
    )
  }
}
