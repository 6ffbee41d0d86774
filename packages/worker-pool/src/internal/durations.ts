/** Durations as options: decoded to milliseconds, finite and above zero. */
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as SchemaTransformation from "effect/SchemaTransformation"

const isInput = (u: unknown): u is Duration.Input =>
  typeof u === "number" ||
  typeof u === "bigint" ||
  typeof u === "string" ||
  (typeof u === "object" && u !== null)

const isDuration = (u: unknown): u is Duration.Input =>
  isInput(u) &&
  Option.exists(
    Duration.fromInput(u),
    (duration) => Duration.isFinite(duration) && Duration.isPositive(duration)
  )

/** A duration in milliseconds. */
export const Millis: Schema.Codec<number, Duration.Input> = Schema.declare(isDuration, {
  expected: "a finite duration of more than zero"
}).pipe(
  Schema.decodeTo(
    Schema.Finite,
    SchemaTransformation.transform<number, Duration.Input>({
      decode: (input) => Duration.toMillis(input),
      encode: (millis) => millis
    })
  )
)
