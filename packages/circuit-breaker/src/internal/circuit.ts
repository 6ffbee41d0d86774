/**
 * The state machine of one circuit: synchronous functions of (state, event, now), and no Effect.
 *
 * `now` is in milliseconds of any clock that does not run backwards, and is read only where time matters: never for a
 * success while closed, unless a policy asks. Nothing here waits. The state is updated in place, because a successful call must
 * cost nothing.
 *
 * Every admission is a generation. Each transition, each reset and each change of the override starts a new one, so a result that comes
 * late belongs to an older generation and changes nothing: it is counted as stale.
 */
import type { Saved } from "../State.ts"
import type { OpenReason, Override, Phase, Reason } from "../Transition.ts"
import * as Running from "./running.ts"
import type { Trip } from "./trip.ts"

/** All times in milliseconds. */
export interface Policy {
  /** Tells, for one circuit, how long the n-th opening in a row lasts; n counts from 1. */
  readonly openTimes: () => (openings: number) => number
  /** How long the first one lasts, or about so long. */
  readonly firstOpenTime: number
  /** What a failure's `retryAfter` can lengthen an opening to. */
  readonly maxOpenTime: number
  /** Trials of one half-open period, in all. */
  readonly trials: number
  /** Trials in flight at once. */
  readonly concurrency: number
  /** Successful trials that close the circuit. */
  readonly successes: number
  /** Failed trials that do not reopen it. */
  readonly tolerated: number
  /** How long trials may be in flight without a pause. */
  readonly deadline: number
}

export interface Circuit {
  readonly policy: Policy
  readonly trip: Trip
  /** The calls in flight, if the trip policy asks how long they take. */
  readonly inFlight: Running.Running | undefined
  /** Told of each transition, after the state has changed. */
  observer: ((transition: Move) => void) | undefined
  phase: Phase
  /** Whether calls just run: it is closed, and nothing lies over it. */
  isPlain: boolean
  /** When the phase began, and why. */
  since: number
  reason: Reason
  generation: number
  /** Of the last opening: its end, how long it was to last, why. The count of openings in a row survives a close. */
  openUntil: number
  openTime: number
  openReason: OpenReason
  openings: number
  /** How long openings last; made by the first. */
  openTimes: ((openings: number) => number) | undefined
  /** Of the half-open period: the end of its patience, places taken, trials in flight, that succeeded, that failed. */
  deadline: number
  started: number
  running: number
  succeeded: number
  failed: number
  /** How many hold each override. */
  readonly holders: { -readonly [O in Exclude<Override, "None">]: number }
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
  bypassed: number
  rejected: number
  shadowed: number
}

/** In place of a generation: the call may not run. */
export const REJECTED = -1
/** In place of a generation: the call may run, and is not judged. */
export const BYPASSED = -2

export const make = (policy: Policy, trip: Trip, now: number): Circuit => ({
  policy,
  trip,
  inFlight: Number.isFinite(trip.slowAfter) ? Running.make() : undefined,
  observer: undefined,
  phase: "Closed",
  isPlain: true,
  since: now,
  reason: { _tag: "Created" },
  generation: 0,
  openUntil: 0,
  openTime: 0,
  openReason: { _tag: "Tripped" },
  openings: 0,
  openTimes: undefined,
  deadline: 0,
  started: 0,
  running: 0,
  succeeded: 0,
  failed: 0,
  holders: { ForcedOpen: 0, ForcedClosed: 0, Shadow: 0 },
  lastFailure: undefined,
  calls: { successes: 0, failures: 0, ignored: 0, stale: 0, bypassed: 0, rejected: 0, shadowed: 0 }
})

/** What lies over the circuit: forced open wins over forced closed, and that over a shadow. */
export const override = ({ holders }: Circuit): Override =>
  holders.ForcedOpen > 0
    ? "ForcedOpen"
    : holders.ForcedClosed > 0
      ? "ForcedClosed"
      : holders.Shadow > 0
        ? "Shadow"
        : "None"

/** Whether a call that came now could run. */
export const admits = (circuit: Circuit, now: number): boolean => {
  const over = override(circuit)
  if (over === "ForcedOpen") return false
  tick(circuit, now)
  return over !== "None" || hasRoom(circuit, now)
}

/** A call comes: its generation, to be settled once, or {@link REJECTED}. */
export const admit = (circuit: Circuit, now: number): number => {
  const over = override(circuit)
  if (over === "ForcedClosed") return BYPASSED
  if (over !== "ForcedOpen") tick(circuit, now)
  if (over === "ForcedOpen" || !hasRoom(circuit, now)) {
    if (over === "Shadow") {
      circuit.calls.shadowed++
      return BYPASSED
    }
    circuit.calls.rejected++
    return REJECTED
  }
  if (circuit.phase === "Open") halfOpen(circuit, now, { _tag: "OpenTimeOver" })
  if (circuit.phase === "HalfOpen") {
    // While none is in flight, nothing can be overdue: a circuit with few calls has all the time it needs.
    if (circuit.running === 0) circuit.deadline = now + circuit.policy.deadline
    circuit.started++
    circuit.running++
  }
  return circuit.generation
}

