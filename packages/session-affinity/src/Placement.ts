/**
 * Where a key goes that is bound nowhere: strategies as plain data, and {@link choose}, the function that applies them.
 *
 * Nothing here keeps state, reads a clock or throws dice, so a placement can be replayed and tested by itself.
 */
import { lighterOfTwo, lightest } from "./internal/load.ts"
import { highest, withinBound } from "./internal/rendezvous.ts"

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

/** What of a target a strategy compares. */
export type Measure = "load" | "bindings"

/** The target with the least to do: see {@link leastLoaded}. */
export interface LeastLoaded {
  readonly _tag: "LeastLoaded"
  readonly by: Measure
}

/** The better of two drawn by chance: see {@link twoChoices}. */
export interface TwoChoices {
  readonly _tag: "TwoChoices"
  readonly by: Measure
}

/** Consistent hashing with bounded loads: see {@link boundedLoads}. */
export interface BoundedLoads {
  readonly _tag: "BoundedLoads"
  /** How much more than its share of the total a target may have; above 1. */
  readonly c: number
  readonly by: Measure
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
export type Strategy = Rendezvous | LeastLoaded | TwoChoices | BoundedLoads | RoundRobin | Custom

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
 * relative to its weight; of equals the one with the fewer of the other, then the lower id.
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
export const leastLoaded = (options?: { readonly by?: Measure | undefined }): LeastLoaded => ({
  _tag: "LeastLoaded",
  by: options?.by ?? "load"
})

/**
 * The power of two choices: of two different targets drawn by chance, by their weights, the one with the fewer leases in
 * use (`by: "load"`, the default) or the fewer keys bound (`by: "bindings"`), relative to its weight.
 *
 * Almost as even as {@link leastLoaded}, without the crowd: where several tables place by loads that were reported a
 * moment ago, they do not all choose the same target. A table draws by Effect's `Random`, as it was when it was made.
 *
 * Source: Mitzenmacher, "The power of two choices in randomized load balancing", 2001; drawing by weight from Wieder,
 * "Balanced allocations with heterogenous bins", 2007.
 *
 * ```ts
 * import { Placement } from "@fireweed/session-affinity"
 *
 * const idle = { id: "idle", weight: 1, load: 0, bindings: 9 }
 * const busy = { id: "busy", weight: 1, load: 3, bindings: 1 }
 * const chosen = Placement.choose(Placement.twoChoices(), "user-42", [busy, idle], { random: Math.random })
 * if (chosen !== idle) throw new Error("the idle one was passed over")
 * ```
 */
export const twoChoices = (options?: { readonly by?: Measure | undefined }): TwoChoices => ({
  _tag: "TwoChoices",
  by: options?.by ?? "load"
})

/**
 * Consistent hashing with bounded loads: where {@link rendezvous} would put the key, among the targets that would not
 * have more than `c` times their share of all keys bound (`by: "bindings"`, the default) or leases in use (`by: "load"`).
 *
 * So nobody gets a key above `ceil(c * (total + 1) * weight / weights)`, whatever the keys are; there always is somebody
 * below. `c` is above 1, default 1.25: near 1 is even, and far from it is rendezvous. While no target is full, two
 * processes agree; from then on what they place depends on what they placed before.
 *
 * Source: Mirrokni, Thorup, Zadimoghaddam, "Consistent hashing with bounded loads", 2016, with the order of rendezvous in
 * place of the ring's: keys that find their target full spread over all others, instead of falling on its neighbour.
 *
 * ```ts
 * import { Placement } from "@fireweed/session-affinity"
 *
 * const full = { id: "full", weight: 1, load: 0, bindings: 9 }
 * const free = { id: "free", weight: 1, load: 0, bindings: 3 }
 * for (const key of ["a", "b", "c", "d"]) {
 *   const chosen = Placement.choose(Placement.boundedLoads({ c: 1.25 }), key, [full, free])
 *   if (chosen !== free) throw new Error("above 1.25 times the mean")
 * }
 * ```
 */
export const boundedLoads = (options?: {
  readonly c?: number | undefined
  readonly by?: Measure | undefined
}): BoundedLoads => ({
  _tag: "BoundedLoads",
  c: options?.c ?? 1.25,
  by: options?.by ?? "bindings"
})

/** One target after the other, in the order they were added. Weights are ignored. */
export const roundRobin: RoundRobin = { _tag: "RoundRobin" }

/**
 * A function of your own: given the key and the targets that can take it (never none), it returns the id of one of them,
 * or `undefined` to take none. Any other id is a defect, and so is a change it makes to the table that asks.
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

/** What the strategies go by that are no functions of the key and the targets. */
export interface State {
  /** How many keys were placed before, which {@link roundRobin} reads. Default 0. */
  readonly turn?: number | undefined
  /** Numbers from 0 up to, but not including, 1, which {@link twoChoices} draws: it throws where there is none. */
  readonly random?: (() => number) | undefined
}

/** Applies a strategy: the target for a key among those that can take it, or `undefined` if there is none. */
export const choose = <T extends Target>(
  strategy: Strategy,
  key: string,
  targets: ReadonlyArray<T>,
  state: State = {}
): T | undefined => {
  if (targets.length === 0) return undefined
  switch (strategy._tag) {
    case "Rendezvous":
      return highest(key, targets)
    case "LeastLoaded":
      return lightest(targets, strategy.by)
    case "TwoChoices": {
      if (state.random === undefined) throw new TypeError("Placement.choose: two choices need `random`")
      return lighterOfTwo(targets, strategy.by, state.random)
    }
    case "BoundedLoads":
      return highest(key, targets, withinBound(targets, strategy.c, strategy.by))
    case "RoundRobin":
      return targets[(state.turn ?? 0) % targets.length]
    case "Custom":
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
  const ids = targets.slice(0, 10).map((target) => target.id)
  const more = targets.length > ids.length ? ", ..." : ""
  throw new Error(
    `Expected the custom placement to return one of [${ids.join(", ")}${more}] or undefined, got: ${id}`
  )
}
