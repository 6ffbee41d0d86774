/** The options of a table: decoded once, at construction, loudly. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SchemaTransformation from "effect/SchemaTransformation"
import type { Mode } from "../Mode.ts"
import * as Placement from "../Placement.ts"
import type { Settings } from "./table.ts"

export interface Decoded {
  readonly name: string
  readonly mode: Mode
  readonly ordered: boolean
  readonly metrics: boolean
  readonly settings: Settings
}

/** Throws a `TypeError` that names the option at fault. */
export const decode = (options: unknown): Decoded => {
  const decoded = Result.getOrThrowWith(
    decodeOptions(options),
    (error) => new TypeError(`SessionAffinity.make: ${error.message}`)
  )
  const { busy, maxBindings, maxMetadata, maxWaiting, metrics, mode, name, ordered, placement } = decoded
  return {
    name,
    mode,
    ordered,
    metrics,
    settings: {
      placement,
      lifetime: decoded.expireAfter,
      sliding: decoded.expiry === "sliding",
      maxBindings,
      evict: decoded.whenFull === "evict",
      busy,
      waitFor: decoded.waitFor,
      maxWaiting,
      maxMetadata
    }
  }
}

const isDuration = (u: unknown): u is Duration.Input =>
  isInput(u) && Option.exists(Duration.fromInput(u), Duration.isPositive)

const isInput = (u: unknown): u is Duration.Input =>
  typeof u === "number" ||
  typeof u === "bigint" ||
  typeof u === "string" ||
  (typeof u === "object" && u !== null)

const Millis: Schema.Codec<number, Duration.Input> = Schema.declare(isDuration, {
  expected: "a duration of more than zero"
}).pipe(
  Schema.decodeTo(
    Schema.Number,
    SchemaTransformation.transform<number, Duration.Input>({
      decode: (input) => Duration.toMillis(input),
      encode: (millis) => millis
    })
  )
)

const functionOf = <F extends (...args: ReadonlyArray<never>) => unknown>() =>
  Schema.declare((u: unknown): u is F => typeof u === "function", { expected: "a function" })

const Measure = Schema.Literals(["load", "bindings"])

const Strategy = Schema.Union([
  Schema.Struct({ _tag: Schema.Literal("Rendezvous") }),
  Schema.Struct({ _tag: Schema.Literal("LeastLoaded"), by: Measure }),
  Schema.Struct({ _tag: Schema.Literal("TwoChoices"), by: Measure }),
  Schema.Struct({
    _tag: Schema.Literal("BoundedLoads"),
    c: Schema.Finite.check(Schema.isGreaterThan(1)),
    by: Measure
  }),
  Schema.Struct({ _tag: Schema.Literal("RoundRobin") }),
  Schema.Struct({ _tag: Schema.Literal("Custom"), choose: functionOf<Placement.Custom["choose"]>() })
])

const Count = Schema.Int.check(Schema.isGreaterThanOrEqualTo(0))

/** What a map of this language holds. */
const MOST_BINDINGS = 16_000_000

const Options = Schema.Struct({
  name: Schema.String.pipe(Schema.withDecodingDefault(Effect.succeed("affinity"))),
  placement: Strategy.pipe(Schema.withDecodingDefault(Effect.succeed(Placement.rendezvous))),
  mode: Schema.Literals(["prefer", "wait", "strict", "rebind"]).pipe(
    Schema.withDecodingDefault(Effect.succeed("wait" as const))
  ),
  waitFor: Millis.pipe(Schema.withDecodingDefault(Effect.succeed("5 seconds" as const))),
  maxWaiting: Count.pipe(Schema.withDecodingDefault(Effect.succeed(10_000))),
  ordered: Schema.Boolean.pipe(Schema.withDecodingDefault(Effect.succeed(false))),
  saveState: Schema.optional(functionOf<() => unknown>()),
  restoreState: Schema.optional(functionOf<() => unknown>()),
  expireAfter: Millis.pipe(Schema.withDecodingDefault(Effect.succeed("30 minutes" as const))),
  expiry: Schema.Literals(["sliding", "absolute"]).pipe(
    Schema.withDecodingDefault(Effect.succeed("sliding" as const))
  ),
  maxBindings: Count.check(Schema.isGreaterThanOrEqualTo(1), Schema.isLessThanOrEqualTo(MOST_BINDINGS)).pipe(
    Schema.withDecodingDefault(Effect.succeed(10_000))
  ),
  maxMetadata: Count.pipe(Schema.withDecodingDefault(Effect.succeed(1_024))),
  whenFull: Schema.Literals(["reject", "evict"]).pipe(
    Schema.withDecodingDefault(Effect.succeed("reject" as const))
  ),
  busy: Schema.optional(functionOf<(target: Placement.Target) => boolean>()),
  metrics: Schema.Boolean.pipe(Schema.withDecodingDefault(Effect.succeed(false)))
}).check(
  Schema.makeFilter(({ expireAfter, expiry }) =>
    expiry === "absolute" && expireAfter === Number.POSITIVE_INFINITY
      ? { path: ["expiry"], issue: 'expiry "absolute" has no meaning with an infinite expireAfter' }
      : undefined
  )
)

const decodeOptions = Schema.decodeUnknownResult(Options, { onExcessProperty: "error" })
