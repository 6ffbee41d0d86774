/**
 * The calls that a worker has and has not answered, oldest first. It runs as many as its concurrency says; those beyond were sent ahead,
 * and begin one after the other as those before them are answered, for a worker answers in the order in which it was asked.
 */
import type { Timer, Timers } from "../internal/Timers.ts"
import type { Assignment } from "./Assignment.ts"
import * as CallId from "./CallId.ts"
import * as Pace from "./Pace.ts"

/** A call that a worker has. */
export interface Call {
  readonly id: number
  readonly assignment: Assignment
  /** Items of a stream that may come. */
  credit: number
  begun: boolean
  cancelled: boolean
  /** It was called back, and may come back unless it began before. */
  recalled: boolean
  /** The next step of its cancellation. */
  timer: Timer | undefined
  /** It did not stop when it was told to. */
  stuck: boolean
}

/** The calls of one worker. */
export interface InFlight {
  readonly get: (id: number) => Call | undefined
  readonly all: () => ReadonlyArray<Call>
  readonly size: () => number
  /** How many of them have begun. */
  readonly running: () => number
  /** The number of the oldest. */
  readonly oldest: () => number | undefined
  /** How many may be sent ahead, while the worker is busy. */
  readonly spare: () => number
  readonly add: (assignment: Assignment) => Call
  /** A call was answered. */
  readonly finish: (call: Call) => void
  /** A call is not here any more, and nobody ran it. */
  readonly remove: (call: Call) => void
}

/** What it is made of. */
export interface InFlightOptions {
  readonly timers: Timers
  /** Calls that the worker runs at once. */
  readonly concurrency: number
  /** A call that was sent ahead has begun. */
  readonly onBegin: (call: Call) => void
  /** A call that was sent ahead waits behind one that takes its time: another worker may be free sooner. */
  readonly onRecall: (call: Call) => void
}

/** How long calls that were sent ahead wait behind one call before they are called back, in milliseconds. */
export const RECALL_AFTER = 5

/** Makes it, with no calls. */
export const make = ({ concurrency, onBegin, onRecall, timers }: InFlightOptions): InFlight => {
  const calls = new Map<number, Call>()
  let lastId = 0
  let pace = Pace.unknown
  // When the oldest began: it was sent, or the one before it was answered.
  let beganAt = 0
  let watching: Timer | undefined
  let recalled = 0

  const oldest = (): Call | undefined => calls.values().next().value

  const watch = (running: Call | undefined): void => {
    watching = timers.after(RECALL_AFTER, () => {
      watching = undefined
      if (calls.size < 2) return
      const first = oldest()
      if (first !== running) return watch(first)
      for (const call of calls.values()) {
        if (call.begun || call.cancelled) continue
        call.recalled = true
        recalled++
        onRecall(call)
      }
    })
  }

  const remove = (call: Call): void => {
    calls.delete(call.id)
    if (call.timer !== undefined) timers.cancel(call.timer)
    if (call.recalled) recalled--
    if (calls.size === 0 && watching !== undefined) {
      timers.cancel(watching)
      watching = undefined
    }
    if (concurrency > 1) return
    const first = oldest()
    if (first === undefined || first.begun) return
    first.begun = true
    onBegin(first)
  }

  return {
    get: (id) => calls.get(id),
    all: () => [...calls.values()],
    size: () => calls.size,
    running: () => Math.min(calls.size, concurrency),
    oldest: () => oldest()?.id,
    spare: () => {
      // Nobody waits behind a call that has to be made to stop, or that takes longer than those before it.
      if (concurrency > 1 || recalled > 0 || oldest()?.cancelled === true) return 0
      const room = Pace.ahead(pace) - (calls.size - 1)
      return room > 0 && timers.now() - beganAt < RECALL_AFTER ? room : 0
    },
    add: (assignment) => {
      lastId = CallId.next(lastId, (id) => calls.has(id))
      const call: Call = {
        id: lastId,
        assignment,
        credit: assignment.stream?.credit ?? 0,
        begun: calls.size < concurrency,
        cancelled: false,
        recalled: false,
        timer: undefined,
        stuck: false
      }
      calls.set(call.id, call)
      if (call.begun) beganAt = timers.now()
      else if (watching === undefined) watch(oldest())
      return call
    },
    finish: (call) => {
      if (call.begun) {
        const now = timers.now()
        pace = Pace.observe(pace, now - beganAt)
        beganAt = now
      }
      remove(call)
    },
    remove
  }
}
