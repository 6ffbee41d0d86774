/** The Effect shell of a circuit: it supplies the time, runs the calls, and turns decisions into errors and events. */
import type * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Queue from "effect/Queue"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { CircuitBreaker } from "../CircuitBreaker.ts"
import { type Classify, classifyDefault, ignored, type Outcome, success } from "../Outcome.ts"
import type { Permit } from "../Permit.ts"
import { CircuitHalfOpen, CircuitOpen, type Rejection } from "../Rejection.ts"
import type { Snapshot, State } from "../State.ts"
import type { Transition } from "../Transition.ts"
import * as Circuit from "./circuit.ts"
import type { Decoded } from "./options.ts"
import { HeldPermit } from "./permit.ts"
import * as Trip from "./trip.ts"
import { TypeId } from "./typeId.ts"

export class Breaker implements CircuitBreaker {
  readonly [TypeId] = TypeId
  readonly name: string
  private readonly clock: Clock.Clock
  private readonly classify: Classify | undefined
  private readonly circuit: Circuit.Circuit
  private readonly listeners = new Set<(transition: Transition) => void>()

  constructor(options: Decoded, clock: Clock.Clock) {
    this.name = options.name
    this.classify = options.classify
    this.clock = clock
    this.circuit = Circuit.make(options.policy, Trip.make(options.tripPolicy), this.now())
  }

  readonly run = <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E | Rejection, R> => {
    const { circuit } = this
    // A closed circuit hands out nothing that could be lost, so the finalizer can be put in place after the decision.
    return Effect.suspend((): Effect.Effect<A, E | Rejection, R> => {
      if (circuit.phase !== "Closed") return this.runTrial(self)
      const generation = circuit.generation
      return Effect.onExitPrimitive(self, (exit) => this.settleExit(generation, exit))
    })
  }

  /** The finalizer comes first: an interruption can strike between any two steps, and the trial must not leak. */
  private runTrial<A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E | Rejection, R> {
    const now = this.now()
    if (!Circuit.admits(this.circuit, now)) return Effect.fail(this.reject(now))
    let generation = Circuit.REJECTED
    return Effect.onExitPrimitive(
      Effect.suspend((): Effect.Effect<A, E | Rejection, R> => {
        const now = this.now()
        generation = Circuit.admit(this.circuit, now)
        return generation === Circuit.REJECTED ? Effect.fail(this.rejection(now)) : self
      }),
      (exit) => (generation === Circuit.REJECTED ? undefined : this.settleExit(generation, exit))
    )
  }

  acquireUnsafe(): Result.Result<Permit, Rejection> {
    const now = this.now()
    const generation = Circuit.admit(this.circuit, now)
    return generation === Circuit.REJECTED
      ? Result.fail(this.rejection(now))
      : Result.succeed(new HeldPermit((outcome) => this.settle(generation, outcome)))
  }

  get acquire(): Effect.Effect<Permit, Rejection, Scope.Scope> {
    return Effect.acquireRelease(
      Effect.suspend(() => Effect.fromResult(this.acquireUnsafe())),
      (permit) => permit.ignore
    )
  }

  recordUnsafe(outcome: Outcome): void {
    this.settle(Circuit.unasked(this.circuit), outcome)
  }

  record(outcome: Outcome): Effect.Effect<void> {
    return Effect.sync(() => this.recordUnsafe(outcome))
  }

  stateUnsafe(): State {
    const { circuit } = this
    const now = this.now()
    Circuit.tick(circuit, now)
    const { openReason: reason, phase, running, started, succeeded } = circuit
    if (phase === "Closed") return { _tag: phase }
    if (phase === "Open") return { _tag: phase, retryAfter: remaining(circuit.openUntil, now), reason }
    return { _tag: phase, retryAfter: remaining(circuit.deadline, now), reason, running, started, succeeded }
  }

  get state(): Effect.Effect<State> {
    return Effect.sync(() => this.stateUnsafe())
  }

  snapshotUnsafe(): Snapshot {
    const { circuit } = this
    const state = this.stateUnsafe()
    return {
      breaker: this.name,
      state,
      since: this.epoch(circuit.since),
      reason: circuit.reason,
      openUntil: state._tag === "Open" ? this.epoch(circuit.openUntil) : undefined,
      trip: circuit.trip.status(),
      consecutiveOpenings: Circuit.openings(circuit, this.now()),
      lastFailure: circuit.lastFailure,
      calls: { ...circuit.calls }
    }
  }

