/** Sessions that survive their worker, on mock workers and in virtual time. */
import { assert, describe, it } from "@effect/vitest"
import { Behaviour, Start } from "@fireweed/test-kit/workers"
import { PythonModule } from "@fireweed/worker-pool"
import type { CallError } from "@fireweed/worker-pool"
import { Frame, Json, Kind } from "@fireweed/worker-pool/protocol"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"
import { fork, inTime, list, Numbers, pooled, saved, storeOf, tagged, told } from "./lists.ts"

describe("a session with a snapshot per call, whose worker is killed", () => {
  it.effect("D11 comes back with all that was acknowledged, and only the call in flight may have run", () =>
    Effect.gen(function* () {
      const { events, kill, mock, pool } = yield* pooled()
      const session = yield* pool.session("key", "app:List", [], saved)
      const { epoch, worker } = session
      yield* session.call("add", [1])
      const flying = yield* fork(Effect.flip(session.call("slow", [2, 1_000])))
      const waiting = yield* Effect.forEach([3, 4, 5], (item) => fork(session.call("add", [item])))
      yield* kill(worker)
      const late = yield* fork(session.call("add", [6]))
      yield* TestClock.adjust("1 second")
      assert.strictEqual(told(yield* Fiber.join(flying)), "WorkerLost signal maybe")
      const answers = yield* Effect.forEach([...waiting, late], (fiber) => Fiber.join(fiber))
      assert.deepStrictEqual(answers, [
        [1, 3],
        [1, 3, 4],
        [1, 3, 4, 5],
        [1, 3, 4, 5, 6]
      ])
      assert.notStrictEqual(session.worker, worker)
      assert.isAbove(session.epoch, epoch)
      const [restored, ...more] = tagged(events, "SessionRestored")
      assert.deepStrictEqual(more, [])
      assert.deepInclude(restored, { key: "key", from: worker, worker: session.worker, epoch: session.epoch })
      assert.isEmpty(tagged(events, "SessionLost"))
      // What it did for itself is nobody's call.
      const opened = tagged(events, "CallEnded").filter(({ target }) =>
        target.startsWith("app:List (session")
      )
      assert.strictEqual(opened.length, 1)
      assert.isTrue(mock.calls.every(({ target }) => !target.startsWith("@")))
    })
  )

  it.effect("D26 repeats the one in flight if it may run twice, in its place", () =>
    Effect.gen(function* () {
      const { events, kill, pool } = yield* pooled()
      const session = yield* pool.session("key", "app:List", [], saved)
      const flying = yield* fork(session.call("slow", [1, 1_000], { idempotent: true }))
      const waiting = yield* fork(session.call("add", [2]))
      yield* TestClock.adjust(500)
      yield* kill(session.worker)
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual(yield* Fiber.join(flying), [1])
      assert.deepStrictEqual(yield* Fiber.join(waiting), [1, 2])
      assert.strictEqual(tagged(events, "CallRetried").length, 1)
    })
  )

  it.effect("keeps that place though its worker takes its time to die", () =>
    Effect.gen(function* () {
      const lastWords = Frame.encode(
        Frame.make(Kind.Reply.fatal, 0, Json.encodeJson({ phase: "runtime", message: "that was it" }))
      )
      const fatal = Behaviour.write(
        () => Uint8Array.from(lastWords.flatMap((piece) => [...piece])),
        Behaviour.delay("1 second", Behaviour.exit(79))
      )
      let dies = true
      const { pool } = yield* pooled(
        {},
        {
          "app:Fatal": () => {
            const self = list()
            const first = () => {
              if (!dies) return self.add(1)
              dies = false
              return fatal
            }
            return { ...self, first }
          }
        }
      )
      const dying = yield* pool.session("key", "app:Fatal", [], saved)
      const first = yield* fork(dying.call("first", [], { idempotent: true }))
      const second = yield* fork(dying.call("add", [2]))
      yield* TestClock.adjust("5 seconds")
      assert.deepStrictEqual(yield* Fiber.join(first), [1])
      assert.deepStrictEqual(yield* Fiber.join(second), [1, 2])
    })
  )

  it.effect("gives up on one that kills each worker it meets, and lives on", () =>
    Effect.gen(function* () {
      const { mock, pool } = yield* pooled()
      const session = yield* pool.session("key", "app:List", [[7]], saved)
      const error = yield* inTime(Effect.flip(session.call("die", [], { idempotent: true })), "1 minute")
      assert.strictEqual(told(error), "WorkerLost exit maybe")
      assert.strictEqual(mock.calls.filter(({ target }) => target === "die").length, 5)
      assert.deepStrictEqual(yield* inTime(session.call("get")), [7])
    })
  )

  it.effect("is restored at once, not when it is called", () =>
    Effect.gen(function* () {
      const { events, kill, pool } = yield* pooled()
      const session = yield* pool.session("key", "app:List", [], saved)
      yield* kill(session.worker)
      yield* TestClock.adjust(1)
      assert.strictEqual(tagged(events, "SessionRestored").length, 1)
    })
  )

  it.effect("has the state before it was called at all, and no trace of a call that failed", () =>
    Effect.gen(function* () {
      const { kill, pool } = yield* pooled()
      const session = yield* pool.session("key", "app:List", [[1]], saved)
      assert.strictEqual((yield* Effect.flip(session.call("fail", [2])))._tag, "PythonError")
      yield* kill(session.worker)
      assert.deepStrictEqual(yield* inTime(session.call("get")), [1])
    })
  )

  it.effect("has what a stream did, if it has ended", () =>
    Effect.gen(function* () {
      const { kill, pool } = yield* pooled()
      const session = yield* pool.session("key", "app:List", [], saved)
      assert.deepStrictEqual(yield* Stream.runCollect(session.stream("each", [1, 2])), [1, 2])
      yield* Stream.runDrain(Stream.take(session.stream("each", [3, 4], { credit: 1 }), 1))
      yield* kill(session.worker)
      assert.deepStrictEqual(yield* inTime(session.call("get")), [1, 2])
    })
  )

  it.effect("the same by JSON", () =>
    Effect.gen(function* () {
      const { kill, pool } = yield* pooled({ codec: "json" })
      const session = yield* pool.session("key", "app:List", [["a"]], saved)
      yield* session.call("add", ["b"])
      yield* kill(session.worker)
      assert.deepStrictEqual(yield* inTime(session.call("add", ["c"])), ["a", "b", "c"])
    })
  )

  it.effect("D68 two keys, and two classes, never see each other's state", () =>
    Effect.gen(function* () {
      const shared = yield* storeOf
      const { kill, pool } = yield* pooled({ sessions: { store: shared.store } }, { "app:Other": list })
      const sessions = yield* Effect.forEach(["a", "b", "c", "d"], (key) =>
        pool.session(key, key < "c" ? "app:List" : "app:Other", [], saved)
      )
      yield* Effect.forEach(sessions, (session) => session.call("add", [session.key]))
      for (const worker of new Set(sessions.map((session) => session.worker))) yield* kill(worker)
      const states = yield* inTime(Effect.forEach(sessions, (session) => session.call("get")))
      assert.deepStrictEqual(states, [["a"], ["b"], ["c"], ["d"]])
    })
  )
})

