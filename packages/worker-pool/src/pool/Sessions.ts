/**
 * The sessions of one pool: which keys are taken, and which object of which session lives on which worker. Objects are placed by
 * `@fireweed/session-affinity`, on the worker that holds the fewest. Each has an epoch of its own, so that nothing that is late can meet
 * its successor.
 */
import { Placement, SessionAffinity } from "@fireweed/session-affinity"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import { SessionError, stackless } from "../CallError.ts"
import type { Worker } from "../worker/Worker.ts"

/** One incarnation of a session: its object on one worker. */
export interface Entry {
  readonly key: string
  /** The class it was opened with, for messages. */
  readonly target: string
  /** Its name on the wire: the key and the epoch. */
  readonly name: string
  readonly epoch: number
  readonly worker: Worker
}

/** The sessions of one pool. */
export interface Sessions {
  /** A worker can take sessions. */
  readonly add: (worker: Worker) => void
  /** A worker takes no more of them. */
  readonly drain: (worker: Worker) => void
  /** Waits until a worker holds none. */
  readonly emptied: (worker: Worker) => Effect.Effect<void>
  /** A worker is gone; whoever watches what it held is told. */
  readonly remove: (worker: Worker) => void
  /** Takes a key, until {@link Sessions.release}. */
  readonly claim: (key: string, target: string) => Result.Result<void, SessionError>
  readonly release: (key: string) => void
  /** Finds a worker for a new incarnation; `undefined` while there is none. */
  readonly place: (key: string, target: string) => Entry | undefined
  /** Calls `onLost` when the worker of an incarnation is gone. */
  readonly watch: (entry: Entry, onLost: () => void) => void
  /** Forgets an incarnation. */
  readonly forget: (entry: Entry) => void
  /** How many keys are taken. */
  readonly size: () => number
  /** How many incarnations a worker holds. */
  readonly countOn: (worker: Worker) => number
}

/** Makes the table; `limit` is the most sessions at once. */
export const make = (limit: number): Effect.Effect<Sessions, never, Scope.Scope> =>
  Effect.map(
    SessionAffinity.make({
      placement: Placement.leastLoaded({ by: "bindings" }),
      mode: "strict",
      expireAfter: Number.POSITIVE_INFINITY,
      // Of one that moves there are two.
      maxBindings: Math.min(2 * limit, MAX_BINDINGS)
    }),
    (affinity) => {
      const workers = new Map<string, Worker>()
      const held = new Map<string, Set<string>>()
      const keys = new Set<string>()
      const watchers = new Map<string, () => void>()
      let epochs = 0
      // Those who wait until a worker holds none.
      const waiters = new Map<string, Set<() => void>>()
      const tell = (worker: string): void => {
        if ((held.get(worker)?.size ?? 0) > 0) return
        for (const waiter of waiters.get(worker) ?? []) waiter()
        waiters.delete(worker)
      }

      return {
        add: (worker) => {
          workers.set(worker.id, worker)
          held.set(worker.id, new Set())
          affinity.addUnsafe(worker.id)
        },
        drain: (worker) => void affinity.drainUnsafe(worker.id),
        remove: (worker) => {
          const names = [...(held.get(worker.id) ?? [])]
          workers.delete(worker.id)
          held.delete(worker.id)
          affinity.removeUnsafe(worker.id)
          for (const name of names) {
            affinity.unbindUnsafe(name)
            const onLost = watchers.get(name)
            watchers.delete(name)
            onLost?.()
          }
          tell(worker.id)
        },
        emptied: (worker) =>
          Effect.callback<void>((resume) => {
            if ((held.get(worker.id)?.size ?? 0) === 0) return resume(Effect.void)
            const waiter = (): void => resume(Effect.void)
            const own = waiters.get(worker.id) ?? new Set()
            waiters.set(worker.id, own.add(waiter))
            return Effect.sync(() => own.delete(waiter))
          }),
        claim: (key, target) => {
          if (keys.has(key)) return refuse("exists", key, target, "there is a session of this key")
          if (keys.size >= limit)
            return refuse("limit", key, target, `${keys.size} sessions are open, and no more are allowed`)
          keys.add(key)
          return Result.void
        },
        release: (key) => void keys.delete(key),
        place: (key, target) => {
          const epoch = epochs + 1
          const name = `${key}#${epoch}`
          const placed = affinity.resolveUnsafe(name)
          const worker = Result.isFailure(placed) ? undefined : workers.get(placed.success.target)
          if (worker === undefined) return undefined
          epochs = epoch
          held.get(worker.id)?.add(name)
          return { key, target, name, epoch, worker }
        },
        watch: ({ name }, onLost) => void watchers.set(name, onLost),
        forget: ({ name, worker }) => {
          watchers.delete(name)
          affinity.unbindUnsafe(name)
          held.get(worker.id)?.delete(name)
          tell(worker.id)
        },
        size: () => keys.size,
        countOn: (worker) => held.get(worker.id)?.size ?? 0
      }
    }
  )

/** The most that a table of bindings holds. */
const MAX_BINDINGS = 16_000_000

const refuse = (reason: "exists" | "limit", key: string, target: string, detail: string) =>
  Result.fail(
    stackless(() => new SessionError({ reason, key, target: `${target} (session "${key}")`, detail }))
  )
