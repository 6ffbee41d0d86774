/**
 * Alerts: rules over the events of a pool, or of several, that say when somebody should look. A rule is data; which events it has seen is
 * kept by each run of the stream, so that the end of its consumer is the end of it.
 *
 * ```ts
 * import { Alerts, WorkerPool } from "@fireweed/worker-pool"
 * import * as Effect from "effect/Effect"
 * import * as Fiber from "effect/Fiber"
 * import * as Stream from "effect/Stream"
 *
 * const program = Effect.gen(function* () {
 *   const pool = yield* WorkerPool.make({ size: 1 })
 *   const alerts = Alerts.watch(pool.events, { rules: [Alerts.errorRate({ minimum: 1 })] })
 *   const first = yield* Effect.forkChild(Stream.runHead(alerts), { startImmediately: true })
 *   yield* Effect.flip(pool.call("math:sqrt", [-1]))
 *   return yield* Fiber.join(first)
 * })
 *
 * const alert = await Effect.runPromise(Effect.scoped(program))
 * if (alert._tag === "None" || alert.value._tag !== "HighErrorRate") throw new Error("expected an alert")
 * ```
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import type * as Duration from "effect/Duration"
import { Millis } from "./internal/durations.ts"
import type { PoolEvent } from "./PoolEvent.ts"

/** What a rule has found. `at` is in milliseconds since 1970. */
export type Alert =
  /** Of the calls that ended within the window so many failed. */
  | {
      readonly _tag: "HighErrorRate"
      readonly at: number
      readonly rate: number
      readonly calls: number
      readonly failed: number
    }
  /** The circuit breaker of the starts is open: its last workers died or failed to start. */
  | { readonly _tag: "CircuitOpen"; readonly at: number }
  /** So many workers died or failed to start within the window. */
  | { readonly _tag: "CrashLoop"; readonly at: number; readonly deaths: number }
  /** A call has waited for so many milliseconds until a worker had it, or until it gave up. */
  | { readonly _tag: "QueueAge"; readonly at: number; readonly waited: number }

/** A rule; durations are milliseconds. */
export type Rule =
  | {
      readonly _tag: "HighErrorRate"
      readonly threshold: number
      readonly window: number
      readonly minimum: number
    }
  | { readonly _tag: "CircuitOpen" }
  | { readonly _tag: "CrashLoop"; readonly deaths: number; readonly window: number }
  | { readonly _tag: "QueueAge"; readonly over: number }

/**
 * Alerts when at least `threshold` (default 0.1) of the calls that ended within the `window` (default a minute, to a tenth of it) failed, and
 * there were at least `minimum` (default 10) of them. A call whose caller left counts, and is no failure.
 */
export const errorRate = (
  options: {
    readonly threshold?: number | undefined
    readonly window?: Duration.Input | undefined
    readonly minimum?: number | undefined
  } = {}
): Rule => {
  const { minimum = 10, threshold = 0.1, window = "1 minute" } = options
  return { _tag: "HighErrorRate", ...decode("errorRate", ErrorRate, { minimum, threshold, window }) }
}

/** Alerts when the circuit breaker of the starts opens. */
export const circuitOpen: Rule = { _tag: "CircuitOpen" }

/** Alerts when `deaths` (default 3) workers have died, or failed to start, within the `window` (default a minute). */
export const crashLoop = (
  options: { readonly deaths?: number | undefined; readonly window?: Duration.Input | undefined } = {}
): Rule => {
  const { deaths = 3, window = "1 minute" } = options
  return { _tag: "CrashLoop", ...decode("crashLoop", CrashLoop, { deaths, window }) }
}

/** Alerts when a call has waited for longer than `over` (default 5 seconds); it is known when its worker has answered, or its wait ends. */
export const queueAge = (options: { readonly over?: Duration.Input | undefined } = {}): Rule => {
  const { over = "5 seconds" } = options
  return { _tag: "QueueAge", ...decode("queueAge", QueueAge, { over }) }
}

/**
 * The alerts of these rules over a stream of events, from the moment the stream is run. After an alert its rule is silent for the `cooldown`
 * (default 5 minutes), and then alerts again if it still has cause. Options that make no sense throw a `TypeError` that names them.
 */
