/** The order in which a key prefers targets, by rendezvous hashing. */
import type { Measure, Target } from "../Placement.ts"
import { fmix32, fnv1a } from "./hash.ts"

/** The target that a key prefers, of those that are open to it. */
export const highest = <T extends Target>(
  key: string,
  targets: ReadonlyArray<T>,
  isOpen?: (target: T) => boolean
): T | undefined => {
  const state = fnv1a(key)
  let best: T | undefined
  let bestHash = 0
  for (const target of targets) {
    if (isOpen !== undefined && !isOpen(target)) continue
    const hash = fmix32(fnv1a(target.id, state))
    if (best !== undefined && !outranks(target, hash, best, bestHash)) continue
    best = target
    bestHash = hash
  }
  return best
}

/**
 * Whether one more key would leave a target within `c` times its share of the total, that key included. Since `c` is above
 * 1, it would for at least one: if all had their bounded share, they had more than the total.
 */
export const withinBound = (
  targets: ReadonlyArray<Target>,
  c: number,
  by: Measure
): ((target: Target) => boolean) => {
  let total = 1
  let weights = 0
  for (const target of targets) {
    total += target[by]
    weights += target.weight
  }
  const bound = (c * total) / weights
  // For counts, the same as `count + 1 <= ceil(bound * weight)`; reported loads need not be whole.
  return (target) => target[by] < bound * target.weight
}

const outranks = (a: Target, hashA: number, b: Target, hashB: number): boolean => {
  // The score grows with the hash, so that equal weights need no logarithm.
  const ahead = a.weight === b.weight ? hashA - hashB : score(hashA, a.weight) - score(hashB, b.weight)
  return ahead > 0 || (ahead === 0 && a.id < b.id)
}

/** `u` lies strictly between 0 and 1, so the logarithm is finite and below 0. */
const score = (hash: number, weight: number): number => {
  const u = (hash + 0.5) / 0x1_0000_0000
  return -weight / Math.log(u)
}
