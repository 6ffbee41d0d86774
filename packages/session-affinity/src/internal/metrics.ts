/** The metrics of a table, with labels of which there are few: its name, and reasons. Keys and targets are no labels. */
import type * as Context from "effect/Context"
import * as Metric from "effect/Metric"
import type { AffinityError } from "../AffinityError.ts"
import type { Bound, Ended, Moved } from "../AffinityEvent.ts"

export interface Metrics {
  readonly hit: () => void
  readonly placed: (reason: Bound["reason"]) => void
  readonly moved: (reason: Moved["reason"]) => void
  readonly ended: (how: Ended["_tag"]) => void
  readonly rejected: (why: AffinityError["_tag"]) => void
  readonly bindings: (count: number) => void
  readonly waiting: (count: number) => void
}

const hits = Metric.counter("session_affinity_hits", {
  description: "Resolutions served by the bound target"
})
const placements = Metric.counter("session_affinity_placements", {
  description: "Bindings created, by reason"
})
const moves = Metric.counter("session_affinity_moves", {
  description: "Bindings that went to another target, by reason"
})
const ends = Metric.counter("session_affinity_ends", {
  description: "Bindings that ended, by how: expired, evicted, lost, unbound"
})
const rejections = Metric.counter("session_affinity_rejections", {
  description: "Calls that were refused, by the tag of their error"
})
const bindings = Metric.gauge("session_affinity_bindings", { description: "Live bindings" })
const waiting = Metric.gauge("session_affinity_waiting", { description: "Calls that wait" })

/** `context` says which registry counts. */
export const make = (affinity: string, context: Context.Context<never>): Metrics => {
  const plain = <S>(metric: Metric.Metric<number, S>): ((value: number) => void) => {
    const own = Metric.withAttributes(metric, { affinity })
    return (value) => own.updateUnsafe(value, context)
  }
  const labelled = <S>(metric: Metric.Metric<number, S>, label: string): ((value: string) => void) => {
    const made = new Map<string, Metric.Metric<number, S>>()
    return (value) => {
      const known = made.get(value)
      const own = known ?? Metric.withAttributes(metric, { affinity, [label]: value })
      if (known === undefined) made.set(value, own)
      own.updateUnsafe(1, context)
    }
  }
  const hit = plain(hits)
  return {
    hit: () => hit(1),
    placed: labelled(placements, "reason"),
    moved: labelled(moves, "reason"),
    ended: labelled(ends, "how"),
    rejected: labelled(rejections, "reason"),
    bindings: plain(bindings),
    waiting: plain(waiting)
  }
}
