/** The options of a breaker: decoded once, at construction, loudly. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SchemaTransformation from "effect/SchemaTransformation"
import type { Classify } from "../Outcome.ts"
import type { TripPolicy } from "../TripPolicy.ts"
import type { Policy } from "./circuit.ts"

export interface Decoded {
  readonly name: string
  readonly tripPolicy: TripPolicy
  readonly policy: Policy
  readonly classify: Classify | undefined
}

/** Throws a `TypeError` that names the option at fault. */
export const decode = (options: unknown): Decoded => {
  const { classify, halfOpen, maxOpenDuration, name, openDuration, openDurationFactor, tripPolicy } =
    Result.getOrThrowWith(
      decodeOptions(options),
      (error) => new TypeError(`CircuitBreaker.make: ${error.message}`)
    )
  const { concurrency, deadline, successes, trials } = halfOpen
  const maxOpenTime = maxOpenDuration ?? Math.max(openDuration, HOUR)
  return {
    name,
    tripPolicy,
    policy: {
      openTime: (openings) => Math.min(openDuration * openDurationFactor ** (openings - 1), maxOpenTime),
      maxOpenTime,
      trials,
      concurrency: concurrency ?? trials,
      successes: successes ?? trials,
      deadline: deadline ?? Math.max(openDuration, 30_000)
    },
    classify
  }
}

const HOUR = 3_600_000

const isDuration = (u: unknown): u is Duration.Input =>
  isInput(u) &&
  Option.exists(
    Duration.fromInput(u),
    (duration) => Duration.isFinite(duration) && Duration.isPositive(duration)
  )

const isInput = (u: unknown): u is Duration.Input =>
  typeof u === "number" ||
  typeof u === "bigint" ||
  typeof u === "string" ||
  (typeof u === "object" && u !== null)

const Millis: Schema.Codec<number, Duration.Input> = Schema.declare(isDuration, {
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

const Count = Schema.Int.check(Schema.isGreaterThanOrEqualTo(1))

const HalfOpen = Schema.Struct({
  trials: Count.pipe(Schema.withDecodingDefault(Effect.succeed(3))),
  concurrency: Schema.optional(Count),
  successes: Schema.optional(Count),
  deadline: Schema.optional(Millis)
}).check(
  Schema.makeFilter(({ concurrency = 0, successes = 0, trials }) => [
    ...(successes > trials
      ? [
          {
            path: ["successes"],
            issue: `successes (${successes}) can never be reached with ${trials} trials`
          }
        ]
      : []),
    ...(concurrency > trials
      ? [{ path: ["concurrency"], issue: `concurrency (${concurrency}) is over trials (${trials})` }]
      : [])
  ])
)

const Options = Schema.Struct({
  name: Schema.String.pipe(Schema.withDecodingDefault(Effect.succeed("circuit"))),
  tripPolicy: Schema.Union([Schema.TaggedStruct("Consecutive", { failures: Count })]).pipe(
    Schema.withDecodingDefault(Effect.succeed({ _tag: "Consecutive" as const, failures: 5 }))
  ),
  openDuration: Millis.pipe(Schema.withDecodingDefault(Effect.succeed("60 seconds" as const))),
  openDurationFactor: Schema.Finite.check(Schema.isGreaterThanOrEqualTo(1)).pipe(
    Schema.withDecodingDefault(Effect.succeed(1))
  ),
  maxOpenDuration: Schema.optional(Millis),
  halfOpen: HalfOpen.pipe(Schema.withDecodingDefault(Effect.succeed({}))),
  classify: Schema.optional(
    Schema.declare((u: unknown): u is Classify => typeof u === "function", { expected: "a function" })
  )
}).check(
  Schema.makeFilter(({ maxOpenDuration, openDuration }) =>
    maxOpenDuration === undefined || openDuration <= maxOpenDuration
      ? undefined
      : {
          path: ["maxOpenDuration"],
          issue: `maxOpenDuration (${maxOpenDuration} ms) is under openDuration (${openDuration} ms)`
        }
  )
)

const decodeOptions = Schema.decodeUnknownResult(Options, { onExcessProperty: "error" })
