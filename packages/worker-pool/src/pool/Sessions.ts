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

/** Who looks after an incarnation. */
export interface Keeper {
  /** Its worker is gone. */
  readonly onLost: () => void
  /** Takes the session to another worker, with its state; answers whether it has left. `undefined` if that cannot be done. */
  readonly move: Effect.Effect<boolean> | undefined
}

/** The sessions of one pool. */
export interface Sessions {
  /** A worker can take sessions. */
  readonly add: (worker: Worker) => void
  /**
   * Takes the sessions of a worker to others, each with its state; the worker takes no more of them from now on. Calls in flight are waited for, those
   * that come meanwhile wait, and none is lost or out of order. Answers the keys that stay: those without snapshots, and those that no other
   * worker takes. Who leaves meanwhile does not stop it.
   */
  readonly move: (worker: Worker) => Effect.Effect<ReadonlyArray<string>>
  /** Whether a worker is one from which sessions are to go. */
  readonly isLeaving: (worker: Worker) => boolean
  /** Whether a worker holds sessions that would go with it: such as cannot be moved. */
  readonly isHeld: (worker: Worker) => boolean
  /** Waits until a worker holds none. */
  readonly emptied: (worker: Worker) => Effect.Effect<void>
  /** A worker is gone; who looks after what it held is told. */
  readonly remove: (worker: Worker) => void
  /** Takes a key, until {@link Sessions.release}. */
  readonly claim: (key: string, target: string) => Result.Result<void, SessionError>
  readonly release: (key: string) => void
  /** Finds a worker for a new incarnation; `undefined` while there is none. */
  readonly place: (key: string, target: string) => Entry | undefined
  /** Someone looks after an incarnation from now on; answers whether its worker is still there. */
  readonly keep: (entry: Entry, keeper: Keeper) => boolean
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
      // The incarnations on each worker, by name; one that is being made has no keeper yet.
      const held = new Map<string, Map<string, { readonly key: string; keeper?: Keeper }>>()
      const leaving = new Set<string>()
      const keys = new Set<string>()
      const on = ({ id }: Worker) => [...(held.get(id)?.values() ?? [])]
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
          held.set(worker.id, new Map())
          affinity.addUnsafe(worker.id)
        },
        move: (worker) =>
          Effect.suspend(() => {
            leaving.add(worker.id)
            affinity.drainUnsafe(worker.id)
            const moves = on(worker).map(({ keeper, key }) =>
              Effect.map(keeper?.move ?? Effect.succeed(false), (isGone) => (isGone ? [] : [key]))
            )
            return Effect.map(Effect.all(moves, { concurrency: "unbounded" }), (keys) => keys.flat())
          }),
        isLeaving: ({ id }) => leaving.has(id),
        // Asked often, of a worker that may have thousands.
        isHeld: ({ id }) => {
          for (const { keeper } of held.get(id)?.values() ?? []) if (keeper?.move === undefined) return true
          return false
        },
        remove: (worker) => {
          const gone = on(worker)
          const names = [...(held.get(worker.id)?.keys() ?? [])]
          workers.delete(worker.id)
          held.delete(worker.id)
          leaving.delete(worker.id)
          affinity.removeUnsafe(worker.id)
          for (const name of names) affinity.unbindUnsafe(name)
          for (const { keeper } of gone) keeper?.onLost()
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
          held.get(worker.id)?.set(name, { key })
          return { key, target, name, epoch, worker }
        },
        keep: ({ key, name, worker }, keeper) =>
          held.get(worker.id)?.set(name, { key, keeper }) !== undefined,
        forget: ({ name, worker }) => {
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
