/** Which fault strikes, as a pure count: no clock, and chance that depends on nothing but the seed and the place of the rule in the plan. */
import type { Fault, Plan, Rule } from "../Faults.ts"

/** The state of a plan that runs. */
export interface Strikes {
  /** The fault that strikes at this passage of the point, if one does: that of the first rule that says so. Counts the passage. */
  readonly next: (point: string) => { readonly fault: Fault; readonly nth: number } | undefined
}

/** `chances` has a source of numbers from 0 to 1 for each rule. */
export const make = (plan: Plan, chances: ReadonlyArray<() => number>): Strikes => {
  const passages = new Map<string, number>()
  const struck = plan.rules.map(() => 0)

  // Each rule draws at each passage it is for, so that no other rule moves its chances.
  const strikes = (rule: Rule, index: number, point: string, nth: number): boolean => {
    if (!matches(rule.at, point)) return false
    const { when } = rule
    const drawn = when !== undefined && "chance" in when ? (chances[index]?.() ?? 1) < when.chance : false
    if ((struck[index] ?? 0) >= (rule.times ?? Number.POSITIVE_INFINITY)) return false
    if (when === undefined) return true
    if ("chance" in when) return drawn
    return "nth" in when ? nth === when.nth : nth % when.every === 0
  }

  return {
    next: (point) => {
      const nth = (passages.get(point) ?? 0) + 1
      passages.set(point, nth)
      const hits = plan.rules.map((rule, index) => strikes(rule, index, point, nth))
      const first = hits.indexOf(true)
      const rule = plan.rules[first]
      if (rule === undefined) return undefined
      struck[first] = (struck[first] ?? 0) + 1
      return { fault: rule.fault, nth }
    }
  }
}

/** A point's name, or the beginning of it with a `*` behind. */
const matches = (pattern: string, point: string): boolean =>
  pattern.endsWith("*") ? point.startsWith(pattern.slice(0, -1)) : point === pattern
