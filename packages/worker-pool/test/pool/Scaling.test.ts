import { assert, describe, it } from "@effect/vitest"
import { Behaviour, MockWorker, Start } from "@fireweed/test-kit/workers"
import { WorkerPool } from "@fireweed/worker-pool"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { TestClock } from "effect/testing"
import { record } from "../support.ts"
import * as Scaling from "../../src/pool/Scaling.ts"

describe("growth", () => {
  const demand = {
    max: 16,
    concurrency: 1,
    ready: 4,
    starting: 0,
    waiting: 100,
    waitedFor: Scaling.GROW_AFTER
  }
  for (const [change, count] of [
    [{}, 4],
    [{ waitedFor: Scaling.GROW_AFTER - 1 }, 0],
    [{ waiting: 0 }, 0],
    [{ waiting: 2 }, 2],
    [{ waiting: 2, starting: 1 }, 1],
    [{ waiting: 2, starting: 3 }, 0],
    [{ starting: 4 }, 0],
    [{ ready: 0 }, 1],
    [{ ready: 14 }, 2],
    [{ ready: 16 }, 0],
    [{ waiting: 5, concurrency: 4 }, 2]
  ] as const) {
    it(`${JSON.stringify(change)} starts ${count}`, () =>
      assert.strictEqual(Scaling.growth({ ...demand, ...change }), count))
  }
})

describe("surplus", () => {
  for (const [peak, concurrency, count] of [
    [0, 1, 6],
    [3, 1, 5],
    [8, 1, 0],
    [100, 1, 0],
    [9, 4, 5]
  ] as const) {
    it(`of 8 workers, 2 at least, ${count} may leave when at most ${peak} calls ran, ${concurrency} on each`, () =>
      assert.strictEqual(Scaling.surplus({ spare: 0, min: 2, ready: 8, concurrency, peak }), count))
  }
})

/** A pool of mock workers in virtual time, of 1 to 8. */
const elastic = (options: Omit<WorkerPool.Options, "start"> & MockWorker.Options = {}) =>
  Effect.gen(function* () {
    const { start, ...rest } = options
    const mock = MockWorker.make(
      {
        "app:ok": () => "ok",
        "app:work": Behaviour.delay("1 second"),
        "app:long": Behaviour.delay("10 minutes"),
        "app:die": Behaviour.exit(1),
        "app:Thing": () => ({ get: () => 1 })
      },
      { start }
    )
    const pool = yield* WorkerPool.make({
      size: { min: 1, max: 8 },
      output: "ignore",
      queue: { timeout: "10 minutes" },
      ...rest,
      connect: mock.connect
    })
    const workers = Effect.map(pool.snapshot, ({ workers }) => workers.length)
    const load = (target: string, count: number) =>
      Effect.forEach(Array.from({ length: count }), () =>
        Effect.forkChild(Effect.exit(pool.call(target)), { startImmediately: true })
      )
    return { mock, pool, workers, load }
  })

