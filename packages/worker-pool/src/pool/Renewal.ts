/**
 * Replaces workers that live by others: the successor is started first, then what the old one has comes to its end, then it leaves. So no
 * call is lost, and no place is empty meanwhile.
 */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Semaphore from "effect/Semaphore"
import type { StartError } from "../CallError.ts"
import type { Timers } from "../internal/Timers.ts"
import type { PoolEvent } from "../PoolEvent.ts"
import * as Recycling from "../worker/Recycling.ts"
import type { Worker } from "../worker/Worker.ts"

/** The renewal of one pool. */
export interface Renewal {
  /** How many restarts there were: a worker that is being started when this changes is as old as those that are replaced. */
  readonly generation: () => number
  /** A worker was started, all of it in the present generation. */
  readonly onStarted: (worker: Worker) => void
  /** It serves. */
  readonly onReady: (worker: Worker) => void
  /** Looks whether a worker is to be recycled. */
  readonly look: (worker: Worker) => void
  /**
   * Replaces all workers there are, one after the other; what one has not ended `within` so many milliseconds of its successor being ready is
   * lost with it. Stops at the first that has no successor.
   */
  readonly restart: (within: number) => Effect.Effect<void, StartError>
}

/** What it is made of. */
export interface RenewalOptions {
  readonly timers: Timers
  readonly limits: Recycling.Limits
  readonly workers: () => ReadonlyMap<string, Worker>
  /** What workers are forked from is started anew for the next one. */
  readonly renewTransport: () => void
  /** Starts a successor; `undefined` if there is nothing to succeed. */
  readonly succeed: (worker: Worker) => Effect.Effect<Worker | undefined, StartError>
  /** Gives a worker no more calls, waits until what it has is done, for so many milliseconds at most, and lets it go. */
  readonly release: (worker: Worker, within: number) => Effect.Effect<void>
  /** Whether something lives on a worker that would go with it. */
  readonly isHeld: (worker: Worker) => boolean
  /** Runs what goes on until the pool closes. */
  readonly fork: (effect: Effect.Effect<void, StartError>) => Fiber.Fiber<void, StartError>
  readonly publish: (build: () => PoolEvent) => void
}

/** Makes it. */
export const make = (options: RenewalOptions): Renewal => {
  const { fork, limits, publish, timers, workers } = options
  const off = Recycling.isOff(limits)
  const readyAt = new WeakMap<Worker, number>()
  const recycled = new WeakSet<Worker>()
  // One at a time is started beyond the size of the pool.
  const oneByOne = Semaphore.makeUnsafe(1)
  const oneRestart = Semaphore.makeUnsafe(1)
  let generation = 0
  const born = new WeakMap<Worker, number>()

  const renew = (
    worker: Worker,
    reason: Recycling.Reason | "restart",
    within: number
  ): Effect.Effect<void, StartError> =>
    Effect.gen(function* () {
      // One that leaves already, with or without a successor, may only have less time for it from now on.
      if (worker.state() !== "draining") {
        const successor = yield* oneByOne.withPermits(1)(options.succeed(worker))
        if (successor === undefined) return
        publish(() => ({ _tag: "WorkerReplaced", worker: worker.id, successor: successor.id, reason }))
      }
      yield* options.release(worker, within)
    })

  const ageOf = (worker: Worker): number => timers.now() - (readyAt.get(worker) ?? timers.now())

  const look = (worker: Worker): void => {
    if (off || recycled.has(worker)) return
    const life = {
      served: worker.served(),
      age: ageOf(worker),
      memory: worker.vitals()?.rss ?? undefined,
      dirty: (worker.vitals()?.dirty ?? []).length > 0
    }
    const reason = Recycling.reason(life, limits)
    if (reason === undefined || options.isHeld(worker)) return
    recycled.add(worker)
    // It serves on when its successor could not be started, which is told, and is looked at again after a pause.
    const again = Effect.sync(() => void timers.after(limits.minLife, () => recycled.delete(worker)))
    fork(renew(worker, reason, Number.POSITIVE_INFINITY).pipe(Effect.catch(() => again)))
  }

  // Again until there is none: one may just be getting ready.
  const replaceOld = (within: number): Effect.Effect<void, StartError> =>
    Effect.suspend(() => {
      const old = [...workers().values()].filter((worker) => (born.get(worker) ?? 0) < generation)
      if (old.length === 0) return Effect.void
      const steps = old.map((worker) => whole(fork, renew(worker, "restart", within)))
      return Effect.andThen(Effect.all(steps, { discard: true }), replaceOld(within))
    })

  // For what no answer tells of: its age, that it is free of sessions, that a start has failed.
  const watch = (worker: Worker): void => {
    const left = (limits.age ?? 0) - ageOf(worker)
    timers.after(left > 0 ? Math.min(left, limits.minLife) : limits.minLife, () => {
      if (workers().get(worker.id) !== worker) return
      look(worker)
      watch(worker)
    })
  }

  return {
    generation: () => generation,
    onStarted: (worker) => void born.set(worker, generation),
    onReady: (worker) => {
      readyAt.set(worker, timers.now())
      if (!off) watch(worker)
    },
    look,
    restart: (within) =>
      oneRestart.withPermits(1)(
        Effect.suspend(() => {
          generation++
          options.renewTransport()
          return replaceOld(within)
        })
      )
  }
}

/** Who stops waiting for a step does not stop it in the middle, but is not followed by another. */
const whole = (fork: RenewalOptions["fork"], step: Effect.Effect<void, StartError>) =>
  Effect.suspend(() => Fiber.join(fork(step)))
