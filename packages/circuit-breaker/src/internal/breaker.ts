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
import { CircuitForcedOpen, CircuitHalfOpen, CircuitOpen, type Rejection } from "../Rejection.ts"
import type { Saved, Snapshot, State } from "../State.ts"
import type { Override, Transition } from "../Transition.ts"
import * as Circuit from "./circuit.ts"
import { explain } from "./explain.ts"
import * as Metrics from "./metrics.ts"
import type { Decoded } from "./options.ts"
import { HeldPermit } from "./permit.ts"
import * as Running from "./running.ts"
import * as Trip from "./trip.ts"
import { TypeId } from "./typeId.ts"

export class Breaker implements CircuitBreaker {
  readonly [TypeId] = TypeId
  readonly name: string
  readonly key: unknown
  private readonly clock: Clock.Clock
  private readonly classify: Classify | undefined
  private readonly circuit: Circuit.Circuit
  private readonly listeners = new Set<(transition: Transition) => void>()
  private readonly metrics: Metrics.Metrics | undefined
  private readonly spans: boolean
  private readonly rejoin: ((breaker: Breaker) => void) | undefined
  /** How often its registry has looked since it was last used; infinite when the registry has forgotten it. */
  private looks = 0

  constructor(options: Decoded, clock: Clock.Clock, key?: unknown, rejoin?: (breaker: Breaker) => void) {
    this.name = options.name
    this.key = key
    this.rejoin = rejoin
    this.classify = options.classify
    this.spans = options.spans
    this.clock = clock
    const now = this.now()
    this.circuit = Circuit.make(options.policy, Trip.make(options.tripPolicy), now)
    if (options.restore !== undefined)
      Circuit.restore(this.circuit, options.restore, now, clock.currentTimeMillisUnsafe())
    this.metrics = options.metrics && Metrics.make(options.name, now, options.metrics)
    this.observe()
  }

  readonly run = <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E | Rejection, R> =>
    Effect.suspend(() => this.runUnsafe(self))

  /** What `run` does when it is run. */
  runUnsafe<A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E | Rejection, R> {
    const { circuit } = this
    this.use()
    if (this.spans)
      return Effect.andThen(
        this.annotate,
        Effect.suspend(() => this.runGuarded(self))
      )
    if (!circuit.isPlain) {
      const now = this.now()
      return Circuit.admits(circuit, now) ? this.runGuarded(self) : Effect.fail(this.reject(now))
    }
    if (circuit.inFlight !== undefined) return this.runGuarded(self)
    // A closed circuit hands out nothing that could be lost, so the finalizer can be put in place after the decision.
    return Effect.onExitPrimitive(self, this.finalizer(circuit.generation))
  }

  /** What is done at the end of a call of a closed circuit: the same for all of one generation. */
  private finalizer(generation: number): Finalizer {
    if (this.finalizerOf !== generation) {
      this.finalizerOf = generation
      this.lastFinalizer = (exit) => this.settleExit(generation, undefined, exit)
    }
    return this.lastFinalizer
  }

  private finalizerOf = Circuit.REJECTED
  private lastFinalizer: Finalizer = () => undefined

  /** The finalizer comes first: an interruption can strike between any two steps, and what was handed out must not leak. */
  private runGuarded<A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E | Rejection, R> {
    let generation = Circuit.REJECTED
    let call: Running.Call | undefined
    return Effect.onExitPrimitive(
      Effect.suspend((): Effect.Effect<A, E | Rejection, R> => {
        const now = this.now()
        generation = Circuit.admit(this.circuit, now)
        if (generation === Circuit.REJECTED) return Effect.fail(this.rejection(now))
        call = this.enter(generation, now)
        return self
      }),
      (exit) => (generation === Circuit.REJECTED ? undefined : this.settleExit(generation, call, exit))
    )
  }

  private enter(generation: number, now: number): Running.Call | undefined {
    const { inFlight } = this.circuit
    return inFlight === undefined || generation === Circuit.BYPASSED
      ? undefined
      : Running.add(inFlight, now, generation)
  }

