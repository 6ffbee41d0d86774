/**
 * The life of one session: where its object is, and how it gets to another worker when its own dies or has to go. Its calls go through a
 * {@link Gate}: it is shut while the session is on its way, and opened when its object is there, with the state of the last snapshot.
 *
 * A call that brings a snapshot stays inside the gate until that is stored, so that what is restored is never older than what a caller was
 * told.
 */
import { Category, Retry } from "@fireweed/retry"
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Semaphore from "effect/Semaphore"
import { SessionError, stackless } from "../CallError.ts"
import type { CallError } from "../CallError.ts"
import type { Survival } from "../internal/sessionOptions.ts"
import type { Timer, Timers } from "../internal/Timers.ts"
import type { PoolEvent } from "../PoolEvent.ts"
import type { Recoveries } from "../recovery/Recoveries.ts"
import * as WorkerState from "../worker/WorkerState.ts"
import * as Gate from "./Gate.ts"
import * as Incarnations from "./Incarnations.ts"
import { Taken } from "./Request.ts"
import type { Route, Way } from "./Route.ts"
import type { Entry, Sessions } from "./Sessions.ts"
import type { Row } from "./SessionStore.ts"

/** The life of one session. */
export interface Life {
  readonly key: string
  readonly route: Route
  /** Closes its object. Any number of times, also when it is lost. */
  readonly close: Effect.Effect<void>
}

/** What the sessions of a pool have in common. */
export interface Surroundings {
  readonly timers: Timers
  readonly sessions: Sessions
  readonly incarnations: Incarnations.Incarnations
  /** Moves at once. */
  readonly moves: Semaphore.Semaphore
  /** What brings a session back whose worker is gone. */
  readonly recoveries: Pick<Recoveries, "run">
  /** Most calls that wait for one session on its way, and their longest wait, in milliseconds. */
  readonly queue: { readonly limit: number; readonly timeout: number }
  /** Longest wait for a worker to move to, in milliseconds. */
  readonly movePatience: number
  /** Longest time that anybody waits for its end, in milliseconds. */
  readonly closeTimeout: number
  /** A session that was not used for so many milliseconds is closed. */
  readonly idleTimeout: number
  readonly fork: (effect: Effect.Effect<void>) => Fiber.Fiber<void>
  readonly publish: (build: () => PoolEvent) => void
}

/** What a session is. */
export interface Session {
  readonly origin: Incarnations.Origin
  readonly survival: Survival
  readonly row: Row
  /** Its first incarnation. */
  readonly entry: Entry
}

/** Times that a call which may run twice is attempted. */
const ATTEMPTS = 5

const again: Category.Rule = { ...Category.rules.connection, retries: 5 }

/** What brings a session back is tried again when the worker it should live on dies as well. */
const policy = Retry.byCategory<CallError, Category.Name, "last">({
  surface: "last",
  idempotent: true,
  waitForCircuit: true,
  rules: {
    ...Category.rules,
    connection: again,
    communication: again,
    session: again,
    circuit: { ...Category.rules.circuit, retries: 5 },
    resource: { ...Category.rules.resource, retries: 0 },
    timeout: { ...Category.rules.timeout, retries: 0 }
  }
})

