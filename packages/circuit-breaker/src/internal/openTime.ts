/** How long the n-th opening in a row lasts, in milliseconds. */
import type * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schedule from "effect/Schedule"

/** A schedule over openings: each has the number of the opening as its input. */
export type Openings = Schedule.Schedule<unknown, number>

/** The first takes so long, each further one `factor` times as long as the one before. */
export const exponential =
  (first: number, factor: number) =>
  (openings: number): number =>
    first * factor ** (openings - 1)

/**
 * The n-th delay of the schedule, or its last one when it has ended. It is stepped through anew for each opening, with a clock that passes
 * as the openings do, so the row may begin again at any time.
 */
export const fromSchedule =
  (schedule: Openings, context: Context.Context<never>) =>
  (openings: number): number => {
    const nth = Effect.gen(function* () {
      const step = yield* Schedule.toStep(schedule)
      let delay = 0
      for (let opening = 1, now = 0; opening <= openings; opening++, now += delay) {
        const next = yield* Effect.exit(step(now, opening))
        if (Exit.isFailure(next)) break
        delay = Duration.toMillis(next.value[1])
      }
      return delay
    })
    return Effect.runSyncWith(context)(nth)
  }
