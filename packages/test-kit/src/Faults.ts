/**
 * Faults on purpose, from a plan that is data: what strikes, at which named point, and when. The same plan with the same seed strikes at
 * the same passages each time, so what it finds can be found again.
 *
 * ```ts
 * import { Faults } from "@fireweed/test-kit"
 * import * as Effect from "effect/Effect"
 *
 * const program = Effect.gen(function* () {
 *   const faults = yield* Faults.make({ rules: [{ at: "query", fault: Faults.kill, when: { nth: 2 } }] })
 *   const query = faults.around("query", Effect.succeed("row"))
 *   return [yield* query, (yield* Effect.flip(query))._tag, yield* query]
 * })
 *
 * const seen = await Effect.runPromise(program)
 * if (seen.join() !== "row,FaultInjected,row") throw new Error("expected the second to fail")
 * ```
 */
import type * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Data from "effect/Data"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import { check } from "./internal/faultPlan.ts"
import * as Strikes from "./internal/strikes.ts"

/**
 * What strikes. Around an effect and on the way to a worker:
 *
 * - `Kill`: the effect fails in place of running; the worker is killed.
 * - `Stop`: it stands still for a while, then goes on: an effect when it is done, a worker as by `SIGSTOP` and `SIGCONT`.
 * - `Slow`: it begins so much later; what the worker sends, or is sent, arrives so much later.
 * - `Corrupt`: the value is changed, by the function that {@link Faults.around} is given; one bit of the frame is changed.
 * - `Starve`: it never gets an answer: the effect hangs until it is interrupted; nothing that the worker sends arrives any more.
 *
 * @category models
 */
export type Fault =
  | { readonly _tag: "Kill" }
  | { readonly _tag: "Stop"; readonly duration: Duration.Input }
  | { readonly _tag: "Slow"; readonly duration: Duration.Input }
  | { readonly _tag: "Corrupt" }
  | { readonly _tag: "Starve" }

/**
 * When a fault strikes.
 *
 * @category models
 */
export interface Rule {
  /** The point's name; with a `*` at its end, all points whose names begin so. */
  readonly at: string
  readonly fault: Fault
  /** At which passages of the point: the nth (from 1), every so many, or with a chance from 0 to 1. Default: at each. */
  readonly when?:
    | { readonly nth: number }
    | { readonly every: number }
    | { readonly chance: number }
    | undefined
  /** Strikes so many times at most. Default: no limit. */
  readonly times?: number | undefined
}

/**
 * What is to happen. Where several rules strike at once, the first one does.
 *
 * @category models
 */
export interface Plan {
  /** Decides all chances. Default: 0. */
  readonly seed?: number | string | undefined
  readonly rules: ReadonlyArray<Rule>
}

/**
 * A fault that struck.
 *
 * @category models
 */
export interface Strike {
  /** Milliseconds since the plan began, by Effect's `Clock`. */
  readonly at: number
  readonly point: string
  /** Which passage of the point it was, from 1. */
  readonly nth: number
  readonly fault: Fault["_tag"]
}

/**
 * A plan that runs.
 *
 * @category models
 */
export interface Faults {
  /** Passes the point: the fault that strikes now, if one does, for those who carry it out themselves. */
  readonly passUnsafe: (point: string) => Fault | undefined
  /**
   * The effect as it is, but for the faults that strike at the point each time it runs. `corrupt` changes its value; without it, a
   * `Corrupt` is a `Kill`.
   */
  readonly around: <A, E, R>(
    point: string,
    effect: Effect.Effect<A, E, R>,
    options?: { readonly corrupt?: ((value: A) => A) | undefined }
  ) => Effect.Effect<A, E | FaultInjected, R>
  /** Nothing strikes from now on. */
  readonly end: Effect.Effect<void>
  /** What has struck so far, in order. */
  readonly strikes: ReadonlyArray<Strike>
}

const FaultInjectedBase: new (args: {
  readonly point: string
  readonly nth: number
}) => Cause.YieldableError & {
  readonly _tag: "FaultInjected"
  readonly point: string
  readonly nth: number
} = Data.TaggedError("FaultInjected")

/**
 * What an effect fails with when it is struck by a `Kill`. Nothing of it has run.
 *
 * @category errors
 */
export class FaultInjected extends FaultInjectedBase {
  override get message(): string {
    return `killed on purpose at passage ${this.nth} of "${this.point}"`
  }
}

/**
 * Fails the effect; kills the worker.
 *
 * @category constructors
 */
export const kill: Fault = { _tag: "Kill" }

/**
 * Stands still for a while.
 *
 * @category constructors
 */
export const stop = (duration: Duration.Input): Fault => ({ _tag: "Stop", duration })

/**
 * Comes later.
 *
 * @category constructors
 */
export const slow = (duration: Duration.Input): Fault => ({ _tag: "Slow", duration })

/**
 * Gives something else.
 *
 * @category constructors
 */
export const corrupt: Fault = { _tag: "Corrupt" }

/**
 * Never gives anything.
 *
 * @category constructors
 */
export const starve: Fault = { _tag: "Starve" }

/**
 * Begins a plan. A plan that makes no sense is a defect, a `TypeError` that names the rule.
 *
 * @category constructors
 */
export const make = (plan: Plan): Effect.Effect<Faults> =>
  Effect.gen(function* () {
    check(plan)
    const clock = yield* Clock.Clock
    const seed = plan.seed ?? 0
    const sources = yield* Effect.forEach(plan.rules, (_, index) =>
      Random.withSeed(Effect.service(Random.Random), `${seed}/${index}`)
    )
    const state = Strikes.make(
      plan,
      sources.map((source) => () => source.nextDoubleUnsafe())
    )
    const began = clock.currentTimeMillisUnsafe()
    const strikes: Array<Strike> = []

    let over = false

    const pass = (point: string) => {
      const struck = over ? undefined : state.next(point)
      if (struck === undefined) return undefined
      strikes.push({
        at: clock.currentTimeMillisUnsafe() - began,
        point,
        nth: struck.nth,
        fault: struck.fault._tag
      })
      return struck
    }

    return {
      passUnsafe: (point) => pass(point)?.fault,
      around: <A, E, R>(
        point: string,
        effect: Effect.Effect<A, E, R>,
        options?: { readonly corrupt?: ((value: A) => A) | undefined }
      ) =>
        Effect.suspend((): Effect.Effect<A, E | FaultInjected, R> => {
          const struck = pass(point)
          if (struck === undefined) return effect
          const killed = Effect.fail(new FaultInjected({ point, nth: struck.nth }))
          const { fault } = struck
          switch (fault._tag) {
            case "Kill":
              return killed
            case "Stop":
              return Effect.tap(effect, () => Effect.sleep(fault.duration))
            case "Slow":
              return Effect.delay(effect, fault.duration)
            case "Corrupt":
              return options?.corrupt === undefined ? killed : Effect.map(effect, options.corrupt)
            case "Starve":
              return Effect.never
          }
        }),
      end: Effect.sync(() => {
        over = true
      }),
      strikes
    }
  })