describe("1,000 sessions under random calls, deaths and interruptions", () => {
  it.effect(
    "lose no acknowledged update, end each call once, keep their order; and only what was in flight may have run",
    () =>
      Effect.gen(function* () {
        let seed = 20_261
        const random = (below: number): number => {
          seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0
          return Math.floor((seed / 2 ** 32) * below)
        }
        const { kill, pool, strike } = yield* pooled({ size: 3 })
        const seen = { acknowledged: 0, lost: 0, deaths: 0, interrupted: 0 }
        for (let round = 0; round < 250; round++) {
          const scope = yield* Scope.make()
          const sessions = yield* inTime(
            Effect.forEach([0, 1, 2, 3], (n) =>
              Scope.provide(pool.session(`${round}.${n}`, "app:List", [], saved), scope)
            ),
            "1 second"
          )
          let item = 0
          let deaths = 0
          const made: Array<{
            readonly key: string
            readonly item: number
            readonly idempotent: boolean
            readonly fiber: Fiber.Fiber<unknown, CallError.CallError>
          }> = []
          for (let step = 0; step < 24; step++) {
            const session = sessions[random(sessions.length)]
            if (session === undefined) continue
            switch (random(8)) {
              case 0:
                deaths++
                yield* random(2) === 0 ? kill(session.worker) : strike(session.worker)
                break
              case 1:
                yield* TestClock.adjust(random(40))
                break
              case 2: {
                const victim = made[random(made.length)]
                if (victim !== undefined && random(3) === 0) yield* Fiber.interrupt(victim.fiber)
                break
              }
              default: {
                const idempotent = random(4) === 0
                const mine = ++item
                const call =
                  random(2) === 0
                    ? session.call("add", [mine], { idempotent })
                    : session.call("slow", [mine, 1 + random(30)], { idempotent })
                made.push({ key: session.key, item: mine, idempotent, fiber: yield* fork(call) })
              }
            }
          }
          yield* TestClock.adjust("20 seconds")
          const lost = new Map<string, number>()
          const acknowledged = new Map<string, Array<number>>()
          for (const { fiber, idempotent, item, key } of made) {
            const exit = fiber.pollUnsafe()
            assert.isDefined(exit, `call ${item} of ${key} has ended`)
            if (Exit.isSuccess(exit)) acknowledged.set(key, [...(acknowledged.get(key) ?? []), item])
            else if (Exit.hasInterrupts(exit)) seen.interrupted++
            else {
              assert.strictEqual(told(yield* Effect.flip(exit)), "WorkerLost signal maybe")
              assert.isTrue(!idempotent || deaths >= 5, "one that may run twice is given five workers")
              lost.set(key, (lost.get(key) ?? 0) + 1)
            }
          }
          for (const count of lost.values()) {
            assert.isAtMost(count, deaths, "of each session one call may be in flight when its worker dies")
            seen.lost += count
          }
          for (const session of sessions) {
            const state = yield* inTime(session.call("get", [], { result: Numbers }), 1)
            const promised = acknowledged.get(session.key) ?? []
            assert.deepStrictEqual(
              promised.filter((item) => !state.includes(item)),
              [],
              "every acknowledged update is there"
            )
            assert.deepStrictEqual(
              state,
              state.toSorted((a, b) => a - b),
              "in the order in which the calls were made"
            )
            seen.acknowledged += promised.length
          }
          seen.deaths += deaths
          yield* inTime(Scope.close(scope, Exit.void), "1 second")
          assert.strictEqual((yield* pool.snapshot).sessions, 0)
        }
        // It was a storm.
        assert.isAbove(seen.deaths, 500)
        assert.isAbove(seen.acknowledged, 3_000)
        assert.isAbove(seen.lost, 100)
        assert.isAbove(seen.interrupted, 50)
      }),
    { timeout: 60_000 }
  )
})

