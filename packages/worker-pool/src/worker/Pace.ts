/**
 * How many calls may be sent ahead to a worker that is busy: as many as it answers in a moment, by its pace so far. Sending ahead saves the
 * worker the wait for its next call, and is worth nothing for calls that take longer than that wait.
 */

/** The pace of one worker. */
export interface Pace {
  /** Milliseconds between two answers, as a moving average; `undefined` before the first. */
  readonly mean: number | undefined
}

/** The pace of a worker that has answered nothing yet. */
export const unknown: Pace = { mean: undefined }

/** The moment, in milliseconds: what a call may wait behind others in a worker, if they keep to their pace. */
export const MOMENT = 1
/** The most calls ahead, however fast they are. */
export const MOST = 64

/** The pace after one more answer, which took so many milliseconds. A slow one is remembered for dozens of quick ones. */
export const observe = ({ mean }: Pace, milliseconds: number): Pace => ({
  mean: mean === undefined ? milliseconds : mean + (milliseconds - mean) / WEIGHT
})

/** How many calls may wait in the worker behind the one it runs. */
export const ahead = ({ mean }: Pace): number =>
  mean === undefined ? 0 : Math.min(MOST, Math.floor(MOMENT / Math.max(mean, MOMENT / MOST)))

/** An answer counts for one part in so many. */
const WEIGHT = 8
