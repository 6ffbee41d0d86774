/**
 * Keeps a key (a session, a tenant, a conversation) on the same target (a worker, a host, a shard), and decides what
 * happens when it cannot stay.
 */
import type * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { AffinityError, BindingsFull, TargetDraining, TargetGone } from "./AffinityError.ts"
import type { AffinityEvent } from "./AffinityEvent.ts"
import type { Assignment, Lookup, Snapshot, Stats } from "./Binding.ts"
import { decode } from "./internal/options.ts"
import * as Routing from "./internal/routing.ts"
import * as Table from "./internal/table.ts"
import * as View from "./internal/view.ts"
import type { Mode } from "./Mode.ts"
import { rules } from "./Mode.ts"
import type { Strategy, Target } from "./Placement.ts"

/** How a table decides. Decoded once, by {@link make}. */
export interface Options {
  /** Where new keys go. Default: rendezvous hashing. */
  readonly placement?: Strategy | undefined
  /** What callers get when a bound target is busy, draining or gone, or the binding expired. Default `"strict"`. */
  readonly mode?: Mode | undefined
  /** How long a binding lives, more than zero; `Infinity` is without end. Default 30 minutes. */
  readonly expireAfter?: Duration.Input | undefined
  /**
   * `"sliding"`: a binding lives `expireAfter` from its last use, and while it is leased. `"absolute"`: from its
   * creation. Default `"sliding"`.
   */
  readonly expiry?: "sliding" | "absolute" | undefined
  /** How many keys the table holds, remembered ones included; at least 1. Default 10,000. */
  readonly maxBindings?: number | undefined
  /**
   * What a new key meets in a full table. Either way, keys remembered as expired or lost are forgotten first. `"reject"`:
   * `BindingsFull`. `"evict"`: the least recently used binding that is not leased makes room. Default `"reject"`.
   */
  readonly whenFull?: "reject" | "evict" | undefined
  /** Whether a target can take no more work now. Busy targets get no new keys. Default: none ever is. */
  readonly busy?: ((target: Target) => boolean) | undefined
}

/** What one resolution may decide for itself. */
export interface ResolveOptions {
  /** Overrides the table's mode. */
  readonly mode?: Mode | undefined
}

/**
 * A table of bindings from keys to targets.
 *
 * All operations are synchronous inside and atomic. Those named `...Unsafe` run outside of Effect, for plain callbacks;
 * the others do the same as effects. All read the `Clock` that {@link make} found.
 *
 * A key whose binding expired or whose target was removed is remembered as such for one more `expireAfter`, or until it is
 * bound, unbound, or its room is needed; after that it is unknown, and placed like any new key.
 */
export interface SessionAffinity {
  readonly [TypeId]: TypeId

  /**
   * Adds a target that takes new keys; of a known one it sets the weight and ends the draining. Nothing bound moves.
   * `weight` is its share relative to the others, finite and above 0, default 1; anything else is a defect.
   */
  readonly add: (id: string, options?: { readonly weight?: number | undefined }) => Effect.Effect<void>
  readonly addUnsafe: (id: string, options?: { readonly weight?: number | undefined }) => void

  /**
   * Removes a target and answers exactly the keys it held, each lost once. They stay lost when a target of the same id is
   * added later. Unknown ids hold nothing.
   */
  readonly remove: (id: string) => Effect.Effect<ReadonlyArray<string>>
  readonly removeUnsafe: (id: string) => ReadonlyArray<string>

  /** Stops a target from taking new keys and answers the keys it holds, which leave it one by one as their mode says. */
  readonly drain: (id: string) => Effect.Effect<ReadonlyArray<string>>
  readonly drainUnsafe: (id: string) => ReadonlyArray<string>

  /** Where a key is served: where it is bound, or where it is placed now. Counts as a use of the binding. */
  readonly resolve: (key: string, options?: ResolveOptions) => Effect.Effect<Assignment, AffinityError>
  readonly resolveUnsafe: (key: string, options?: ResolveOptions) => Result.Result<Assignment, AffinityError>

  /** Binds a key to a target by hand, wherever it was. Bound there already, it keeps its epoch. */
  readonly bind: (
    key: string,
    target: string
  ) => Effect.Effect<Assignment, TargetGone | TargetDraining | BindingsFull>
  readonly bindUnsafe: (
    key: string,
    target: string
  ) => Result.Result<Assignment, TargetGone | TargetDraining | BindingsFull>