  acquireUnsafe(): Result.Result<Permit, Rejection> {
    this.use()
    const now = this.now()
    const generation = Circuit.admit(this.circuit, now)
    if (generation === Circuit.REJECTED) return Result.fail(this.rejection(now))
    const call = this.enter(generation, now)
    return Result.succeed(new HeldPermit((outcome) => this.settle(generation, call, outcome)))
  }

  get acquire(): Effect.Effect<Permit, Rejection, Scope.Scope> {
    return Effect.acquireRelease(
      Effect.suspend(() => Effect.fromResult(this.acquireUnsafe())),
      (permit) => permit.ignore
    )
  }

  recordUnsafe(outcome: Outcome): void {
    this.settle(Circuit.unasked(this.circuit), undefined, outcome)
  }

  record(outcome: Outcome): Effect.Effect<void> {
    return Effect.sync(() => this.recordUnsafe(outcome))
  }

  stateUnsafe(): State {
    const { circuit } = this
    const now = this.now()
    Circuit.tick(circuit, now)
    const { failed, openReason: reason, phase, running, started, succeeded } = circuit
    if (phase === "Closed") return { _tag: phase }
    if (phase === "Open") return { _tag: phase, retryAfter: remaining(circuit.openUntil, now), reason }
    return { _tag: phase, retryAfter: this.patience(now), reason, running, started, succeeded, failed }
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
      override: Circuit.override(circuit),
      since: this.epoch(circuit.since),
      reason: circuit.reason,
      openUntil: state._tag === "Open" ? this.epoch(circuit.openUntil) : undefined,
      trip: circuit.trip.status(this.now()),
      consecutiveOpenings: Circuit.openings(circuit, this.now()),
      lastFailure: circuit.lastFailure,
      calls: { ...circuit.calls }
    }
  }

  get snapshot(): Effect.Effect<Snapshot> {
    return Effect.sync(() => this.snapshotUnsafe())
  }

  /** Somebody has to do with it: it is not idle, and comes back if its registry has forgotten it. */
  use(): void {
    if (this.looks === Number.POSITIVE_INFINITY) this.rejoin?.(this)
    this.looks = 0
  }

  /** Its registry looks, at regular times: whether to forget it, because it is idle for the n-th time and nothing would be lost. */
  forgets(n: number): boolean {
    if (++this.looks < n || !Circuit.isAtRest(this.circuit, this.now())) return false
    this.looks = Number.POSITIVE_INFINITY
    return true
  }

  tripUnsafe(): void {
    this.use()
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

  recoverUnsafe(to: "HalfOpen" | "Closed"): void {
    Circuit.recover(this.circuit, this.now(), to)
  }

  recover(to: "HalfOpen" | "Closed"): Effect.Effect<void> {
    return Effect.sync(() => this.recoverUnsafe(to))
  }

  override(which: Exclude<Override, "None">): Effect.Effect<void, never, Scope.Scope> {
    return Effect.acquireRelease(
      Effect.sync(() => {
        this.use()
        Circuit.hold(this.circuit, which, 1, this.now())
      }),
      () => Effect.sync(() => Circuit.hold(this.circuit, which, -1, this.now()))
    )
  }

  get save(): Effect.Effect<Saved> {
    return Effect.sync(() => {
      const now = this.now()
      return Circuit.save(this.circuit, now, this.clock.currentTimeMillisUnsafe())
    })
  }

  get explain(): Effect.Effect<string> {
    return Effect.sync(() => explain(this.snapshotUnsafe()))
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

  private settle(generation: number, call: Running.Call | undefined, outcome: Outcome): void {
    const { circuit, metrics } = this
    this.use()
    const { bypassed, stale } = circuit.calls
    const isFailure = outcome._tag === "Failure"
    const now = isFailure || call !== undefined ? this.now() : this.lazyNow()
    Circuit.settle(circuit, generation, call, now, outcome, isFailure ? millis(outcome.retryAfter) : 0)
    if (metrics === undefined) return
    if (circuit.calls.stale > stale) metrics.call("Stale")
    else if (circuit.calls.bypassed > bypassed) metrics.call("Bypassed")
    else metrics.call(outcome._tag)
  }

  private settleExit(
    generation: number,
    call: Running.Call | undefined,
    exit: Exit.Exit<unknown, unknown>
  ): undefined {
    if (this.classify === undefined) {
      this.settle(generation, call, exit._tag === "Success" ? success : classifyDefault(exit))
      return
    }
    // A `classify` that throws makes the call die, and must not keep the trial.
    let outcome: Outcome = ignored
    try {
      outcome = this.classify(exit) ?? classifyDefault(exit)
    } finally {
      this.settle(generation, call, outcome)
    }
  }

  private reject(now: number): Rejection {
    this.circuit.calls.rejected++
    return this.rejection(now)
  }

  private rejection(now: number): Rejection {
    const { circuit, key, name } = this
    const { lastFailure, openReason } = circuit
    this.metrics?.rejection(Circuit.override(circuit) === "ForcedOpen" ? "ForcedOpen" : circuit.phase)
    if (circuit.holders.ForcedOpen > 0) {
      // How long the override lasts is not known; whoever waits and asks again shall not do so all the time.
      const left = circuit.phase === "Open" ? circuit.openUntil - now : 0
      const wait = Duration.millis(Math.ceil(left > 0 ? left : circuit.policy.firstOpenTime))
      return new CircuitForcedOpen(name, key, wait, openReason, lastFailure)
    }
    return circuit.phase === "Open"
      ? new CircuitOpen(name, key, remaining(circuit.openUntil, now), openReason, lastFailure)
      : new CircuitHalfOpen(name, key, this.patience(now), openReason, lastFailure)
  }

  /** For how long the trials of a half-open circuit may still be in flight; while there are none, nothing presses. */
  private patience(now: number): Duration.Duration {
    const { circuit } = this
    return circuit.running === 0 ? Duration.millis(circuit.policy.deadline) : remaining(circuit.deadline, now)
  }

  /** What a trace shows of the circuit, at the beginning of a call. */
  private get annotate(): Effect.Effect<void> {
    return Effect.suspend(() =>
      Effect.annotateCurrentSpan({
        "circuit.name": this.name,
        "circuit.state": this.stateUnsafe()._tag,
        "circuit.override": Circuit.override(this.circuit)
      })
    )
  }

  private subscribe(listener: (transition: Transition) => void): void {
    const { circuit } = this
    Circuit.tick(circuit, this.now())
    listener(
      this.transition({ from: undefined, to: circuit.phase, at: circuit.since, reason: circuit.reason })
    )
    this.listeners.add(listener)
    this.observe()
  }

  private unsubscribe(listener: (transition: Transition) => void): void {
    this.listeners.delete(listener)
    this.observe()
  }

  /** Transitions are told only while somebody listens. */
  private observe(): void {
    const { circuit, listeners, metrics } = this
    circuit.observer =
      listeners.size === 0 && metrics === undefined
        ? undefined
        : (move) => {
            metrics?.transition(move)
            if (listeners.size === 0) return
            const transition = this.transition(move)
            for (const listener of listeners) listener(transition)
          }
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
    const { phase, trip } = this.circuit
    return phase === "Closed" && !trip.isTimed ? 0 : this.now()
  }

  private epoch(at: number): number {
    return Math.round(this.clock.currentTimeMillisUnsafe() + at - this.now())
  }
}

const millis = (duration: Duration.Duration | undefined): number =>
  duration === undefined ? 0 : Duration.toMillis(duration)

type Finalizer = (exit: Exit.Exit<unknown, unknown>) => undefined

/** In whole milliseconds, rounded up: whoever waits so long has waited long enough. */
const remaining = (until: number, now: number): Duration.Duration =>
  Duration.millis(Math.max(0, Math.ceil(until - now)))
