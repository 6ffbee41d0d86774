/**
 * What follows from the end of a worker: one pure function from the failure and its history to an action. Whether workers are started
 * at all is the circuit breaker's to say; this says when.
 */
import { Backoff } from "@fireweed/retry"
import type { StartError } from "../CallError.ts"
import type { End } from "../transport/Transport.ts"

/** How one life of a worker went. */
export type Life =
  /** It could not be started. */
  | { readonly _tag: "NotStarted"; readonly error: StartError }
  /** It ended after `served` answered calls. */
  | { readonly _tag: "Ended"; readonly end: End; readonly served: number }

/** What is done next. */
export interface Action {
  /** Milliseconds before the next worker is started in its place. */
  readonly delay: number
  /** Lives in a row that came to nothing, this one included: the history to pass with the next. */
  readonly fruitless: number
}

const backoff = Backoff.exponential("50 millis", { cap: "5 seconds" })

/**
 * A worker that answered calls before it ended is replaced at once, and so is the first that did not; from the second fruitless life in
 * a row on, the next waits 50 ms, twice as long each time, 5 s at most.
 */
export const decide = (life: Life, fruitless: number): Action => {
  if (life._tag === "Ended" && life.served > 0) return { delay: 0, fruitless: 0 }
  const count = fruitless + 1
  return { fruitless: count, delay: count === 1 ? 0 : (Backoff.preview(backoff, count - 1).at(-1) ?? 0) }
}
