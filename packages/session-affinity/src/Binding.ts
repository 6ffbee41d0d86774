/**
 * The plain data a table of bindings answers with.
 */
import type { Target } from "./Placement.ts"

/** Where a key is served. */
export interface Assignment {
  readonly key: string
  /** The id of the target. */
  readonly target: string
  /**
   * Which incarnation of the key's state the binding points at: a number that grows, unique in its table, and changes
   * whenever the binding moves or is created anew.
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

/** A live binding. Times are milliseconds since the epoch, by Effect's `Clock`. */
export interface BindingInfo {
  readonly key: string
  readonly target: string
  readonly epoch: number
  readonly createdAt: number
  /** `Infinity` if bindings never expire. */
  readonly expiresAt: number
}

/** A target as it stands. */
export interface TargetInfo extends Target {
  readonly state: "active" | "draining"
}

/** Counts now, and counters since the table was made. */
export interface Stats {
  /** Live bindings. */
  readonly bindings: number
  /** Keys whose binding expired or was lost, and which are still remembered as such. */
  readonly remembered: number
  readonly maxBindings: number
  readonly targets: ReadonlyArray<TargetInfo>
  /** Resolutions served by the bound target. */
  readonly hits: number
  /** Bindings created, by placement or by hand. */
  readonly created: number
  readonly moved: number
  readonly expired: number
  readonly evicted: number
  readonly lost: number
  readonly unbound: number
}

/** The table at one moment, as a plain value. */
export interface Snapshot {
  readonly bindings: ReadonlyArray<BindingInfo>
  readonly targets: ReadonlyArray<TargetInfo>
}
