/** How long the n-th opening in a row lasts, in milliseconds. */
import type * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schedule from "effect/Schedule"

/** A schedule over openings: each has the number of the opening as its input. */
export type Openings = Schedule.Schedule<unknown, number>

/** The first takes so long, each further one `factor` times as long as the one before. */
export const exponential = (first: number, factor: number) => () => (openings: number) =>
  first * factor ** (openings - 1)

/**
 * The n-th delay of the schedule, or its last one when it has ended. Its clock passes as the openings do. One step for each opening in a row; a row
 * that begins anew, or was restored, is walked through from its beginning, as far as {@link FURTHEST}.
 */
export const fromSchedule = (schedule: Openings, context: Context.Context<never>) => () => {
  const runSync = Effect.runSyncWith(context)
  let step: Step | undefined
  let [opening, now, delay] = [0, 0, 0]

  const advance = (): void => {
    step ??= runSync(Schedule.toStep(schedule))
    const next = runSync(Effect.exit(step(now, ++opening)))
    if (Exit.isSuccess(next)) delay = Duration.toMillis(next.value[1])
    now += delay
  }

  return (openings: number): number => {
    if (openings < opening) [step, opening, now, delay] = [undefined, 0, 0, 0]
    for (let steps = Math.min(openings - opening, FURTHEST); steps > 0; steps--) advance()
    opening = openings
    return delay
  }
}

type Step = Effect.Success<ReturnType<typeof Schedule.toStep<unknown, number, never, never>>>

/** Steps that one opening may take: nobody waits longer because a row is longer. */
const FURTHEST = 1_000
