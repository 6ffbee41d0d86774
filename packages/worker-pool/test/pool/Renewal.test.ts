import { assert, describe, it } from "@effect/vitest"
import { Behaviour, MockWorker, Start } from "@fireweed/test-kit/workers"
import { WorkerPool } from "@fireweed/worker-pool"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { TestClock } from "effect/testing"
import { record } from "../support.ts"

const MIB = 1024 * 1024

/** A pool of mock workers in virtual time, with what happens in it. */
const pooled = (options: WorkerPool.Options = {}, start: Start.Start = Start.ready) =>
  Effect.gen(function* () {
    const mock = MockWorker.make(
      {
        "app:ok": () => "ok",
        "app:work": Behaviour.delay("100 millis", Behaviour.reply("done")),
        "app:long": Behaviour.delay("20 seconds", Behaviour.reply("done")),
        "app:grow": Behaviour.report({ rss: 900 * MIB }),
        "app:leave": Behaviour.report({ dirty: ["threads"] }),
        "app:Thing": () => ({ get: () => 1, wait: Behaviour.delay("2 seconds", Behaviour.reply("waited")) })
      },
      { start }
    )
    const pool = yield* WorkerPool.make({ size: 2, output: "ignore", ...options, connect: mock.connect })
    const events = yield* record(pool)
    const replaced = () =>
      events.flatMap((event) =>
        event._tag === "WorkerReplaced" ? [`${event.worker} -> ${event.successor}: ${event.reason}`] : []
      )
    const workers = Effect.map(pool.snapshot, ({ workers }) =>
      workers.map(({ id, state }) => `${id} ${state}`)
    )
    yield* TestClock.adjust(0)
    return { mock, pool, events, replaced, workers }
  })

/** One after the other, so that what begins at one moment is there at the next. */
const seconds = (count: number) =>
  Effect.forEach(Array.from({ length: count }), () =>
    Effect.andThen(TestClock.adjust("1 second"), Effect.repeat(TestClock.adjust(0), { times: 3 }))
  )

const fork = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.forkChild(effect, { startImmediately: true })

