/**
 * The plain data a table of bindings answers with.
 */
import type { AffinityError } from "./AffinityError.ts"
import type { Moved } from "./AffinityEvent.ts"
import type { Target } from "./Placement.ts"

/** Where a key is served. */
export interface Assignment {
  readonly key: string
  /** The id of the target. */
  readonly target: string
  /**
   * Which incarnation of the key's state the binding points at: a number that grows whenever the binding moves or is created anew, also
   * across {@link Snapshot}s. Compare those of one key.
   */
  readonly epoch: number
  /** `false` for a stand-in: mode `prefer` found the bound target busy and kept the binding where it is. */
  readonly bound: boolean
}

/** What is known of a key: four distinct answers. */
export type Lookup =
  | (BindingInfo & { readonly _tag: "Bound" })
  | { readonly _tag: "Expired"; readonly key: string; readonly target: string; readonly epoch: number }
  | { readonly _tag: "TargetGone"; readonly key: string; readonly target: string; readonly epoch: number }
  | { readonly _tag: "Unknown"; readonly key: string }

/** What a user attaches to a binding, such as where its state is saved. */
export type Metadata = { readonly [name: string]: string }

/** A live binding. Times are milliseconds since the epoch, by Effect's `Clock`. */
export interface BindingInfo {
  readonly key: string
  readonly target: string
  readonly epoch: number
  readonly createdAt: number
  /** `Infinity` if bindings never expire. Of one in use, that a use renews: when it would expire if all uses ended now. */
  readonly expiresAt: number
  readonly metadata: Metadata
}

/** A target as it stands. */
export interface TargetInfo extends Target {
  /** Leases in use now, a count. */
  readonly leases: number
  /** What was reported of it last, 0 if nothing; `load` is the sum of both. */
  readonly reported: number
  readonly state: "active" | "draining"
  /** Calls that wait for it now. */
  readonly waiting: number
  /** Resolutions that answered with it, since it was added. */
  readonly served: number
}

/** Counts now, and counters since the table was made. */
export interface Stats {
  /** Live bindings. */
  readonly bindings: number
  /** Keys whose binding expired or was lost, and which are still remembered as such. */
  readonly remembered: number
  readonly maxBindings: number
  /** Keys on their way to another target. */
  readonly moving: number
  /** Calls that wait: for a busy target, behind a movement, or for their turn. */
  readonly waiting: number
  readonly targets: ReadonlyArray<TargetInfo>
  /** Calls that asked for a key. */
  readonly resolutions: number
  /** Those that found it bound, and its target able to serve it, if after a wait. */
  readonly hits: number
  /** `hits / resolutions`; 0 before there are any. */
  readonly hitRate: number
  /** Bindings created: by placement, by hand, or from a snapshot. */
  readonly created: number
  /** Bindings that moved. */
  readonly moved: number
  /** The same by what was wrong with the old target; `bind`: by hand. */
  readonly movedBy: { readonly [R in Moved["reason"]]: number }
  /** Movements whose hook failed. */
  readonly movesFailed: number
  readonly expired: number
  readonly evicted: number
  readonly lost: number
  readonly unbound: number
  /** Calls that were refused, by the tag of their error. */
  readonly rejected: { readonly [T in AffinityError["_tag"]]?: number }
}

/** The live bindings of a table as a plain value, which survives JSON. Times are milliseconds since the epoch. */
export interface Snapshot {
  readonly version: 1
  /** The number of the latest incarnation. */
  readonly epoch: number
  readonly bindings: ReadonlyArray<SavedBinding>
}

/** One binding of a {@link Snapshot}. */
export interface SavedBinding {
  readonly key: string
  readonly target: string
  readonly epoch: number
  readonly createdAt: number
  /** When its lifetime last began: at its creation, or, where a use renews it, at its last use. */
  readonly renewedAt: number
  readonly metadata: Metadata
}

/** What became of the bindings of a {@link Snapshot}: a count each. */
export interface Restored {
  /** Live again, where they were. */
  readonly bound: number
  /** Remembered as lost: the table knows no such target. */
  readonly lost: number
  /** Remembered as expired, by the lifetime that this table gives. */
  readonly expired: number
  /** Left as the table has them: it knows those keys. */
  readonly known: number
}
