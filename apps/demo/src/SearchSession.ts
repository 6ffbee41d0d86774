/**
 * A search index over one Python package, in a session of the pool, that heals: when its worker dies, the next call opens the session
 * again, on another worker, and indexes again.
 */
import type { CallError, WorkerPool } from "@fireweed/worker-pool"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import type { Meter } from "./Meter.ts"

/** How far an index is. */
export const Progress = Schema.Struct({
  /** Files indexed, and all there are. */
  done: Schema.Int,
  total: Schema.Int,
  /** What was found in them. */
  lines: Schema.Int,
  definitions: Schema.Int,
  /** Different words. */
  words: Schema.Int
})
export type Progress = typeof Progress.Type

/** One answer to a query. */
export const Hit = Schema.Struct({
  file: Schema.String,
  line: Schema.Int,
  /** The function or class, with those it is inside of. */
  name: Schema.String,
  /** BM25: comparable within one answer only. */
  score: Schema.Finite,
  snippet: Schema.String
})
export type Hit = typeof Hit.Type

/** A session that heals. */
export interface SearchSession {
  readonly key: string
  /** The worker it lives on now. */
  readonly worker: () => string
  /** Indexes what is left, and answers how far it is then. */
  readonly index: Effect.Effect<Progress, CallError.CallError>
  /** The best hits. */
  readonly search: (query: string, limit: number) => Effect.Effect<ReadonlyArray<Hit>, CallError.CallError>
}

/** What a session is made of. */
export interface SearchSessionOptions {
  readonly pool: WorkerPool.WorkerPool
  readonly meter: Meter
  /** The package, or `all`. */
  readonly package: string
  /** A folder to index instead of the standard library. */
  readonly root?: string | undefined
  readonly watch?: Partial<Watch> | undefined
}

/** Those who watch a session. */
export interface Watch {
  /** Stands around each call that indexes files; `progress` is how far it was before. */
  readonly step: <A, E>(call: Effect.Effect<A, E>, progress: Progress, worker: string) => Effect.Effect<A, E>
  readonly onProgress: (progress: Progress, worker: string) => Effect.Effect<void>
  /** A call was lost with its worker, or found the session lost. */
  readonly onLost: (error: CallError.CallError) => Effect.Effect<void>
  /** The session is open again, on that worker, and empty. */
  readonly onReopened: (worker: string) => Effect.Effect<void>
}

/** An index is made in about this many calls, so that its progress can be seen. */
const STEPS = 20
/** Losses that one call lives through before it gives up. */
const PATIENCE = 6

/** Opens a session; it is closed with the scope. */
export const make = (
  options: SearchSessionOptions
): Effect.Effect<SearchSession, CallError.CallError, Scope.Scope> =>
  Effect.gen(function* () {
    const { meter, pool, watch = {} } = options
    const parent = yield* Effect.scope
    const key = options.package
    const args = options.root === undefined ? [key] : [key, options.root]

    const open = Effect.gen(function* () {
      const scope = yield* Scope.fork(parent)
      const session = yield* pool.session(key, "index:Index", args).pipe(
        Scope.provide(scope),
        meter.measure("open"),
        Effect.onError((cause) => Scope.close(scope, Exit.failCause(cause)))
      )
      return { scope, session }
    })
    let current = yield* open
    let indexed = false

    const reopen = Effect.gen(function* () {
      indexed = false
      yield* Scope.close(current.scope, Exit.void)
      current = yield* open
      yield* watch.onReopened?.(current.session.worker) ?? Effect.void
    })

    const indexAll = Effect.gen(function* () {
      const { session } = current
      let progress = yield* session.call("progress", [], { result: Progress })
      const count = Math.ceil(progress.total / STEPS)
      yield* watch.onProgress?.(progress, session.worker) ?? Effect.void
      while (progress.done < progress.total) {
        const call = meter.measure("index")(session.call("index_more", [count], { result: Progress }))
        progress = yield* watch.step?.(call, progress, session.worker) ?? call
        yield* watch.onProgress?.(progress, session.worker) ?? Effect.void
      }
      indexed = true
      return progress
    })

    const search = (query: string, limit: number) =>
      Effect.suspend(() =>
        meter.measure("search")(current.session.call("search", [query, limit], { result: Schema.Array(Hit) }))
      )

    // A call that was lost with its worker tells nothing of the session: that is asked again, and says so itself.
    const healing = <A>(
      use: Effect.Effect<A, CallError.CallError>,
      patience: number
    ): Effect.Effect<A, CallError.CallError> =>
      Effect.catchTag(use, ["WorkerLost", "SessionError"], (error) => {
        if (patience === 0) return Effect.fail(error)
        const again = error._tag === "WorkerLost" ? use : Effect.andThen(reopen, use)
        return Effect.andThen(watch.onLost?.(error) ?? Effect.void, healing(again, patience - 1))
      })

    // One at a time: two callers that find the session lost must not both open it.
    const turn = yield* Semaphore.make(1)
    return {
      key,
      worker: () => current.session.worker,
      index: Semaphore.withPermits(turn, 1)(healing(indexAll, PATIENCE)),
      search: (query, limit) => {
        const whole = Effect.suspend(() =>
          indexed ? search(query, limit) : Effect.andThen(indexAll, search(query, limit))
        )
        return Semaphore.withPermits(turn, 1)(healing(whole, PATIENCE))
      }
    }
  })
