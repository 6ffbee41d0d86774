/**
 * What follows when a place of the pool has lost its worker: one pure function from the failure and its history to an action. Whether workers
 * are started at all is the circuit breaker's to say; this says whether the place is filled again, and when. Whether a worker that is silent
 * has failed is said by its health, and what becomes of its calls by what is known of them.
 */
import { Backoff } from "@fireweed/retry"
import type { StartError } from "../CallError.ts"
import type { End } from "../transport/Transport.ts"

/** How one life of a worker failed. */
export type Failure =
  /** It could not be started, or failed at what all workers were told. */
  | { readonly _tag: "NotStarted"; readonly error: StartError }
  /** It ended after `served` answered calls: idle, in a call, or killed since it did not answer. */
  | { readonly _tag: "Ended"; readonly end: End; readonly served: number }

/** What was before. */
export interface History {
  /** Lives in a row that came to nothing. */
  readonly fruitless: number
  /** The place has another worker: a successor of the one that ended, or the one that was to be succeeded. */
  readonly isTaken: boolean
  /** The pool needs so many workers. */
  readonly isNeeded: boolean
}

/** What is done next. */
export type Action =
  /** Nothing: those that serve go on. */
  | { readonly _tag: "Leave" }
  /** Another worker is started in the place. */
  | {
      readonly _tag: "Replace"
      /** Milliseconds before that. */
      readonly delay: number
      /** Lives in a row that came to nothing, this one included. */
      readonly fruitless: number
    }

const backoff = Backoff.exponential("50 millis", { cap: "5 seconds" })

/**
 * A worker that answered calls before it ended is replaced at once, and so is the first that did not; from the second fruitless life in
 * a row on, the next waits 50 ms, twice as long each time, 5 s at most. Where there is another, or none is needed, none is started.
 */
export const decide = (failure: Failure, { fruitless, isNeeded, isTaken }: History): Action => {
  if (isTaken || !isNeeded) return { _tag: "Leave" }
  if (failure._tag === "Ended" && failure.served > 0) return { _tag: "Replace", delay: 0, fruitless: 0 }
  const count = fruitless + 1
  const delay = count === 1 ? 0 : (Backoff.preview(backoff, count - 1).at(-1) ?? 0)
  return { _tag: "Replace", delay, fruitless: count }
}
