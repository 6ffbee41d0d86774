/** The options of a pool: decoded once, when it is made, loudly. The defaults stand here and nowhere else. */
import { availableParallelism } from "node:os"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SchemaTransformation from "effect/SchemaTransformation"
import type { Callback, Options as GivenOptions } from "../Options.ts"
import { isPythonModule } from "../PythonModule.ts"
import { DEFAULT_MAX_FRAME } from "../protocol/Frame.ts"
import * as Json from "../protocol/Json.ts"
import type { Connect } from "../transport/Transport.ts"
import * as Descriptions from "./descriptions.ts"
import { isBackend } from "../pool/SessionStore.ts"
import { Millis } from "./durations.ts"
import * as Places from "./places.ts"

/** The options as the pool uses them: complete, durations in milliseconds. */
export type Settings = typeof Options.Type

/** Throws a `TypeError` that names the option at fault. */
export const decode = (options: unknown, who = "WorkerPool.make"): Settings =>
  Result.getOrThrowWith(decodeOptions(options), (error) => new TypeError(`${who}: ${error.message}`))

const millis = (fallback: number) => Millis.pipe(Schema.withDecodingDefault(Effect.succeed(fallback)))

const whole = (minimum: number, maximum: number, fallback: number) =>
  Schema.Int.check(Schema.isBetween({ minimum, maximum })).pipe(
    Schema.withDecodingDefault(Effect.succeed(fallback))
  )

/** Below this the doorbell would ring after the end. */
const MIN_GRACE = 50

/** A name, and versions as `pip` has them. */
const Requirement = Schema.String.check(
  Schema.isPattern(
    /^[A-Za-z0-9](?:[\w.-]*[A-Za-z0-9_])?\s*(?:(?:[<>=!~]=|[<>])\s*[\w.*+!-]+(?:\s*,\s*(?:[<>=!~]=|[<>])\s*[\w.*+!-]+)*)?$/,
    { expected: 'a name with or without versions, such as "numpy" or "pandas>=2,<3"' }
  )
)

const isJson = (u: unknown): u is Json.Json => !("_tag" in Json.encode(u, "it"))
const json = Schema.declare(isJson, { expected: "a value that JSON carries" })

const spec = Schema.Struct({
  target: Schema.NonEmptyString,
  args: Schema.optional(Schema.Array(json)),
  kwargs: Schema.optional(Schema.Record(Schema.String, json))
})

const hook = Schema.optional(
  Schema.Union([Schema.NonEmptyString, spec]).pipe(
    Schema.decodeTo(
      Schema.toType(spec),
      SchemaTransformation.transform<typeof spec.Type, string | typeof spec.Type>({
        decode: (input) => (typeof input === "string" ? { target: input } : input),
        encode: (output) => output
      })
    )
  )
)

const callback = Schema.declare((u: unknown): u is Callback => typeof u === "function", {
  expected: "a function"
})

const store = Schema.declare(isBackend, { expected: "a KeyValueStore" })

/** A number of calls by name. */
const counts = Schema.Record(
  Schema.NonEmptyString,
  Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 10_000 }))
).pipe(Schema.withDecodingDefault(Effect.succeed({})))

const place = Schema.declare(Places.isPlace, { expected: "a path or a URL of a file" })

const WORKERS = { minimum: 1, maximum: 1_024 }
const range = Schema.Struct({
  min: whole(WORKERS.minimum, WORKERS.maximum, 1),
  max: Schema.Int.check(Schema.isBetween(WORKERS)),
  idleTimeout: millis(60_000),
  spare: whole(0, WORKERS.maximum, 0)
})

/** A number of workers, or the least and the most. */
const size = Schema.Union([Schema.Int.check(Schema.isBetween(WORKERS)), range]).pipe(
  Schema.decodeTo(
    Schema.toType(range),
    SchemaTransformation.transform<typeof range.Type, number | typeof range.Type>({
      decode: (input) =>
        typeof input === "number" ? { min: input, max: input, idleTimeout: 60_000, spare: 0 } : input,
      encode: (output) => output
    })
  ),
  Schema.withDecodingDefault(
    Effect.sync(() => ({ min: 1, max: Math.min(availableParallelism(), WORKERS.maximum) }))
  )
)

const module = Schema.declare(isPythonModule, { expected: "a module made by PythonModule.make" })