/** An admitted call showed that the dependency is well. */
const success = (circuit: Circuit, generation: number, now: number): void => {
  if (!accepts(circuit, generation, now)) return
  circuit.calls.successes++
  const { phase, policy, trip } = circuit
  if (phase === "Closed") return openFor(circuit, now, trip.success(now), 0)
  circuit.running--
  circuit.succeeded++
  if (circuit.succeeded >= policy.successes) close(circuit, now, { _tag: "TrialsSucceeded" })
}

/** An admitted call counts against the dependency, which asked to be left alone for `retryAfter` (0: did not ask). */
const failure = (
  circuit: Circuit,
  generation: number,
  now: number,
  error: unknown,
  retryAfter: number
): void => {
  if (!accepts(circuit, generation, now)) return
  circuit.calls.failures++
  circuit.lastFailure = error
  if (circuit.phase === "Closed") return openFor(circuit, now, circuit.trip.failure(now), retryAfter)
  circuit.running--
  trialFailed(circuit, now, { _tag: "TrialFailed" }, retryAfter)
}

/** An admitted call says nothing about the dependency: a trial gives back its slot and its place in the total. */
const ignore = (circuit: Circuit, generation: number, now: number): void => {
  if (!accepts(circuit, generation, now)) return
  circuit.calls.ignored++
  if (circuit.phase === "Closed") return
  circuit.running--
  circuit.started--
}

/** An admitted call is known to be slow, or not; once for each. */
const pace = (circuit: Circuit, generation: number, now: number, slow: boolean): void => {
  if (generation !== circuit.generation) return
  if (circuit.phase === "Closed") openFor(circuit, now, circuit.trip.pace(now, slow), 0)
}

/**
 * An admitted call ended so: tells its pace, if anybody asks for it, then its outcome. `retryAfter` is what a failure asked for.
 */
export const settle = (
  circuit: Circuit,
  generation: number,
  call: Running.Call | undefined,
  now: number,
  outcome: { readonly _tag: "Success" | "Failure" | "Ignored"; readonly error?: unknown },
  retryAfter: number
): void => {
  if (call !== undefined && circuit.inFlight !== undefined) {
    tick(circuit, now)
    if (!call.slow) {
      Running.remove(circuit.inFlight, call)
      if (outcome._tag !== "Ignored") pace(circuit, call.generation, now, false)
    }
  }
  const admitted = call === undefined ? generation : call.generation
  switch (outcome._tag) {
    case "Success":
      return success(circuit, admitted, now)
    case "Ignored":
      return ignore(circuit, admitted, now)
    case "Failure":
      return failure(circuit, admitted, now, outcome.error, retryAfter)
  }
}

/**
 * The generation of an outcome that no admission asked for: it counts as a call of the closed circuit, and in any other
 * phase it is stale, since it is no trial.
 */
export const unasked = (circuit: Circuit): number => {
  if (override(circuit) === "ForcedClosed") return BYPASSED
  return circuit.phase === "Closed" ? circuit.generation : REJECTED
}

