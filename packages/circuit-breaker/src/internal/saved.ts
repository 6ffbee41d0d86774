/** What was saved of a circuit, when it comes back. */
import * as Schema from "effect/Schema"
import type { Saved } from "../State.ts"

const Count = Schema.Int.check(Schema.isGreaterThanOrEqualTo(0))
const Millis = Schema.Finite.check(Schema.isGreaterThanOrEqualTo(0))

const Part = Schema.Struct({ age: Millis, calls: Count, marked: Count }).check(
  Schema.makeFilter(({ calls, marked }) => marked <= calls || "more calls are marked than there are")
)

const Simple = [
  Schema.TaggedStruct("Consecutive", { failures: Count }),
  Schema.TaggedStruct("FailureRate", { calls: Schema.Array(Part) }),
  Schema.TaggedStruct("SlowCalls", { calls: Schema.Array(Part) })
] as const

const OpenReason = Schema.Union([
  Schema.TaggedStruct("ConsecutiveFailures", { failures: Count }),
  Schema.Struct({
    _tag: Schema.Literals(["FailureRate", "SlowCalls"]),
    marked: Count,
    calls: Count,
    rate: Millis
  }),
  Schema.Struct({ _tag: Schema.Literals(["TrialFailed", "TrialSlow", "TrialsOverdue", "Tripped"]) })
])

export const SavedCircuit: Schema.Codec<Saved> = Schema.Struct({
  version: Schema.Literal(1),
  phase: Schema.Literals(["Closed", "Open"]),
  since: Schema.Finite,
  openUntil: Schema.Finite,
  openTime: Millis,
  openReason: OpenReason,
  openings: Count,
  trip: Schema.Union([
    ...Simple,
    Schema.TaggedStruct("AnyOf", { policies: Schema.Array(Schema.Union(Simple)) })
  ])
})
