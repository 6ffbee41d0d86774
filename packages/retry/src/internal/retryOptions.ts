/** What the constructors of `Retry` take, decoded: durations in milliseconds, functions as they are. */
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Backoff from "../Backoff.ts"
import { isRetryBudget } from "../RetryBudget.ts"
import { Count, decoder, Function, Millis } from "./options.ts"

const isDelays = (u: unknown): u is Backoff.Backoff<never> | Schedule.Schedule<unknown, never> =>
  Backoff.isBackoff(u) || Schedule.isSchedule(u)
const backoff = Schema.declare(isDelays, { expected: "a Backoff or a Schedule" })

const flag = Schema.Boolean.pipe(Schema.withDecodingDefault(Effect.succeed(false)))

const common = {
  name: Schema.String.pipe(Schema.withDecodingDefault(Effect.succeed("retry"))),
  metrics: flag,
  spans: flag,
  timeout: Schema.optional(Millis.check(Schema.isGreaterThan(0))),
  maxElapsed: Schema.optional(Millis),
  retryAfter: Schema.optional(Function),
  maxRetryAfter: Millis.pipe(Schema.withDecodingDefault(Effect.succeed("1 minute" as const))),
  waitForCircuit: flag,
  idempotent: Schema.optional(Schema.Boolean),
  surface: Schema.Literals(["exhausted", "last"]).pipe(
    Schema.withDecodingDefault(Effect.succeed("exhausted" as const))
  ),
  history: Schema.Int.check(Schema.isGreaterThanOrEqualTo(1)).pipe(
    Schema.withDecodingDefault(Effect.succeed(16))
  ),
  budget: Schema.optional(Schema.declare(isRetryBudget, { expected: "a RetryBudget" })),
  onRetry: Schema.optional(Function),
  afterDelay: Schema.optional(Function),
  onGiveUp: Schema.optional(Function)
}

export type Common = Schema.Struct.Type<typeof common>

const rule = Schema.Struct({
  severity: Schema.Literals(["minor", "major", "critical"]),
  retries: Count,
  backoff: Schema.optional(backoff),
  retryAfter: Schema.Literals(["floor", "instead"]).pipe(
    Schema.withDecodingDefault(Effect.succeed("floor" as const))
  ),
  onlyIdempotent: flag
})

export const policy = decoder(
  "Retry.make",
  Schema.Struct({
    ...common,
    backoff: Schema.optional(backoff),
    retries: Count.pipe(Schema.withDecodingDefault(Effect.succeed(3))),
    while: Schema.optional(Function)
  })
)

export const byCategory = decoder(
  "Retry.byCategory",
  Schema.Struct({
    ...common,
    rules: Schema.Record(Schema.String, rule),
    classify: Schema.optional(Function)
  })
)