  /**
   * Forgets a key, live or remembered, and answers whether it had a live binding. Given an epoch, it does nothing to a
   * later incarnation: so the end of an old session cannot close a new one of the same key.
   */
  readonly unbind: (key: string, epoch?: number) => Effect.Effect<boolean>
  readonly unbindUnsafe: (key: string, epoch?: number) => boolean

  /** What is known of a key: bound, expired, target gone, or unknown. Not a use of the binding. */
  readonly lookup: (key: string) => Effect.Effect<Lookup>
  readonly lookupUnsafe: (key: string) => Lookup

  /**
   * Resolves a key and runs `use` there. Until it ends, in whatever way, it counts in the target's load, and the binding
   * neither expires by idleness nor is evicted.
   */
  readonly withTarget: <A, E, R>(
    key: string,
    use: (assignment: Assignment) => Effect.Effect<A, E, R>,
    options?: ResolveOptions
  ) => Effect.Effect<A, E | AffinityError, R>

  /**
   * What happens to bindings from the subscription on. Events are built only while somebody listens. A subscriber that
   * falls behind by more than `maxBindings` + 1,024 events loses the oldest.
   */
  readonly events: Stream.Stream<AffinityEvent>

  /** Counts now, and counters since the table was made. */
  readonly stats: Effect.Effect<Stats>

  /** All live bindings and targets as a plain value. */
  readonly snapshot: Effect.Effect<Snapshot>
}

/** Marks values made by {@link make}. */
export type TypeId = "~@fireweed/session-affinity/SessionAffinity"
export const TypeId: TypeId = "~@fireweed/session-affinity/SessionAffinity"

/** The service, for a program with one table. */
export const SessionAffinity: Context.Service<SessionAffinity, SessionAffinity> =
  Context.Service<SessionAffinity>("@fireweed/session-affinity/SessionAffinity")

/**
 * Makes a table without targets. The scope ends its sweeper, a fiber that forgets what has expired; with an infinite
 * `expireAfter` there is none. Wrong options are a defect: a `TypeError` that names the option.
 *
 * ```ts
 * import { SessionAffinity } from "@fireweed/session-affinity"
 * import * as Effect from "effect/Effect"
 *
 * const program = Effect.gen(function* () {
 *   const affinity = yield* SessionAffinity.make({ expireAfter: "10 minutes" })
 *   yield* affinity.add("worker-1")
 *   yield* affinity.add("worker-2")
 *   const first = yield* affinity.resolve("user-42")
 *   const second = yield* affinity.withTarget("user-42", (assignment) => Effect.succeed(assignment))
 *   if (first.target !== second.target) throw new Error("the key wandered off")
 *
 *   const lost = yield* affinity.remove(first.target)
 *   const error = yield* Effect.flip(affinity.resolve("user-42"))
 *   if (lost[0] !== "user-42" || error._tag !== "TargetGone") throw new Error("the loss went unseen")
 * })
 *
 * await Effect.runPromise(Effect.scoped(program))
 * ```
 */
export const make = (options: Options = {}): Effect.Effect<SessionAffinity, never, Scope.Scope> =>
  Effect.clockWith((clock) => {
    const { mode, settings } = decode(options)
    const table = Table.make(settings)
    const affinity = fromTable(table, mode, clock)
    return settings.lifetime === Number.POSITIVE_INFINITY
      ? Effect.succeed(affinity)
      : Effect.as(Effect.forkScoped(sweeper(table, clock)), affinity)
  })

/**
 * Provides the service {@link SessionAffinity} by {@link make}.
 *
 * ```ts
 * import { SessionAffinity } from "@fireweed/session-affinity"
 * import * as Effect from "effect/Effect"
 *
 * const program = Effect.gen(function* () {
 *   const affinity = yield* SessionAffinity.SessionAffinity
 *   yield* affinity.add("worker-1")
 *   return yield* affinity.resolve("user-42")
 * })
 *
 * const { target } = await Effect.runPromise(Effect.provide(program, SessionAffinity.layer()))
 * if (target !== "worker-1") throw new Error("there was no other")
 * ```
 */
export const layer = (options: Options = {}): Layer.Layer<SessionAffinity> =>
  Layer.effect(SessionAffinity, make(options))

