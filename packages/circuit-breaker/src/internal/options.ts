/** The options of a breaker: decoded once, at construction, loudly. */
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SchemaTransformation from "effect/SchemaTransformation"
import * as Schedule from "effect/Schedule"
import type { Classify } from "../Outcome.ts"
import type { Saved } from "../State.ts"
import type { Policy } from "./circuit.ts"
import * as OpenTime from "./openTime.ts"
import { SavedCircuit } from "./saved.ts"
import type * as Trip from "./trip.ts"

export interface Decoded {
  readonly name: string
  readonly tripPolicy: Trip.Policy
  readonly policy: Policy
  readonly classify: Classify | undefined
  /** The context whose registry counts, if any does. */
  readonly metrics: Context.Context<never> | undefined
  readonly spans: boolean
  readonly restore: Saved | undefined
}

/** Throws a `TypeError` that names the option at fault. Schedules and metrics take what they need from the context. */
export const decode = (
  options: unknown,
  who = "CircuitBreaker.make",
  context: Context.Context<never> = Context.empty()
): Decoded => {
  const {
    classify,
    halfOpen,
    maxOpenDuration,
    metrics,
    name,
    openDuration,
    openDurationFactor,
    restore,
    spans,
    tripPolicy
  } = Result.getOrThrowWith(decodeOptions(options), (error) => new TypeError(`${who}: ${error.message}`))
  const { concurrency, deadline, failureRate, successes, trials } = halfOpen
  const fixed = Schedule.isSchedule(openDuration) ? undefined : openDuration
  const maxOpenTime = maxOpenDuration ?? Math.max(fixed ?? 0, HOUR)
  const openTimes = Schedule.isSchedule(openDuration)
    ? OpenTime.fromSchedule(openDuration, context)
    : OpenTime.exponential(openDuration, openDurationFactor ?? 1)
  const firstOpenTime = Math.min(openTimes()(1), maxOpenTime)
  // As many failures as stay under the rate, should all other trials succeed.
  const tolerated = failureRate === undefined ? 0 : Math.ceil(failureRate * trials) - 1
  return {
    name,
    tripPolicy: complete(tripPolicy),
    policy: {
      openTimes,
      firstOpenTime,
      maxOpenTime,
      trials,
      concurrency: concurrency ?? trials,
      successes: successes ?? trials - tolerated,
      tolerated,
      deadline: deadline ?? Math.max(firstOpenTime, 30_000)
    },
    classify,
    metrics: metrics ? context : undefined,
    spans,
    restore
  }
}

/** The options of a registry; `idleTimeToLive` in milliseconds. */
export const decodeKeyed = (
  options: { readonly idleTimeToLive?: unknown },
  context: Context.Context<never>
): { readonly breaker: Decoded; readonly idleTimeToLive: number } => {
  const { idleTimeToLive, ...rest } = options
  const read = Result.getOrThrowWith(
    decodeIdle({ idleTimeToLive }),
    (error) => new TypeError(`CircuitBreakers.make: ${error.message}`)
  )
  return { breaker: decode(rest, "CircuitBreakers.make", context), idleTimeToLive: read.idleTimeToLive }
}

/** The options of a probe; `every` in milliseconds. */
export const decodeProbe = (
  options: unknown
): { readonly every: number; readonly success: "HalfOpen" | "Closed" } =>
  Result.getOrThrowWith(
    decodeProbeOptions(options),
    (error) => new TypeError(`CircuitBreaker.probe: ${error.message}`)
  )

/** The defaults of a trip policy. */
const complete = (policy: typeof TripPolicy.Type): Trip.Policy => {
  switch (policy._tag) {
    case "Consecutive":
      return policy
    case "AnyOf":
      return { _tag: policy._tag, policies: policy.policies.map(complete) }
    case "FailureRate":
      return { _tag: policy._tag, ...completeRate(policy, 0.5) }
    case "SlowCalls":
      return { _tag: policy._tag, slowAfter: policy.slowAfter ?? 10_000, ...completeRate(policy, 0.8) }
  }
}

