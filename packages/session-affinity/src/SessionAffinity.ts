/**
 * Keeps a key (a session, a tenant, a conversation) on the same target (a worker, a host, a shard), and decides what
 * happens when it cannot stay.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import * as Layer from "effect/Layer"
import * as Random from "effect/Random"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import type {
  AffinityError,
  BindingsFull,
  InvalidLoad,
  InvalidWeight,
  MetadataTooLarge,
  SnapshotRefused,
  TargetDraining,
  TargetGone
} from "./AffinityError.ts"
import type { AffinityEvent } from "./AffinityEvent.ts"
import type { Assignment, Lookup, Metadata, Restored, Snapshot, Stats } from "./Binding.ts"
import * as Calls from "./internal/calls.ts"
import * as Events from "./internal/events.ts"
import * as Life from "./internal/life.ts"
import * as Metrics from "./internal/metrics.ts"
import { isAssignment } from "./internal/obstacle.ts"
import { decode } from "./internal/options.ts"
import * as Routing from "./internal/routing.ts"
import * as Saved from "./internal/saved.ts"
import * as Table from "./internal/table.ts"
import * as Turns from "./internal/turns.ts"
import * as View from "./internal/view.ts"
import { settle } from "./internal/waiting.ts"
import { type Mode, type Rules, rules } from "./Mode.ts"
import type { Movement } from "./Movement.ts"
import type { Strategy, Target } from "./Placement.ts"

/** How a table decides. Decoded once, by {@link make}. `R` is what the hooks need. */
export interface Options<R = never> {
  /** Where new keys go. Default: rendezvous hashing. */
  readonly placement?: Strategy | undefined
  /** What callers get when a bound target is busy, draining or gone, or the binding expired. Default `"wait"`. */
  readonly mode?: Mode | undefined
  /**
   * The longest that a call waits, in mode `wait` for a busy target and in any mode behind the movement of its key; more than zero. Default
   * 5 seconds.
   */
  readonly waitFor?: Duration.Input | undefined
  /** How many calls may wait at once, for targets, movements, and their turn. More fail with `WaitersFull`. Default 10,000. */
  readonly maxWaiting?: number | undefined
  /**
   * Whether calls of one key, made by `withTarget`, run one after the other, in order of arrival, while those of other keys run freely. The
   * wait for a turn has no end of its own. A call must not make another one of the same key and wait for it: its turn would never come.
   * Default `false`.
   */
  readonly ordered?: boolean | undefined
  /**
   * The drain hook: runs before a key leaves a target that is alive (it drains, or is busy in mode `rebind`), to save the key's state. See
   * {@link Options.restoreState}.
   */
  readonly saveState?: ((movement: Movement) => Effect.Effect<unknown, unknown, R>) | undefined
  /**
   * The restore hook: runs before a key is served at its new place, to restore the key's state there.
   *
   * Hooks run once a movement, in a fiber that ends with the table, whatever becomes of the call that began it. Who asks for the key
   * meanwhile waits behind it. If a hook fails, the key stays where it was, and those who waited fail with `MoveFailed`. If the key is
   * bound or unbound by hand meanwhile, or a target of the movement goes, the hook is interrupted. A movement by `bind` runs no hooks.
   */
  readonly restoreState?: ((movement: Movement) => Effect.Effect<unknown, unknown, R>) | undefined
  /** How long a binding lives, more than zero; `Infinity` is without end. Default 30 minutes. */
  readonly expireAfter?: Duration.Input | undefined
  /**
   * `"sliding"`: a binding lives `expireAfter` from its last use, and while it is leased or waited for. `"absolute"`: from its creation.
   * Default `"sliding"`.
   */
  readonly expiry?: "sliding" | "absolute" | undefined
  /** How many keys the table holds, remembered ones included; 1 to 16,000,000. Default 10,000. */
  readonly maxBindings?: number | undefined
  /**
   * What a new key meets in a full table. Either way, keys remembered as expired or lost are forgotten first. `"reject"`:
   * `BindingsFull`. `"evict"`: the least recently used binding that is not in use makes room. Default `"reject"`.
   */
  readonly whenFull?: "reject" | "evict" | undefined
  /** Characters of metadata that may be attached to one binding, names and values together. Default 1,024. */
  readonly maxMetadata?: number | undefined
  /**
   * Whether a target can take no more work now. Busy targets get no new keys. It is asked again whenever something of the target changes;
   * if it reads anything else, say so by `recheck`. Default: none ever is.
   */
  readonly busy?: ((target: Target) => boolean) | undefined
  /** Counts and gauges as Effect metrics `session_affinity_*`, with the label `affinity`. Default `false`. */
  readonly metrics?: boolean | undefined
  /** The label of the metrics. Default `"affinity"`. */
  readonly name?: string | undefined
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
 * the others do the same as effects. All use the `Clock` and the `Random` that {@link make} found.
 *
 * A key whose binding expired or whose target was removed is remembered as such for one more `expireAfter`, or until it is
 * bound, unbound, or its room is needed; after that it is unknown, and placed like any new key.
 */
export interface SessionAffinity {
  readonly [TypeId]: TypeId

