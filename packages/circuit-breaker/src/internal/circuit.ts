/**
 * The state machine of one circuit: synchronous functions of (state, event, now), and no Effect.
 *
 * `now` is in milliseconds of any clock that does not run backwards, and is read only where time matters: never for a
 * success while closed. Nothing here waits. The state is updated in place, because a successful call must cost nothing.
 *
 * Every admission is a generation. Each transition and each reset starts a new one, so a result that comes late belongs
 * to an older generation and changes nothing: it is counted as stale.
 */
import type { OpenReason, Phase, Reason } from "../Transition.ts"
import type { Trip } from "./trip.ts"

/** All times in milliseconds. */
export interface Policy {
  /** How long the n-th opening in a row lasts; n counts from 1. */
  readonly openTime: (openings: number) => number
  /** What a failure's `retryAfter` can lengthen an opening to. */
  readonly maxOpenTime: number
  /** Trials of one half-open period, in all. */
  readonly trials: number
  /** Trials in flight at once. */
  readonly concurrency: number
  /** Successful trials that close the circuit. */
  readonly successes: number
  /** How long a half-open period may last, from its first trial. */
  readonly deadline: number
}

export interface Circuit {
  readonly policy: Policy
  readonly trip: Trip
  /** Told of each transition, after the state has changed. */
  observer: ((transition: Move) => void) | undefined
  phase: Phase
  /** When the phase began, and why. */
  since: number
  reason: Reason
  generation: number
  /** Of the last opening: its end, how long it was to last, why. The count of openings in a row survives a close. */
  openUntil: number
  openTime: number
  openReason: OpenReason
  openings: number
  /** Of the half-open period: its end, places taken, trials in flight, trials that succeeded. */
  deadline: number
  started: number
  running: number
  succeeded: number
  lastFailure: unknown
  readonly calls: Calls
}

export interface Move {
  readonly from: Phase
  readonly to: Phase
  readonly at: number
  readonly reason: Reason
}

/** Calls since the circuit was made, by what became of them. */
export interface Calls {
  successes: number
  failures: number
  ignored: number
  stale: number
  rejected: number
}

/** In place of a generation: the call may not run. */
export const REJECTED = -1

export const make = (policy: Policy, trip: Trip, now: number): Circuit => ({
  policy,
  trip,
  observer: undefined,
  phase: "Closed",
  since: now,
  reason: { _tag: "Created" },
  generation: 0,
  openUntil: 0,
  openTime: 0,
  openReason: { _tag: "Tripped" },
  openings: 0,
  deadline: 0,
  started: 0,
  running: 0,
  succeeded: 0,
  lastFailure: undefined,
  calls: { successes: 0, failures: 0, ignored: 0, stale: 0, rejected: 0 }
})

/** Whether a call that came now could run. */
export const admits = (circuit: Circuit, now: number): boolean => {
  tick(circuit, now)
  if (circuit.phase === "Closed") return true
  if (circuit.phase === "Open") return now >= circuit.openUntil
  return circuit.running < circuit.policy.concurrency && circuit.started < circuit.policy.trials
}

/** A call comes: its generation, to be settled once by `success`, `failure` or `ignore`, or {@link REJECTED}. */
export const admit = (circuit: Circuit, now: number): number => {
  if (!admits(circuit, now)) {
    circuit.calls.rejected++
    return REJECTED
  }
  if (circuit.phase === "Open") {
    circuit.deadline = now + circuit.policy.deadline
    circuit.started = 1
    circuit.running = 1
    circuit.succeeded = 0
    move(circuit, "HalfOpen", now, { _tag: "OpenTimeOver" })
  } else if (circuit.phase === "HalfOpen") {
    circuit.started++
    circuit.running++
  }
  return circuit.generation
}

