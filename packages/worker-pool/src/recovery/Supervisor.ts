/**
 * Keeps the places of a pool filled: one fiber for each place starts a worker, waits for its end and starts the next, as
 * {@link Decision.decide} says, for as long as the circuit breaker of the starts allows it.
 *
 * A life counts as a success for the breaker once its worker has answered a call, or has lived through the probation without one; as a
 * failure when it ends before. So a function that kills every worker it meets, or an interpreter that dies in its first second, stops
 * after a few lives, and is tried again after a pause.
 */
import type { CircuitBreaker } from "@fireweed/circuit-breaker"
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberSet from "effect/FiberSet"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import type { StartError } from "../CallError.ts"
import type { End } from "../transport/Transport.ts"
import type { Worker } from "../worker/Worker.ts"
import * as WorkerState from "../worker/WorkerState.ts"
import * as Decision from "./Decision.ts"

/** What a supervisor is made of. */
export interface SupervisorOptions {
  readonly size: number
  readonly breaker: CircuitBreaker.CircuitBreaker
  /** Starts a worker in the n-th place; `life` counts from 1. */
  readonly start: (slot: number, life: number) => Effect.Effect<Worker, StartError, Scope.Scope>
  /** A worker is ready. */
  readonly onReady: (worker: Worker) => void
  /** A worker that was ready is gone. */
  readonly onEnd: (worker: Worker, end: End) => void
  /** A worker could not be started. */
  readonly onStartFailed: (slot: number, life: number, error: StartError) => void
  /** The breaker holds back a start for this long. */
  readonly onHeldBack: (rejection: CircuitBreaker.Rejection) => void
}

/** How long a worker that has answered nothing must live to count as well, in milliseconds. */
export const PROBATION = 5_000
/** The least time between two questions to the breaker. */
const AGAIN = Duration.millis(10)

/**
 * Starts all workers at once and returns when the first of them is ready; fails when none can be started, with the error of the first.
 * The scope's end stops them all, together.
 */
export const make = (options: SupervisorOptions): Effect.Effect<void, StartError, Scope.Scope> =>
  Effect.gen(function* () {
    const opened = yield* Deferred.make<void, StartError>()
    const fibers = yield* FiberSet.make<void>()
    let waiting = options.size
    let firstError: StartError | undefined
    // Completed, and replaced, whenever a life has come to a verdict: the breaker may have moved.
    let verdict = Deferred.makeUnsafe<void>()

    const judged = (): void => {
      Deferred.doneUnsafe(verdict, Effect.void)
      verdict = Deferred.makeUnsafe<void>()
    }

    const onReady = (worker: Worker): void => {
      options.onReady(worker)
      Deferred.doneUnsafe(opened, Effect.void)
    }

    // Nobody is served before the first worker is ready: a start that fails until then is not tried again, but told.
    const onStartFailed = (slot: number, life: number, error: StartError): Effect.Effect<void> => {
      options.onStartFailed(slot, life, error)
      if (life > 1) return Effect.void
      firstError ??= error
      waiting--
      if (waiting === 0) Deferred.doneUnsafe(opened, Effect.fail(firstError))
      return Effect.ignore(Deferred.await(opened))
    }

    // Places that the breaker holds back before any worker was ready would fail as the others did.
    const refused = (rejection: CircuitBreaker.Rejection): void => {
      if (firstError !== undefined && rejection._tag === "CircuitOpen")
        Deferred.doneUnsafe(opened, Effect.fail(firstError))
    }

    // What dies here is a fault of this package: then the pool must not wait for it, nor lose a place in silence.
    const supervised = (slot: number): Effect.Effect<void> =>
      Effect.tapCause(keep(slot), (cause) => {
        if (Cause.hasInterruptsOnly(cause)) return Effect.void
        Deferred.doneUnsafe(opened, Effect.failCause(cause))
        return Effect.logError(`place ${slot} of the pool is given up`, cause)
      })

    const keep = (slot: number): Effect.Effect<void> =>
      Effect.gen(function* () {
        let fruitless = 0
        for (let life = 1; ; life++) {
          const permit = yield* admission
          const outcome = yield* live(slot, life, permit)
          const action = Decision.decide(outcome, fruitless)
          fruitless = action.fruitless
          if (outcome._tag === "NotStarted") yield* onStartFailed(slot, life, outcome.error)
          if (action.delay > 0) yield* Effect.sleep(action.delay)
        }
      })

    /** Waits until the breaker lets a worker be started. */
    const admission: Effect.Effect<CircuitBreaker.Permit> = Effect.suspend(() => {
      const permit = options.breaker.acquireUnsafe()
      if (Result.isSuccess(permit)) return Effect.succeed(permit.success)
      options.onHeldBack(permit.failure)
      refused(permit.failure)
      const pause = Effect.sleep(Duration.max(permit.failure.retryAfter, AGAIN))
      return Effect.andThen(Effect.race(pause, Deferred.await(verdict)), admission)
    })

    const live = (slot: number, life: number, permit: CircuitBreaker.Permit): Effect.Effect<Decision.Life> =>
      Effect.gen(function* () {
        const worker = yield* options.start(slot, life)
        onReady(worker)
        // Whichever comes first: an answer, the end of the probation, the end of the worker.
        yield* Effect.raceFirst(Effect.timeoutOption(worker.answered, PROBATION), worker.ended)
        const proven = WorkerState.isAlive(worker.state())
        if (proven) {
          permit.successUnsafe()
          judged()
        }
        const end = yield* worker.ended
        const served = worker.served()
        if (!proven) {
          if (served > 0) permit.successUnsafe()
          else permit.failureUnsafe(end)
          judged()
        }
        options.onEnd(worker, end)
        return { _tag: "Ended" as const, end, served }
      }).pipe(
        Effect.scoped,
        Effect.catch((error) => {
          permit.failureUnsafe(error)
          judged()
          return Effect.succeed({ _tag: "NotStarted" as const, error })
        }),
        // Stopped from outside: the life came to no verdict.
        Effect.onExit((exit) =>
          Exit.isSuccess(exit) ? Effect.void : Effect.sync(() => permit.ignoreUnsafe())
        )
      )

    for (let slot = 1; slot <= options.size; slot++) yield* FiberSet.run(fibers, supervised(slot))
    yield* Deferred.await(opened)
  })
