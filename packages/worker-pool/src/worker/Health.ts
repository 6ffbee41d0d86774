/**
 * Whether a worker still lives, as a pure function of what is seen of it at each sweep. Any frame is a sign of life; a worker is asked for
 * one only when it has run the same call since the last sweep and has said nothing meanwhile, or when it has been idle and silent for long.
 */

/** What is seen of a worker at a sweep. */
export interface Observation {
  /** The number of the oldest call that it runs; `undefined` if it runs none. */
  readonly oldest: number | undefined
  /** Frames that came from it so far. */
  readonly heard: number
  /** Milliseconds since the last sweep. */
  readonly elapsed: number
  /** Milliseconds that were to pass until this one. */
  readonly planned: number
}

/** What is known of a worker between sweeps. */
export interface Health {
  readonly oldest: number | undefined
  readonly heard: number
  /** For how long the oldest call has been seen to run, in milliseconds; up to one interval less than it really runs. */
  readonly runningFor: number
  /** For how long it has been seen to say nothing, while it ran this call or none, in milliseconds. */
  readonly silentFor: number
  /** Sweeps since it was asked for a sign of life and gave none; 0 if it was not asked. */
  readonly missed: number
  readonly killed: boolean
}

/** What is to be done. */
export type Action =
  | "none"
  /** Ask for a sign of life. */
  | "ping"
  /** It has not answered for two intervals. */
  | "unresponsive"
  /** It answers again. */
  | "responsive"
  /** It has been silent for too long. */
  | "kill"

/** Milliseconds. */
export interface Limits {
  /** Time between two sweeps. */
  readonly interval: number
  /** Silence after which an unresponsive worker that runs a call is killed; `Infinity` for never. */
  readonly killAfter: number
  /** Silence after which an idle worker is asked for a sign of life, and, beyond the question, is killed; `Infinity` for never. */
  readonly idle: number
}

/** Of a worker that nobody has looked at. */
export const UNKNOWN: Health = {
  oldest: undefined,
  heard: 0,
  runningFor: 0,
  silentFor: 0,
  missed: 0,
  killed: false
}

/** Whether it answers, as far as is known. */
export const isResponsive = ({ missed }: Health): boolean => missed <= PATIENCE

/** What an observation makes of what is known, and what is to be done. */
export const next = (
  seen: Observation,
  known: Health,
  limits: Limits
): { readonly health: Health; readonly action: Action } => {
  const same = seen.oldest === known.oldest
  const idle = seen.oldest === undefined
  const runningFor = same && !idle ? known.runningFor + seen.elapsed : 0
  if (!same || seen.heard !== known.heard) {
    return {
      health: { ...UNKNOWN, oldest: seen.oldest, heard: seen.heard, runningFor },
      action: isResponsive(known) ? "none" : "responsive"
    }
  }
  // A sweep that came late says that this program was held up, not for how long the worker was silent.
  const silentFor = known.silentFor + Math.min(seen.elapsed, 2 * seen.planned)
  if (idle && known.missed === 0 && silentFor < limits.idle)
    return { health: { ...known, silentFor }, action: "none" }
  if (isResponsive(known)) {
    const health = { ...known, runningFor, silentFor, missed: known.missed + 1 }
    return { health, action: known.missed === 0 ? "ping" : isResponsive(health) ? "none" : "unresponsive" }
  }
  const kill = !known.killed && silentFor >= (idle ? 2 * limits.idle : limits.killAfter)
  return {
    health: { ...known, runningFor, silentFor, killed: known.killed || kill },
    action: kill ? "kill" : "none"
  }
}

/** Intervals that a sign of life may take. */
const PATIENCE = 2
