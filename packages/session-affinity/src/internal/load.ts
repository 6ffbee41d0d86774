/** Who has the least to do, relative to weight. */
import type { Measure, Target } from "../Placement.ts"

/** The lightest target; of equals the one with the lowest id. */
export const lightest = <T extends Target>(targets: ReadonlyArray<T>, by: Measure): T | undefined => {
  let best: T | undefined
  for (const target of targets) {
    if (best !== undefined) {
      const difference = compare(target, best, by)
      if (difference > 0 || (difference === 0 && target.id > best.id)) continue
    }
    best = target
  }
  return best
}

/** The lighter of two different targets drawn by weight; of equals the one drawn first. */
export const lighterOfTwo = <T extends Target>(
  targets: ReadonlyArray<T>,
  by: Measure,
  random: () => number
): T | undefined => {
  let weights = 0
  for (const target of targets) weights += target.weight
  const first = drawn(targets, random() * weights)
  if (first === undefined || targets.length === 1) return first
  const second = drawn(targets, random() * (weights - first.weight), first)
  return second !== undefined && compare(second, first, by) < 0 ? second : first
}

/** The target at a point of the line on which all but one lie side by side, each as long as its weight. */
const drawn = <T extends Target>(targets: ReadonlyArray<T>, point: number, except?: T): T | undefined => {
  let left = point
  let last: T | undefined
  for (const target of targets) {
    if (target === except) continue
    last = target
    left -= target.weight
    if (left < 0) return target
  }
  // Sums are rounded: the point may lie a little beyond the end.
  return last
}

const compare = (a: Target, b: Target, by: Measure): number =>
  by === "load"
    ? byLoad(a) - byLoad(b) || byBindings(a) - byBindings(b)
    : byBindings(a) - byBindings(b) || byLoad(a) - byLoad(b)

const byLoad = (target: Target): number => target.load / target.weight

/** One more than it has: what it would have with this key. */
const byBindings = (target: Target): number => (target.bindings + 1) / target.weight
