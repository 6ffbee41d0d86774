/** Calls in flight in the order in which they began, so that the first is the first to get slow: a list with two ends. */

/** A call in flight. */
export interface Call {
  /** When it began, in milliseconds. */
  readonly at: number
  /** What it was admitted as. */
  generation: number
  /** It has been told that it is slow, and is on the list no more. */
  slow: boolean
  before: Call | undefined
  after: Call | undefined
}

export interface Running {
  first: Call | undefined
  last: Call | undefined
}

export const make = (): Running => ({ first: undefined, last: undefined })

/** A call begins. */
export const add = (running: Running, at: number, generation: number): Call => {
  const call: Call = { at, generation, slow: false, before: running.last, after: undefined }
  if (running.last === undefined) running.first = call
  else running.last.after = call
  running.last = call
  return call
}

/** A call ends, or is slow. */
export const remove = (running: Running, call: Call): void => {
  if (call.before === undefined) running.first = call.after
  else call.before.after = call.after
  if (call.after === undefined) running.last = call.before
  else call.after.before = call.before
}
