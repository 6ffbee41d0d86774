/**
 * What happens to bindings, one event each. `at` is in milliseconds since the epoch, by Effect's `Clock`.
 */

/** A key got a binding, placed by the strategy or by hand. */
export interface Bound {
  readonly _tag: "Bound"
  readonly at: number
  readonly key: string
  readonly target: string
  readonly epoch: number
  readonly reason: "placed" | "bind"
}

/** A key's binding went to another target. */
export interface Moved {
  readonly _tag: "Moved"
  readonly at: number
  readonly key: string
  readonly from: string
  readonly target: string
  readonly epoch: number
  /** What was wrong with the old target, or `bind`: moved by hand. */
  readonly reason: "busy" | "draining" | "gone" | "bind"
}

/** A binding ended: its time passed, room was needed, its target was removed, or it was given up. */
export interface Ended {
  readonly _tag: "Expired" | "Evicted" | "Lost" | "Unbound"
  readonly at: number
  readonly key: string
  readonly target: string
  readonly epoch: number
}

/** Anything that happens to a binding. */
export type AffinityEvent = Bound | Moved | Ended