  get snapshot(): Effect.Effect<Snapshot> {
    return Effect.sync(() => this.snapshotUnsafe())
  }

  tripUnsafe(): void {
    Circuit.trip(this.circuit, this.now())
  }

  get trip(): Effect.Effect<void> {
    return Effect.sync(() => this.tripUnsafe())
  }

  resetUnsafe(): void {
    Circuit.reset(this.circuit, this.now())
  }

  get reset(): Effect.Effect<void> {
    return Effect.sync(() => this.resetUnsafe())
  }

  get transitions(): Stream.Stream<Transition> {
    return Stream.callback<Transition>(
      (queue) => {
        const listener = (transition: Transition) => void Queue.offerUnsafe(queue, transition)
        return Effect.acquireRelease(
          Effect.sync(() => this.subscribe(listener)),
          () => Effect.sync(() => this.unsubscribe(listener))
        )
      },
      { bufferSize: 128, strategy: "sliding" }
    )
  }

  private settle(generation: number, outcome: Outcome): void {
    const { circuit } = this
    switch (outcome._tag) {
      case "Success":
        return Circuit.success(circuit, generation, this.lazyNow())
      case "Ignored":
        return Circuit.ignore(circuit, generation, this.lazyNow())
      case "Failure": {
        const retryAfter = outcome.retryAfter === undefined ? 0 : Duration.toMillis(outcome.retryAfter)
        return Circuit.failure(circuit, generation, this.now(), outcome.error, retryAfter)
      }
    }
  }

  private settleExit(generation: number, exit: Exit.Exit<unknown, unknown>): undefined {
    if (this.classify === undefined) {
      this.settle(generation, exit._tag === "Success" ? success : classifyDefault(exit))
      return
    }
    // A `classify` that throws makes the call die, and must not keep the trial.
    let outcome: Outcome = ignored
    try {
      outcome = this.classify(exit) ?? classifyDefault(exit)
    } finally {
      this.settle(generation, outcome)
    }
  }

  private reject(now: number): Rejection {
    this.circuit.calls.rejected++
    return this.rejection(now)
  }

  private rejection(now: number): Rejection {
    const { circuit } = this
    return circuit.phase === "Open"
      ? new CircuitOpen(this.name, remaining(circuit.openUntil, now), circuit.openReason, circuit.lastFailure)
      : new CircuitHalfOpen(
          this.name,
          remaining(circuit.deadline, now),
          circuit.openReason,
          circuit.lastFailure
        )
  }

  private subscribe(listener: (transition: Transition) => void): void {
    const { circuit } = this
    Circuit.tick(circuit, this.now())
    listener(
      this.transition({ from: undefined, to: circuit.phase, at: circuit.since, reason: circuit.reason })
    )
    this.listeners.add(listener)
    circuit.observer ??= (move) => {
      const transition = this.transition(move)
      for (const listener of this.listeners) listener(transition)
    }
  }

  private unsubscribe(listener: (transition: Transition) => void): void {
    this.listeners.delete(listener)
    if (this.listeners.size === 0) this.circuit.observer = undefined
  }

  private transition(move: Omit<Transition, "breaker">): Transition {
    return { breaker: this.name, ...move, at: this.epoch(move.at) }
  }

  /** Monotonic milliseconds: a wall clock that is set back would keep a circuit open. */
  private now(): number {
    return Number(this.clock.monotonicTimeNanosUnsafe()) / 1e6
  }

  /** The time for what does not look at it while the circuit is closed: reading the clock costs more than the rest. */
  private lazyNow(): number {
    return this.circuit.phase === "Closed" ? 0 : this.now()
  }

  private epoch(at: number): number {
    return Math.round(this.clock.currentTimeMillisUnsafe() + at - this.now())
  }
}

/** In whole milliseconds, rounded up: whoever waits so long has waited long enough. */
const remaining = (until: number, now: number): Duration.Duration =>
  Duration.millis(Math.max(0, Math.ceil(until - now)))