describe("on its way to another worker", () => {
  it.effect(
    "calls wait within their deadlines and the queue's time, and as many as the queue's limit says",
    () =>
      Effect.gen(function* () {
        const { kill, pool } = yield* pooled({
          size: 1,
          start: Start.inTurn([Start.ready, Start.slow("1 minute")]),
          startTimeout: "2 minutes",
          recovery: { budget: { restore: "2 minutes" } },
          queue: { limit: 2, timeout: "5 seconds" }
        })
        const session = yield* pool.session("key", "app:List", [], saved)
        yield* kill(session.worker)
        const brief = yield* fork(Effect.flip(session.call("add", [1], { deadline: "1 second" })))
        const patient = yield* fork(Effect.flip(session.call("add", [2])))
        assert.strictEqual(told(yield* Effect.flip(session.call("add", [3]))), "QueueFull limit no")
        const left = yield* fork(session.call("add", [4], { deadline: 0 }))
        yield* TestClock.adjust("1 second")
        assert.strictEqual(told(yield* Fiber.join(brief)), "DeadlineExceeded waiting no")
        yield* TestClock.adjust("4 seconds")
        assert.strictEqual(told(yield* Fiber.join(patient)), "QueueFull timeout no")
        yield* Fiber.interrupt(left)
        yield* TestClock.adjust("55 seconds")
        assert.deepStrictEqual(yield* session.call("get"), [])
      })
  )

  it.effect("one whose new worker dies, too, is tried on another, after a pause", () =>
    Effect.gen(function* () {
      let restores = 0
      const { events, kill, pool } = yield* pooled(
        { size: 1 },
        {
          "app:Heavy": () => ({
            ...list(),
            restore: () => (++restores <= 3 ? Behaviour.exit(9) : null)
          })
        }
      )
      const session = yield* pool.session("key", "app:Heavy", [], saved)
      yield* kill(session.worker)
      yield* TestClock.adjust("1 second")
      const call = yield* fork(session.call("get"))
      yield* TestClock.adjust("9 seconds")
      yield* Fiber.join(call)
      assert.strictEqual(restores, 4)
      assert.strictEqual(tagged(events, "SessionRestored").length, 1)
      assert.isAbove(tagged(events, "SessionRestored")[0]?.took ?? 0, 100)
    })
  )

  it.effect("D11 one that cannot be brought back is lost, once, and says why; its key is free", () =>
    Effect.gen(function* () {
      let broken = true
      const shared = yield* storeOf
      const { events, kill, pool } = yield* pooled(
        { sessions: { store: shared.store } },
        {
          "app:Broken": () => ({
            ...list(),
            restore: () => (broken ? Behaviour.raise("ValueError", "of another version") : null)
          }),
          "app:Deadly": () => ({ ...list(), restore: () => Behaviour.exit(9) })
        }
      )
      for (const target of ["app:Broken", "app:Deadly"]) {
        const session = yield* pool.session("key", target, [], saved)
        yield* kill(session.worker)
        const waiting = yield* fork(Effect.flip(session.call("get")))
        yield* TestClock.adjust("2 minutes")
        assert.strictEqual(told(yield* Fiber.join(waiting)), "SessionError lost no")
        const later = yield* Effect.flip(session.call("get"))
        assert.strictEqual(told(later), "SessionError lost no")
        assert.include(later.message, target === "app:Broken" ? "of another version" : "is gone")
        assert.deepStrictEqual(yield* shared.keys, [])
        assert.strictEqual((yield* pool.snapshot).sessions, 0)
      }
      assert.strictEqual(tagged(events, "SessionLost").length, 2)
      broken = false
      assert.deepStrictEqual(yield* (yield* pool.session("key", "app:Broken", [], saved)).call("get"), [])
    })
  )

  it.effect("one whose store cannot be read any more is lost", () =>
    Effect.gen(function* () {
      const shared = yield* storeOf
      const { kill, pool } = yield* pooled({ sessions: { store: shared.store } })
      const session = yield* pool.session("key", "app:List", [], saved)
      shared.faults.get = true
      yield* kill(session.worker)
      yield* TestClock.adjust("1 second")
      const error = yield* Effect.flip(session.call("get"))
      assert.strictEqual(told(error), "SessionError lost no")
      assert.include(error.message, "the disk is full")
    })
  )

  it.effect("D6 its end leaves nothing behind, on either side, whenever it comes", () =>
    Effect.gen(function* () {
      const shared = yield* storeOf
      const open = new Set<object>()
      const { kill, mock, pool } = yield* pooled(
        { sessions: { store: shared.store } },
        {
          "app:Open": () => {
            const self = {
              ...list(),
              restore: () => Behaviour.delay("1 second"),
              close: () => void open.delete(self)
            }
            open.add(self)
            return self
          }
        }
      )
      // Before the restore has begun, in the middle of it, at its end, and later.
      for (const moment of [0, 500, 999, 1_000, 1_500]) {
        const scope = yield* Scope.make()
        const session = yield* Scope.provide(pool.session("key", "app:Open", [], saved), scope)
        yield* kill(session.worker)
        open.clear()
        const call = yield* fork(Effect.flip(session.call("get", [], { deadline: "1 minute" })))
        yield* TestClock.adjust(moment)
        yield* inTime(Scope.close(scope, Exit.void))
        if (moment < 1_000) assert.strictEqual(told(yield* Fiber.join(call)), "SessionError closed no")
        assert.strictEqual(told(yield* Effect.flip(session.call("get"))), "SessionError closed no")
        assert.strictEqual(open.size, 0, `closed after ${moment} ms`)
        assert.deepStrictEqual(yield* shared.keys, [])
        const { sessions, workers } = yield* pool.snapshot
        assert.deepStrictEqual([sessions, ...workers.map((worker) => worker.sessions)], [0, 0, 0])
      }
      assert.isAtLeast(mock.received.filter(({ kind }) => kind === "CLOSE").length, 4)
    })
  )

  it.effect("D68 the answer of a worker that is given up does not meet the successor", () =>
    Effect.gen(function* () {
      const { kill, mock, pool } = yield* pooled()
      const session = yield* pool.session("key", "app:List", [], saved)
      const flying = yield* fork(Effect.flip(session.call("slow", [1, 100])))
      yield* TestClock.adjust(50)
      yield* kill(session.worker)
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* Fiber.join(flying))._tag, "WorkerLost")
      assert.deepStrictEqual(yield* session.call("add", [2]), [2])
      const names = new Set(mock.calls.flatMap(({ session }) => session ?? []))
      assert.strictEqual(names.size, 2)
    })
  )
})