describe("restart", () => {
  it.effect("replaces each worker, the successor first, and never has fewer than before", () =>
    Effect.gen(function* () {
      const { mock, pool, replaced, workers } = yield* pooled(
        { size: 3 },
        Start.inTurn([Start.ready, Start.ready, Start.ready, Start.slow("1 second")])
      )
      assert.deepStrictEqual(yield* workers, ["1.1 ready", "2.1 ready", "3.1 ready"])
      const restart = yield* fork(pool.restart())
      const alive: Array<number> = []
      for (let step = 0; step < 35; step++) {
        yield* TestClock.adjust("100 millis")
        alive.push(mock.processes().length)
      }
      yield* Fiber.join(restart)
      assert.isAtLeast(Math.min(...alive), 3)
      assert.isAtMost(Math.max(...alive), 4, "one at a time")
      assert.deepStrictEqual(replaced(), [
        "1.1 -> 1.2: restart",
        "2.1 -> 2.2: restart",
        "3.1 -> 3.2: restart"
      ])
      assert.deepStrictEqual(yield* workers, ["1.2 ready", "2.2 ready", "3.2 ready"])
    })
  )

  it.effect("loses no call under load, and each is done once", () =>
    Effect.gen(function* () {
      const { mock, pool, workers } = yield* pooled({ size: 4, queue: { timeout: "10 minutes" } })
      const calls = yield* Effect.forEach(
        Array.from({ length: 400 }, (_, n) => n),
        (n) => fork(pool.call("app:work", [n]))
      )
      yield* TestClock.adjust("1 second")
      const restart = yield* fork(pool.restart())
      yield* TestClock.adjust("1 minute")
      yield* Fiber.join(restart)
      for (const call of calls) assert.strictEqual(yield* Fiber.join(call), "done")
      assert.deepStrictEqual(
        mock.calls.map(({ args }) => Number(args[0])).toSorted((a, b) => a - b),
        Array.from({ length: 400 }, (_, n) => n)
      )
      assert.deepStrictEqual(yield* workers, ["1.2 ready", "2.2 ready", "3.2 ready", "4.2 ready"])
    })
  )

  it.effect("waits for what a worker has, and for its sessions, which are served meanwhile", () =>
    Effect.gen(function* () {
      const { pool, workers } = yield* pooled({ size: 1 })
      const scope = yield* Effect.scoped(
        Effect.gen(function* () {
          const session = yield* pool.session("a", "app:Thing")
          const restart = yield* fork(pool.restart())
          yield* TestClock.adjust("5 seconds")
          assert.deepStrictEqual(yield* workers, ["1.1 draining", "1.2 ready"])
          const waits = yield* fork(session.call("wait"))
          const behind = yield* fork(session.call("get"))
          assert.strictEqual(yield* pool.call("app:ok"), "ok", "by the successor")
          yield* TestClock.adjust("2 seconds")
          assert.deepStrictEqual([yield* Fiber.join(waits), yield* Fiber.join(behind)], ["waited", 1])
          const other = yield* pool.session("b", "app:Thing")
          assert.deepStrictEqual([session.worker, other.worker], ["1.1", "1.2"])
          return restart
        })
      )
      yield* Fiber.join(scope)
      assert.deepStrictEqual(yield* workers, ["1.2 ready"])
    })
  )

  it.effect("loses what is not done in time, and says so", () =>
    Effect.gen(function* () {
      const { events, pool, workers } = yield* pooled({ size: 1 })
      const session = yield* pool.session("a", "app:Thing")
      const call = yield* fork(Effect.flip(pool.call("app:long")))
      const restart = yield* fork(pool.restart({ timeout: "3 seconds" }))
      yield* TestClock.adjust("3 seconds")
      yield* Fiber.join(restart)
      const lost = yield* Fiber.join(call)
      assert.strictEqual(lost._tag, "WorkerLost")
      const error = yield* Effect.flip(session.call("get"))
      assert.strictEqual(error._tag === "SessionError" && error.reason, "lost")
      assert.isTrue(events.some((event) => event._tag === "SessionLost" && event.key === "a"))
      assert.deepStrictEqual(yield* workers, ["1.2 ready"])
    })
  )

  it.effect("gives one that leaves already no more time than the others, and waits for it", () =>
    Effect.gen(function* () {
      const { events, pool, replaced, workers } = yield* pooled({
        size: 1,
        concurrency: 2,
        recycle: { calls: 1, minLife: "1 milli" }
      })
      const call = yield* fork(Effect.flip(pool.call("app:long")))
      yield* TestClock.adjust("1 second")
      yield* pool.call("app:ok")
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* workers, ["1.1 draining", "1.2 ready"])
      const restart = yield* fork(pool.restart({ timeout: "3 seconds" }))
      yield* TestClock.adjust("2 seconds")
      assert.isUndefined(restart.pollUnsafe())
      yield* TestClock.adjust("2 seconds")
      yield* Fiber.join(restart)
      assert.strictEqual((yield* Fiber.join(call))._tag, "WorkerLost")
      assert.deepStrictEqual(yield* workers, ["1.3 ready"])
      assert.deepStrictEqual(replaced(), ["1.1 -> 1.2: calls", "1.2 -> 1.3: restart"])
      assert.strictEqual(events.filter(({ _tag }) => _tag === "WorkerGone").length, 2)
    })
  )

  it.effect("stops at the first worker that has no successor; those that serve go on", () =>
    Effect.gen(function* () {
      const { pool, workers } = yield* pooled(
        { size: 2 },
        Start.inTurn([Start.ready, Start.ready, Start.ready, Start.exit(1, "broken")])
      )
      const error = yield* Effect.flip(pool.restart())
      assert.strictEqual(error.reason, "exited")
      assert.deepStrictEqual((yield* workers).toSorted(), ["1.2 ready", "2.1 ready"])
      assert.strictEqual(yield* pool.call("app:ok"), "ok")
    })
  )

  it.effect("a worker that dies while its successor starts leaves its place to it", () =>
    Effect.gen(function* () {
      const { mock, pool, workers } = yield* pooled(
        { size: 1 },
        Start.inTurn([Start.ready, Start.slow("1 second")])
      )
      const restart = yield* fork(pool.restart())
      yield* TestClock.adjust("500 millis")
      mock.processes()[0]?.signal("SIGKILL")
      yield* TestClock.adjust("2 seconds")
      yield* Fiber.join(restart)
      assert.deepStrictEqual(yield* workers, ["1.2 ready"])
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(mock.processes().length, 1)
    })
  )

  it.effect("who stops waiting for it stops it after the worker it is at", () =>
    Effect.gen(function* () {
      const { mock, pool, workers } = yield* pooled(
        { size: 2 },
        Start.inTurn([Start.ready, Start.ready, Start.slow("1 second")])
      )
      const restart = yield* fork(pool.restart())
      yield* TestClock.adjust("500 millis")
      yield* Fiber.interrupt(restart)
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual((yield* workers).toSorted(), ["1.2 ready", "2.1 ready"])
      assert.strictEqual(mock.processes().length, 2)
    })
  )

  it.effect("a worker that was being started when it began never serves: it is started anew", () =>
    Effect.gen(function* () {
      const { mock, pool, workers } = yield* pooled(
        { size: 2 },
        Start.inTurn([Start.ready, Start.slow("10 seconds"), Start.ready])
      )
      assert.deepStrictEqual(yield* workers, ["1.1 ready"])
      yield* pool.restart()
      assert.deepStrictEqual(yield* workers, ["1.2 ready"])
      const starts = () =>
        mock.received.filter(({ kind, worker }) => kind === "INIT" && worker === "2.1").length
      assert.strictEqual(starts(), 0)
      yield* TestClock.adjust("20 seconds")
      assert.deepStrictEqual(yield* workers, ["1.2 ready", "2.1 ready"])
      assert.strictEqual(starts(), 2)
    })
  )
})

