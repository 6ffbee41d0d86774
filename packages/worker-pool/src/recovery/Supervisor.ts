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
  /** Places that are filled at any time. */
  readonly min: number
  /** Places that there can be. */
  readonly max: number
  /** Whether a worker that ended shall have a successor, though there are more places than the least. */
  readonly wanted: () => boolean
  readonly breaker: CircuitBreaker.CircuitBreaker
  /** Starts a worker in the n-th place; `life` counts from 1. It `recovers` if the one before it there died, or could not be started. */
  readonly start: (
    slot: number,
    life: number,
    recovers: boolean
  ) => Effect.Effect<Worker, StartError, Scope.Scope>
  /** A worker is ready. */
  readonly onReady: (worker: Worker) => void
  /** A worker that was ready is gone. */
  readonly onEnd: (worker: Worker, end: End) => void
  /** A worker could not be started. */
  readonly onStartFailed: (slot: number, life: number, error: StartError) => void
  /** The breaker holds back a start for this long. */
  readonly onHeldBack: (rejection: CircuitBreaker.Rejection) => void
}

/** Keeps the places of a pool filled. */
export interface Supervisor {
  /** Places that are to be filled. */
  readonly starting: () => number
  /** Adds so many places, as long as there are fewer than the most. */
  readonly grow: (count: number) => void
  /**
   * Starts a successor in the place of a worker, and gives it when it is ready; the worker goes on, until it is retired. Should it end before,
   * the successor takes its place all the same. `undefined` if the worker has ended, or has a successor.
   */
  readonly succeed: (worker: Worker) => Effect.Effect<Worker | undefined, StartError>
  /** Gives up the place of a worker, or leaves it to its successor, and lets it go; it should take no more calls. */
  readonly retire: (worker: Worker) => void
}

/** How long a worker that has answered nothing must live to count as well, in milliseconds. */
export const PROBATION = 5_000
/** The least time between two questions to the breaker. */
const AGAIN = Duration.millis(10)

/**
 * Starts the least number of workers at once and returns when the first of them is ready; fails when none can be started, with the error of the first.
 * The scope's end stops them all, together.
 */