describe("a restoration is a recovery", () => {
  it.effect("that is told, bounded in number and in time, and cancelled by its number", () =>
    Effect.gen(function* () {
      const shared = yield* storeOf
      let hangs = false
      const { events, kill, mock, pool } = yield* pooled(
        {
          size: 1,
          concurrency: 10,
          sessions: { store: shared.store },
          recovery: { concurrency: 2, budget: { restore: "20 seconds" } }
        },
        {
          "app:Slow": () => ({
            ...list(),
            restore: () => (hangs ? Behaviour.hang : Behaviour.delay("1 second"))
          })
        }
      )
      const sessions = yield* Effect.forEach(["a", "b", "c", "d"], (key) =>
        pool.session(key, "app:Slow", [], saved)
      )
      const worker = sessions[0]?.worker ?? ""
      yield* kill(worker)
      yield* TestClock.adjust("1500 millis")
      assert.strictEqual(tagged(events, "SessionRestored").length, 2, "two at once")
      yield* TestClock.adjust("1 second")
      assert.strictEqual(tagged(events, "SessionRestored").length, 4)
      const restores = (yield* pool.recoveries.ended).filter(({ kind }) => kind === "restore")
      assert.deepStrictEqual(
        restores.map(({ outcome, subject }) => [subject, outcome]),
        ["a", "b", "c", "d"].map((key) => [key, "Recovered"])
      )

      hangs = true
      yield* kill(sessions[0]?.worker ?? "")
      yield* TestClock.adjust("1 second")
      const active = (yield* pool.recoveries.active).filter(({ kind }) => kind === "restore")
      assert.deepStrictEqual(
        active.map(({ subject }) => subject),
        ["a", "b", "c", "d"]
      )
      yield* pool.recoveries.cancel(active[0]?.id ?? 0)
      yield* TestClock.adjust("10 seconds")
      const [a, b] = yield* Effect.forEach(sessions.slice(0, 2), (session) =>
        Effect.flip(session.call("get", [], { deadline: "1 minute" })).pipe((call) =>
          inTime(call, "20 seconds")
        )
      )
      assert.include(a?.message, "it was cancelled")
      assert.include(b?.message, "not done within 20s (recovery.budget.restore)")
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(
        tagged(events, "SessionLost")
          .map(({ key }) => key)
          .toSorted(),
        ["a", "b", "c", "d"]
      )
      // What was given up in the middle is told to stop, and nothing of it is left.
      assert.strictEqual(mock.received.filter(({ kind }) => kind === "CANCEL").length, 4)
      assert.deepStrictEqual([yield* shared.keys, (yield* pool.snapshot).sessions], [[], 0])
      assert.deepStrictEqual(
        (yield* pool.snapshot).workers.map((worker) => worker.sessions),
        [0]
      )
    })
  )
})

