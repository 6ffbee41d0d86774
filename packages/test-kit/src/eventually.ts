import type * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as TestClock from "effect/testing/TestClock"
import * as RealTime from "./internal/RealTime.ts"

/**
 * @category models
 */
export interface EventuallyOptions {
  /** What is waited for, in the error. Default: `the condition`. */
  readonly what?: string | undefined
  /** The longest wait, on the clock of the fiber. Default: 1 minute of a test clock, 5 seconds of the machine's. */
  readonly within?: Duration.Input | undefined
  /**
   * How far a test clock is moved each time that nothing else can make the condition true. Default: 10 milliseconds. On the machine's clock,
   * for how long others have the processor between two looks. Default: 1 millisecond.
   */
  readonly step?: Duration.Input | undefined
}

const NeverHappenedBase: new (args: {
  readonly what: string
  readonly waited: Duration.Duration
}) => Cause.YieldableError & {
  readonly _tag: "NeverHappened"
  readonly what: string
  readonly waited: Duration.Duration
} = Data.TaggedError("NeverHappened")

/**
 * A condition did not come true in time.
 *
 * @category errors
 */
export class NeverHappened extends NeverHappenedBase {
  override get message(): string {
    return `${this.what} did not come true within ${Duration.format(this.waited)}`
  }
}

/**
 * Waits until a condition holds. Between two looks every fiber that can run does, and whatever has arrived from outside is taken in. A test
 * clock is moved on, step by step, once that alone does not help: so what waits for time happens too, at its time, and nothing sleeps.
 *
 * ```ts
 * import { eventually } from "@fireweed/test-kit"
 * import * as Clock from "effect/Clock"
 * import * as Effect from "effect/Effect"
 * import * as TestClock from "effect/testing/TestClock"
 *
 * const test = Effect.gen(function* () {
 *   let opened = false
 *   yield* Effect.forkChild(Effect.delay(Effect.sync(() => (opened = true)), "30 seconds"))
 *   yield* eventually(() => opened, { what: "opened" })
 *   return yield* Clock.currentTimeMillis
 * })
 * const at = await Effect.runPromise(Effect.scoped(Effect.provide(test, TestClock.layer())))
 * if (at !== 30_000) throw new Error("expected it at 30 s")
 * ```
 *
 * @category waiting
 */
export const eventually = <E = never, R = never>(
  condition: (() => boolean) | Effect.Effect<boolean, E, R>,
  options: EventuallyOptions = {}
): Effect.Effect<void, E | NeverHappened, R> => {
  const holds = typeof condition === "function" ? Effect.sync(condition) : condition
  const what = options.what ?? "the condition"
  return Clock.clockWith((clock) => {
    const virtual = isTestClock(clock)
    const within = RealTime.millis(
      "eventually",
      "within",
      options.within ?? (virtual ? "1 minute" : "5 seconds")
    )
    const step = RealTime.millis("eventually", "step", options.step ?? (virtual ? "10 millis" : "1 millis"))
    const begin = clock.monotonicTimeNanosUnsafe()
    const waited = () => Number(clock.monotonicTimeNanosUnsafe() - begin) / 1e6
    const look = (turns: number): Effect.Effect<void, E | NeverHappened, R> =>
      Effect.flatMap(holds, (true_) => {
        if (true_) return Effect.void
        if (turns > 0) return Effect.andThen(Effect.yieldNow, look(turns - 1))
        const left = within - waited()
        if (left <= 0) return Effect.fail(new NeverHappened({ what, waited: Duration.millis(within) }))
        const next = Math.min(step, left)
        return Effect.andThen(virtual ? clock.adjust(next) : Effect.sleep(next), look(TURNS))
      })
    return look(TURNS)
  })
}

/** Turns of the event loop between two moves of the clock: enough for fibers that wake each other in a row. */
const TURNS = 8

const isTestClock = (clock: Clock.Clock): clock is TestClock.TestClock => "adjust" in clock