export const make = (options: SupervisorOptions): Effect.Effect<Supervisor, StartError, Scope.Scope> =>
  Effect.gen(function* () {
    const opened = yield* Deferred.make<void, StartError>()
    const run = yield* FiberSet.makeRuntime<never, void, never>()
    let waiting = options.min
    // How many lives each place has had; and the places that are taken, by how many fibers.
    const lives = new Map<number, number>()
    const taken = new Map<number, number>()
    const live = new Map<Worker, Tenure>()
    let keepers = 0
    let leaving = 0
    let firstError: StartError | undefined
    // Completed, and replaced, whenever a life has come to a verdict: the breaker may have moved.
    let verdict = Deferred.makeUnsafe<void>()

    const judged = (): void => {
      Deferred.doneUnsafe(verdict, Effect.void)
      verdict = Deferred.makeUnsafe<void>()
    }

    const onReady = (worker: Worker, tenure: Tenure): void => {
      live.set(worker, tenure)
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
    const supervised = (slot: number, succession?: Succession): Effect.Effect<void> =>
      keep(slot, succession).pipe(
        Effect.tapCause((cause) => {
          if (Cause.hasInterruptsOnly(cause)) return Effect.void
          Deferred.doneUnsafe(opened, Effect.failCause(cause))
          if (succession !== undefined) Deferred.doneUnsafe(succession, Effect.failCause(cause))
          return Effect.logError(`place ${slot} of the pool is given up`, cause)
        }),
        Effect.ensuring(
          Effect.sync(() => {
            keepers--
            const others = (taken.get(slot) ?? 1) - 1
            if (others === 0) taken.delete(slot)
            else taken.set(slot, others)
          })
        )
      )

    /** Fills a place until it is not wanted any more, or a successor has it; `succession` waits for the first worker. */
    const keep = (slot: number, succession?: Succession): Effect.Effect<void> =>
      Effect.gen(function* () {
        let fruitless = 0
        for (let recovers = false; ; recovers = true) {
          const permit = yield* admission
          const life = (lives.get(slot) ?? 0) + 1
          lives.set(slot, life)
          const outcome = yield* lead(slot, life, permit, recovers, succession)
          if (outcome._tag === "Retired") {
            options.onEnd(outcome.worker, yield* outcome.worker.ended)
            leaving--
            return
          }
          const isTaken =
            outcome._tag === "Ended"
              ? yield* isSucceeded(outcome.succession)
              : // Told now, the one in whose place it was to be goes on.
                succession !== undefined && Deferred.doneUnsafe(succession, Effect.fail(outcome.error))
          if (outcome._tag === "NotStarted") yield* onStartFailed(slot, life, outcome.error)
          const isNeeded = taken.size - leaving <= options.min || options.wanted()
          const action = Decision.decide(outcome, { fruitless, isTaken, isNeeded })
          if (action._tag === "Leave") return
          fruitless = action.fruitless
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

    const lead = (
      slot: number,
      life: number,
      permit: CircuitBreaker.Permit,
      recovers: boolean,
      own?: Succession
    ): Effect.Effect<Course> =>
      Effect.gen(function* () {
        const worker = yield* options.start(slot, life, recovers)
        const tenure: Tenure = { slot, retired: Deferred.makeUnsafe(), succession: undefined }
        onReady(worker, tenure)
        if (own !== undefined) Deferred.doneUnsafe(own, Effect.succeed(worker))
        const over = Effect.raceFirst(worker.ended, Deferred.await(tenure.retired))
        // Whichever comes first: an answer, the end of the probation, the end of the worker.
        yield* Effect.raceFirst(Effect.timeoutOption(worker.answered, PROBATION), over)
        const proven = WorkerState.isAlive(worker.state())
        if (proven) {
          permit.successUnsafe()
          judged()
        }
        yield* over
        if (!live.delete(worker)) return { _tag: "Retired" as const, worker }
        const end = yield* worker.ended
        const served = worker.served()
        if (!proven) {
          if (served > 0) permit.successUnsafe()
          else permit.failureUnsafe(end)
          judged()
        }
        options.onEnd(worker, end)
        return { _tag: "Ended" as const, end, served, succession: tenure.succession }
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

    const occupy = (slot: number, succession?: Succession): void => {
      keepers++
      taken.set(slot, (taken.get(slot) ?? 0) + 1)
      run(supervised(slot, succession))
    }

    /** Takes the first place that is free, and keeps it filled. */
    const take = (): void => {
      let slot = 1
      while (taken.has(slot)) slot++
      occupy(slot)
    }

    for (let place = 0; place < options.min; place++) take()
    yield* Deferred.await(opened)

    return {
      starting: () => keepers - live.size - leaving,
      grow: (count) => {
        for (let left = count; left > 0 && taken.size < options.max; left--) take()
      },
      succeed: (worker) =>
        Effect.suspend(() => {
          const tenure = live.get(worker)
          if (tenure === undefined || tenure.succession !== undefined) return Effect.succeed(undefined)
          const succession: Succession = Deferred.makeUnsafe()
          tenure.succession = succession
          occupy(tenure.slot, succession)
          return Effect.tapError(Deferred.await(succession), () =>
            Effect.sync(() => {
              tenure.succession = undefined
            })
          )
        }),
      retire: (worker) => {
        const tenure = live.get(worker)
        if (tenure === undefined) return
        live.delete(worker)
        leaving++
        Deferred.doneUnsafe(tenure.retired, Effect.void)
      }
    }
  })

/** Waits for a successor. */
type Succession = Deferred.Deferred<Worker, StartError>

/** A worker in its place. */
interface Tenure {
  readonly slot: number
  readonly retired: Deferred.Deferred<void>
  succession: Succession | undefined
}

/** How a life went, or that it was not waited for its end. */
type Course =
  | (Decision.Failure & { readonly succession?: Succession | undefined })
  | { readonly _tag: "Retired"; readonly worker: Worker }

const isSucceeded = (succession: Succession | undefined): Effect.Effect<boolean> =>
  succession === undefined
    ? Effect.succeed(false)
    : Effect.match(Deferred.await(succession), { onFailure: () => false, onSuccess: () => true })