const Options = Schema.Struct({
  name: Schema.NonEmptyString.pipe(Schema.withDecodingDefault(Effect.succeed("python"))),
  size,
  concurrency: whole(1, 10_000, 1),
  python: Schema.optional(Schema.NonEmptyString),
  cwd: Schema.optional(place),
  root: Schema.optional(place),
  env: Schema.Record(Schema.String, Schema.String).pipe(Schema.withDecodingDefault(Effect.succeed({}))),
  placeEnv: Schema.optional(
    Schema.declare((u: unknown): u is NonNullable<GivenOptions["placeEnv"]> => typeof u === "function", {
      expected: "a function"
    })
  ),
  threads: Schema.Union([
    Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 1_024 })),
    Schema.Literal("all")
  ]).pipe(Schema.withDecodingDefault(Effect.succeed(1))),
  reload: Schema.Array(place).pipe(Schema.withDecodingDefault(Effect.succeed([]))),
  pythonPath: Schema.Array(place).pipe(Schema.withDecodingDefault(Effect.succeed(["."]))),
  requires: Schema.Array(Requirement).pipe(Schema.withDecodingDefault(Effect.succeed([]))),
  preload: Schema.Array(place).pipe(Schema.withDecodingDefault(Effect.succeed([]))),
  modules: Schema.Array(module).pipe(Schema.withDecodingDefault(Effect.succeed([]))),
  setup: hook,
  teardown: hook,
  strict: Schema.Boolean.pipe(Schema.withDecodingDefault(Effect.succeed(false))),
  callbacks: Schema.Record(Schema.String, callback).pipe(Schema.withDecodingDefault(Effect.succeed({}))),
  logs: Schema.Literals(["debug", "info", "warning", "error", "off"]).pipe(
    Schema.withDecodingDefault(Effect.succeed("warning" as const))
  ),
  start: Schema.Literals(["auto", "spawn", "zygote"]).pipe(
    Schema.withDecodingDefault(Effect.succeed("auto" as const))
  ),
  queue: Schema.Struct({
    limit: whole(0, 10_000_000, 1_000),
    timeout: millis(10_000),
    weights: counts
  }).pipe(Schema.withDecodingDefault(Effect.succeed({}))),
  limits: counts,
  maxSessions: whole(1, 10_000_000, 10_000),
  maxBroadcasts: whole(1, 10_000, 100),
  sessions: Schema.Struct({ store: Schema.optional(store), idleTimeout: Schema.optional(Millis) }).pipe(
    Schema.withDecodingDefault(Effect.succeed({}))
  ),
  startTimeout: millis(30_000),
  heartbeat: Schema.Struct({
    interval: millis(1_000),
    killAfter: Schema.optional(Millis),
    idle: millis(10_000)
  }).pipe(Schema.withDecodingDefault(Effect.succeed({}))),
  recycle: Schema.Struct({
    calls: Schema.optional(Schema.Int.check(Schema.isGreaterThan(0))),
    age: Schema.optional(Millis),
    memory: Schema.optional(Schema.Int.check(Schema.isGreaterThan(0))),
    dirty: Schema.Boolean.pipe(Schema.withDecodingDefault(Effect.succeed(false))),
    minLife: millis(10_000)
  }).pipe(Schema.withDecodingDefault(Effect.succeed({}))),
  memory: Schema.Struct({
    limit: Schema.optional(
      Schema.Int.check(Schema.isBetween({ minimum: 1 << 20, maximum: Number.MAX_SAFE_INTEGER }))
    )
  }).pipe(Schema.withDecodingDefault(Effect.succeed({}))),
  cancelGrace: millis(1_000),
  shutdownTimeout: millis(5_000),
  crashLoop: Schema.Struct({ deaths: whole(1, 1_000, 5), pause: millis(10_000) }).pipe(
    Schema.withDecodingDefault(Effect.succeed({}))
  ),
  recovery: Schema.Struct({
    concurrency: whole(1, 1_024, 10),
    budget: Schema.Struct({ replace: Schema.optional(Millis), restore: Schema.optional(Millis) }).pipe(
      Schema.withDecodingDefault(Effect.succeed({}))
    )
  }).pipe(Schema.withDecodingDefault(Effect.succeed({}))),
  maxFrame: whole(1_024, Number.MAX_SAFE_INTEGER, DEFAULT_MAX_FRAME),
  codec: Schema.Literals(["pickle", "json"]).pipe(
    Schema.withDecodingDefault(Effect.succeed("pickle" as const))
  ),
  sweep: Schema.Boolean.pipe(Schema.withDecodingDefault(Effect.succeed(true))),
  metrics: Schema.Boolean.pipe(Schema.withDecodingDefault(Effect.succeed(false))),
  spans: Schema.Boolean.pipe(Schema.withDecodingDefault(Effect.succeed(false))),
  history: whole(0, 1_000_000, 0),
  output: Schema.Literals(["log", "ignore"]).pipe(Schema.withDecodingDefault(Effect.succeed("log" as const))),
  connect: Schema.optional(
    Schema.declare((u: unknown): u is Connect => typeof u === "function", { expected: "a function" })
  )
}).check(
  Schema.makeFilter(({ size: { max, min } }) =>
    min <= max
      ? undefined
      : { path: ["size", "min"], issue: `size.min (${min}) is more than size.max (${max})` }
  ),

  Schema.makeFilter(({ modules }) => {
    const wrong = Descriptions.collision(modules)
    return wrong === undefined ? undefined : { path: ["modules"], issue: wrong }
  }),
  Schema.makeFilter(({ cancelGrace }) =>
    cancelGrace >= MIN_GRACE
      ? undefined
      : { path: ["cancelGrace"], issue: `cancelGrace (${cancelGrace} ms) is under ${MIN_GRACE} ms` }
  ),
  Schema.makeFilter(({ heartbeat: { interval, killAfter } }) =>
    killAfter === undefined || killAfter >= 3 * interval
      ? undefined
      : {
          path: ["heartbeat", "killAfter"],
          issue: `heartbeat.killAfter (${killAfter} ms) is under three times heartbeat.interval (${interval} ms)`
        }
  )
)

const decodeOptions = Schema.decodeUnknownResult(Options, { onExcessProperty: "error" })