/** Opens the circuit; an open one stays open for at least another open time. */
export const trip = (circuit: Circuit, now: number): void => {
  tick(circuit, now)
  if (circuit.phase !== "Open") return open(circuit, now, { _tag: "Tripped" }, 0)
  circuit.openUntil = Math.max(circuit.openUntil, now + openTime(circuit, circuit.openings))
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

/** A probe found the dependency well: an open circuit goes on to trials, or closes. */
export const recover = (circuit: Circuit, now: number, to: "HalfOpen" | "Closed"): void => {
  if (circuit.phase !== "Open") return
  if (to === "Closed") close(circuit, now, { _tag: "Probed" })
  else halfOpen(circuit, now, { _tag: "Probed" })
}

/** Somebody takes hold of an override, or lets go of it. */
export const hold = (circuit: Circuit, which: Exclude<Override, "None">, by: 1 | -1, now: number): void => {
  tick(circuit, now)
  const before = override(circuit)
  circuit.holders[which] += by
  const after = override(circuit)
  circuit.isPlain = circuit.phase === "Closed" && after === "None"
  if (before === after) return
  // What was admitted before is stale now; its trials will never say what came of them.
  circuit.generation++
  circuit.started -= circuit.running
  circuit.running = 0
  const { phase } = circuit
  circuit.observer?.({ from: phase, to: phase, at: now, reason: { _tag: "Overridden", override: after } })
}

/** What of it outlives its process; `epoch` is the wall clock's `now`. */
export const save = (circuit: Circuit, now: number, epoch: number): Saved => {
  tick(circuit, now)
  const { openReason, openTime, phase, since, trip } = circuit
  const dated = (at: number): number => Math.round(epoch + at - now)
  return {
    version: 1,
    phase: phase === "Closed" ? "Closed" : "Open",
    since: dated(since),
    openUntil: dated(phase === "HalfOpen" ? now : circuit.openUntil),
    openTime,
    openReason,
    openings: openings(circuit, now),
    trip: trip.save(now)
  }
}

/** Makes a new circuit what a saved one was. */
export const restore = (circuit: Circuit, saved: Saved, now: number, epoch: number): void => {
  const at = (dated: number): number => now + dated - epoch
  circuit.phase = saved.phase
  circuit.isPlain = saved.phase === "Closed"
  circuit.since = at(saved.since)
  circuit.reason = { _tag: "Restored" }
  circuit.openUntil = at(saved.openUntil)
  circuit.openTime = saved.openTime
  circuit.openReason = saved.openReason
  circuit.openings = saved.openings
  circuit.trip.load(saved.trip, now)
}

/** Applies what the passing of time alone does: calls get slow, and trials overdue. */
export const tick = (circuit: Circuit, now: number): void => {
  const { inFlight, trip } = circuit
  if (inFlight !== undefined) {
    for (let call = inFlight.first; call !== undefined; call = inFlight.first) {
      const at = call.at + trip.slowAfter
      if (at > now) break
      Running.remove(inFlight, call)
      call.slow = true
      if (call.generation !== circuit.generation) continue
      if (circuit.phase === "Closed") openFor(circuit, at, trip.pace(at, true), 0)
      else {
        call.generation = REJECTED
        circuit.running--
        trialFailed(circuit, at, { _tag: "TrialSlow" }, 0)
      }
    }
  }
  if (circuit.phase === "HalfOpen" && circuit.running > 0 && now >= circuit.deadline) {
    open(circuit, circuit.deadline, { _tag: "TrialsOverdue" }, 0)
  }
}

/** How many openings in a row: forgotten once the circuit has stayed closed as long as it was last to be open. */
export const openings = (circuit: Circuit, now: number): number =>
  circuit.phase === "Closed" && now - circuit.since >= circuit.openTime ? 0 : circuit.openings

/** Whether nothing goes on: no override, no call that is known to be in flight, no opening that is not over. */
export const isAtRest = (circuit: Circuit, now: number): boolean => {
  tick(circuit, now)
  if (override(circuit) !== "None" || circuit.inFlight?.first !== undefined) return false
  return circuit.phase === "HalfOpen" ? circuit.running === 0 : hasRoom(circuit, now)
}

const hasRoom = (circuit: Circuit, now: number): boolean => {
  if (circuit.phase === "Closed") return true
  if (circuit.phase === "Open") return now >= circuit.openUntil
  return circuit.running < circuit.policy.concurrency && circuit.started < circuit.policy.trials
}

/** Whether a result still counts. No permit has the generation of an open circuit: a trial starts a new one. */
const accepts = (circuit: Circuit, generation: number, now: number): boolean => {
  if (generation === BYPASSED) {
    circuit.calls.bypassed++
    return false
  }
  if (circuit.phase !== "Closed" || circuit.inFlight !== undefined) tick(circuit, now)
  if (generation === circuit.generation) return true
  circuit.calls.stale++
  return false
}

const trialFailed = (circuit: Circuit, at: number, reason: OpenReason, retryAfter: number): void => {
  circuit.failed++
  if (circuit.failed > circuit.policy.tolerated) open(circuit, at, reason, retryAfter)
}

const openFor = (circuit: Circuit, at: number, reason: OpenReason | undefined, retryAfter: number): void => {
  if (reason !== undefined) open(circuit, at, reason, retryAfter)
}

const open = (circuit: Circuit, at: number, reason: OpenReason, retryAfter: number): void => {
  circuit.openings = openings(circuit, at) + 1
  const atLeast = Math.min(retryAfter, circuit.policy.maxOpenTime)
  circuit.openTime = Math.max(openTime(circuit, circuit.openings), atLeast)
  circuit.openUntil = at + circuit.openTime
  circuit.openReason = reason
  move(circuit, "Open", at, reason)
}

const openTime = (circuit: Circuit, openings: number): number => {
  const openTimes = (circuit.openTimes ??= circuit.policy.openTimes())
  return Math.min(openTimes(openings), circuit.policy.maxOpenTime)
}

const halfOpen = (circuit: Circuit, at: number, reason: Reason): void => {
  circuit.started = circuit.running = circuit.succeeded = circuit.failed = 0
  circuit.deadline = at + circuit.policy.deadline
  move(circuit, "HalfOpen", at, reason)
}

const close = (circuit: Circuit, at: number, reason: Reason): void => {
  circuit.trip.clear()
  move(circuit, "Closed", at, reason)
}

const move = (circuit: Circuit, to: Phase, at: number, reason: Reason): void => {
  const from = circuit.phase
  circuit.phase = to
  circuit.isPlain = to === "Closed" && override(circuit) === "None"
  circuit.since = at
  circuit.reason = reason
  circuit.generation++
  circuit.observer?.({ from, to, at, reason })
}
