/**
 * The way of one session's calls to where it lives. While it is open a call passes at once. While it is shut (the session is on its way
 * from one worker to another) calls wait at it in the order in which they were made, those that come back from a worker that died among
 * them. Synchronous: there is no moment between a call's passing and its being counted.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { DeadlineExceeded, QueueFull, stackless } from "../CallError.ts"
import type { CallError } from "../CallError.ts"
import type { Timer, Timers } from "../internal/Timers.ts"
import type { Deadline } from "./Request.ts"

/** The gate of one session. `P` is where it leads. */
export interface Gate<P> {
  /** The place of a call among all; it keeps it when it comes back. */
  readonly ticket: () => number
  /**
   * Waits until the gate is open, in the order of tickets, then passes. It is not to be interrupted but where it waits, which is `restore`d: or
   * who has passed might never leave.
   */
  readonly enter: (
    ticket: number,
    call: Waiting,
    restore: <A, E, R>(wait: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  ) => Effect.Effect<Pass<P>, CallError>
  /** Lets nobody pass. */
  readonly shut: () => void
  /** Lets all pass that wait, and all that come. */
  readonly open: (place: P) => void
  /** Turns away all that wait, and all that come. */
  readonly end: (error: (target: string) => CallError) => void
  /** How many have passed and not left. */
  readonly inside: () => number
  /** Waits until all that have passed have left. */
  readonly empty: Effect.Effect<void>
}

/** A call that has passed. */
export interface Pass<P> {
  readonly place: P
  /** It is done, or comes back. Any number of times. */
  readonly leave: () => void
}

/** What a call that waits has to say. */
export interface Waiting {
  /** For messages. */
  readonly target: string
  readonly deadline: Deadline | undefined
}

/** What a gate is made of. */
export interface GateOptions {
  readonly timers: Timers
  /** Most calls that wait. */
  readonly limit: number
  /** Longest wait, in milliseconds. */
  readonly patience: number
  /** Somebody passes, or leaves. */
  readonly onUse: () => void
}

/** Makes one that is shut. */
export const make = <P>(options: GateOptions): Gate<P> => {
  const { timers } = options
  let tickets = 0
  let place: P | undefined
  let refusal: ((target: string) => CallError) | undefined
  let inside = 0
  // By ticket.
  const queue: Array<Waiter<P>> = []
  const watchers = new Set<() => void>()

  const pass = (to: P): Pass<P> => {
    let left = false
    inside++
    options.onUse()
    return {
      place: to,
      leave: () => {
        if (left) return
        left = true
        inside--
        options.onUse()
        if (inside > 0) return
        for (const watcher of watchers) watcher()
        watchers.clear()
      }
    }
  }

  const remove = (waiter: Waiter<P>): void => {
    if (waiter.timer !== undefined) timers.cancel(waiter.timer)
    const index = queue.indexOf(waiter)
    if (index >= 0) queue.splice(index, 1)
  }

  const wait = (ticket: number, call: Waiting): Effect.Effect<Pass<P>, CallError> =>
    Effect.callback((resume) => {
      const waiter: Waiter<P> = { ticket, target: call.target, resume, timer: undefined }
      const left = (call.deadline?.at ?? Number.POSITIVE_INFINITY) - timers.now()
      const limit = Math.max(0, Math.min(left, options.patience))
      if (limit < Number.POSITIVE_INFINITY)
        waiter.timer = timers.after(limit, () => {
          remove(waiter)
          resume(Effect.fail(stackless(() => tooLong(call, left, options.patience, queue.length))))
        })
      // Those that come back were there before those that came meanwhile.
      const next = queue.findIndex((other) => other.ticket > ticket)
      queue.splice(next < 0 ? queue.length : next, 0, waiter)
      return Effect.sync(() => remove(waiter))
    })

  return {
    ticket: () => tickets++,
    enter: (ticket, call, restore) =>
      Effect.suspend(() => {
        if (refusal !== undefined) {
          const build = refusal
          return Effect.fail(stackless(() => build(call.target)))
        }
        if (place !== undefined && queue.length === 0) return Effect.succeed(pass(place))
        return queue.length >= options.limit
          ? Effect.fail(stackless(() => queueFull("limit", call.target, queue.length, 0)))
          : restore(wait(ticket, call))
      }),
    shut: () => {
      place = undefined
    },
    open: (to) => {
      place = to
      for (;;) {
        const first = queue[0]
        // Whoever passes may make it shut again.
        if (first === undefined || place === undefined) return
        remove(first)
        first.resume(Effect.succeed(pass(place)))
      }
    },
    end: (error) => {
      place = undefined
      refusal = error
      for (const waiter of queue.splice(0)) {
        if (waiter.timer !== undefined) timers.cancel(waiter.timer)
        waiter.resume(Effect.fail(stackless(() => error(waiter.target))))
      }
    },
    inside: () => inside,
    empty: Effect.callback<void>((resume) => {
      if (inside === 0) return resume(Effect.void)
      const watcher = (): void => resume(Effect.void)
      watchers.add(watcher)
      return Effect.sync(() => watchers.delete(watcher))
    })
  }
}

interface Waiter<P> {
  readonly ticket: number
  readonly target: string
  readonly resume: (effect: Effect.Effect<Pass<P>, CallError>) => void
  timer: Timer | undefined
}

const tooLong = ({ deadline, target }: Waiting, left: number, patience: number, queued: number): CallError =>
  deadline !== undefined && left <= patience
    ? new DeadlineExceeded({ reason: "waiting", target, deadline: Duration.millis(deadline.length) })
    : queueFull("timeout", target, queued, patience)

const queueFull = (reason: QueueFull["reason"], target: string, queued: number, waited: number): QueueFull =>
  new QueueFull({ reason, target, queued, waited: Duration.millis(waited) })
