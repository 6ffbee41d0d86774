/** What the tests of sessions that survive share: a Python class, played by mocks, and pools of them in virtual time. */
import { Behaviour, MockWorker } from "@fireweed/test-kit/workers"
import { WorkerPool } from "@fireweed/worker-pool"
import type { CallError, PoolEvent } from "@fireweed/worker-pool"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as KeyValueStore from "effect/persistence/KeyValueStore"
import { TestClock } from "effect/testing"
import { record } from "../support.ts"

/** A list that grows, on a worker, and knows how to be saved. */
export const list = (start: ReadonlyArray<unknown> = []) => {
  let items = [...start]
  const add = (item: unknown) => {
    if (!items.includes(item)) items.push(item)
    return [...items]
  }
  return {
    add,
    slow: (item: unknown, millis: number) => Behaviour.delay(millis, () => add(item)),
    get: () => [...items],
    fail: (item: unknown) => {
      add(item)
      return Behaviour.raise("ValueError", "as told")
    },
    each: (...more: ReadonlyArray<unknown>) => Behaviour.yields(more.map((item) => add(item).length)),
    die: Behaviour.exit(1),
    dieSlowly: Behaviour.delay(100, Behaviour.exit(1)),
    snapshot: (): unknown => items,
    restore: (state: ReadonlyArray<unknown>): unknown => {
      items = [...state]
      return null
    }
  }
}

const script: MockWorker.Script = {
  "app:ok": () => "ok",
  "app:slow": Behaviour.delay("5 seconds"),
  "app:List": list
}

/** A pool of mocks that can make lists, what it tells, and two ways to kill a worker of it. */
export const pooled = (
  options: Omit<WorkerPool.Options, "start"> & MockWorker.Options = {},
  more: MockWorker.Script = {}
) =>
  Effect.gen(function* () {
    const { start, ...rest } = options
    const mock = MockWorker.make({ ...script, ...more }, { start })
    const pool = yield* WorkerPool.make({
      size: 2,
      output: "ignore",
      crashLoop: { deaths: 1_000 },
      ...rest,
      connect: mock.connect
    })
    const events = yield* record(pool)
    const strike = (worker: string) =>
      Effect.sync(() =>
        mock
          .processes()
          .filter(({ id }) => id === worker)
          .forEach((process) => process.signal("SIGKILL"))
      )
    // The pool hears of it a moment later.
    const kill = (worker: string) => Effect.andThen(strike(worker), Effect.yieldNow)
    return { mock, pool, events, kill, strike }
  })

/** Starts it, as far as it gets by itself. */
export const fork = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.forkChild(effect, { startImmediately: true })

/** Runs it while time passes. */
export const inTime = <A, E, R>(effect: Effect.Effect<A, E, R>, time: Duration.Input = "10 seconds") =>
  Effect.gen(function* () {
    const fiber = yield* fork(effect)
    yield* TestClock.adjust(time)
    return yield* Fiber.join(fiber)
  })

/** The events of one kind. */
export const tagged = <Tag extends PoolEvent.PoolEvent["_tag"]>(
  events: ReadonlyArray<PoolEvent.PoolEvent>,
  tag: Tag
) =>
  events.filter((event): event is Extract<PoolEvent.PoolEvent, { readonly _tag: Tag }> => event._tag === tag)

/** Whoever listens to events has heard of all so far. */
export const heard = TestClock.adjust(1)

/** What tells one failure from another. */
export const told = (error: CallError.CallError) => `${error._tag} ${error.reason} ${error.started}`

/** What a list of numbers gives. */
export const Numbers = Schema.Array(Schema.Int)

/** The options of a session with a snapshot per call. */
export const saved = { snapshots: {} } as const

/** A store in memory that can be looked into, and can be made to fail. */
export const storeOf = Effect.map(Layer.build(KeyValueStore.layerMemory), (context) => {
  const store = Context.get(context, KeyValueStore.KeyValueStore)
  const faults = { get: false, set: false, remove: false }
  const failing = <A>(
    method: keyof typeof faults,
    effect: Effect.Effect<A, KeyValueStore.KeyValueStoreError>
  ) =>
    Effect.suspend(() =>
      faults[method]
        ? Effect.fail(new KeyValueStore.KeyValueStoreError({ method, message: "the disk is full" }))
        : effect
    )
  return {
    faults,
    keys: store.keys,
    store: {
      ...store,
      getUint8Array: (key: string) => failing("get", store.getUint8Array(key)),
      set: (key: string, value: string | Uint8Array) => failing("set", store.set(key, value)),
      remove: (key: string) => failing("remove", store.remove(key))
    }
  }
})
