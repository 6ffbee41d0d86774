/**
 * Trip strategies: what decides, call by call while a circuit is closed, that it is time to open. All times in milliseconds.
 */
import type { OpenReason } from "../Transition.ts"
import type { SavedTrip } from "../State.ts"
import type { TripStatus } from "../TripPolicy.ts"
import * as Window from "./window.ts"

/** A trip policy as it was decoded: complete, durations in milliseconds. */
export type Policy =
  | { readonly _tag: "Consecutive"; readonly failures: number }
  | (Rate & { readonly _tag: "FailureRate" })
  | (Rate & { readonly _tag: "SlowCalls"; readonly slowAfter: number })
  | { readonly _tag: "AnyOf"; readonly policies: ReadonlyArray<Policy> }

interface Rate {
  readonly rate: number
  readonly minimum: number
  readonly over: { readonly calls: number } | { readonly window: number }
}

/** A strategy and its memory, one for each kind of policy. Each call says why to open if it is time to. */
export interface Trip {
  /** Whether it asks when a call ended. */
  readonly isTimed: boolean
  /** From how long on it calls a call slow; `Infinity` if it does not care. */
  readonly slowAfter: number
  readonly success: (now: number) => OpenReason | undefined
  readonly failure: (now: number) => OpenReason | undefined
  /** A call is known to be slow, or not: once for each call, at its end or before. */
  readonly pace: (now: number, slow: boolean) => OpenReason | undefined
  /** Forgets everything: the circuit closed, or was reset. */
  readonly clear: () => void
  readonly status: (now: number) => TripStatus
  /** Its memory, as plain data, and back; what another policy saved is not taken. */
  readonly save: (now: number) => SavedTrip
  readonly load: (saved: SavedTrip, now: number) => void
}

export const make = (policy: Policy): Trip => {
  switch (policy._tag) {
    case "Consecutive":
      return new Consecutive(policy.failures)
    case "FailureRate":
      return new FailureRate(policy)
    case "SlowCalls":
      return new SlowCalls(policy)
    case "AnyOf":
      return new AnyOf(policy.policies.map(make))
  }
}

class Consecutive implements Trip {
  readonly isTimed = false
  readonly slowAfter = Number.POSITIVE_INFINITY
  private failures = 0
  private readonly threshold: number

  constructor(threshold: number) {
    this.threshold = threshold
  }

  readonly success = (): undefined => {
    this.failures = 0
  }

  readonly failure = (): OpenReason | undefined => {
    this.failures++
    return this.failures >= this.threshold
      ? { _tag: "ConsecutiveFailures", failures: this.failures }
      : undefined
  }

  readonly pace = (): undefined => {}

  readonly clear = (): void => {
    this.failures = 0
  }

  readonly status = (): TripStatus => ({
    _tag: "Consecutive",
    failures: this.failures,
    threshold: this.threshold
  })

  readonly save = (): SavedTrip => ({ _tag: "Consecutive", failures: this.failures })

  readonly load = (saved: SavedTrip): void => {
    if (saved._tag === "Consecutive") this.failures = Math.min(saved.failures, this.threshold - 1)
  }
}

/** What the two rates share. */
abstract class ByRate {
  abstract readonly tag: "FailureRate" | "SlowCalls"
  readonly isTimed: boolean
  protected readonly policy: Rate
  protected readonly window: Window.Window

  constructor(policy: Rate) {
    this.policy = policy
    this.isTimed = "window" in policy.over
    this.window =
      "window" in policy.over ? new Window.Time(policy.over.window) : new Window.Calls(policy.over.calls)
  }

  protected count(now: number, marked: boolean): OpenReason | undefined {
    const { policy, window } = this
    window.add(now, marked)
    const { calls } = window
    return window.marked > 0 && calls >= policy.minimum && window.marked / calls >= policy.rate
      ? { _tag: this.tag, marked: window.marked, calls, rate: policy.rate }
      : undefined
  }

  readonly clear = (): void => this.window.clear()

  readonly status = (now: number): TripStatus => {
    const { policy, window } = this
    window.expire(now)
    return {
      _tag: this.tag,
      marked: window.marked,
      calls: window.calls,
      rate: policy.rate,
      minimum: policy.minimum
    }
  }

  readonly save = (now: number): SavedTrip => ({ _tag: this.tag, calls: this.window.save(now) })

  readonly load = (saved: SavedTrip, now: number): void => {
    if (saved._tag === this.tag) this.window.load(saved.calls, now)
  }
}

class FailureRate extends ByRate implements Trip {
  readonly tag = "FailureRate"
  readonly slowAfter = Number.POSITIVE_INFINITY
  readonly success = (now: number): OpenReason | undefined => this.count(now, false)
  readonly failure = (now: number): OpenReason | undefined => this.count(now, true)
  readonly pace = (): undefined => {}
}

class SlowCalls extends ByRate implements Trip {
  readonly tag = "SlowCalls"
  readonly slowAfter: number

  constructor(policy: Rate & { readonly slowAfter: number }) {
    super(policy)
    this.slowAfter = policy.slowAfter
  }

  readonly success = (): undefined => {}
  readonly failure = (): undefined => {}
  readonly pace = (now: number, slow: boolean): OpenReason | undefined => this.count(now, slow)
}

class AnyOf implements Trip {
  readonly isTimed: boolean
  readonly slowAfter: number
  private readonly trips: ReadonlyArray<Trip>

  constructor(trips: ReadonlyArray<Trip>) {
    this.trips = trips
    this.isTimed = trips.some(({ isTimed }) => isTimed)
    this.slowAfter = Math.min(...trips.map(({ slowAfter }) => slowAfter))
  }

  // All of them are told, also when the first has its reason. Three loops, since a function for each call would be half of its cost.
  readonly success = (now: number): OpenReason | undefined => {
    let reason: OpenReason | undefined
    for (const trip of this.trips) reason = trip.success(now) ?? reason
    return reason
  }

  readonly failure = (now: number): OpenReason | undefined => {
    let reason: OpenReason | undefined
    for (const trip of this.trips) reason = trip.failure(now) ?? reason
    return reason
  }

  readonly pace = (now: number, slow: boolean): OpenReason | undefined => {
    let reason: OpenReason | undefined
    for (const trip of this.trips) reason = trip.pace(now, slow) ?? reason
    return reason
  }

  readonly clear = (): void => {
    for (const trip of this.trips) trip.clear()
  }

  readonly status = (now: number): TripStatus => ({
    _tag: "AnyOf",
    policies: this.trips.map((trip) => trip.status(now))
  })

  readonly save = (now: number): SavedTrip => ({
    _tag: "AnyOf",
    policies: this.trips.map((trip) => trip.save(now))
  })

  readonly load = (saved: SavedTrip, now: number): void => {
    if (saved._tag !== "AnyOf") return
    for (const [index, own] of saved.policies.entries()) this.trips[index]?.load(own, now)
  }
}