const completeRate = ({ minimum, over, rate }: typeof Rate.Type, fallback: number) => {
  const window = over ?? { calls: 100 }
  return {
    rate: rate ?? fallback,
    over: window,
    minimum: minimum ?? ("calls" in window ? Math.min(20, window.calls) : 20)
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

/** Above 0, to 1. */
const Share = Schema.Finite.check(Schema.isGreaterThan(0), Schema.isLessThanOrEqualTo(1))

const Rate = Schema.Struct({
  rate: Schema.optional(Share),
  over: Schema.optional(Schema.Union([Schema.Struct({ calls: Count }), Schema.Struct({ window: Millis })])),
  minimum: Schema.optional(Count)
})

const isReachable = Schema.makeFilter(({ minimum, over }: typeof Rate.Type) =>
  minimum !== undefined && over !== undefined && "calls" in over && minimum > over.calls
    ? { path: ["minimum"], issue: `minimum (${minimum}) can never be reached with ${over.calls} calls` }
    : undefined
)

const Simple = [
  Schema.TaggedStruct("Consecutive", { failures: Count }),
  Schema.TaggedStruct("FailureRate", Rate.fields).check(isReachable),
  Schema.TaggedStruct("SlowCalls", { ...Rate.fields, slowAfter: Schema.optional(Millis) }).check(isReachable)
] as const

const TripPolicy = Schema.Union([
  ...Simple,
  Schema.TaggedStruct("AnyOf", { policies: Schema.NonEmptyArray(Schema.Union(Simple)) }).check(
    Schema.makeFilter(({ policies }) =>
      policies.filter(({ _tag }) => _tag === "SlowCalls").length > 1
        ? { path: ["policies"], issue: "at most one of them can be slowCalls" }
        : undefined
    )
  )
])

const HalfOpen = Schema.Struct({
  trials: Count.pipe(Schema.withDecodingDefault(Effect.succeed(3))),
  concurrency: Schema.optional(Count),
  successes: Schema.optional(Count),
  failureRate: Schema.optional(Share),
  deadline: Schema.optional(Millis)
}).check(
  Schema.makeFilter(({ concurrency = 0, failureRate, successes = 0, trials }) => [
    ...(failureRate !== undefined && successes > 0
      ? [{ path: ["failureRate"], issue: "failureRate and successes exclude each other" }]
      : []),
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
  tripPolicy: TripPolicy.pipe(
    Schema.withDecodingDefault(Effect.succeed({ _tag: "Consecutive" as const, failures: 5 }))
  ),
  openDuration: Schema.Union([
    Schema.declare((u: unknown): u is OpenTime.Openings => Schedule.isSchedule(u), {
      expected: "a schedule"
    }),
    Millis
  ]).pipe(Schema.withDecodingDefault(Effect.succeed("60 seconds" as const))),
  openDurationFactor: Schema.optional(Schema.Finite.check(Schema.isGreaterThanOrEqualTo(1))),
  maxOpenDuration: Schema.optional(Millis),
  halfOpen: HalfOpen.pipe(Schema.withDecodingDefault(Effect.succeed({}))),
  classify: Schema.optional(
    Schema.declare((u: unknown): u is Classify => typeof u === "function", { expected: "a function" })
  ),
  metrics: Schema.Boolean.pipe(Schema.withDecodingDefault(Effect.succeed(false))),
  spans: Schema.Boolean.pipe(Schema.withDecodingDefault(Effect.succeed(false))),
  restore: Schema.optional(SavedCircuit)
}).check(
  Schema.makeFilter(({ maxOpenDuration, openDuration, openDurationFactor }) => {
    if (typeof openDuration !== "number")
      return openDurationFactor === undefined
        ? undefined
        : { path: ["openDurationFactor"], issue: "openDurationFactor has no meaning beside a schedule" }
    return maxOpenDuration === undefined || openDuration <= maxOpenDuration
      ? undefined
      : {
          path: ["maxOpenDuration"],
          issue: `maxOpenDuration (${maxOpenDuration} ms) is under openDuration (${openDuration} ms)`
        }
  })
)

const decodeOptions = Schema.decodeUnknownResult(Options, { onExcessProperty: "error" })

const decodeIdle = Schema.decodeUnknownResult(
  Schema.Struct({
    idleTimeToLive: Millis.pipe(Schema.withDecodingDefault(Effect.succeed("1 hour" as const)))
  })
)

const decodeProbeOptions = Schema.decodeUnknownResult(
  Schema.Struct({
    every: Millis.pipe(Schema.withDecodingDefault(Effect.succeed("5 seconds" as const))),
    success: Schema.Literals(["HalfOpen", "Closed"]).pipe(
      Schema.withDecodingDefault(Effect.succeed("HalfOpen" as const))
    )
  }),
  { onExcessProperty: "error" }
)
