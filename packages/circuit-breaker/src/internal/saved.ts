/** What was saved of a circuit, when it comes back. */
import * as Schema from "effect/Schema"
import type { Saved } from "../State.ts"

const Part = Schema.Struct({ age: Schema.Finite, calls: Schema.Int, marked: Schema.Int })

const Simple = [
  Schema.TaggedStruct("Consecutive", { failures: Schema.Int }),
  Schema.TaggedStruct("FailureRate", { calls: Schema.Array(Part) }),
  Schema.TaggedStruct("SlowCalls", { calls: Schema.Array(Part) })
] as const

const OpenReason = Schema.Union([
  Schema.TaggedStruct("ConsecutiveFailures", { failures: Schema.Int }),
  Schema.Struct({
    _tag: Schema.Literals(["FailureRate", "SlowCalls"]),
    marked: Schema.Int,
    calls: Schema.Int,
    rate: Schema.Finite
  }),
  Schema.Struct({ _tag: Schema.Literals(["TrialFailed", "TrialSlow", "TrialsOverdue", "Tripped"]) })
])

export const SavedCircuit: Schema.Codec<Saved> = Schema.Struct({
  version: Schema.Literal(1),
  phase: Schema.Literals(["Closed", "Open"]),
  since: Schema.Finite,
  openUntil: Schema.Finite,
  openTime: Schema.Finite,
  openReason: OpenReason,
  openings: Schema.Int,
  trip: Schema.Union([
    ...Simple,
    Schema.TaggedStruct("AnyOf", { policies: Schema.Array(Schema.Union(Simple)) })
  ])
})
