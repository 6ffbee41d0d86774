/**
 * Trip strategies: what decides, outcome by outcome while a circuit is closed, that it is time to open.
 */
import type { OpenReason } from "../Transition.ts"
import type { TripPolicy, TripStatus } from "../TripPolicy.ts"

/** A strategy and its memory, one for each kind of {@link TripPolicy}. */
export interface Trip {
  success(): void
  /** Takes in a failure, and says why to open if it is time to. */
  failure(): OpenReason | undefined
  /** Forgets everything: the circuit closed, or was reset. */
  clear(): void
  status(): TripStatus
}

export const make = (policy: TripPolicy): Trip => new Consecutive(policy.failures)

class Consecutive implements Trip {
  private failures = 0
  private readonly threshold: number

  constructor(threshold: number) {
    this.threshold = threshold
  }

  success(): void {
    this.failures = 0
  }

  failure(): OpenReason | undefined {
    this.failures++
    return this.failures >= this.threshold
      ? { _tag: "ConsecutiveFailures", failures: this.failures }
      : undefined
  }

  clear(): void {
    this.failures = 0
  }

  status(): TripStatus {
    return { _tag: "Consecutive", failures: this.failures, threshold: this.threshold }
  }
}
