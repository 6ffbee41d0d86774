/**
 * Calls that are made from a callback. While a callback runs, the call that made it waits for it and takes up a place on its worker; a
 * call from within that needs this very place would wait for itself. Such a call is refused at once.
 */
import * as Context from "effect/Context"

/** A worker, told from others by its identity. */
export interface Place {
  readonly id: string
}

/** A session, likewise. */
export interface Lane {
  readonly worker: Place
}

/** A call that waits for the fiber that runs now, and those that wait for it in turn. */
export interface Waiting {
  readonly worker: Place
  readonly session: Lane | undefined
  readonly target: string
  /** The call that waits for this one, if this one was made from a callback itself. */
  readonly outer: Waiting | undefined
  /** How many there are. */
  readonly depth: number
}

/** The calls that wait for the fiber that asks; none unless it runs a callback. */
export const Waiting: Context.Reference<Waiting | undefined> = Context.Reference<Waiting | undefined>(
  "@fireweed/worker-pool/Waiting",
  { defaultValue: () => undefined }
)

/** Most callbacks that are made one from within the other. */
export const MAX_DEPTH = 32

/** Adds the call of a callback to those that wait for its fiber. */
export const enter = (
  worker: Place,
  session: Lane | undefined,
  target: string,
  outer: Waiting | undefined
): Waiting => ({
  worker,
  session,
  target,
  outer,
  depth: (outer?.depth ?? 0) + 1
})

/** Places on a worker that are taken by calls that wait. */
export const placesOn = (worker: Place, waiting: Waiting): number =>
  count(waiting, (one) => one.worker === worker)

/** Why a call would wait for itself; `undefined` if it would not. */
export const refusal = (
  waiting: Waiting,
  session: Lane | undefined,
  target: string,
  pool: {
    /** Workers when all are ready. */
    readonly size: number
    /** Calls that a worker runs at once. */
    readonly concurrency: number
    /** Calls of a function that run at once. */
    readonly limitOf: (target: string) => number
    readonly has: (worker: Place) => boolean
  }
): string | undefined => {
  if (waiting.depth >= MAX_DEPTH)
    return `it is made from a callback within ${waiting.depth - 1} other callbacks, and no more are allowed`
  const places = (takes: (waiting: Waiting) => boolean): number => count(waiting, takes)
  if (session === undefined) {
    const same = places((one) => one.session === undefined && one.target === target && pool.has(one.worker))
    if (same >= pool.limitOf(target))
      return `it is made from a callback that calls of the same function wait for, and no more of them may run (limits)`
    return places(({ worker }) => pool.has(worker)) >= pool.size * pool.concurrency
      ? "it is made from a callback, and every worker waits for that callback"
      : undefined
  }
  if (places((one) => one.session === session) > 0)
    return "it is made from a callback that a call of the same session waits for"
  return placesOn(session.worker, waiting) >= pool.concurrency
    ? `it is made from a callback that worker ${session.worker.id} waits for, on which its session lives`
    : undefined
}

const count = (waiting: Waiting, takes: (waiting: Waiting) => boolean): number => {
  let found = 0
  for (let one: Waiting | undefined = waiting; one !== undefined; one = one.outer) if (takes(one)) found++
  return found
}