const fromTable = (table: Table.Table, defaultMode: Mode, clock: Clock.Clock): SessionAffinity => {
  const now = () => clock.currentTimeMillisUnsafe()
  const route = (key: string, options: ResolveOptions | undefined): Assignment | AffinityError =>
    Routing.resolve(table, key, rules[options?.mode ?? defaultMode], now())

  const self: SessionAffinity = {
    [TypeId]: TypeId,

    addUnsafe(id, options) {
      const weight = options?.weight ?? 1
      if (!(weight > 0 && weight < Number.POSITIVE_INFINITY)) {
        throw new TypeError(
          `SessionAffinity.add: expected weight to be finite and above 0, got ${weight} for target "${id}"`
        )
      }
      Routing.add(table, id, weight)
    },
    removeUnsafe: (id) => Routing.remove(table, id, now()),
    drainUnsafe: (id) => Routing.drain(table, id, now()),
    resolveUnsafe: (key, options) => toResult(route(key, options)),
    bindUnsafe: (key, target) => toResult(Routing.bind(table, key, target, now())),
    unbindUnsafe: (key, epoch) => Routing.unbind(table, key, epoch, now()),
    lookupUnsafe: (key) => View.describe(table, key, now()),

    add: (id, options) => Effect.sync(() => self.addUnsafe(id, options)),
    remove: (id) => Effect.sync(() => self.removeUnsafe(id)),
    drain: (id) => Effect.sync(() => self.drainUnsafe(id)),
    resolve: (key, options) => Effect.suspend(() => toEffect(route(key, options))),
    bind: (key, target) => Effect.suspend(() => toEffect(Routing.bind(table, key, target, now()))),
    unbind: (key, epoch) => Effect.sync(() => self.unbindUnsafe(key, epoch)),
    lookup: (key) => Effect.sync(() => self.lookupUnsafe(key)),

    withTarget: <A, E, R>(
      key: string,
      use: (assignment: Assignment) => Effect.Effect<A, E, R>,
      options?: ResolveOptions
    ) =>
      Effect.suspend(() => {
        let release: ((now: number) => void) | undefined
        // The lease is taken inside what `onExit` guards: an interruption between the two cannot leak it.
        const leased = Effect.suspend((): Effect.Effect<A, E | AffinityError, R> => {
          const answer = route(key, options)
          if (!Routing.isAssignment(answer)) return Effect.fail(answer)
          release = Routing.lease(table, answer)
          return use(answer)
        })
        return Effect.onExitPrimitive(leased, () => {
          release?.(now())
          return undefined
        })
      }),

    events: eventsOf(table),
    stats: Effect.sync(() => View.stats(table, now())),
    snapshot: Effect.sync(() => View.snapshot(table, now()))
  }
  return self
}

const toResult = <E extends AffinityError>(answer: Assignment | E): Result.Result<Assignment, E> =>
  Routing.isAssignment(answer) ? Result.succeed(answer) : Result.fail(answer)

const toEffect = <E extends AffinityError>(answer: Assignment | E): Effect.Effect<Assignment, E> =>
  Routing.isAssignment(answer) ? Effect.succeed(answer) : Effect.fail(answer)

const SWEEP_BATCH = 1_000
const SWEEP_EVERY_MILLIS = 1_000

/** Sleeps until something is due, but wakes at most once a second; works in batches, so that others run in between. */
const sweeper = (table: Table.Table, clock: Clock.Clock): Effect.Effect<never> => {
  const shortest = Math.min(SWEEP_EVERY_MILLIS, table.settings.lifetime)
  const sleep = Effect.suspend(() => {
    const now = clock.currentTimeMillisUnsafe()
    return clock.sleep(Duration.millis(Math.max(shortest, Table.nextSweep(table, now) - now)))
  })
  const sweep: Effect.Effect<void> = Effect.suspend(() =>
    Table.sweep(table, clock.currentTimeMillisUnsafe(), SWEEP_BATCH)
      ? Effect.void
      : Effect.andThen(Effect.yieldNow, sweep)
  )
  return Effect.forever(Effect.andThen(sleep, sweep))
}

/** One queue a subscriber, filled from synchronous code; large enough for the loss of every binding at once. */
const eventsOf = (table: Table.Table): Stream.Stream<AffinityEvent> => {
  const subscribers = new Set<Queue.Queue<AffinityEvent>>()
  const emit = (event: AffinityEvent) => {
    for (const queue of subscribers) Queue.offerUnsafe(queue, event)
  }
  const subscribe = Effect.acquireRelease(
    Effect.tap(Queue.sliding<AffinityEvent>(table.settings.maxBindings + 1_024), (queue) => {
      subscribers.add(queue)
      table.emit = emit
      return Effect.void
    }),
    (queue) => {
      subscribers.delete(queue)
      if (subscribers.size === 0) table.emit = undefined
      return Queue.shutdown(queue)
    }
  )
  return Stream.unwrap(Effect.map(subscribe, (queue) => Stream.fromQueue(queue)))
}
