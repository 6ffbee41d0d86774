/** The metrics of a breaker, with labels of which there are few: its name, outcomes, and phases. Keys are no labels. */
import type * as Context from "effect/Context"
import * as Metric from "effect/Metric"
import type { Outcome } from "../Outcome.ts"
import type { Phase } from "../Transition.ts"
import type { Move } from "./circuit.ts"

export interface Metrics {
  readonly call: (outcome: Outcome["_tag"] | "Stale" | "Bypassed") => void
  readonly rejection: (by: Phase | "ForcedOpen") => void
  readonly transition: (move: Move) => void
}

const calls = Metric.counter("circuit_breaker_calls", { description: "Calls that ended, by outcome" })
const rejections = Metric.counter("circuit_breaker_rejections", {
  description: "Calls that did not run, by phase"
})
const transitions = Metric.counter("circuit_breaker_transitions", {
  description: "Moves from phase to phase"
})
const openTime = Metric.counter("circuit_breaker_open_milliseconds", {
  description: "Time spent open or half-open"
})

/** Of a breaker that is made now, in the registry of that context. */
export const make = (breaker: string, now: number, context: Context.Context<never>): Metrics => {
  const labelled = (counter: Metric.Counter<number>, label: string) => {
    const made = new Map<string, Metric.Metric<number, Metric.CounterState<number>>>()
    return (value: string): void => {
      let own = made.get(value)
      if (own === undefined)
        made.set(value, (own = Metric.withAttributes(counter, { breaker, [label]: value })))
      own.updateUnsafe(1, context)
    }
  }
  const move = labelled(transitions, "to")
  const open = Metric.withAttributes(openTime, { breaker })
  let since = now
  return {
    call: labelled(calls, "outcome"),
    rejection: labelled(rejections, "state"),
    transition: ({ at, from, to }) => {
      if (from === to) return
      move(to)
      if (from !== "Closed") open.updateUnsafe(at - since, context)
      since = at
    }
  }
}