describe("recycling", () => {
  it.effect("is off by default", () =>
    Effect.gen(function* () {
      const { pool, replaced } = yield* pooled()
      for (let call = 0; call < 50; call++) yield* pool.call("app:grow")
      yield* pool.call("app:leave")
      yield* seconds(600)
      assert.deepStrictEqual(replaced(), [])
    })
  )

  it.effect("replaces a worker that has answered enough calls", () =>
    Effect.gen(function* () {
      const { pool, replaced, workers } = yield* pooled({
        size: 1,
        recycle: { calls: 10, minLife: "1 second" }
      })
      for (let call = 0; call < 10; call++) yield* pool.call("app:ok")
      assert.deepStrictEqual(replaced(), [], "it has not lived long enough")
      yield* seconds(1)
      assert.deepStrictEqual(replaced(), ["1.1 -> 1.2: calls"])
      for (let call = 0; call < 9; call++) yield* pool.call("app:ok")
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(yield* workers, ["1.2 ready"])
      yield* pool.call("app:ok")
      yield* TestClock.adjust(0)
      assert.deepStrictEqual(replaced().slice(1), ["1.2 -> 1.3: calls"], "at once")
    })
  )

  it.effect("by age, by memory, by what calls left behind", () =>
    Effect.gen(function* () {
      const byAge = yield* pooled({ size: 1, recycle: { age: "1 minute" } })
      yield* TestClock.adjust("59 seconds")
      assert.deepStrictEqual(byAge.replaced(), [])
      yield* seconds(62)
      assert.deepStrictEqual(byAge.replaced(), ["1.1 -> 1.2: age", "1.2 -> 1.3: age"])

      const byMemory = yield* pooled({ size: 1, recycle: { memory: 800 * MIB } })
      yield* TestClock.adjust("10 seconds")
      yield* byMemory.pool.call("app:ok")
      assert.deepStrictEqual(byMemory.replaced(), [])
      yield* byMemory.pool.call("app:grow")
      yield* TestClock.adjust(0)
      assert.deepStrictEqual(byMemory.replaced(), ["1.1 -> 1.2: memory"])

      const byDirt = yield* pooled({ size: 1, recycle: { dirty: true } })
      yield* byDirt.pool.call("app:leave")
      yield* TestClock.adjust("9 seconds")
      assert.deepStrictEqual(byDirt.replaced(), [])
      yield* seconds(1)
      assert.deepStrictEqual(byDirt.replaced(), ["1.1 -> 1.2: dirty"])
    })
  )

  it.effect("a limit that every worker exceeds costs a start in each minLife, and no call", () =>
    Effect.gen(function* () {
      const { pool, replaced } = yield* pooled({ size: 1, recycle: { memory: 1, minLife: "10 seconds" } })
      for (let second = 0; second < 65; second++) {
        yield* pool.call("app:grow")
        yield* seconds(1)
      }
      assert.strictEqual(replaced().length, 6)
    })
  )

  it.effect("spares a worker that holds a session until that is closed", () =>
    Effect.gen(function* () {
      const { pool, replaced } = yield* pooled({ size: 1, recycle: { age: "30 seconds" } })
      yield* Effect.scoped(
        Effect.gen(function* () {
          const session = yield* pool.session("a", "app:Thing")
          yield* TestClock.adjust("10 minutes")
          assert.strictEqual(yield* session.call("get"), 1)
          assert.deepStrictEqual(replaced(), [])
        })
      )
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(replaced(), ["1.1 -> 1.2: age"])
    })
  )

  it.effect("a worker whose successor does not start serves on, and is tried again later", () =>
    Effect.gen(function* () {
      const { replaced, workers } = yield* pooled(
        { size: 1, recycle: { age: "30 seconds" } },
        Start.inTurn([Start.ready, Start.exit(1, "no"), Start.ready])
      )
      yield* seconds(35)
      assert.deepStrictEqual([replaced(), yield* workers], [[], ["1.1 ready"]])
      yield* seconds(10)
      assert.deepStrictEqual(replaced(), ["1.1 -> 1.3: age"])
    })
  )

  it.effect("waits for calls that run, however long they take", () =>
    Effect.gen(function* () {
      const { pool, workers } = yield* pooled({ size: 1, recycle: { age: "30 seconds" } })
      yield* TestClock.adjust("29 seconds")
      const call = yield* fork(pool.call("app:long"))
      yield* TestClock.adjust("11 seconds")
      assert.deepStrictEqual(yield* workers, ["1.1 draining", "1.2 ready"])
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual(yield* Fiber.join(call), "done")
      assert.deepStrictEqual(yield* workers, ["1.2 ready"])
    })
  )

  it.effect("in an elastic pool the worker that leaves counts for nothing", () =>
    Effect.gen(function* () {
      const { mock, pool, workers } = yield* pooled({
        size: { min: 1, max: 2, idleTimeout: "6 seconds" },
        recycle: { age: "30 seconds" },
        queue: { timeout: "10 minutes" }
      })
      for (let minute = 0; minute < 3; minute++) {
        const calls = yield* Effect.forEach(Array.from({ length: 20 }), () => fork(pool.call("app:long")))
        yield* TestClock.adjust("5 minutes")
        for (const call of calls) assert.strictEqual(yield* Fiber.join(call), "done")
      }
      assert.strictEqual((yield* workers).length, 1)
      assert.strictEqual(mock.processes().length, 1)
    })
  )
})
