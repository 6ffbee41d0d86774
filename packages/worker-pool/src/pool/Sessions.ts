/**
 * The sessions of one pool: which key lives on which worker. Keys are placed by `@fireweed/session-affinity`, on the worker that holds
 * the fewest; a session ends with its worker, and its users are told by a typed error.
 */
import { Placement, SessionAffinity } from "@fireweed/session-affinity"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import { SessionError, stackless } from "../CallError.ts"
import type { Worker } from "../worker/Worker.ts"

/** One session. */
export interface Entry {
  readonly key: string
  /** The class it was opened with, for messages. */
  readonly target: string
  /** Its name on the wire: the key, and which of its incarnations, so that no late message can meet a successor. */
  readonly name: string
  readonly epoch: number
  readonly worker: Worker
}

/** The sessions of one pool. */
export interface Sessions {
  /** A worker can take sessions. */
  readonly add: (worker: Worker) => void
  /** A worker is gone; answers the keys that went with it, each once. */
  readonly remove: (worker: Worker) => ReadonlyArray<string>
  /** A worker takes no new sessions. */
  readonly drain: (worker: Worker) => void
  /** Waits until there is no session on a worker. */
  readonly emptied: (worker: Worker) => Effect.Effect<void>
  /** Finds a worker for a new key; `undefined` while there is none. */
  readonly place: (key: string, target: string) => Result.Result<Entry, SessionError> | undefined
  /** Forgets a session. A later one of the same key is left alone. */
  readonly forget: (entry: Entry) => void
  readonly size: () => number
  readonly countOn: (worker: Worker) => number
}

/** Makes the table; `limit` is the most sessions at once. */
export const make = (limit: number): Effect.Effect<Sessions, never, Scope.Scope> =>
  Effect.map(
    SessionAffinity.make({
      placement: Placement.leastLoaded({ by: "bindings" }),
      // What a worker held is lost with it.
      mode: "strict",
      expireAfter: Number.POSITIVE_INFINITY,
      maxBindings: limit
    }),
    (affinity) => {
      const workers = new Map<string, Worker>()
      const counts = new Map<string, number>()
      let size = 0
      const count = (worker: string, by: number): void => {
        size += by
        const there = (counts.get(worker) ?? 0) + by
        if (there > 0) return void counts.set(worker, there)
        counts.delete(worker)
        for (const waiter of waiters.get(worker) ?? []) waiter()
        waiters.delete(worker)
      }
      // Those who wait until a worker holds none.
      const waiters = new Map<string, Set<() => void>>()

      return {
        add: (worker) => {
          workers.set(worker.id, worker)
          affinity.addUnsafe(worker.id)
        },
        remove: (worker) => {
          workers.delete(worker.id)
          const keys = affinity.removeUnsafe(worker.id)
          // A lost key may be opened again at once.
          for (const key of keys) affinity.unbindUnsafe(key)
          count(worker.id, -(counts.get(worker.id) ?? 0))
          return keys
        },
        drain: (worker) => void affinity.drainUnsafe(worker.id),
        emptied: (worker) =>
          Effect.callback<void>((resume) => {
            if (!counts.has(worker.id)) return resume(Effect.void)
            const waiter = (): void => resume(Effect.void)
            const own = waiters.get(worker.id) ?? new Set()
            waiters.set(worker.id, own.add(waiter))
            return Effect.sync(() => own.delete(waiter))
          }),
        place: (key, target) => {
          if (affinity.lookupUnsafe(key)._tag === "Bound") {
            return refuse("exists", key, target, "there is a session of this key")
          }
          const placed = affinity.resolveUnsafe(key)
          if (Result.isFailure(placed)) {
            return placed.failure._tag === "BindingsFull"
              ? refuse("limit", key, target, `${size} sessions are open, and no more are allowed`)
              : undefined
          }
          const { epoch, target: id } = placed.success
          const worker = workers.get(id)
          if (worker === undefined) return undefined
          count(id, 1)
          return Result.succeed({ key, target, name: `${key}#${epoch}`, epoch, worker })
        },
        forget: (entry) => {
          if (affinity.unbindUnsafe(entry.key, entry.epoch)) count(entry.worker.id, -1)
        },
        size: () => size,
        countOn: (worker) => counts.get(worker.id) ?? 0
      }
    }
  )

const refuse = (reason: SessionError["reason"], key: string, target: string, detail: string) =>
  Result.fail(
    stackless(() => new SessionError({ reason, key, target: `${target} (session "${key}")`, detail }))
  )
