/** Sessions of workers that are replaced: those with snapshots move to others, whatever is under way. */
import { assert, describe, it } from "@effect/vitest"
import { Behaviour } from "@fireweed/test-kit/workers"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { TestClock } from "effect/testing"
import { fork, list, Numbers, pooled, saved, tagged } from "./lists.ts"

const second = Effect.andThen(TestClock.adjust("1 second"), Effect.repeat(TestClock.adjust(0), { times: 20 }))

describe("a session with snapshots moves", () => {
  it.effect("when the pool is restarted; no call is lost, nor out of order", () =>
    Effect.gen(function* () {
      const { events, pool } = yield* pooled({ size: 2 })
      const sessions = yield* Effect.forEach(["a", "b", "c", "d"], (key) =>
        pool.session(key, "app:List", [], saved)
      )
      const calls = yield* Effect.forEach(sessions, (session) =>
        Effect.forEach(
          Array.from({ length: 20 }, (_, item) => item),
          (item) => fork(session.call("slow", [item, 50], { result: Numbers }))
        )
      )
      yield* TestClock.adjust(120)
      const restart = yield* fork(pool.restart())
      for (let step = 0; step < 10; step++) yield* second
      yield* Fiber.join(restart)
      for (const own of calls)
        for (const [item, call] of own.entries())
          assert.deepStrictEqual(
            yield* Fiber.join(call),
            Array.from({ length: item + 1 }, (_, n) => n)
          )
      assert.deepStrictEqual(
        tagged(events, "SessionMoved")
          .map(({ key }) => key)
          .toSorted(),
        ["a", "b", "c", "d"]
      )
      assert.deepStrictEqual(tagged(events, "SessionLost"), [])
      const { workers } = yield* pool.snapshot
      assert.deepStrictEqual(workers.map(({ id }) => id).toSorted(), ["1.2", "2.2"])
      assert.isTrue(sessions.every(({ worker }) => worker.endsWith(".2")))
    })
  )

  it.effect("when its worker is recycled, which waits only for those that cannot move", () =>
    Effect.gen(function* () {
      const { events, pool } = yield* pooled({ size: 1, recycle: { age: "30 seconds" } })
      const movable = yield* pool.session("movable", "app:List", [], saved)
      yield* movable.call("add", [1])
      yield* Effect.scoped(
        Effect.gen(function* () {
          const fixed = yield* pool.session("fixed", "app:List")
          for (let step = 0; step < 60; step++) yield* second
          assert.deepStrictEqual(tagged(events, "WorkerReplaced"), [])
          assert.deepStrictEqual(yield* fixed.call("add", [7]), [7])
        })
      )
      for (let step = 0; step < 11; step++) yield* second
      assert.deepStrictEqual(
        tagged(events, "WorkerReplaced").map(({ reason }) => reason),
        ["age"]
      )
      assert.strictEqual(movable.worker, "1.2")
      assert.deepStrictEqual(yield* movable.call("add", [2]), [1, 2])
    })
  )

  it.effect("when a pool that is not needed any more shrinks", () =>
    Effect.gen(function* () {
      const { events, pool } = yield* pooled(
        { size: { min: 1, max: 3, idleTimeout: "6 seconds" } },
        { "app:long": Behaviour.delay("3 seconds") }
      )
      const calls = yield* Effect.forEach([1, 2, 3], () => fork(pool.call("app:long")))
      yield* second
      assert.lengthOf((yield* pool.snapshot).workers, 3)
      const sessions = yield* Effect.forEach(["a", "b", "c"], (key) =>
        fork(pool.session(key, "app:List", [], saved))
      )
      for (let step = 0; step < 5; step++) yield* second
      yield* Fiber.joinAll(calls)
      const open = yield* Effect.forEach(sessions, Fiber.join)
      assert.lengthOf([...new Set(open.map(({ worker }) => worker))], 3)
      for (let step = 0; step < 10; step++) yield* second
      assert.lengthOf((yield* pool.snapshot).workers, 1)
      assert.lengthOf(tagged(events, "SessionMoved"), 2)
      for (const session of open) assert.deepStrictEqual(yield* session.call("add", [1]), [1])
    })
  )

  it.effect("one after the other where there are many: who waits for its turn is served meanwhile", () =>
    Effect.gen(function* () {
      const { events, pool } = yield* pooled(
        { size: 1, queue: { timeout: "6 seconds" } },
        {
          "app:Heavy": () => {
            const { restore, ...others } = list()
            return {
              ...others,
              restore: (state: ReadonlyArray<unknown>) => Behaviour.delay("500 millis", () => restore(state))
            }
          }
        }
      )
      const keys = Array.from({ length: 20 }, (_, n) => `session ${n}`)
      const sessions = yield* Effect.forEach(keys, (key) => pool.session(key, "app:Heavy", [], saved))
      const restart = yield* fork(pool.restart({ timeout: "1 minute" }))
      const calls: Array<Fiber.Fiber<unknown, unknown>> = []
      // One worker takes them, one at a time: ten seconds for all.
      for (let step = 0; step < 120; step++) {
        const session = sessions[step % sessions.length]
        if (step < 100 && session !== undefined) calls.push(yield* fork(session.call("add", [step])))
        yield* TestClock.adjust("100 millis")
      }
      for (let step = 0; step < 5; step++) yield* second
      yield* Fiber.join(restart)
      for (const call of calls) yield* Fiber.join(call)
      for (const [index, session] of sessions.entries())
        assert.deepStrictEqual(
          yield* session.call("get"),
          [0, 20, 40, 60, 80].map((step) => step + index)
        )
      assert.lengthOf(tagged(events, "SessionMoved"), 20)
    })
  )

  it.effect("and is lost by a restart only if it cannot, when the time is over", () =>
    Effect.gen(function* () {
      const { events, pool } = yield* pooled({ size: 1 })
      const fixed = yield* pool.session("fixed", "app:List")
      const movable = yield* pool.session("movable", "app:List", [], saved)
      const restart = yield* fork(pool.restart({ timeout: "5 seconds" }))
      yield* second
      assert.deepStrictEqual([fixed.worker, movable.worker], ["1.1", "1.2"])
      assert.deepStrictEqual(yield* fixed.call("add", [1]), [1])
      for (let step = 0; step < 6; step++) yield* second
      yield* Fiber.join(restart)
      assert.deepStrictEqual(
        tagged(events, "SessionLost").map(({ key }) => key),
        ["fixed"]
      )
      assert.deepStrictEqual(yield* movable.call("add", [1]), [1])
    })
  )
})
