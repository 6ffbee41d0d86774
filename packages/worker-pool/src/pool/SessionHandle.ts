/**
 * What the user of a session holds: opening, calling, closing.
 */
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { DeadlineExceeded, QueueFull, SessionError, stackless } from "../CallError.ts"
import type { CallError } from "../CallError.ts"
import type { Timers } from "../internal/Timers.ts"
import type { PoolEvent } from "../PoolEvent.ts"
import * as Kind from "../protocol/Kind.ts"
import * as WorkerState from "../worker/WorkerState.ts"
import { deadlineOf } from "./Calls.ts"
import type { CallOptions, CheckedCallOptions, Invoke } from "./Calls.ts"
import type { Dispatcher } from "./Dispatcher.ts"
import type { Deadline } from "./Request.ts"
import type { Entry, Sessions } from "./Sessions.ts"
import type { CheckedStreamOptions, OpenStream, StreamOptions } from "./Streams.ts"

/** A Python object that lives on one worker. */
export interface Session {
  readonly key: string
  /** The worker it lives on. */
  readonly worker: string
  /** Calls a method. Calls of one session run in order, one at a time. */
  readonly call: {
    <A>(
      method: string,
      args: ReadonlyArray<unknown>,
      options: Omit<CheckedCallOptions<A>, "idempotent">
    ): Effect.Effect<A, CallError>
    (
      method: string,
      args?: ReadonlyArray<unknown>,
      options?: Omit<CallOptions, "idempotent">
    ): Effect.Effect<unknown, CallError>
  }
  /**
   * Calls a method that is a generator, and gives what it yields. The session's other calls wait until it has ended, or its consumer has
   * left.
   */
  readonly stream: {
    <A>(
      method: string,
      args: ReadonlyArray<unknown>,
      options: Omit<CheckedStreamOptions<A>, "idempotent">
    ): Stream.Stream<A, CallError>
    (
      method: string,
      args?: ReadonlyArray<unknown>,
      options?: Omit<StreamOptions, "idempotent">
    ): Stream.Stream<unknown, CallError>
  }
}

/** Opens a session; it is closed with the scope. */
export type Open = (
  key: string,
  target: string,
  args?: ReadonlyArray<unknown>,
  options?: Pick<CallOptions, "kwargs" | "deadline">
) => Effect.Effect<Session, CallError, Scope.Scope>

