/**
 * What the user of a session holds: opening, calling, closing.
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import type * as Stream from "effect/Stream"
import { SessionError, stackless } from "../CallError.ts"
import type { CallError } from "../CallError.ts"
import * as SessionOptionsCodec from "../internal/sessionOptions.ts"
import type { Timers } from "../internal/Timers.ts"
import type { PoolEvent } from "../PoolEvent.ts"
import type { CodecName } from "../protocol/Codec.ts"
import type { Recoveries } from "../recovery/Recoveries.ts"
import * as Kind from "../protocol/Kind.ts"
import type { CallOptions, CheckedCallOptions, Invoke } from "./Calls.ts"
import type { Dispatcher } from "./Dispatcher.ts"
import * as Incarnations from "./Incarnations.ts"
import { Taken } from "./Request.ts"
import * as SessionLife from "./SessionLife.ts"
import type { Entry, Sessions } from "./Sessions.ts"
import * as SessionStore from "./SessionStore.ts"
import type { CheckedStreamOptions, OpenStream, StreamOptions } from "./Streams.ts"

/** A Python object that lives on one worker. */
export interface Session {
  readonly key: string
  /** The worker it lives on now. */
  readonly worker: string
  /** Which of its incarnations that is: the number grows each time that it is brought to another worker. */
  readonly epoch: number
  /**
   * Calls a method. Calls of one session run in order, one at a time. One that is `idempotent` is repeated when the session comes back
   * from the death of its worker.
   */
  readonly call: {
    <A>(
      method: string,
      args: ReadonlyArray<unknown>,
      options: CheckedCallOptions<A>
    ): Effect.Effect<A, CallError>
    (method: string, args?: ReadonlyArray<unknown>, options?: CallOptions): Effect.Effect<unknown, CallError>
  }
  /**
   * Calls a method that is a generator, and gives what it yields. The session's other calls wait until it has ended, or its consumer has
   * left.
   */
  readonly stream: {
    <A>(
      method: string,
      args: ReadonlyArray<unknown>,
      options: CheckedStreamOptions<A>
    ): Stream.Stream<A, CallError>
    (
      method: string,
      args?: ReadonlyArray<unknown>,
      options?: StreamOptions
    ): Stream.Stream<unknown, CallError>
  }
}

/**
 * Options of a session.
 *
 * ```ts
 * import { WorkerPool } from "@fireweed/worker-pool"
 * import * as Effect from "effect/Effect"
 *
 * const program = Effect.gen(function* () {
 *   const pool = yield* WorkerPool.make({ size: 1 })
 *   // Counter has no snapshot() and restore(), so it can only be made anew.
 *   const refused = yield* Effect.flip(pool.session("a", "collections:Counter", ["abba"], { snapshots: {} }))
 *   const counter = yield* pool.session("a", "collections:Counter", ["abba"], { onLoss: "remake" })
 *   return [refused._tag, yield* counter.call("total")]
 * })
 *
 * const [refused, total] = await Effect.runPromise(Effect.scoped(program))
 * if (refused !== "InvalidCall" || total !== 4) throw new Error(`not expected: ${refused}, ${total}`)
 * ```
 */
export interface SessionOptions {
  /** Keyword arguments. */
  readonly kwargs?: { readonly [name: string]: unknown } | undefined
  /** Time for its opening, and again for each time that it is made on another worker. Default: no limit but the queue's. */
  readonly deadline?: Duration.Input | undefined
  /**
   * What becomes of it when its worker dies. `fail`: it is lost. `remake`: it is made again on another worker from the same arguments, as
   * new. Default: `fail`; with `snapshots` it is restored instead.
   */
  readonly onLoss?: "fail" | "remake" | undefined
  /**
   * Saves its state, and restores it on another worker when its own dies, before its next call. The class has `snapshot()`, which gives a
   * value that VALUES.md names, or bytes, and `restore(state)`. Default: none.
   */
  readonly snapshots?:
    | {
        /**
         * A snapshot after so many calls. With 1 a call has succeeded only when its snapshot is stored. Default: 1; none if there is an
         * `interval`.
         */
        readonly every?: number | undefined
        /** A snapshot so long after the one before, if there was a call. Default: none. */
        readonly interval?: Duration.Input | undefined
        /**
         * Whether its state outlives it: what the store has of this class and key is restored when it is opened, and it is stored once more
         * when it is closed. Default: false, and what the store has is removed both times.
         */
        readonly keep?: boolean | undefined
      }
    | undefined
}

/** Opens a session; it is closed with the scope. */
export type Open = (
  key: string,
  target: string,
  args?: ReadonlyArray<unknown>,
  options?: SessionOptions
) => Effect.Effect<Session, CallError, Scope.Scope>

/** Sessions that leave a worker that lives at once. */
const MOVES = 8

