/**
 * Where a key goes that is bound nowhere: strategies as plain data, and {@link choose}, the function that applies them.
 *
 * Nothing here keeps state, reads a clock or throws dice, so a placement can be replayed and tested by itself.
 */
import { fmix32, fnv1a } from "./internal/hash.ts"

/** What a strategy may know of a target. */
export interface Target {
  /** Its name, unique within a table. */
  readonly id: string
  /** Its share relative to the others; greater than 0, and 1 unless said otherwise. */
  readonly weight: number
  /** What it has to do now: its leases in use, and what was reported that it does besides. */
  readonly load: number
  /** Keys bound to it now, a count. */
  readonly bindings: number
}

/** Weighted rendezvous hashing: see {@link rendezvous}. */
export interface Rendezvous {
  readonly _tag: "Rendezvous"
}

/** The target with the least to do: see {@link leastLoaded}. */
export interface LeastLoaded {
  readonly _tag: "LeastLoaded"
  readonly by: "load" | "bindings"
}

/** One target after the other: see {@link roundRobin}. */
export interface RoundRobin {
  readonly _tag: "RoundRobin"
}

/** A function of your own: see {@link custom}. */
export interface Custom {
  readonly _tag: "Custom"
  readonly choose: (key: string, targets: ReadonlyArray<Target>) => string | undefined
}

/** A rule for placing new keys. */
export type Strategy = Rendezvous | LeastLoaded | RoundRobin | Custom

/**
 * Weighted rendezvous (highest random weight) hashing, the default: each target draws a number from the hash of the key
 * and its id, and the highest wins.
 *
 * The result depends on the key and on the set of ids and weights alone, so two processes that know the same targets
 * agree without a shared table. Adding a target attracts about its share of new keys and leaves the others where they
 * would have gone; removing one spreads its keys over the rest. Cost: one short hash per target.
 *
 * Source: Thaler, Ravishankar, "Using name-based mappings to increase hit rates", 1998; the weighted score `-w / ln u`
 * from Schindelhauer, Schomaker, "Weighted distributed hash tables", 2005.
 *
 * ```ts
 * import { Placement } from "@fireweed/session-affinity"
 *
 * const target = (id: string) => ({ id, weight: 1, load: 0, bindings: 0 })
 * const here = Placement.choose(Placement.rendezvous, "user-42", [target("a"), target("b")])
 * const there = Placement.choose(Placement.rendezvous, "user-42", [target("b"), target("a")])
 * if (here?.id !== there?.id) throw new Error("two processes disagree")
 * ```
 */
export const rendezvous: Rendezvous = { _tag: "Rendezvous" }

/**
 * The target with the fewest leases in use (`by: "load"`, the default) or the fewest keys bound (`by: "bindings"`),
 * relative to its weight; the other count decides between equals, then the id.
 *
 * A load says little when keys are opened long before they are used: prefer `"bindings"` there.
 *
 * ```ts
 * import { Placement } from "@fireweed/session-affinity"
 *
 * const idle = { id: "idle", weight: 1, load: 0, bindings: 9 }
 * const busy = { id: "busy", weight: 1, load: 3, bindings: 1 }
 * const chosen = Placement.choose(Placement.leastLoaded(), "user-42", [busy, idle])
 * if (chosen !== idle) throw new Error("the idle one was passed over")
 * ```
 */
export const leastLoaded = (options?: { readonly by?: "load" | "bindings" | undefined }): LeastLoaded => ({
  _tag: "LeastLoaded",
  by: options?.by ?? "load"
})

/** One target after the other, in the order they were added. Weights are ignored. */
export const roundRobin: RoundRobin = { _tag: "RoundRobin" }

/**
 * A function of your own: given the key and the targets that can take it (never none), it returns the id of one of them,
 * or `undefined` to take none. Any other id is a defect.
 *
 * ```ts
 * import { Placement } from "@fireweed/session-affinity"
 *
 * const firstFree = Placement.custom((_key, targets) => targets.find((target) => target.load === 0)?.id)
 * const busy = { id: "a", weight: 1, load: 1, bindings: 1 }
 * if (Placement.choose(firstFree, "user-42", [busy]) !== undefined) throw new Error("took a busy one")
 * ```
 */
export const custom = (choose: Custom["choose"]): Custom => ({ _tag: "Custom", choose })

/**
 * Applies a strategy: the target for a key among those that can take it, or `undefined` if there is none.
 *
 * `turn` is how many keys were placed before, which round robin alone reads (default 0).
 */
export const choose = <T extends Target>(
  strategy: Strategy,
  key: string,
  targets: ReadonlyArray<T>,
  turn: number = 0
): T | undefined => {
  if (targets.length === 0) return undefined
  switch (strategy._tag) {
    case "Rendezvous": {
      const state = fnv1a(key)
      return lowest(targets, (target) => -score(state, target))
    }
    case "LeastLoaded": {
      const other = strategy.by === "load" ? "bindings" : "load"
      // One more than the count: what the target would have to do with this key, which lets weights matter when idle.
      const after = (target: T, count: "load" | "bindings") => (target[count] + 1) / target.weight
      return lowest(
        targets,
        (target) => after(target, strategy.by),
        (target) => after(target, other)
      )
    }
    case "RoundRobin":
      return targets[turn % targets.length]
    default:
      return chooseBy(strategy, key, targets)
  }
}

const chooseBy = <T extends Target>(
  strategy: Custom,
  key: string,
  targets: ReadonlyArray<T>
): T | undefined => {
  const id = strategy.choose(key, targets)
  if (id === undefined) return undefined
  const chosen = targets.find((target) => target.id === id)
  if (chosen !== undefined) return chosen
  const ids = targets.map((target) => target.id).join(", ")
  throw new Error(`Expected the custom placement to return one of [${ids}] or undefined, got: ${id}`)
}

/** `u` lies strictly between 0 and 1, so the logarithm is finite and below 0. */
const score = (keyState: number, target: Target): number => {
  const u = (fmix32(fnv1a(target.id, keyState)) + 0.5) / 0x1_0000_0000
  return -target.weight / Math.log(u)
}

const lowest = <T extends Target>(
  targets: ReadonlyArray<T>,
  measure: (target: T) => number,
  tieBreak: (target: T) => number = () => 0
): T | undefined => {
  let best: T | undefined
  let least = Number.POSITIVE_INFINITY
  for (const target of targets) {
    const value = measure(target)
    if (best !== undefined && value >= least) {
      if (value > least) continue
      const difference = tieBreak(target) - tieBreak(best)
      if (difference > 0 || (difference === 0 && target.id > best.id)) continue
    }
    best = target
    least = value
  }
  return best
}