/** Begins the life of a session whose object has just been made. */
export const make = (around: Surroundings, session: Session): Life => {
  const { fork, incarnations, publish, sessions, timers } = around
  const { origin, row, survival } = session
  const { key } = origin
  const name = `${origin.target} (session "${key}")`
  const saves = survival._tag === "Restore"
  const every = saves ? survival.every : Number.POSITIVE_INFINITY
  const keeps = saves && survival.keep
  // With a snapshot after each call, an answer without it is none.
  const strict = every === 1
  let current = session.entry
  let phase: "open" | "moving" | "ended" = "open"
  let moving: Fiber.Fiber<void> | undefined
  let ending: Fiber.Fiber<void> | undefined
  let watching: Fiber.Fiber<void> | undefined
  // Calls since the last snapshot.
  let unsaved = 0
  let lastUse = timers.now()
  let expiry: Timer | undefined
  const writing = Semaphore.makeUnsafe(1)

  const gate = Gate.make<Entry>({
    timers,
    limit: around.queue.limit,
    patience: around.queue.timeout,
    onUse: () => {
      lastUse = timers.now()
    }
  })

  const error = (reason: SessionError["reason"], detail: string, target = name): SessionError =>
    stackless(() => new SessionError({ reason, key, target, detail }))

  const snapshotFailed = (error: CallError): void =>
    publish(() => ({ _tag: "SessionSnapshotFailed", key, worker: current.worker.id, error }))

  /** Fails nobody: an event tells of it. */
  const reported = (effect: Effect.Effect<unknown, CallError>): Effect.Effect<void> =>
    Effect.matchEager(effect, { onFailure: snapshotFailed, onSuccess: () => undefined })

  // --- snapshots

  /** Stores it, after those before it; begins at once, and tells both who called and `done` of the end. */
  const store = (data: Uint8Array, target: string, done = (): void => {}): Effect.Effect<void, CallError> => {
    const stored = Deferred.makeUnsafe<void, CallError>()
    const write = Semaphore.withPermits(
      writing,
      1
    )(
      // What was closed without being kept has no row any more.
      Effect.suspend(() => (phase === "ended" && !keeps ? Effect.void : row.save(data)))
    )
    const tell = (exit: Exit.Exit<void, SessionError>): void => {
      if (Exit.isFailure(exit)) unsaved = Math.max(unsaved, every)
      const why = Exit.isSuccess(exit) ? undefined : Cause.findErrorOption(exit.cause)
      Deferred.doneUnsafe(
        stored,
        why === undefined
          ? Exit.void
          : Exit.fail(
              error(
                "store",
                Option.match(why, { onNone: () => "the store gave up", onSome: ({ detail }) => detail }),
                target
              )
            )
      )
      done()
    }
    fork(Effect.ignoreCause(Effect.onExit(write, (exit) => Effect.sync(() => tell(exit)))))
    return Deferred.await(stored)
  }

  /** What a caller is told of an answer with a snapshot. */
  const acknowledge = (taken: Taken, target: string, done: () => void): Effect.Effect<unknown, CallError> => {
    const { failure, snapshot, value } = taken
    if (snapshot === undefined) {
      done()
      unsaved++
      const failed = Incarnations.notTaken(current, failure, target)
      if (strict) return Effect.fail(failed)
      snapshotFailed(failed)
      return Effect.succeed(value)
    }
    unsaved = 0
    const stored = store(snapshot, target, done)
    return Effect.as(strict ? stored : reported(stored), value)
  }

  // --- calls

  const way = (pass: Gate.Pass<Entry>, target: string, always: boolean): Way => {
    let told = false
    return {
      session: pass.place,
      takes: () => always || unsaved + 1 >= every,
      settled: (exit) => {
        told = true
        if (Exit.isSuccess(exit) && exit.value instanceof Taken)
          return acknowledge(exit.value, target, pass.leave)
        if (mayHaveRun(exit)) unsaved++
        pass.leave()
        return exit
      },
      left: () => {
        // It may have done something before it was told to stop.
        if (!told) unsaved++
        told = true
        pass.leave()
      }
    }
  }

  /** One that was in the worker when it died comes back only if it may run twice, and finds a state. */
  const comesBack = (error: CallError, mayRunTwice: boolean): boolean =>
    phase !== "ended" &&
    ((error._tag === "SessionError" && error.reason === "lost") ||
      (error._tag === "WorkerLost" && mayRunTwice))

  const routed = (always: boolean): Route => ({
    session: () => current,
    run: <A>(
      call: Parameters<Route["run"]>[0],
      attempt: (way: Way) => Effect.Effect<A, CallError>
    ): Effect.Effect<A, CallError> => {
      const ticket = gate.ticket()
      const once = Effect.uninterruptibleMask((restore) =>
        Effect.flatMap(gate.enter(ticket, call, restore), (pass) =>
          // Of a stream it is the end that leaves, not the first item.
          Effect.onError(restore(attempt(way(pass, call.target, always))), () => Effect.sync(pass.leave))
        )
      )
      const round = (number: number): Effect.Effect<A, CallError> =>
        Effect.catchIf(
          once,
          (error) => comesBack(error, call.idempotent && number < ATTEMPTS),
          (error) => {
            if (error._tag !== "WorkerLost") return round(number)
            publish(() => ({ _tag: "CallRetried", target: call.target, attempt: number, error }))
            return round(number + 1)
          }
        )
      return round(1)
    }
  })

  // --- from one worker to another

  const recovered = <A>(travel: Effect.Effect<A, CallError>): Effect.Effect<A, CallError> =>
    Effect.flatMap(around.recoveries.run({ kind: "restore", subject: key }, travel), (outcome) => {
      switch (outcome._tag) {
        case "Recovered":
          return Effect.succeed(outcome.value)
        case "Failed":
          return Effect.fail(outcome.error)
        case "TimedOut":
          return Effect.fail(
            error("restore", `not done within ${Duration.format(outcome.budget)} (recovery.budget.restore)`)
          )
        case "Cancelled":
          return Effect.fail(error("restore", "it was cancelled"))
      }
    })

  const adopt = (entry: Entry): void => {
    current = entry
    phase = "open"
    // Its worker may be gone by now: then nobody would tell, and who passed would come back at once, without end.
    if (sessions.keep(entry, { onLost, move: saves ? move : undefined })) gate.open(entry)
    else onLost()
  }

  const relocate = (): Fiber.Fiber<void> => {
    phase = "moving"
    const from = current
    const began = timers.now()
    const moves = isAlive(from)
    let here = moves
    let made: Entry | undefined
    // A recovery has a budget for all of it.
    const patience = moves ? around.movePatience : Number.POSITIVE_INFINITY

    /** From where it is, if that is still possible; else from the store. */
    const state = Effect.gen(function* () {
      if (!saves) return undefined
      const taken = isAlive(from)
        ? yield* incarnations.take(from).pipe(
            Effect.tap((data) => store(data, name)),
            Effect.catchIf(
              () => !isAlive(from),
              () => Effect.undefined
            )
          )
        : undefined
      const data = taken ?? (yield* Semaphore.withPermits(writing, 1)(row.load))
      return data ?? (yield* error("restore", "the store has no snapshot of it"))
    })

    const incarnate = (data: Uint8Array | undefined): Effect.Effect<Entry, CallError> =>
      Effect.gen(function* () {
        const { entry } = yield* incarnations.make(origin, {
          from: data,
          patience,
          own: true,
          onMade: (entry) => {
            made = entry
          }
        })
        if (here) yield* incarnations.dispose(from)
        here = false
        // Its worker may be gone by now.
        return isAlive(entry) ? entry : yield* error("lost", "its new worker is gone, too")
      })

    const travel = Effect.flatMap(state, (data) =>
      Retry.run(incarnate(data), policy, { maxElapsed: patience })
    )
    // Calls are made where it is until its turn comes: there may be thousands before it. One that is busy then lines up once more; after that the
    // calls that it has in hand are waited for, and nobody else waits for them.
    const inTurn = (isLast: boolean): typeof travel =>
      Effect.suspend(() => {
        const isBusy = gate.inside() > 0
        if (isBusy && !isLast) return Effect.succeed(inTurn(true))
        gate.shut()
        return isBusy
          ? Effect.succeed(Effect.andThen(gate.empty, travel))
          : Effect.map(travel, Effect.succeed)
      }).pipe(Semaphore.withPermits(around.moves, 1), Effect.flatten)
    const journey = moves ? inTurn(false) : Effect.andThen(gate.empty, recovered(travel))

    const arrived = (exit: Exit.Exit<Entry, CallError>): Effect.Effect<void> =>
      Effect.suspend(() => {
        const stray = made
        if (stray !== undefined && (phase === "ended" || Exit.isFailure(exit))) {
          made = undefined
          return Effect.andThen(incarnations.dispose(stray), arrived(exit))
        }
        if (phase === "ended") return Effect.void
        if (Exit.isSuccess(exit)) {
          unsaved = 0
          arrive(exit.value)
          publish(() => ({
            _tag: moves ? "SessionMoved" : saves ? "SessionRestored" : "SessionRemade",
            key,
            from: from.worker.id,
            worker: exit.value.worker.id,
            epoch: exit.value.epoch,
            took: timers.now() - began
          }))
        } else if (here && isAlive(from)) adopt(from)
        else {
          const why = Option.getOrUndefined(Cause.findErrorOption(exit.cause))
          lose(`its worker is gone, and it could not be brought back: ${reasonOf(why)}`)
        }
        return Effect.void
      })

    moving = fork(Effect.ignoreCause(Effect.onExit(journey, arrived)))
    return moving
  }

  const onLost = (): void => {
    gate.shut()
    // One that is on its way looks for itself.
    if (phase !== "open") return
    if (survival._tag === "Fail") lose("its worker is gone, and its state with it")
    else relocate()
  }

  /** It lives here from now on; unless its worker is to go. */
  const arrive = (entry: Entry): void => {
    adopt(entry)
    if (phase === "open" && saves && sessions.isLeaving(entry.worker)) relocate()
  }

  const move = Effect.suspend(() => {
    if (phase === "ended") return Effect.succeed(true)
    const from = current
    const way = phase === "moving" && moving !== undefined ? moving : relocate()
    return Effect.map(Fiber.await(way), () => phase === "ended" || current !== from)
  })

  // --- the end

  const end = (refusal: (target: string) => SessionError): void => {
    phase = "ended"
    if (expiry !== undefined) timers.cancel(expiry)
    watching?.interruptUnsafe()
    gate.end(refusal)
  }

  /** Leaves nothing behind, but the row of one that is kept. */
  const leave = (): Fiber.Fiber<void> => {
    if (!saves) sessions.release(key)
    const last = Effect.flatMap(incarnations.take(current), (data) => store(data, name))
    const whole = Effect.gen(function* () {
      if (moving !== undefined) yield* Fiber.interrupt(moving)
      if (keeps && isAlive(current)) yield* reported(last)
      yield* incarnations.dispose(current)
      if (saves && !keeps) yield* reported(Semaphore.withPermits(writing, 1)(row.drop))
    })
    // Not twice: by now the key may be another's.
    const released = Effect.sync(() => (saves ? sessions.release(key) : undefined))
    ending = fork(Effect.ensuring(whole, released))
    return ending
  }

  const lose = (detail: string): void => {
    end((target) => error("lost", detail, target))
    const { worker } = current
    publish(() => ({ _tag: "SessionLost", key, worker: worker.id }))
    leave()
  }

  const expire = (): void => {
    end((target) =>
      error("expired", `it was not used for ${Duration.format(Duration.millis(around.idleTimeout))}`, target)
    )
    publish(() => ({ _tag: "SessionExpired", key, worker: current.worker.id }))
    leave()
  }

  const checkExpiry = (): void => {
    const idle = phase === "open" && gate.inside() === 0 ? timers.now() - lastUse : 0
    if (idle >= around.idleTimeout) expire()
    else expiry = timers.after(around.idleTimeout - idle, checkExpiry)
  }

  const watch = (interval: number): void => {
    const look = Effect.suspend(() =>
      phase === "open" && unsaved > 0 ? incarnations.look(current, routed(true)) : Effect.void
    )
    watching = fork(Effect.forever(Effect.andThen(Effect.sleep(interval), reported(look))))
  }

  arrive(current)
  if (saves && survival.interval !== undefined) watch(survival.interval)
  if (around.idleTimeout < Number.POSITIVE_INFINITY) checkExpiry()

  return {
    key,
    route: routed(false),
    close: Effect.suspend(() => {
      if (phase !== "ended") {
        const { worker } = current
        end((target) => error("closed", "it is closed", target))
        publish(() => ({ _tag: "SessionClosed", key, worker: worker.id }))
        leave()
      }
      return ending === undefined
        ? Effect.void
        : Effect.asVoid(Effect.timeoutOption(Fiber.await(ending), around.closeTimeout))
    })
  }
}

const reasonOf = (error: CallError | undefined): string => {
  if (error === undefined) return "the pool is closed"
  return error._tag === "SessionError" ? error.detail : error.message
}

const isAlive = (entry: Entry): boolean => WorkerState.isAlive(entry.worker.state())

const mayHaveRun = (exit: Exit.Exit<unknown, CallError>): boolean =>
  Exit.isSuccess(exit) || Option.getOrUndefined(Cause.findErrorOption(exit.cause))?.started !== "no"