/** Makes what opens the sessions of one pool. */
export const make = (options: {
  readonly invoke: Invoke
  readonly openStream: OpenStream
  readonly sessions: Sessions
  readonly dispatcher: Dispatcher
  readonly timers: Timers
  readonly recoveries: Pick<Recoveries, "run">
  readonly codec: CodecName
  /** Where snapshots are kept; `undefined` for a store of the pool's own, in memory. */
  readonly store: SessionStore.Backend | undefined
  /** Time without use after which a session is closed, in milliseconds. */
  readonly idleTimeout: number
  /** Most calls that wait, and longest wait for a worker to live on, in milliseconds. */
  readonly queue: { readonly limit: number; readonly timeout: number }
  /** The same for one that has lost its worker. */
  readonly movePatience: number
  /** Longest time for the object to close, and longest that its user waits for it, in milliseconds. */
  readonly closeTimeout: number
  /** Runs what may outlast the scope of a session, until the pool closes. */
  readonly fork: (effect: Effect.Effect<void>) => Fiber.Fiber<void>
  readonly publish: (build: () => PoolEvent) => void
}): Open => {
  const { invoke, openStream, publish, sessions } = options
  const { store = SessionStore.memory() } = options
  const incarnations = Incarnations.make(options)
  const around = { ...options, incarnations, moves: Semaphore.makeUnsafe(MOVES) }

  /**
   * Makes the object, with the state that the store has of it, or with one that the store has then. Only what is `restore`d can be interrupted: what
   * is there has somebody who takes it away again.
   */
  const begin = (
    origin: Incarnations.Origin,
    survival: SessionOptionsCodec.Survival,
    row: SessionStore.Row,
    restore: <A, E, R>(wait: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  ): Effect.Effect<SessionLife.Life, CallError> =>
    Effect.gen(function* () {
      const saves = survival._tag === "Restore"
      const name = `${origin.target} (session "${origin.key}")`
      const from = saves && survival.keep ? yield* restore(row.load) : undefined
      if (saves && !survival.keep) yield* restore(row.drop)
      const takes = saves && from === undefined
      let made: Entry | undefined
      const first = Effect.gen(function* () {
        const { answer, entry } = yield* incarnations
          .make(origin, { from, takes, patience: options.queue.timeout, onMade: (entry) => (made = entry) })
          .pipe(Effect.mapError((error) => (from === undefined ? error : unreadable(origin.key, error))))
        if (takes) {
          const { failure, snapshot } = answer instanceof Taken ? answer : NOTHING
          if (snapshot === undefined) return yield* Incarnations.notTaken(entry, failure, name)
          yield* row.save(snapshot)
        }
        return entry
      })
      const entry = yield* Effect.onError(restore(first), () =>
        made === undefined ? Effect.void : incarnations.dispose(made)
      )
      const life = SessionLife.make(around, { origin, survival, row, entry })
      publish(() => ({
        _tag: "SessionOpened",
        key: origin.key,
        worker: entry.worker.id,
        kept: from !== undefined
      }))
      return life
    })

  const open = (
    key: string,
    target: string,
    args: ReadonlyArray<unknown>,
    given: SessionOptions
  ): Effect.Effect<SessionLife.Life, CallError, Scope.Scope> =>
    Effect.uninterruptibleMask((restore) => {
      const { deadline, kwargs, ...others } = given
      const survival = SessionOptionsCodec.decode(others)
      const begun = begin(
        { key, target, args, options: { deadline, kwargs } },
        survival,
        SessionStore.row(store, target, key, options.store === undefined ? 1 : 2),
        restore
      )
      const opened = Effect.onError(begun, () => Effect.sync(() => sessions.release(key)))
      return Effect.fromResult(sessions.claim(key, target)).pipe(
        Effect.andThen(opened),
        Effect.tap((life) => Effect.addFinalizer(() => life.close))
      )
    })

  return (key, target, args = [], given = {}) =>
    Effect.map(open(key, target, args, given), (life) => handle(life, invoke, openStream))
}

const NOTHING = { snapshot: undefined, failure: undefined }

/** What is stored is not what this class, or this version of the runtime, can read. */
const unreadable = (key: string, error: CallError): CallError =>
  error._tag === "InvalidCall" && error.reason === "arguments"
    ? stackless(
        () => new SessionError({ reason: "restore", key, target: error.target, detail: error.detail })
      )
    : error

const handle = ({ key, route }: SessionLife.Life, invoke: Invoke, openStream: OpenStream): Session => {
  const callee = (method: string) => ({
    kind: Kind.Request.call,
    target: method,
    label: Incarnations.label(route.session(), method),
    session: route.session(),
    route
  })
  function call<A>(
    method: string,
    args: ReadonlyArray<unknown>,
    options: CheckedCallOptions<A>
  ): Effect.Effect<A, CallError>
  function call(
    method: string,
    args?: ReadonlyArray<unknown>,
    options?: CallOptions
  ): Effect.Effect<unknown, CallError>
  function call(
    method: string,
    args: ReadonlyArray<unknown> = [],
    options: Partial<CheckedCallOptions<unknown>> = {}
  ): Effect.Effect<unknown, CallError> {
    return Effect.suspend(() => invoke(callee(method), args, options))
  }
  function stream<A>(
    method: string,
    args: ReadonlyArray<unknown>,
    options: CheckedStreamOptions<A>
  ): Stream.Stream<A, CallError>
  function stream(
    method: string,
    args?: ReadonlyArray<unknown>,
    options?: StreamOptions
  ): Stream.Stream<unknown, CallError>
  function stream(
    method: string,
    args: ReadonlyArray<unknown> = [],
    options: Partial<CheckedStreamOptions<unknown>> = {}
  ): Stream.Stream<unknown, CallError> {
    return openStream(callee(method), args, options)
  }
  return {
    key,
    get worker() {
      return route.session().worker.id
    },
    get epoch() {
      return route.session().epoch
    },
    call,
    stream
  }
}
