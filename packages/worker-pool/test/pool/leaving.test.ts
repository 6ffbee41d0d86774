/** What becomes of sessions whose worker is replaced, whatever happens meanwhile. Mock workers, virtual time. */
import { assert, describe, it } from "@effect/vitest"
import { Behaviour } from "@fireweed/test-kit/workers"
import type { WorkerPool } from "@fireweed/worker-pool"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import { TestClock } from "effect/testing"
import { fork, heard, inTime, list, Numbers, pooled, saved, tagged, told } from "./lists.ts"

const NOW = { startImmediately: true } as const
const rarely = { snapshots: { every: 1_000 } } as const

const homes = (sessions: ReadonlyArray<WorkerPool.Session>) => sessions.map(({ worker }) => worker)

describe("a restart", () => {
  it.effect("takes sessions along with all they have, though no snapshot was due", () =>
    Effect.gen(function* () {
      let closed = 0
      const { events, mock, pool } = yield* pooled(
        {},
        { "app:Open": () => ({ ...list(), close: () => void closed++ }) }
      )
      const sessions = yield* Effect.forEach(["a", "b", "c", "d"], (key) =>
        pool.session(key, "app:Open", [], rarely)
      )
      yield* Effect.forEach(sessions, (session) => session.call("add", [session.key]))
      const before = homes(sessions)
      yield* inTime(pool.restart())
      const states = yield* Effect.forEach(sessions, (session) => session.call("get"))
      assert.deepStrictEqual(states, [["a"], ["b"], ["c"], ["d"]])
      assert.isTrue(homes(sessions).every((worker) => !before.includes(worker)))
      yield* heard
      // One may go to a worker that is to go as well, and then once more.
      assert.isAtLeast(tagged(events, "SessionMoved").length, 4)
      assert.strictEqual(closed, tagged(events, "SessionMoved").length, "its old object is closed")
      assert.isEmpty([...tagged(events, "SessionLost"), ...tagged(events, "SessionRestored")])
      assert.isEmpty(mock.received.filter(({ kind }) => kind === "SIGKILL"))
    })
  )

  it.effect("under load loses no call of them, and keeps their order", () =>
    Effect.gen(function* () {
      const { events, pool } = yield* pooled({ size: 3 })
      const sessions = yield* Effect.forEach(["a", "b", "c", "d", "e"], (key) =>
        pool.session(key, "app:List", [], rarely)
      )
      const made: Array<Fiber.Fiber<unknown, unknown>> = []
      const load = Effect.gen(function* () {
        for (let item = 0; item < 100; item++) {
          for (const session of sessions)
            made.push(yield* Effect.forkScoped(session.call("slow", [item, item % 7 === 0 ? 40 : 3]), NOW))
          yield* Effect.sleep(8)
        }
      })
      const loading = yield* fork(load)
      const restarting = yield* fork(pool.restart())
      yield* TestClock.adjust("1 minute")
      yield* Fiber.join(loading)
      yield* Fiber.join(restarting)
      const exits = made.map((fiber) => fiber.pollUnsafe())
      assert.strictEqual(exits.length, 500)
      assert.isTrue(exits.every((exit) => exit !== undefined && Exit.isSuccess(exit)))
      for (const session of sessions)
        assert.deepStrictEqual(
          yield* session.call("get", [], { result: Numbers }),
          Array.from({ length: 100 }, (_, item) => item)
        )
      assert.isAtLeast(tagged(events, "SessionMoved").length, 5)
      assert.isEmpty(tagged(events, "SessionLost"))
    })
  )

  it.effect("leaves one where it is whose snapshot fails, and tells", () =>
    Effect.gen(function* () {
      let broken = false
      const { pool } = yield* pooled(
        {},
        {
          "app:Odd": () => {
            const self = list()
            return {
              ...self,
              snapshot: () => (broken ? Behaviour.raise("ValueError", "odd") : self.snapshot())
            }
          }
        }
      )
      const session = yield* pool.session("key", "app:Odd", [], rarely)
      yield* session.call("add", [1])
      const { worker } = session
      broken = true
      const restart = yield* fork(pool.restart({ timeout: "30 seconds" }))
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual(session.worker, worker)
      assert.deepStrictEqual(yield* session.call("get"), [1])
      broken = false
      yield* TestClock.adjust("1 minute")
      yield* Fiber.join(restart)
      // Its worker has gone: the last snapshot is from its opening.
      assert.deepStrictEqual(yield* session.call("get"), [])
    })
  )

  it.effect("whose worker dies in the middle of it is a death like any other", () =>
    Effect.gen(function* () {
      const { events, kill, pool } = yield* pooled(
        { size: 1 },
        {
          "app:Slow": () => {
            const self = list()
            return { ...self, snapshot: () => Behaviour.delay("1 second", () => self.snapshot()) }
          }
        }
      )
      const session = yield* inTime(pool.session("key", "app:Slow", [], saved), "2 seconds")
      yield* inTime(session.call("add", [1]), "2 seconds")
      const { worker } = session
      const restart = yield* fork(pool.restart())
      yield* TestClock.adjust(500)
      const call = yield* fork(session.call("add", [2]))
      yield* kill(worker)
      yield* TestClock.adjust("10 seconds")
      yield* Fiber.join(restart)
      assert.deepStrictEqual(yield* Fiber.join(call), [1, 2])
      assert.isEmpty(tagged(events, "SessionLost"))
    })
  )
})

describe("a session that moves", () => {
  it.effect("D6 and is closed in the middle of it leaves neither object behind", () =>
    Effect.gen(function* () {
      const open = new Set<object>()
      const { pool } = yield* pooled(
        { size: 1 },
        {
          "app:Open": () => {
            const self = {
              ...list(),
              close: () => Behaviour.delay("1 second", () => void open.delete(self))
            }
            open.add(self)
            return self
          }
        }
      )
      const scope = yield* Scope.make()
      const session = yield* Scope.provide(pool.session("key", "app:Open", [], saved), scope)
      const restart = yield* fork(pool.restart())
      yield* TestClock.adjust(500)
      assert.strictEqual(open.size, 2)
      yield* inTime(Scope.close(scope, Exit.void), "5 seconds")
      yield* Fiber.join(restart)
      assert.strictEqual(open.size, 0)
      assert.strictEqual(told(yield* Effect.flip(session.call("get"))), "SessionError closed no")
      const { sessions, workers } = yield* pool.snapshot
      assert.deepStrictEqual([sessions, ...workers.map((worker) => worker.sessions)], [0, 0])
    })
  )

  it.effect("as soon as it is open, if its worker has begun to leave meanwhile", () =>
    Effect.gen(function* () {
      const { events, pool } = yield* pooled(
        { size: 1 },
        { "app:Heavy": () => Behaviour.delay("1 second", () => list()) }
      )
      const opening = yield* fork(pool.session("key", "app:Heavy", [], saved))
      yield* TestClock.adjust(500)
      const restart = yield* fork(pool.restart())
      yield* TestClock.adjust("5 seconds")
      assert.isDefined(restart.pollUnsafe())
      yield* Fiber.join(opening)
      yield* heard
      assert.strictEqual(tagged(events, "SessionMoved").length, 1)
    })
  )
})