  /**
   * Adds a target that takes new keys; of a known one it sets the weight and ends the draining. Nothing bound moves.
   * `weight` is its share relative to the others, from 1e-12 to 1e12, default 1.
   */
  readonly add: (
    id: string,
    options?: { readonly weight?: number | undefined }
  ) => Effect.Effect<void, InvalidWeight>
  readonly addUnsafe: (
    id: string,
    options?: { readonly weight?: number | undefined }
  ) => Result.Result<void, InvalidWeight>

  /**
   * Tells how much a target does besides the leases of this table (for other processes, say), in leases: a number from 0 up, which stands
   * until the next report, and is 0 before the first. Its load is the sum of both. Answers whether the target is known: a report that comes
   * after it went is no fault.
   */
  readonly report: (id: string, load: number) => Effect.Effect<boolean, InvalidLoad>
  readonly reportUnsafe: (id: string, load: number) => Result.Result<boolean, InvalidLoad>

  /**
   * Removes a target and answers exactly the keys it held, each lost once. They stay lost when a target of the same id is
   * added later. Unknown ids hold nothing.
   */
  readonly remove: (id: string) => Effect.Effect<ReadonlyArray<string>>
  readonly removeUnsafe: (id: string) => ReadonlyArray<string>

  /** Stops a target from taking new keys and answers the keys it holds, which leave it one by one as their mode says. */
  readonly drain: (id: string) => Effect.Effect<ReadonlyArray<string>>
  readonly drainUnsafe: (id: string) => ReadonlyArray<string>

  /** Asks `busy` again whether a target can take the calls that wait for it: for when what it reads has changed elsewhere. */
  readonly recheck: (id: string) => Effect.Effect<void>
  readonly recheckUnsafe: (id: string) => void

  /**
   * Where a key is served: where it is bound, or where it is placed now. Counts as a use of the binding. `resolveUnsafe` cannot wait: it
   * answers `TargetBusy` or, where hooks run first, `KeyMoving`.
   */
  readonly resolve: (key: string, options?: ResolveOptions) => Effect.Effect<Assignment, AffinityError>
  readonly resolveUnsafe: (key: string, options?: ResolveOptions) => Result.Result<Assignment, AffinityError>

  /** Binds a key to a target by hand, wherever it was; hooks do not run. Bound there already, it keeps its epoch. */
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

  /**
   * Attaches metadata to a key's binding, in place of what was there, and answers whether it has one. They move with it, end with it, and
   * are what hooks see.
   */
  readonly annotate: (key: string, metadata: Metadata) => Effect.Effect<boolean, MetadataTooLarge>
  readonly annotateUnsafe: (key: string, metadata: Metadata) => Result.Result<boolean, MetadataTooLarge>

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
   * What happens to bindings from the subscription on. Events are built only while somebody listens. A subscriber that falls behind by
   * more than `maxBindings` + 1,024 events holds nobody up: it loses the oldest, and is told how many by `Missed`.
   */
  readonly events: Stream.Stream<AffinityEvent>

  /** Counts now, and counters since the table was made. Lets go of what has expired first. */
  readonly stats: Effect.Effect<Stats>

  /**
   * All live bindings as a plain value, for {@link SessionAffinity.restore}. Taken in one go, which a million bindings make a second long.
   */
  readonly snapshot: Effect.Effect<Snapshot>

