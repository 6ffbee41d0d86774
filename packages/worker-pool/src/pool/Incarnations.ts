/**
 * The objects of sessions on their workers: how one is made, from its arguments or from a snapshot, how its state is asked for, and how it
 * is closed. What goes wrong on the way leaves no object behind.
 */
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Base64 from "effect/encoding/Base64"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import { DeadlineExceeded, QueueFull, SessionError, stackless } from "../CallError.ts"
import type { CallError } from "../CallError.ts"
import type { Timers } from "../internal/Timers.ts"
import type { CodecName } from "../protocol/Codec.ts"
import * as Kind from "../protocol/Kind.ts"
import type { PythonException } from "../protocol/Message.ts"
import * as WorkerState from "../worker/WorkerState.ts"
import { deadlineOf } from "./Calls.ts"
import type { CallOptions, Invoke } from "./Calls.ts"
import type { Dispatcher } from "./Dispatcher.ts"
import { Taken } from "./Request.ts"
import type { Deadline } from "./Request.ts"
import type { Route } from "./Route.ts"
import type { Entry, Sessions } from "./Sessions.ts"

/** What a session is made from. */
export interface Origin {
  readonly key: string
  readonly target: string
  readonly args: ReadonlyArray<unknown>
  readonly options: Pick<CallOptions, "kwargs" | "deadline">
}

/** How an incarnation is made. */
export interface Birth {
  /** The bytes of a snapshot; without one the object is made from its arguments. */
  readonly from?: Uint8Array | undefined
  /** It will be asked for snapshots, and answers with the first. */
  readonly takes?: boolean | undefined
  /** Longest wait for a worker, in milliseconds. */
  readonly patience: number
  /** The pool makes it for itself, and tells nobody. */
  readonly own?: boolean | undefined
  /** Told at once when it is there, before anything can come in between. */
  readonly onMade?: ((entry: Entry) => void) | undefined
}

/** The objects of one pool's sessions. */
export interface Incarnations {
  readonly make: (
    origin: Origin,
    birth: Birth
  ) => Effect.Effect<{ readonly entry: Entry; readonly answer: unknown }, CallError>
  /** Asks for a snapshot, after the calls before it, and waits for as long as it takes. */
  readonly take: (entry: Entry) => Effect.Effect<Uint8Array, CallError>
  /** A call that brings a snapshot, and does nothing else. */
  readonly look: (entry: Entry, route: Route) => Effect.Effect<unknown, CallError>
  /** Forgets it and closes its object; whoever waits does so for a limited time. */
  readonly dispose: (entry: Entry) => Effect.Effect<void>
}

