/**
 * Replay: what a policy would have done with calls of the past. No Effect, no clock: try a policy on a recorded log before you run it.
 */
import * as Duration from "effect/Duration"
import type { Options } from "./CircuitBreaker.ts"
import * as Circuit from "./internal/circuit.ts"
import { decode } from "./internal/options.ts"
import * as Running from "./internal/running.ts"
import * as Trip from "./internal/trip.ts"
import type { Outcome } from "./Outcome.ts"
import type { Phase, Reason } from "./Transition.ts"

/**
 * A call of the past. All times in milliseconds, from whatever moment the log begins at.
 */
export interface Recorded {
  /** When it ended. */
  readonly at: number
  /** How long it took. Default 0. */
  readonly took?: number | undefined
  readonly outcome: Outcome
}

/**
 * What the policy would have done.
 */
export interface Replayed {
  readonly transitions: ReadonlyArray<{
    readonly from: Phase
    readonly to: Phase
    readonly at: number
    readonly reason: Reason
  }>
  /** Calls that would have run, and those that would not. */
  readonly admitted: number
  readonly rejected: number
  /** Of those that would not have run: how many did succeed. What the policy would have cost. */
  readonly rejectedSuccesses: number
  /** Of those that would not have run: how many did fail. What the policy would have spared. */
  readonly rejectedFailures: number
}

/**
 * Leads a log of calls, in any order, through a new circuit with these options. Where the circuit would have rejected a call, its outcome is not
 * counted. Throws a `TypeError` that names the option that makes no sense.
 *
 * ```ts
 * import { CircuitBreaker } from "@fireweed/circuit-breaker"
 *
 * const log = Array.from({ length: 100 }, (_, second) => ({
 *   at: second * 1_000,
 *   outcome: second > 50 ? CircuitBreaker.failure() : CircuitBreaker.success
 * }))
 *
 * const { rejected, transitions } = CircuitBreaker.replay({ tripPolicy: CircuitBreaker.consecutive(5) }, log)
 * if (transitions[0]?.at !== 55_000 || rejected !== 44) throw new Error("expected it to open after the fifth failure")
 * ```
 */
export const replay = (options: Options, log: ReadonlyArray<Recorded>): Replayed => {
  const { policy, tripPolicy } = decode(options, "CircuitBreaker.replay")
  const start = Math.min(0, ...log.map(({ at, took = 0 }) => at - took))
  const circuit = Circuit.make(policy, Trip.make(tripPolicy), start)
  const transitions: Array<Circuit.Move> = []
  circuit.observer = (move) => void transitions.push(move)

  let rejectedSuccesses = 0
  let rejectedFailures = 0
  let admitted = 0
  const running = new Map<
    Recorded,
    { readonly generation: number; readonly call: Running.Call | undefined }
  >()

  const begin = (recorded: Recorded, now: number): void => {
    const generation = Circuit.admit(circuit, now)
    if (generation === Circuit.REJECTED) {
      if (recorded.outcome._tag === "Success") rejectedSuccesses++
      if (recorded.outcome._tag === "Failure") rejectedFailures++
      return
    }
    admitted++
    const { inFlight } = circuit
    running.set(recorded, {
      generation,
      call: inFlight === undefined ? undefined : Running.add(inFlight, now, generation)
    })
  }

  const end = (recorded: Recorded, now: number): void => {
    const run = running.get(recorded)
    if (run === undefined) return
    Circuit.settle(circuit, run.generation, run.call, now, recorded.outcome, ask(recorded.outcome))
  }

  for (const { happens, now, recorded } of inOrder(log)) (happens === "begin" ? begin : end)(recorded, now)
  return { transitions, admitted, rejected: circuit.calls.rejected, rejectedSuccesses, rejectedFailures }
}

/** Begins and ends by time; at one moment, ends come first, but for those of calls that took none. */
const inOrder = (log: ReadonlyArray<Recorded>) =>
  log
    .flatMap((recorded, index) => [
      { recorded, index, happens: "begin" as const, now: recorded.at - (recorded.took ?? 0) },
      { recorded, index, happens: "end" as const, now: recorded.at }
    ])
    .toSorted(
      (a, b) =>
        a.now - b.now ||
        (a.index === b.index ? 0 : Number(isLater(a)) - Number(isLater(b))) ||
        a.index - b.index
    )

const isLater = ({
  happens,
  recorded
}: {
  readonly happens: "begin" | "end"
  readonly recorded: Recorded
}): boolean => happens === "begin" || (recorded.took ?? 0) === 0

const ask = (outcome: Outcome): number =>
  outcome._tag === "Failure" && outcome.retryAfter !== undefined ? Duration.toMillis(outcome.retryAfter) : 0
