/** What a plan of faults may say. */
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"

const isInput = (u: unknown): u is Duration.Input =>
  typeof u === "number" || typeof u === "string" || (typeof u === "object" && u !== null)

const isDuration = (u: unknown): u is Duration.Input =>
  isInput(u) &&
  Option.exists(
    Duration.fromInput(u),
    (duration) => Duration.isFinite(duration) && !Duration.isNegative(duration)
  )

const Count = Schema.Int.check(Schema.isGreaterThan(0))

const PlanSchema = Schema.Struct({
  seed: Schema.optional(Schema.Union([Schema.Number, Schema.String])),
  rules: Schema.Array(
    Schema.Struct({
      at: Schema.NonEmptyString,
      fault: Schema.Union([
        Schema.Struct({ _tag: Schema.Literals(["Kill", "Corrupt", "Starve"]) }),
        Schema.Struct({
          _tag: Schema.Literals(["Stop", "Slow"]),
          duration: Schema.declare(isDuration, { expected: "a duration" })
        })
      ]),
      when: Schema.optional(
        Schema.Union([
          Schema.Struct({ nth: Count }),
          Schema.Struct({ every: Count }),
          Schema.Struct({ chance: Schema.Number.check(Schema.isBetween({ minimum: 0, maximum: 1 })) })
        ])
      ),
      times: Schema.optional(Count)
    })
  )
})

/** Throws a `TypeError` that names the rule at fault. */
export const check = (plan: unknown): void => {
  const read = Schema.decodeUnknownResult(PlanSchema)(plan, { onExcessProperty: "error" })
  if (Result.isFailure(read)) throw new TypeError(`not a plan of faults: ${read.failure.message}`)
}
