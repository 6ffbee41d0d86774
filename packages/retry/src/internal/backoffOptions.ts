/** What the constructors of `Backoff` take, decoded: durations in milliseconds. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { defaults } from "./backoff.ts"
import { decoder, Millis } from "./options.ts"

const jitter = Schema.Union([
  Schema.Literals(["none", "full", "equal"]),
  Schema.Struct({ proportional: Schema.Finite.check(Schema.isBetween({ minimum: 0, maximum: 1 })) })
]).pipe(Schema.withDecodingDefault(Effect.succeed(defaults.jitter)))
const floor = Millis.pipe(Schema.withDecodingDefault(Effect.succeed(defaults.floor)))
const cap = Millis.pipe(Schema.withDecodingDefault(Effect.succeed(defaults.cap)))
const base = Millis

const floorUnderCap = Schema.makeFilter(
  (limits: { readonly floor: number; readonly cap?: number | undefined }) =>
    limits.cap === undefined || limits.floor <= limits.cap
      ? undefined
      : { path: ["floor"], issue: `floor (${limits.floor} ms) is over cap (${limits.cap} ms)` }
)
const baseUnderCap = Schema.makeFilter((limits: { readonly base: number; readonly cap: number }) =>
  limits.base <= limits.cap
    ? undefined
    : { path: ["base"], issue: `base (${limits.base} ms) is over cap (${limits.cap} ms)` }
)

export const limits = decoder("Backoff.custom", Schema.Struct({ floor, cap, jitter }).check(floorUnderCap))

export const delays = decoder(
  "Backoff.delays",
  Schema.Struct({
    delays: Schema.Array(Millis).check(Schema.isMinLength(1)),
    floor,
    cap: Schema.optional(Millis),
    jitter
  }).check(floorUnderCap)
)

export const linear = decoder(
  "Backoff.linear",
  Schema.Struct({ base, increment: Schema.optional(Millis), floor, cap, jitter }).check(
    floorUnderCap,
    baseUnderCap
  )
)

export const exponential = decoder(
  "Backoff.exponential",
  Schema.Struct({
    base,
    factor: Schema.Finite.check(Schema.isGreaterThanOrEqualTo(1)).pipe(
      Schema.withDecodingDefault(Effect.succeed(2))
    ),
    floor,
    cap,
    jitter
  }).check(floorUnderCap, baseUnderCap)
)

export const fibonacci = decoder(
  "Backoff.fibonacci",
  Schema.Struct({ base, floor, cap, jitter }).check(floorUnderCap, baseUnderCap)
)

export const decorrelated = decoder(
  "Backoff.decorrelated",
  Schema.Struct({ base, floor, cap }).check(floorUnderCap, baseUnderCap)
)
