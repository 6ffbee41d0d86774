/** The order in which a key prefers targets, by rendezvous hashing. */
import type { Measure, Target } from "../Placement.ts"
import { fmix32, fnv1a } from "./hash.ts"

/** The target that a key prefers, of those that are open to it: the one whose score `-weight / ln u` is highest. */
export const highest = <T extends Target>(
  key: string,
  targets: ReadonlyArray<T>,
  isOpen?: (target: T) => boolean
): T | undefined => {
  const state = fnv1a(key)
  let best: T | undefined
  let most = 0
  for (const target of targets) {
    if (isOpen !== undefined && !isOpen(target)) continue
    // Strictly between 0 and 1, so the logarithm is finite and below 0.
    const u = (fmix32(fnv1a(target.id, state)) + 0.5) / 0x1_0000_0000
    // Since ln u <= u - 1, most can be told to score less without their logarithm; the rest of 1e-9 is for rounding.
    if (u < 1 - target.weight / most - 1e-9) continue
    const score = -target.weight / Math.log(u)
    if (best !== undefined && (score < most || (score === most && target.id > best.id))) continue
    best = target
    most = score
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