type Restore = <A, E, R>(wait: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>

/** Makes what makes them. */
export const make = (options: {
  readonly invoke: Invoke
  readonly sessions: Sessions
  readonly dispatcher: Dispatcher
  readonly timers: Timers
  readonly codec: CodecName
  /** Longest time for an object to close, and longest that anybody waits for it, in milliseconds. */
  readonly closeTimeout: number
  /** Runs what may outlast the scope of a session, until the pool closes. */
  readonly fork: (effect: Effect.Effect<void>) => Fiber.Fiber<void>
}): Incarnations => {
  const { dispatcher, fork, invoke, sessions, timers } = options

  // Only the wait can be interrupted, and it takes nothing: whoever leaves in it leaves nothing behind.
  const place = (
    key: string,
    target: string,
    deadline: Deadline | undefined,
    patience: number,
    began: number,
    restore: Restore
  ): Effect.Effect<Entry, CallError> =>
    Effect.suspend(() => {
      const placed = sessions.place(key, target)
      if (placed !== undefined) return Effect.succeed(placed)
      const refused = dispatcher.refusal(target)
      if (refused !== undefined) return Effect.fail(refused)
      const left = Math.min(deadline?.at ?? Number.POSITIVE_INFINITY, began + patience) - timers.now()
      const change = Effect.timeoutOrElse(dispatcher.change, {
        duration: Math.max(0, left),
        orElse: () => Effect.fail(stackless(() => tooLong(target, deadline, began + patience, patience)))
      })
      return Effect.andThen(restore(change), place(key, target, deadline, patience, began, restore))
    })

  const tooLong = (
    target: string,
    deadline: Deadline | undefined,
    end: number,
    patience: number
  ): CallError =>
    deadline !== undefined && deadline.at <= end
      ? new DeadlineExceeded({ reason: "waiting", target, deadline: Duration.millis(deadline.length) })
      : new QueueFull({
          reason: "timeout",
          target,
          queued: dispatcher.queued(),
          waited: Duration.millis(patience)
        })

  const dispose = (entry: Entry): Effect.Effect<void> =>
    Effect.suspend(() => {
      sessions.forget(entry)
      // The object goes with its worker; there is nobody to tell any more.
      if (!WorkerState.isAlive(entry.worker.state())) return Effect.void
      const callee = {
        kind: Kind.Request.close,
        target: "close",
        label: label(entry, "close"),
        session: entry
      }
      // Its worker may be busy with another's call for long. It is told all the same, when its time has come.
      const told = fork(Effect.ignore(invoke({ ...callee, patientFor: options.closeTimeout }, [], {})))
      return Effect.asVoid(Effect.timeoutOption(Fiber.await(told), options.closeTimeout))
    })

  return {
    make: ({ args, key, options: callOptions, target }, { from, onMade, own, patience, takes }) =>
      Effect.suspend(() => {
        const deadline = deadlineOf(callOptions.deadline, timers)
        const callee = { kind: Kind.Request.open, target, label: `${target} (session "${key}")`, deadline }
        const sent =
          from === undefined ? args : [options.codec === "json" ? Base64.encode(from) : from, ...args]
        const began = timers.now()
        const once = Effect.uninterruptibleMask((restore) =>
          Effect.flatMap(place(key, target, deadline, patience, began, restore), (entry) => {
            const answered = invoke(
              {
                ...callee,
                session: entry,
                takes,
                restores: from !== undefined,
                own,
                // Several come to one worker, each of which may take its time: they are not to be turned away as a caller would be.
                patientFor: own === true ? patience : undefined
              },
              sent,
              callOptions
            )
            return Effect.onExit(
              Effect.map(restore(answered), (answer) => ({ entry, answer })),
              // The object may be there all the same, when an interruption or a deadline came late: then it must go again.
              (exit) => {
                if (Exit.isSuccess(exit)) return Effect.sync(() => onMade?.(entry))
                const error = Option.getOrUndefined(Cause.findErrorOption(exit.cause))
                return error?.started === "no" ? Effect.sync(() => sessions.forget(entry)) : dispose(entry)
              }
            )
          })
        )
        // Its worker died before it began there: another will do.
        const placedAgain: typeof once = Effect.catchIf(
          once,
          (error) => error._tag === "SessionError" && error.reason === "lost",
          () => placedAgain
        )
        return placedAgain
      }),
    take: (entry) =>
      Effect.flatMap(
        invoke(
          {
            ...snapshotCallee(entry),
            session: entry,
            takes: true,
            patientFor: Number.POSITIVE_INFINITY
          },
          [],
          {}
        ),
        (answer) => {
          const { failure, snapshot } = answer instanceof Taken ? answer : NOTHING
          return snapshot === undefined ? Effect.fail(notTaken(entry, failure)) : Effect.succeed(snapshot)
        }
      ),
    look: (entry, route) => invoke({ ...snapshotCallee(entry), session: entry, route }, [], {}),
    dispose
  }
}

/** The method that does nothing. */
const SNAPSHOT = "@snapshot"

const snapshotCallee = (entry: Entry) => ({
  kind: Kind.Request.call,
  target: SNAPSHOT,
  label: label(entry, "snapshot"),
  own: true
})

const NOTHING = { snapshot: undefined, failure: undefined }

/** A method of a session, for people. */
export const label = (entry: Entry, method: string): string =>
  `${entry.target}.${method} (session "${entry.key}")`

/** The error of a call whose session gave no snapshot. */
export const notTaken = (entry: Entry, failure: PythonException | undefined, target?: string): SessionError =>
  stackless(
    () =>
      new SessionError({
        reason: "snapshot",
        key: entry.key,
        target: target ?? label(entry, "snapshot"),
        detail: `snapshot() failed on worker ${entry.worker.id}: ${failure === undefined ? "no reason given" : `${failure.type}: ${failure.message}`}`
      })
  )
