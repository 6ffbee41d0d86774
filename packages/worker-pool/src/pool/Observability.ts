/**
 * What a pool tells of itself: events, their history, metrics, and what user code prints and logs.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import * as Listeners from "../internal/Listeners.ts"
import * as Metrics from "../internal/metrics.ts"
import * as OutputLog from "../internal/OutputLog.ts"
import * as Ring from "../internal/Ring.ts"
import type { Settings } from "../internal/settings.ts"
import type { PoolEvent } from "../PoolEvent.ts"
import type * as Message from "../protocol/Message.ts"
import type { Output } from "../transport/Transport.ts"

/** An event, and when it happened, in milliseconds since 1970. */
export interface Recorded {
  readonly at: number
  readonly event: PoolEvent
}

/** What one pool tells. */
export interface Observability {
  /** Builds the event if somebody listens, and tells it. */
  readonly publish: (build: () => PoolEvent) => void
  readonly listening: () => boolean
  readonly events: Stream.Stream<PoolEvent>
  /** The latest events, the oldest first. */
  readonly history: Effect.Effect<ReadonlyArray<Recorded>>
  /** User code printed a line. */
  readonly onOutput: (worker: string, output: Output, line: string) => void
  /** User code logged something; `target` is the call it did so in, if that is known. */
  readonly onLog: (worker: string, log: Message.Log, target: string | undefined) => void
  /** Takes down what is true of the pool, from time to time, if it has metrics. */
  readonly sample: (standing: () => Metrics.Standing) => Effect.Effect<void, never, Scope.Scope>
}

/** Makes it; when the scope closes, the streams of events end. */
export const make = (settings: Settings): Effect.Effect<Observability, never, Scope.Scope> =>
  Effect.gen(function* () {
    const clock = yield* Clock.Clock
    const history = Ring.make<Recorded>(settings.history)
    const metrics = settings.metrics ? Metrics.make(settings.name, yield* Effect.context()) : undefined
    const listeners = Listeners.make<PoolEvent>([
      ...(metrics === undefined ? [] : [metrics.count]),
      ...(settings.history === 0
        ? []
        : [(event: PoolEvent) => history.add({ at: clock.currentTimeMillisUnsafe(), event })])
    ])
    yield* Effect.addFinalizer(() => listeners.end)
    const log = yield* OutputLog.make
    const { publish } = listeners

    return {
      publish,
      listening: listeners.listening,
      events: listeners.stream,
      history: Effect.sync(history.values),
      onOutput: (worker, output, line) => {
        publish(() => ({ _tag: "Output", worker, output, line }))
        if (settings.output === "log")
          log.write({
            level: output === "stdout" ? "Info" : "Warn",
            text: line,
            annotations: { worker, output }
          })
      },
      onLog: (worker, { level, logger, message }, target) => {
        publish(() => ({ _tag: "Log", worker, level, logger, message, target }))
        log.write({
          level: OutputLog.levelOf(level),
          text: message,
          annotations: { worker, logger, ...(target === undefined ? {} : { target }) }
        })
      },
      sample: (standing) => {
        if (metrics === undefined) return Effect.void
        const once = Effect.sync(() => metrics.sample(standing()))
        return Effect.asVoid(
          Effect.forkScoped(Effect.forever(Effect.andThen(once, Effect.sleep(SAMPLE_EVERY))), {
            startImmediately: true
          })
        )
      }
    }
  })

/** Time between two looks at what the gauges tell. */
const SAMPLE_EVERY = "1 second"
