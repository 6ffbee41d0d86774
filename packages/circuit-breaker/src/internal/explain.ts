/** Why a circuit is where it is, in words. */
import * as Duration from "effect/Duration"
import { describe } from "../Rejection.ts"
import type { Snapshot } from "../State.ts"
import type { Reason } from "../Transition.ts"
import type { TripStatus } from "../TripPolicy.ts"

/** A few lines for a person. */
export const explain = ({
  breaker,
  calls,
  consecutiveOpenings,
  override,
  reason,
  since,
  state,
  trip
}: Snapshot): string =>
  [
    `Circuit "${breaker}" is ${phases[state._tag]} since ${new Date(since).toISOString()}: ${because(reason)}.`,
    ...(override === "None" ? [] : [`It is overridden: ${overrides[override]}.`]),
    ...now(state, trip),
    ...(consecutiveOpenings > 0 ? [`It has opened ${consecutiveOpenings} times in a row.`] : []),
    `Calls so far: ${calls.successes} succeeded, ${calls.failures} failed, ${calls.ignored} ignored, ${calls.rejected} rejected, ${calls.stale} too late.`
  ].join("\n")

const phases = { Closed: "closed", Open: "open", HalfOpen: "half-open" } as const

const overrides = {
  ForcedOpen: "all calls are rejected",
  ForcedClosed: "all calls run, and are not judged",
  Shadow: "all calls run, and are judged"
} as const

const because = (reason: Reason): string => {
  switch (reason._tag) {
    case "Created":
      return "it is new"
    case "Restored":
      return "it was restored so"
    case "OpenTimeOver":
      return "its open time was over and a call came"
    case "Probed":
      return "a probe found the dependency well"
    case "TrialsSucceeded":
      return "its trials succeeded"
    case "Reset":
      return "it was reset"
    case "Overridden":
      return "it was overridden"
    default:
      return describe(reason)
  }
}

const now = (state: Snapshot["state"], trip: TripStatus): ReadonlyArray<string> => {
  switch (state._tag) {
    case "Closed":
      return limits(trip).map((limit) => `It opens ${limit}.`)
    case "Open":
      return [
        Duration.toMillis(state.retryAfter) === 0
          ? "The next call is its first trial."
          : `The first trial is let through in ${Duration.format(state.retryAfter)}.`
      ]
    case "HalfOpen":
      return [
        `Trials: ${state.running} in flight, ${state.succeeded} succeeded, ${state.failed} failed; those in flight have ${Duration.format(state.retryAfter)} left.`
      ]
  }
}

const limits = (trip: TripStatus): ReadonlyArray<string> => {
  switch (trip._tag) {
    case "AnyOf":
      return trip.policies.flatMap(limits)
    case "Consecutive":
      return [`after ${trip.threshold} failures in a row; there are ${trip.failures}`]
    default: {
      const kind = trip._tag === "FailureRate" ? "failed" : "slow"
      return [
        `when ${trip.rate * 100} % of at least ${trip.minimum} calls are ${kind}; there are ${trip.marked} of ${trip.calls}`
      ]
    }
  }
}