describe("D56 an elastic pool", () => {
  it.effect(
    "doubles while calls wait, up to the most, and shrinks to the least when it was idle for long",
    () =>
      Effect.gen(function* () {
        const { load, pool, workers } = yield* elastic()
        assert.strictEqual(yield* workers, 1)
        const calls = yield* load("app:work", 100)
        yield* TestClock.adjust(Scaling.GROW_AFTER - 1)
        assert.strictEqual(yield* workers, 1)
        const sizes: Array<number> = []
        yield* TestClock.adjust(1)
        sizes.push(yield* workers)
        for (let step = 0; step < 4; step++) {
          yield* TestClock.adjust(Scaling.GROW_AFTER)
          sizes.push(yield* workers)
        }
        assert.deepStrictEqual(sizes, [2, 4, 8, 8, 8])
        yield* TestClock.adjust("20 seconds")
        yield* Fiber.joinAll(calls)
        assert.strictEqual(yield* workers, 8)
        yield* TestClock.adjust("40 seconds")
        assert.strictEqual(yield* workers, 8, "the busy moments are less than a minute ago")
        yield* TestClock.adjust("30 seconds")
        assert.strictEqual(yield* workers, 1)
        assert.strictEqual(yield* pool.call("app:ok"), "ok")
        yield* TestClock.adjust("1 hour")
        assert.strictEqual(yield* workers, 1)
      })
  )

  it.effect(
    "has a queue with a limit, however large it is, and refuses what is beyond it by a type of its own",
    () =>
      Effect.gen(function* () {
        const { load, pool, workers } = yield* elastic({ size: { min: 1, max: 2 }, queue: { limit: 3 } })
        yield* load("app:long", 4)
        yield* TestClock.adjust("1 second")
        assert.strictEqual(yield* workers, 2)
        yield* load("app:long", 1)
        const refused = yield* Effect.flip(pool.call("app:ok"))
        assert.deepStrictEqual(refused._tag === "QueueFull" && [refused.reason, refused.queued], ["limit", 3])
      })
  )

  it.effect("comes back from the least, again and again", () =>
    Effect.gen(function* () {
      const { load, workers } = yield* elastic({ size: { min: 1, max: 4, idleTimeout: "6 seconds" } })
      for (let round = 0; round < 3; round++) {
        const calls = yield* load("app:work", 12)
        yield* TestClock.adjust("1 second")
        assert.strictEqual(yield* workers, 4)
        yield* TestClock.adjust("20 seconds")
        yield* Fiber.joinAll(calls)
        assert.strictEqual(yield* workers, 1)
      }
    })
  )

  it.effect("does not grow for calls that wait for a moment, nor for those that a limit holds back", () =>
    Effect.gen(function* () {
      const { load, pool, workers } = yield* elastic({ limits: { "app:work": 1 } })
      const calls = yield* load("app:work", 5)
      yield* TestClock.adjust("4 seconds")
      assert.strictEqual(yield* workers, 1)
      yield* TestClock.adjust("2 seconds")
      yield* Fiber.joinAll(calls)
      for (let call = 0; call < 100; call++) {
        yield* Effect.all([pool.call("app:ok"), pool.call("app:ok")], { concurrency: "unbounded" })
        yield* TestClock.adjust("10 millis")
      }
      assert.strictEqual(yield* workers, 1)
    })
  )

  it.effect("starts no more than are needed, and lets none go that is busy or holds a session", () =>
    Effect.gen(function* () {
      const { load, pool, workers } = yield* elastic()
      const calls = yield* load("app:work", 3)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* workers, 3)
      calls.push(...(yield* load("app:work", 20)))
      yield* TestClock.adjust("10 seconds")
      yield* Fiber.joinAll(calls)
      assert.strictEqual(yield* workers, 8)
      const sessions = yield* Effect.forEach(["a", "b", "c", "d"], (key) => pool.session(key, "app:Thing"))
      const long = yield* load("app:long", 2)
      yield* TestClock.adjust("5 minutes")
      const { running, sessions: open, workers: left } = yield* pool.snapshot
      assert.deepStrictEqual([running, open], [2, 4])
      assert.isTrue(left.every((worker) => worker.running + worker.sessions > 0))
      assert.isBelow(left.length, 8)
      yield* TestClock.adjust("5 minutes")
      for (const session of sessions) assert.strictEqual(yield* session.call("get"), 1)
      yield* Fiber.joinAll(long)
    })
  )

  it.effect("keeps workers ready to spare beyond those that run something", () =>
    Effect.gen(function* () {
      const { load, pool, workers } = yield* elastic({
        size: { min: 1, max: 4, spare: 1, idleTimeout: "6 seconds" }
      })
      assert.strictEqual(yield* workers, 1)
      const sizes: Array<number> = []
      const calls = []
      for (let call = 0; call < 4; call++) {
        calls.push(...(yield* load("app:long", 1)))
        yield* TestClock.adjust(1)
        sizes.push(yield* workers)
      }
      assert.deepStrictEqual(sizes, [2, 3, 4, 4], "no call has waited")
      yield* TestClock.adjust("1 hour")
      yield* Fiber.joinAll(calls)
      assert.strictEqual(yield* workers, 1)
      const [last] = yield* load("app:long", 1)
      yield* TestClock.adjust(1)
      yield* Effect.flip(pool.call("app:die"))
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* workers, 2, "the spare one that died has a successor")
      assert.isUndefined(last?.pollUnsafe())
    })
  )

  it.effect("is ready when one worker is, and never has fewer than the least", () =>
    Effect.gen(function* () {
      const { load, workers } = yield* elastic({ size: { min: 3, max: 6, idleTimeout: "6 seconds" } })
      yield* TestClock.adjust(0)
      assert.strictEqual(yield* workers, 3)
      const calls = yield* load("app:work", 50)
      yield* TestClock.adjust("1 minute")
      yield* Fiber.joinAll(calls)
      assert.strictEqual(yield* workers, 3)
    })
  )

  it.effect("stops starting workers that do not get ready", () =>
    Effect.gen(function* () {
      const { load, pool, workers } = yield* elastic({
        start: Start.inTurn([Start.ready, Start.exit(1, "no more")]),
        crashLoop: { deaths: 3, pause: "1 hour" }
      })
      const events = yield* record(pool)
      const calls = yield* load("app:work", 30)
      yield* TestClock.adjust("1 minute")
      yield* Fiber.joinAll(calls)
      assert.strictEqual(events.filter(({ _tag }) => _tag === "StartFailed").length, 3)
      const { circuit, queued } = yield* pool.snapshot
      assert.deepStrictEqual([circuit, queued, yield* workers], ["Open", 0, 1], "the one that lives serves")
    })
  )

  it.effect("replaces a worker that dies while there is work, and lets it be when there is none", () =>
    Effect.gen(function* () {
      const { load, pool, workers } = yield* elastic({ size: { min: 1, max: 2 } })
      const calls = yield* load("app:work", 4)
      yield* TestClock.adjust("10 seconds")
      yield* Fiber.joinAll(calls)
      assert.strictEqual(yield* workers, 2)
      yield* Effect.flip(pool.call("app:die"))
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* workers, 1)
      yield* Effect.flip(pool.call("app:die"))
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* workers, 1, "never fewer than the least")
      assert.strictEqual(yield* pool.call("app:ok"), "ok")
    })
  )
})
