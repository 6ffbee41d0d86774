/**
 * Runs recoveries: what a pool does to come back from a failure. Each has a budget of time, no more than so many of a kind run at once, each
 * can be cancelled, and all are told. What comes of one is data: nothing that fails in a recovery harms the pool.
 */
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Semaphore from "effect/Semaphore"
import * as Ring from "../internal/Ring.ts"
import type { Timers } from "../internal/Timers.ts"

/** What is recovered: a worker in its place, or a session that survives its worker. */
export type Kind = "replace" | "restore"

/** What came of a recovery. */
export type Outcome<A, E> =
  | { readonly _tag: "Recovered"; readonly value: A }
  /** The error is the one it failed with, as it was. */
  | { readonly _tag: "Failed"; readonly error: E }
  /** It was not done within its budget, and was interrupted. */
  | { readonly _tag: "TimedOut"; readonly budget: Duration.Duration }
  /** It was cancelled by its number, and interrupted. */
  | { readonly _tag: "Cancelled" }

/** A recovery. Times are milliseconds. */
export interface Recovery {
  /** Counts from 1. */
  readonly id: number
  readonly kind: Kind
  /** Who recovers, such as a worker or the key of a session. */
  readonly subject: string
  /** Until it began: others of its kind were under way. Its budget does not run meanwhile. */
  readonly waited: number
  /** Since it began; 0 if it has not. */
  readonly took: number
}

/** A recovery that has ended. Its caller may have left: that is `Cancelled`, too; a fault of this package is `Failed`. */
export interface Ended extends Recovery {
  readonly outcome: Outcome<unknown, unknown>["_tag"]
}

/** The recoveries of one pool. */
export interface Recoveries {
  /**
   * Runs an effect as a recovery. Its budget begins to run when it has its place; it is interrupted when that is used up, and its place
   * given back when it has come to its end.
   */
  readonly run: <A, E, R>(
    what: {
      readonly kind: Kind
      readonly subject: string
      /** Default: that of its kind. */
      readonly budget?: Duration.Input | undefined
    },
    effect: Effect.Effect<A, E, R>
  ) => Effect.Effect<Outcome<A, E>, never, R>
  /** Interrupts a recovery, or takes it out of those that wait; answers whether there was one of this number. */
  readonly cancel: (id: number) => Effect.Effect<boolean>
  /** Those that run, and those that wait for their place; the oldest first. */
  readonly active: Effect.Effect<ReadonlyArray<Recovery>>
  /** The last {@link HISTORY} that ended, the oldest first. */
  readonly ended: Effect.Effect<ReadonlyArray<Ended>>
}

/** How many recoveries are remembered. */
export const HISTORY = 100

/** Makes them. */
export const make = (options: {
  readonly timers: Timers
  /** Most of each kind at once. Kinds do not wait for each other: a session may need the worker that is replaced. */
  readonly concurrency: number
  /** In milliseconds. */
  readonly budget: { readonly [K in Kind]: number }
  /** One has its place. */
  readonly onBegin: (recovery: Recovery) => void
  readonly onEnd: (ended: Ended) => void
}): Recoveries => {
  const { timers } = options
  const places: { readonly [K in Kind]: Semaphore.Semaphore } = {
    replace: Semaphore.makeUnsafe(options.concurrency),
    restore: Semaphore.makeUnsafe(options.concurrency)
  }
  const active = new Map<number, Active>()
  const ended = Ring.make<Ended>(HISTORY)
  let lastId = 0

  const look = ({ askedAt, beganAt, id, kind, subject }: Active): Recovery => {
    const now = timers.now()
    return { id, kind, subject, waited: (beganAt ?? now) - askedAt, took: now - (beganAt ?? now) }
  }

  const enter = (kind: Kind, subject: string): Active => {
    const recovery: Active = {
      id: ++lastId,
      kind,
      subject,
      askedAt: timers.now(),
      beganAt: undefined,
      cancelled: Deferred.makeUnsafe()
    }
    active.set(recovery.id, recovery)
    return recovery
  }

  const begin = (recovery: Active): void => {
    recovery.beganAt = timers.now()
    options.onBegin(look(recovery))
  }

  const leave = (recovery: Active, outcome: Ended["outcome"]): void => {
    active.delete(recovery.id)
    const seen: Ended = { ...look(recovery), outcome }
    ended.add(seen)
    options.onEnd(seen)
  }

  return {
    run: <A, E, R>(
      what: { readonly kind: Kind; readonly subject: string; readonly budget?: Duration.Input | undefined },
      effect: Effect.Effect<A, E, R>
    ) =>
      Effect.uninterruptibleMask((restore) => {
        const budget = Duration.fromInputUnsafe(what.budget ?? options.budget[what.kind])
        const recovery = enter(what.kind, what.subject)
        const outcome: Effect.Effect<Outcome<A, E>, E, R> = Effect.timeoutOrElse(
          Effect.map(effect, (value) => ({ _tag: "Recovered" as const, value })),
          { duration: budget, orElse: () => Effect.succeed({ _tag: "TimedOut" as const, budget }) }
        )
        const inPlace = Semaphore.withPermits(
          places[what.kind],
          1
        )(
          Effect.andThen(
            Effect.sync(() => begin(recovery)),
            outcome
          )
        )
        const cancelled: Effect.Effect<Outcome<A, E>> = Deferred.await(recovery.cancelled)
        return restore(Effect.raceFirst(inPlace, cancelled)).pipe(
          Effect.catch((error): Effect.Effect<Outcome<A, E>> => Effect.succeed({ _tag: "Failed", error })),
          Effect.onExit((exit) => Effect.sync(() => leave(recovery, nameOf(exit))))
        )
      }),
    cancel: (id) =>
      Effect.sync(() => {
        const recovery = active.get(id)
        return (
          recovery !== undefined &&
          Deferred.doneUnsafe(recovery.cancelled, Effect.succeed({ _tag: "Cancelled" }))
        )
      }),
    active: Effect.sync(() => Array.from(active.values(), look)),
    ended: Effect.sync(ended.values)
  }
}

/** One that runs or waits. */
interface Active extends Omit<Recovery, "waited" | "took"> {
  readonly askedAt: number
  beganAt: number | undefined
  readonly cancelled: Deferred.Deferred<{ readonly _tag: "Cancelled" }>
}

const nameOf = (exit: Exit.Exit<Outcome<unknown, unknown>>): Ended["outcome"] => {
  if (Exit.isSuccess(exit)) return exit.value._tag
  return Exit.hasInterrupts(exit) ? "Cancelled" : "Failed"
}
