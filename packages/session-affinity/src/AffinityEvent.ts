/**
 * What happens to bindings, one event each. `at` is in milliseconds since the epoch, by Effect's `Clock`.
 */

/** A key got a binding: placed by the strategy, by hand, or from a snapshot. */
export interface Bound {
  readonly _tag: "Bound"
  readonly at: number
  readonly key: string
  readonly target: string
  readonly epoch: number
  readonly reason: "placed" | "bind" | "restored"
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

/** A hook failed, and the binding stayed where it was. */
export interface MoveFailed {
  readonly _tag: "MoveFailed"
  readonly at: number
  readonly key: string
  readonly from: string
  /** Where it was to go. */
  readonly target: string
  readonly epoch: number
  /** Which hook: `saveState` or `restoreState`. */
  readonly stage: "save" | "restore"
}

/** A binding ended: its time passed, room was needed, its target was removed, or it was given up. */
export interface Ended {
  readonly _tag: "Expired" | "Evicted" | "Lost" | "Unbound"
  readonly at: number
  readonly key: string
  readonly target: string
  readonly epoch: number
}

/** The table holds four fifths of the bindings that it may. Comes again only after it held less than seven tenths. */
export interface NearlyFull {
  readonly _tag: "NearlyFull"
  readonly at: number
  readonly bindings: number
  readonly maxBindings: number
}

/** This subscriber was too slow: that many events before the next one are missing. */
export interface Missed {
  readonly _tag: "Missed"
  readonly at: number
  readonly events: number
}

/** Anything that happens to a binding. */
export type BindingEvent = Bound | Moved | MoveFailed | Ended

/** Anything that is told. */
export type AffinityEvent = BindingEvent | NearlyFull | Missed