  /**
   * Takes the bindings of a {@link Snapshot} in, or, if anything is wrong with it, none. Add the targets first: a binding to one that is not
   * there comes back as lost, one whose time has passed as expired. Keys that the table knows are left as they are. Epochs stay, and later
   * ones go on from the highest.
   */
  readonly restore: (snapshot: unknown) => Effect.Effect<Restored, SnapshotRefused>
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
export const make = <R = never>(
  options: Options<R> = {}
): Effect.Effect<SessionAffinity, never, Scope.Scope | R> =>
  Effect.gen(function* () {
    const clock = yield* Clock.Clock
    const random = yield* Random.Random
    const context = yield* Effect.context<R>()
    const { metrics, mode, name, ordered, settings } = decode(options)
    const table = Table.make(settings)
    table.random = () => random.nextDoubleUnsafe()
    if (metrics) table.metrics = Metrics.make(name, context)
    const { restoreState, saveState } = options
    if (saveState !== undefined || restoreState !== undefined) {
      const provided = (hook: Options<R>["saveState"]) =>
        hook && ((movement: Movement) => Effect.provideContext(hook(movement), context))
      table.hooks = {
        saveState: provided(saveState),
        restoreState: provided(restoreState),
        run: yield* FiberSet.makeRuntime(),
        now: () => clock.currentTimeMillisUnsafe()
      }
    }
    if (settings.lifetime !== Number.POSITIVE_INFINITY) yield* Effect.forkScoped(sweeper(table, clock))
    return fromTable(table, mode, ordered, clock)
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
export const layer = <R = never>(options: Options<R> = {}): Layer.Layer<SessionAffinity, never, R> =>
  Layer.effect(SessionAffinity, make(options))

const fromTable = (
  table: Table.Table,
  defaultMode: Mode,
  ordered: boolean,
  clock: Clock.Clock
): SessionAffinity => {
  const now = () => clock.currentTimeMillisUnsafe()
  const turns = ordered ? Turns.make(table) : undefined
  const defaultRules = rules[defaultMode]
  const rulesFor = (options: ResolveOptions | undefined): Rules => {
    const mode = options?.mode
    if (mode === undefined) return defaultRules
    if (!Object.hasOwn(rules, mode)) {
      throw new TypeError(
        `SessionAffinity.resolve: expected mode to be one of ${Object.keys(rules).join(", ")}, got: ${mode}`
      )
    }
    return rules[mode]
  }

  const self: SessionAffinity = {
    [TypeId]: TypeId,

    addUnsafe(id, options) {
      const invalid = Routing.add(table, id, options?.weight ?? 1, now())
      return invalid === undefined ? Result.void : Result.fail(invalid)
    },
    reportUnsafe(id, load) {
      const known = Routing.report(table, id, load, now())
      return typeof known === "boolean" ? Result.succeed(known) : Result.fail(known)
    },
    removeUnsafe: (id) => Routing.remove(table, id, now()),
    drainUnsafe: (id) => Routing.drain(table, id, now()),
    recheckUnsafe: (id) => Routing.recheck(table, id, now()),
    resolveUnsafe: (key, options) => toResult(Calls.resolveNow(table, clock, key, rulesFor(options))),
    bindUnsafe: (key, target) => toResult(Routing.bind(table, key, target, now())),
    unbindUnsafe: (key, epoch) => Routing.unbind(table, key, epoch, now()),
    annotateUnsafe: (key, metadata) => Saved.annotate(table, key, metadata, now()),
    lookupUnsafe: (key) => settled(table, now(), View.describe(table, key, now())),

    add: (id, options) => Effect.suspend(() => Effect.fromResult(self.addUnsafe(id, options))),
    report: (id, load) => Effect.suspend(() => Effect.fromResult(self.reportUnsafe(id, load))),
    remove: (id) => Effect.sync(() => self.removeUnsafe(id)),
    drain: (id) => Effect.sync(() => self.drainUnsafe(id)),
    recheck: (id) => Effect.sync(() => self.recheckUnsafe(id)),
    resolve: (key, options) => Effect.suspend(() => Calls.resolve(table, clock, key, rulesFor(options))),
    bind: (key, target) => Effect.suspend(() => Effect.fromResult(self.bindUnsafe(key, target))),
    unbind: (key, epoch) => Effect.sync(() => self.unbindUnsafe(key, epoch)),
    annotate: (key, metadata) => Effect.suspend(() => Effect.fromResult(self.annotateUnsafe(key, metadata))),
    lookup: (key) => Effect.sync(() => self.lookupUnsafe(key)),

    withTarget: (key, use, options) => {
      const call = Effect.suspend(() => Calls.withTarget(table, clock, key, rulesFor(options), use))
      return turns === undefined ? call : turns.run(key, call)
    },

    events: Events.stream(table, clock),
    stats: Effect.andThen(
      sweep(table, clock),
      Effect.sync(() => View.stats(table))
    ),
    snapshot: Effect.sync(() => settled(table, now(), View.snapshot(table, now()))),
    restore: (snapshot) => Effect.suspend(() => Effect.fromResult(Saved.restore(table, snapshot, now())))
  }
  return self
}

/** What was looked at may have turned out to be expired. */
const settled = <A>(table: Table.Table, now: number, answer: A): A => {
  settle(table, now)
  return answer
}

const toResult = <E extends AffinityError>(answer: Assignment | E): Result.Result<Assignment, E> =>
  isAssignment(answer) ? Result.succeed(answer) : Result.fail(answer)

const SWEEP_BATCH = 250
const SWEEP_EVERY_MILLIS = 1_000

/** Sleeps until something is due, but wakes at most once a second. */
const sweeper = (table: Table.Table, clock: Clock.Clock): Effect.Effect<never> => {
  const shortest = Math.min(SWEEP_EVERY_MILLIS, table.settings.lifetime)
  const sleep = Effect.suspend(() => {
    const now = clock.currentTimeMillisUnsafe()
    return clock.sleep(Duration.millis(Math.max(shortest, Life.nextSweep(table, now) - now)))
  })
  return Effect.forever(Effect.andThen(sleep, sweep(table, clock)))
}

/** Works in batches, so that others run in between. */
const sweep = (table: Table.Table, clock: Clock.Clock): Effect.Effect<void> =>
  Effect.suspend(() => {
    const now = clock.currentTimeMillisUnsafe()
    const done = Life.sweep(table, now, SWEEP_BATCH)
    settle(table, now)
    return done ? Effect.void : Effect.andThen(Effect.yieldNow, sweep(table, clock))
  })
