/** What a program tells of itself in a test: nothing, or collected, to assert on. */
import type * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import type * as LogLevel from "effect/LogLevel"
import * as Metric from "effect/Metric"
import * as References from "effect/References"
import * as Tracer from "effect/Tracer"

/**
 * One line of the log.
 *
 * @category models
 */
export interface Log {
  readonly level: LogLevel.LogLevel
  /** What was logged, as it was given: one value, or a list of several. */
  readonly message: unknown
  readonly cause: Cause.Cause<unknown>
  readonly annotations: Readonly<Record<string, unknown>>
}

/**
 * What was told so far.
 *
 * @category models
 */
export interface Captured {
  readonly logs: ReadonlyArray<Log>
  /** In the order in which they began; `status` tells whether one has ended, and how. */
  readonly spans: ReadonlyArray<Tracer.Span>
  /** The metrics of what runs with the layer, and of nothing else. */
  readonly metrics: Effect.Effect<ReadonlyArray<Metric.Metric.Snapshot>>
}

/**
 * The service of {@link layerCaptured}.
 *
 * @category services
 */
export const Captured: Context.Service<Captured, Captured> = Context.Service<Captured>(
  "@fireweed/test-kit/Telemetry/Captured"
)

/**
 * Logs go nowhere, no span is made, and metrics are counted apart, so that nothing of a test is seen outside of it.
 *
 * ```ts
 * import { Telemetry } from "@fireweed/test-kit"
 * import * as Effect from "effect/Effect"
 *
 * await Effect.runPromise(Effect.provide(Effect.logError("not to be seen"), Telemetry.layerSilent))
 * ```
 *
 * @category layers
 */
export const layerSilent: Layer.Layer<never> = Layer.suspend(() =>
  Layer.mergeAll(
    Logger.layer([]),
    Layer.succeed(References.TracerEnabled, false),
    Layer.succeed(Metric.MetricRegistry, new Map())
  )
)

/**
 * Logs of every level, spans and metrics are collected in {@link Captured}, and go nowhere else.
 *
 * ```ts
 * import { Telemetry } from "@fireweed/test-kit"
 * import * as Effect from "effect/Effect"
 * import * as Metric from "effect/Metric"
 *
 * const test = Effect.gen(function* () {
 *   yield* Effect.withSpan(Effect.logWarning("slow"), "query")
 *   yield* Metric.update(Metric.counter("queries"), 1)
 *   const { logs, metrics, spans } = yield* Telemetry.Captured
 *   return `${logs[0]?.level} ${logs[0]?.message} ${spans[0]?.name} ${(yield* metrics)[0]?.id}`
 * })
 * const told = await Effect.runPromise(Effect.provide(test, Telemetry.layerCaptured))
 * if (told !== "Warn slow query queries") throw new Error(told)
 * ```
 *
 * @category layers
 */
export const layerCaptured: Layer.Layer<Captured> = Layer.suspend(() => {
  const logs: Array<Log> = []
  const spans: Array<Tracer.Span> = []
  const registry: Context.Service.Shape<typeof Metric.MetricRegistry> = new Map()
  const logger = Logger.make<unknown, void>(({ cause, fiber, logLevel, message }) => {
    logs.push({
      level: logLevel,
      message: Array.isArray(message) && message.length === 1 ? message[0] : message,
      cause,
      annotations: fiber.getRef(References.CurrentLogAnnotations)
    })
  })
  const tracer = Tracer.make({
    span: (options) => {
      const span = new Tracer.NativeSpan(options)
      spans.push(span)
      return span
    }
  })
  return Layer.mergeAll(
    Layer.succeed(Captured, {
      logs,
      spans,
      metrics: Effect.provideService(Metric.snapshot, Metric.MetricRegistry, registry)
    }),
    Logger.layer([logger]),
    Layer.succeed(References.MinimumLogLevel, "All"),
    Layer.succeed(Tracer.Tracer, tracer),
    Layer.succeed(References.TracerEnabled, true),
    Layer.succeed(Metric.MetricRegistry, registry)
  )
})
