/** What happened when, on the clock of the test, to assert on and to print. */
import type * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as RealTime from "./internal/RealTime.ts"

/**
 * @category models
 */
export interface Entry {
  /** Milliseconds since the timeline was made. */
  readonly at: number
  readonly event: string
}

/**
 * @category models
 */
export interface Timeline {
  /** In the order in which they happened. */
  readonly entries: ReadonlyArray<Entry>
  /** Writes down what happens now. */
  readonly mark: (event: string) => Effect.Effect<void>
  /** The same at once, for callbacks. */
  readonly markUnsafe: (event: string) => void
}

const TimelineMismatchBase: new (args: {
  readonly expected: string
  readonly timeline: string
}) => Cause.YieldableError & {
  readonly _tag: "TimelineMismatch"
  readonly expected: string
  readonly timeline: string
} = Data.TaggedError("TimelineMismatch")

/**
 * Something did not happen as expected; the message prints what did.
 *
 * @category errors
 */
export class TimelineMismatch extends TimelineMismatchBase {
  override get message(): string {
    return `expected ${this.expected}, but\n${this.timeline}`
  }
}

/**
 * Makes a timeline that begins now, on the clock of the fiber.
 *
 * @category constructors
 */
export const make: Effect.Effect<Timeline> = Clock.clockWith((clock) =>
  Effect.sync(() => {
    const begin = clock.currentTimeMillisUnsafe()
    const entries: Array<Entry> = []
    const markUnsafe = (event: string): void => {
      entries.push({ at: clock.currentTimeMillisUnsafe() - begin, event })
    }
    return { entries, markUnsafe, mark: (event) => Effect.sync(() => markUnsafe(event)) }
  })
)

/**
 * Writes down what a stream tells, until it ends or the scope closes: transitions, events. `describe` names each; what it gives nothing for
 * is left out.
 *
 * @category recording
 */
export const follow = <A, E, R>(
  timeline: Timeline,
  stream: Stream.Stream<A, E, R>,
  describe: (value: A) => string | undefined
): Effect.Effect<void, never, R | Scope.Scope> =>
  Effect.asVoid(
    Effect.forkScoped(
      Stream.runForEach(stream, (value) => {
        const event = describe(value)
        return event === undefined ? Effect.void : timeline.mark(event)
      }),
      { startImmediately: true }
    )
  )

/**
 * Fails unless the event is there: at this time since the beginning if one is given, and so many times (default: at least once; zero:
 * never).
 *
 * ```ts
 * import { Timeline } from "@fireweed/test-kit"
 * import * as Effect from "effect/Effect"
 * import * as TestClock from "effect/testing/TestClock"
 *
 * const test = Effect.gen(function* () {
 *   const timeline = yield* Timeline.make
 *   yield* TestClock.adjust("60 seconds")
 *   yield* timeline.mark("opened")
 *   yield* Timeline.expect(timeline, "opened", { at: "60 seconds", times: 1 })
 *   return yield* Effect.flip(Timeline.expect(timeline, "opened", { at: "30 seconds" }))
 * })
 * const error = await Effect.runPromise(Effect.scoped(Effect.provide(test, TestClock.layer())))
 * if (error.message !== `expected "opened" at 30s, but\nt = 1m  opened`) throw new Error(error.message)
 * ```
 *
 * @category assertions
 */
export const expect = (
  timeline: Timeline,
  event: string,
  options: { readonly at?: Duration.Input | undefined; readonly times?: number | undefined } = {}
): Effect.Effect<void, TimelineMismatch> =>
  Effect.suspend(() => {
    const at = options.at === undefined ? undefined : RealTime.instant("Timeline.expect", "at", options.at)
    const count = timeline.entries.filter(
      (entry) => entry.event === event && (at === undefined || entry.at === at)
    ).length
    const { times } = options
    if (times === undefined ? count > 0 : count === times) return Effect.void
    const expected = `"${event}"${at === undefined ? "" : ` at ${format(at)}`}${times === undefined ? "" : `, ${times} times`}`
    return Effect.fail(new TimelineMismatch({ expected, timeline: print(timeline) }))
  })

/**
 * All of it, a line an entry.
 *
 * @category assertions
 */
export const print = ({ entries }: Timeline): string => {
  if (entries.length === 0) return "nothing happened"
  const times = entries.map(({ at }) => `t = ${format(at)}`)
  const width = Math.max(...times.map(({ length }) => length))
  return entries.map(({ event }, index) => `${(times[index] ?? "").padEnd(width)}  ${event}`).join("\n")
}

const format = (milliseconds: number): string => Duration.format(Duration.millis(milliseconds))