/** An admitted call showed that the dependency is well. */
export const success = (circuit: Circuit, generation: number, now: number): void => {
  if (!accepts(circuit, generation, now)) return
  circuit.calls.successes++
  if (circuit.phase === "Closed") return circuit.trip.success()
  circuit.running--
  circuit.succeeded++
  if (circuit.succeeded >= circuit.policy.successes) close(circuit, now, { _tag: "TrialsSucceeded" })
}

/** An admitted call counts against the dependency, which asked to be left alone for `retryAfter` (0: did not ask). */
export const failure = (
  circuit: Circuit,
  generation: number,
  now: number,
  error: unknown,
  retryAfter: number
): void => {
  if (!accepts(circuit, generation, now)) return
  circuit.calls.failures++
  circuit.lastFailure = error
  const reason: OpenReason | undefined =
    circuit.phase === "HalfOpen" ? { _tag: "TrialFailed" } : circuit.trip.failure()
  if (reason !== undefined) open(circuit, now, reason, retryAfter)
}

/** An admitted call says nothing about the dependency: a trial gives back its slot and its place in the total. */
export const ignore = (circuit: Circuit, generation: number, now: number): void => {
  if (!accepts(circuit, generation, now)) return
  circuit.calls.ignored++
  if (circuit.phase === "Closed") return
  circuit.running--
  circuit.started--
}

/**
 * The generation of an outcome that no admission asked for: it counts as a call of the closed circuit, and in any other
 * phase it is stale, since it is no trial.
 */
export const unasked = (circuit: Circuit): number =>
  circuit.phase === "Closed" ? circuit.generation : REJECTED

/** Opens the circuit; an open one stays open for at least another open time. */
export const trip = (circuit: Circuit, now: number): void => {
  tick(circuit, now)
  if (circuit.phase !== "Open") return open(circuit, now, { _tag: "Tripped" }, 0)
  circuit.openUntil = Math.max(circuit.openUntil, now + circuit.policy.openTime(circuit.openings))
}

/** Makes the circuit as new, but for its count of calls. */
export const reset = (circuit: Circuit, now: number): void => {
  tick(circuit, now)
  circuit.openings = 0
  circuit.lastFailure = undefined
  if (circuit.phase !== "Closed") return close(circuit, now, { _tag: "Reset" })
  circuit.trip.clear()
  circuit.generation++
}

/** Applies what the passing of time alone does: a half-open period that reaches its deadline reopens. */
export const tick = (circuit: Circuit, now: number): void => {
  if (circuit.phase === "HalfOpen" && now >= circuit.deadline) {
    open(circuit, circuit.deadline, { _tag: "TrialsOverdue" }, 0)
  }
}

/** How many openings in a row: forgotten once the circuit has stayed closed as long as it was last to be open. */
export const openings = (circuit: Circuit, now: number): number =>
  circuit.phase === "Closed" && now - circuit.since >= circuit.openTime ? 0 : circuit.openings

/** Whether a result still counts. No permit has the generation of an open circuit: a trial starts a new one. */
const accepts = (circuit: Circuit, generation: number, now: number): boolean => {
  tick(circuit, now)
  if (generation === circuit.generation) return true
  circuit.calls.stale++
  return false
}

const open = (circuit: Circuit, at: number, reason: OpenReason, retryAfter: number): void => {
  const { maxOpenTime, openTime } = circuit.policy
  circuit.openings = openings(circuit, at) + 1
  circuit.openTime = Math.max(openTime(circuit.openings), Math.min(retryAfter, maxOpenTime))
  circuit.openUntil = at + circuit.openTime
  circuit.openReason = reason
  move(circuit, "Open", at, reason)
}

const close = (circuit: Circuit, at: number, reason: Reason): void => {
  circuit.trip.clear()
  move(circuit, "Closed", at, reason)
}

const move = (circuit: Circuit, to: Phase, at: number, reason: Reason): void => {
  const from = circuit.phase
  circuit.phase = to
  circuit.since = at
  circuit.reason = reason
  circuit.generation++
  circuit.observer?.({ from, to, at, reason })
}
