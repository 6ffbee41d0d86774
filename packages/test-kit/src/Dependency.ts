/**
 * Something that a program depends on, as a script: what each call of it does, in turn. For users of breakers, retries and whatever else
 * guards calls; it knows none of them, and all its time is that of Effect's `Clock`.
 */
import * as Data from "effect/Data"
import type * as Cause from "effect/Cause"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as RealTime from "./internal/RealTime.ts"
import type * as Timeline from "./Timeline.ts"

/**
 * What calls do, one after the other. The last step goes on for all calls that follow.
 *
 * @category models
 */
export interface Script<out A, out E> {
  readonly steps: ReadonlyArray<Step<A, E>>
}

/**
 * What so many calls in a row do.
 *
 * @category models
 */
export interface Step<out A, out E> {
  readonly calls: number
  readonly run: Effect.Effect<A, E>
}

/**
 * @category models
 */
export interface Dependency<out A, out E> {
  /** Calls it once. */
  readonly call: Effect.Effect<A, E>
  /** How often it was called. */
  readonly calls: () => number
  /** How many calls have not ended. */
  readonly running: () => number
}

const DownBase: new (args: void) => Cause.YieldableError & { readonly _tag: "Down" } =
  Data.TaggedError("Down")

/**
 * The error of {@link fails} when none is given.
 *
 * @category errors
 */
export class Down extends DownBase {
  override get message(): string {
    return "the dependency is down, as its script says"
  }
}

/**
 * So many calls succeed; without a number, all from here on.
 *
 * @category scripts
 */
export const succeeds: {
  (times?: number): Script<void, never>
  <A>(times: number, value: A): Script<A, never>
} = <A>(times: number = Infinity, value?: A): Script<A | undefined, never> =>
  step(times, Effect.succeed(value), "succeeds")

/**
 * So many calls fail, with a {@link Down} or with another error; without a number, all from here on.
 *
 * @category scripts
 */
export const fails: {
  (times?: number): Script<never, Down>
  <E>(times: number, error: E): Script<never, E>
} = <E>(times: number = Infinity, ...error: [] | [E]): Script<never, E | Down> =>
  step<never, E | Down>(
    times,
    Effect.suspend((): Effect.Effect<never, E | Down> =>
      Effect.fail(error.length === 0 ? new Down() : error[0])
    ),
    "fails"
  )

/**
 * So many calls never end, until they are interrupted; without a number, all from here on.
 *
 * @category scripts
 */
export const hangs = (times: number = Infinity): Script<never, never> => step(times, Effect.never, "hangs")

/**
 * The calls of a script, each as much later.
 *
 * @category scripts
 */
export const latency = <A, E>(duration: Duration.Input, script: Script<A, E>): Script<A, E> => {
  const delay = RealTime.millis("Dependency.latency", "duration", duration)
  return { steps: script.steps.map(({ calls, run }) => ({ calls, run: Effect.delay(run, delay) })) }
}

/**
 * One script after the other.
 *
 * @category scripts
 */
export function inTurn<Scripts extends ReadonlyArray<Script<unknown, unknown>>>(
  ...scripts: Scripts
): Script<
  Effect.Success<Scripts[number]["steps"][number]["run"]>,
  Effect.Error<Scripts[number]["steps"][number]["run"]>
>
export function inTurn(...scripts: ReadonlyArray<Script<unknown, unknown>>): Script<unknown, unknown> {
  return { steps: scripts.flatMap(({ steps }) => steps) }
}

/**
 * Makes a dependency. What happens to it is written in the timeline, if there is one: `call 1`, and how it ended: `call 1 succeeds`,
 * `fails`, `dies` or `is interrupted`.
 *
 * ```ts
 * import { Dependency, Timeline } from "@fireweed/test-kit"
 * import * as Effect from "effect/Effect"
 * import * as Schedule from "effect/Schedule"
 * import * as TestClock from "effect/testing/TestClock"
 *
 * const test = Effect.gen(function* () {
 *   const timeline = yield* Timeline.make
 *   const { fails, inTurn, latency, succeeds } = Dependency
 *   const prices = Dependency.make(inTurn(fails(2), latency("2 seconds", succeeds())), { timeline })
 *   yield* Effect.forkChild(Effect.retry(prices.call, Schedule.spaced("10 seconds")))
 *   yield* TestClock.adjust("1 minute")
 *   yield* Timeline.expect(timeline, "call 3 succeeds", { at: "22 seconds" })
 *   return prices.calls()
 * })
 * const calls = await Effect.runPromise(Effect.scoped(Effect.provide(test, TestClock.layer())))
 * if (calls !== 3) throw new Error("expected three calls")
 * ```
 *
 * @category constructors
 */
export const make = <A, E>(
  script: Script<A, E>,
  options: { readonly name?: string | undefined; readonly timeline?: Timeline.Timeline | undefined } = {}
): Dependency<A, E> => {
  if (script.steps.length === 0) throw new TypeError("Dependency.make: the script has no step")
  const { name = "call", timeline } = options
  let calls = 0
  let running = 0
  const call = Effect.suspend(() => {
    const number = ++calls
    running++
    timeline?.markUnsafe(`${name} ${number}`)
    return Effect.onExit(stepAt(script, number).run, (exit) =>
      Effect.sync(() => {
        running--
        timeline?.markUnsafe(`${name} ${number} ${ended(exit)}`)
      })
    )
  })
  return { call, calls: () => calls, running: () => running }
}

const step = <A, E>(calls: number, run: Effect.Effect<A, E>, name: string): Script<A, E> => {
  if (calls !== Infinity && !(Number.isInteger(calls) && calls > 0)) {
    throw new TypeError(`Dependency.${name}: times: expected a whole number of at least 1, got ${calls}`)
  }
  return { steps: [{ calls, run }] }
}

const stepAt = <A, E>({ steps }: Script<A, E>, number: number): Step<A, E> => {
  let left = number
  const found = steps.find(({ calls }) => (left -= calls) <= 0) ?? steps.at(-1)
  if (found === undefined) throw new TypeError("a script without steps")
  return found
}

const ended = (exit: Exit.Exit<unknown, unknown>): string => {
  if (Exit.isSuccess(exit)) return "succeeds"
  if (Exit.hasInterrupts(exit)) return "is interrupted"
  return Exit.hasDies(exit) ? "dies" : "fails"
}
