/** Decoding of options: once, at construction, loudly. */
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SchemaTransformation from "effect/SchemaTransformation"

const isDuration = (u: unknown): u is Duration.Input => {
  const duration = isInput(u) ? Duration.fromInput(u) : Option.none()
  return Option.isSome(duration) && Duration.isFinite(duration.value) && !Duration.isNegative(duration.value)
}

// `fromInput` checks the rest, but throws at what it does not expect.
const isInput = (u: unknown): u is Duration.Input =>
  typeof u === "number" ? !Number.isNaN(u) : ["bigint", "string", "object"].includes(typeof u) && u !== null

/** A duration, decoded to milliseconds. */
export const Millis: Schema.Codec<number, Duration.Input> = Schema.declare(isDuration, {
  expected: "a finite duration of zero or more"
}).pipe(
  Schema.decodeTo(
    Schema.Finite,
    SchemaTransformation.transform<number, Duration.Input>({
      decode: (input) => Duration.toMillis(input),
      encode: (millis) => millis
    })
  )
)

/** A number of times, from 0; `Infinity` is without end. */
export const Count: Schema.Codec<number> = Schema.declare(
  (u: unknown): u is number => u === Infinity || (Number.isSafeInteger(u) && Number(u) >= 0),
  { expected: "a whole number of zero or more, or Infinity" }
)

/** A function: what it takes and gives is the compiler's to check. */
export const Function: Schema.Codec<(...args: ReadonlyArray<never>) => unknown> = Schema.declare(
  (u: unknown): u is (...args: ReadonlyArray<never>) => unknown => typeof u === "function",
  { expected: "a function" }
)

/** Makes a decoder that refuses unknown keys and throws a `TypeError` which names the constructor and the option. */
export const decoder = <A, I>(constructor: string, schema: Schema.Codec<A, I>): ((options: unknown) => A) => {
  const decode = Schema.decodeUnknownResult(schema, { onExcessProperty: "error" })
  return (options) =>
    Result.getOrThrowWith(decode(options), (error) => new TypeError(`${constructor}: ${error.message}`))
}