describe("a session that is made again", () => {
  it.effect("is new, from the same arguments; what waited runs on it, and an event says so", () =>
    Effect.gen(function* () {
      const { events, kill, pool } = yield* pooled()
      const session = yield* pool.session("key", "app:List", [["start"]], { onLoss: "remake" })
      yield* session.call("add", ["gone"])
      const flying = yield* fork(Effect.flip(session.call("slow", ["flying", 100])))
      const waiting = yield* fork(session.call("add", ["waiting"]))
      yield* kill(session.worker)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(told(yield* Fiber.join(flying)), "WorkerLost signal maybe")
      assert.deepStrictEqual(yield* Fiber.join(waiting), ["start", "waiting"])
      assert.strictEqual(tagged(events, "SessionRemade").length, 1)
      assert.strictEqual(tagged(events, "SessionLost").length, 0)
    })
  )
})

it.effect("a described class has the same options, and its idempotent methods are repeated", () =>
  Effect.gen(function* () {
    const { kill, pool } = yield* pooled()
    const app = PythonModule.client(pool, Described)
    const session = yield* app.List("key", { start: [7] }, saved)
    const call = yield* fork(session.slow({ item: 1, millis: 1_000 }))
    yield* TestClock.adjust(500)
    yield* kill(session.session.worker)
    yield* TestClock.adjust("5 seconds")
    assert.deepStrictEqual(yield* Fiber.join(call), [7, 1])
  })
)