/** Makes the function that opens sessions of one pool. */
export const opener = (options: {
  readonly invoke: Invoke
  readonly openStream: OpenStream
  readonly sessions: Sessions
  readonly dispatcher: Dispatcher
  readonly timers: Timers
  /** Longest wait for a worker to live on, in milliseconds. */
  readonly patience: number
  /** Longest time for the object to close, and longest that its user waits for it, in milliseconds. */
  readonly closeTimeout: number
  /** Runs what may outlast the scope of a session, until the pool closes. */
  readonly fork: (effect: Effect.Effect<void>) => Fiber.Fiber<void>
  readonly publish: (build: () => PoolEvent) => void
}): Open => {
  const { dispatcher, fork, invoke, openStream, publish, sessions, timers } = options

  const place = (key: string, target: string): Effect.Effect<Entry, CallError> =>
    Effect.suspend(() => {
      const placed = sessions.place(key, target)
      if (placed !== undefined) return Effect.fromResult(placed)
      const refused = dispatcher.refusal(target)
      return refused === undefined
        ? Effect.andThen(dispatcher.change, place(key, target))
        : Effect.fail(refused)
    })

  const placeInTime = (
    key: string,
    target: string,
    deadline: Deadline | undefined
  ): Effect.Effect<Entry, CallError> => {
    const left = deadline === undefined ? Number.POSITIVE_INFINITY : deadline.at - timers.now()
    return Effect.timeoutOrElse(place(key, target), {
      duration: Math.max(0, Math.min(left, options.patience)),
      orElse: () =>
        Effect.fail(
          stackless(() =>
            left <= options.patience && deadline !== undefined
              ? new DeadlineExceeded({
                  reason: "waiting",
                  target,
                  deadline: Duration.millis(deadline.length)
                })
              : new QueueFull({
                  reason: "timeout",
                  target,
                  queued: dispatcher.queued(),
                  waited: Duration.millis(options.patience)
                })
          )
        )
    })
  }

  const closed = new WeakSet<Entry>()

  const dispose = (entry: Entry): Effect.Effect<void> =>
    Effect.suspend(() => {
      closed.add(entry)
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

  const close = (entry: Entry): Effect.Effect<void> =>
    Effect.andThen(
      Effect.sync(() => publish(() => ({ _tag: "SessionClosed", key: entry.key, worker: entry.worker.id }))),
      dispose(entry)
    )

  const open = (
    key: string,
    target: string,
    args: ReadonlyArray<unknown>,
    callOptions: Pick<CallOptions, "kwargs" | "deadline">
  ): Effect.Effect<Entry, CallError> =>
    Effect.suspend(() => {
      const deadline = deadlineOf(callOptions.deadline, timers)
      const callee = { kind: Kind.Request.open, target, label: `${target} (session "${key}")`, deadline }
      return Effect.tap(placeInTime(key, target, deadline), (entry) =>
        Effect.onExit(
          invoke({ ...callee, session: entry }, args, callOptions),
          // The object may be there all the same, when an interruption or a deadline came late: then it must go again.
          (exit) => {
            if (Exit.isSuccess(exit)) return Effect.void
            const error = Option.getOrUndefined(Cause.findErrorOption(exit.cause))
            return error?.started === "no" ? Effect.sync(() => sessions.forget(entry)) : dispose(entry)
          }
        )
      )
    })

  return (key, target, args = [], callOptions = {}) =>
    Effect.map(
      Effect.acquireRelease(open(key, target, args, callOptions), close, { interruptible: true }),
      (entry) => {
        publish(() => ({ _tag: "SessionOpened", key, worker: entry.worker.id }))
        const alive = Effect.suspend(() =>
          closed.has(entry) ? Effect.fail(stackless(() => sessionClosed(entry))) : Effect.void
        )
        return handle(
          entry,
          (callee, args, options) => Effect.andThen(alive, invoke(callee, args, options)),
          (callee, args, options) => Stream.unwrap(Effect.as(alive, openStream(callee, args, options)))
        )
      }
    )
}

const handle = (entry: Entry, invoke: Invoke, openStream: OpenStream): Session => {
  const callee = (method: string) => ({
    kind: Kind.Request.call,
    target: method,
    label: label(entry, method),
    session: entry
  })
  function call<A>(
    method: string,
    args: ReadonlyArray<unknown>,
    options: Omit<CheckedCallOptions<A>, "idempotent">
  ): Effect.Effect<A, CallError>
  function call(
    method: string,
    args?: ReadonlyArray<unknown>,
    options?: Omit<CallOptions, "idempotent">
  ): Effect.Effect<unknown, CallError>
  function call(
    method: string,
    args: ReadonlyArray<unknown> = [],
    options: Partial<CheckedCallOptions<unknown>> = {}
  ): Effect.Effect<unknown, CallError> {
    return invoke(callee(method), args, options)
  }
  function stream<A>(
    method: string,
    args: ReadonlyArray<unknown>,
    options: Omit<CheckedStreamOptions<A>, "idempotent">
  ): Stream.Stream<A, CallError>
  function stream(
    method: string,
    args?: ReadonlyArray<unknown>,
    options?: Omit<StreamOptions, "idempotent">
  ): Stream.Stream<unknown, CallError>
  function stream(
    method: string,
    args: ReadonlyArray<unknown> = [],
    options: Partial<CheckedStreamOptions<unknown>> = {}
  ): Stream.Stream<unknown, CallError> {
    return openStream(callee(method), args, options)
  }
  return { key: entry.key, worker: entry.worker.id, call, stream }
}

const label = (entry: Entry, method: string): string => `${entry.target}.${method} (session "${entry.key}")`

const sessionClosed = (entry: Entry): SessionError =>
  new SessionError({
    reason: "closed",
    key: entry.key,
    target: `${entry.target} (session "${entry.key}")`,
    detail: "it is closed"
  })