export const watch = <E, R>(
  events: Stream.Stream<PoolEvent, E, R>,
  options: { readonly rules: ReadonlyArray<Rule>; readonly cooldown?: Duration.Input | undefined }
): Stream.Stream<Alert, E, R> => {
  const { cooldown } = decode("watch", Watch, { cooldown: options.cooldown ?? "5 minutes" })
  return Stream.unwrap(
    Effect.map(Clock.Clock, (clock) => {
      const detectors = options.rules.map((rule) => cooled(detector(rule), cooldown))
      return Stream.flattenIterable(
        Stream.map(events, (event) => {
          const now = clock.currentTimeMillisUnsafe()
          return detectors.flatMap((detect) => detect(event, now) ?? [])
        })
      )
    })
  )
}

// --- internals

type Detector = (event: PoolEvent, now: number) => Alert | undefined

const cooled = (detect: Detector, cooldown: number): Detector => {
  let until = Number.NEGATIVE_INFINITY
  return (event, now) => {
    const alert = detect(event, now)
    if (alert === undefined || now < until) return undefined
    until = now + cooldown
    return alert
  }
}

const detector = (rule: Rule): Detector => {
  switch (rule._tag) {
    case "HighErrorRate":
      return detectErrorRate(rule)
    case "CircuitOpen":
      return (event, at) =>
        event._tag === "Circuit" && event.to === "Open" ? { _tag: "CircuitOpen", at } : undefined
    case "CrashLoop":
      return detectCrashLoop(rule)
    case "QueueAge":
      return (event, at) =>
        event._tag === "CallEnded" && event.waited > rule.over
          ? { _tag: "QueueAge", at, waited: event.waited }
          : undefined
  }
}

/** Parts of a window that are forgotten together, so that a window of any number of calls is small. */
const PARTS = 10

const detectErrorRate = (rule: Rule & { readonly _tag: "HighErrorRate" }): Detector => {
  let parts: Array<{ readonly number: number; calls: number; failed: number }> = []
  return (event, at) => {
    if (event._tag !== "CallEnded") return undefined
    const number = Math.floor((at / rule.window) * PARTS)
    if (parts.at(-1)?.number !== number) {
      parts = [...parts.filter((part) => part.number > number - PARTS), { number, calls: 0, failed: 0 }]
    }
    const last = parts.at(-1)
    if (last === undefined) return undefined
    last.calls++
    if (event.outcome !== "success" && event.outcome !== "interrupted") last.failed++
    let calls = 0
    let failed = 0
    for (const part of parts) {
      calls += part.calls
      failed += part.failed
    }
    const rate = failed / calls
    return calls >= rule.minimum && failed > 0 && rate >= rule.threshold
      ? { _tag: "HighErrorRate", at, rate, calls, failed }
      : undefined
  }
}

const detectCrashLoop = (rule: Rule & { readonly _tag: "CrashLoop" }): Detector => {
  let deaths: ReadonlyArray<number> = []
  return (event, at) => {
    if (event._tag !== "WorkerGone" && event._tag !== "StartFailed") return undefined
    deaths = [...deaths, at].filter((time) => at - time < rule.window).slice(-rule.deaths)
    return deaths.length >= rule.deaths ? { _tag: "CrashLoop", at, deaths: deaths.length } : undefined
  }
}

const count = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 1_000_000 }))
const ErrorRate = Schema.Struct({
  threshold: Schema.Finite.check(Schema.isBetween({ minimum: 0, maximum: 1 })),
  window: Millis,
  minimum: count
})
const CrashLoop = Schema.Struct({ deaths: count, window: Millis })
const QueueAge = Schema.Struct({ over: Millis })
const Watch = Schema.Struct({ cooldown: Millis })

const decode = <A>(who: string, schema: Schema.Codec<A, unknown>, options: unknown): A =>
  Result.getOrThrowWith(
    Schema.decodeUnknownResult(schema)(options),
    (error) => new TypeError(`Alerts.${who}: ${error.message}`)
  )