const Described = PythonModule.make("app", {
  List: PythonModule.session({
    args: { start: Numbers },
    positional: ["start"],
    methods: {
      slow: PythonModule.fn({
        args: { item: Schema.Int, millis: Schema.Int },
        positional: ["item", "millis"],
        success: Numbers,
        idempotent: true
      })
    }
  })
})

describe("a session that is not used", () => {
  it.effect(
    "D7 D8 D12 expires after the time that the option says, since it was last used, and says so each time",
    () =>
      Effect.gen(function* () {
        let closed = 0
        const shared = yield* storeOf
        const { events, pool } = yield* pooled(
          { sessions: { idleTimeout: "1 minute", store: shared.store } },
          { "app:Open": () => ({ ...list(), close: () => void closed++ }) }
        )
        const session = yield* pool.session("key", "app:Open", [], saved)
        for (let use = 0; use < 3; use++) {
          yield* TestClock.adjust("59 seconds")
          yield* session.call("get")
        }
        // One that takes its time is in use.
        const long = yield* fork(session.call("slow", [1, 100_000]))
        yield* TestClock.adjust("100 seconds")
        assert.deepStrictEqual(yield* Fiber.join(long), [1])
        yield* TestClock.adjust("59 seconds")
        assert.strictEqual(closed, 0)
        yield* TestClock.adjust("1 second")
        assert.strictEqual(closed, 1)
        for (let again = 0; again < 2; again++) {
          const error = yield* Effect.flip(session.call("get"))
          assert.strictEqual(told(error), "SessionError expired no")
          assert.include(error.message, "1m")
        }
        assert.strictEqual(tagged(events, "SessionExpired").length, 1)
        assert.deepStrictEqual([yield* shared.keys, (yield* pool.snapshot).sessions], [[], 0])
        // The key is free, and a session of its own.
        assert.deepStrictEqual(yield* (yield* pool.session("key", "app:Open")).call("get"), [])
      })
  )

  it.effect("D4 D5 while it lives each call is served where it lives, among many others", () =>
    Effect.gen(function* () {
      const { mock, pool } = yield* pooled({ size: 4 })
      const session = yield* pool.session("key", "app:List", [], saved)
      yield* Effect.all(
        Array.from({ length: 60 }, (_, n) => (n % 3 === 0 ? session.call("add", [n]) : pool.call("app:ok"))),
        { concurrency: "unbounded" }
      )
      const served = mock.calls.filter(({ target }) => target === "add")
      assert.deepStrictEqual([...new Set(served.map(({ worker }) => worker))], [session.worker])
    })
  )
})
