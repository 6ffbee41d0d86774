/** What is ended, and when: workers under a pool that goes on, and a pool with all that is in it. In virtual time. */
import { assert, describe, it } from "@effect/vitest"
import { Behaviour, MockWorker, Start } from "@fireweed/test-kit/workers"
import { WorkerPool } from "@fireweed/worker-pool"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"
import * as Kind from "../../src/protocol/Kind.ts"
import type { Connect } from "../../src/transport/Transport.ts"

const fork = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.forkChild(effect, { startImmediately: true })

const script: MockWorker.Script = {
  "app:ok": () => "ok",
  "app:exit": Behaviour.exit(1),
  "app:hang": Behaviour.hang,
  "app:stubborn": Behaviour.stubborn(),
  "app:frozen": Behaviour.frozen(),
  "app:ask": Behaviour.callback("ask"),
  "app:items": Behaviour.yields([1], Behaviour.stubborn()),
  "app:Thing": () => ({ work: Behaviour.stubborn(), close: Behaviour.stubborn() })
}

/** A pool in a scope of its own. */
const pooled = (
  options: Omit<WorkerPool.Options, "start"> & MockWorker.Options = {},
  around: (connect: Connect) => Connect = (connect) => connect
) =>
  Effect.gen(function* () {
    const { start, ...rest } = options
    const mock = MockWorker.make(script, { start })
    const scope = yield* Scope.fork(yield* Effect.scope)
    const pool = yield* Scope.provide(
      WorkerPool.make({ size: 1, output: "ignore", ...rest, connect: around(mock.connect) }),
      scope
    )
    return { mock, pool, scope }
  })

/** Workers that do not leave when they are asked to. */
const deaf =
  (connect: Connect): Connect =>
  (identity, events) =>
    Effect.map(connect(identity, events), (transport) => ({
      ...transport,
      send: (frame) => (frame.kind === Kind.Request.shutdown ? undefined : transport.send(frame))
    }))

/** How long it takes to close, in milliseconds. */
const timeToClose = (scope: Scope.Closeable) =>
  Effect.gen(function* () {
    const from = yield* Clock.currentTimeMillis
    const closing = yield* fork(Scope.close(scope, Exit.void))
    for (let step = 0; step < 1_000 && closing.pollUnsafe() === undefined; step++)
      yield* TestClock.adjust(step < 10 ? 0 : 20)
    assert.isDefined(closing.pollUnsafe(), "it does not close")
    yield* Fiber.join(closing)
    return (yield* Clock.currentTimeMillis) - from
  })

describe("D51 a pool whose worker is ended while it works", () => {
  /** What the worker 1.1 is brought to do, with a call that is lost with it or without one; 1.2 is the other. */
  const doing: Record<string, (pool: WorkerPool.WorkerPool) => Effect.Effect<unknown>> = {
    nothing: () => Effect.void,
    "a call": () => TestClock.adjust("1 milli"),
    "a call that it does not answer": () => TestClock.adjust("5 seconds"),
    "a call, and then it is to leave": (pool) =>
      Effect.andThen(fork(Effect.exit(pool.restart())), TestClock.adjust("1 second")),
    "a call that is cancelled": () => TestClock.adjust("1 milli")
  }
  const endings: Record<string, (worker: MockWorker.Process) => void> = {
    "it leaves": (worker) => worker.exit(3),
    "it is killed": (worker) => worker.signal("SIGKILL"),
    "it writes garbage": (worker) => worker.write(new Uint8Array(32).fill(0xff))
  }
  for (const [work, reach] of Object.entries(doing)) {
    for (const [ending, end] of Object.entries(endings)) {
      it.effect(`${work}; ${ending}: its call ends once, the others are served, and it is replaced`, () =>
        Effect.gen(function* () {
          const { mock, pool } = yield* pooled()
          const ends: Array<string> = []
          const target = work.includes("not answer") ? "app:frozen" : "app:stubborn"
          const call =
            work === "nothing"
              ? undefined
              : yield* fork(
                  Effect.tapError(pool.call(target), (error) => Effect.sync(() => void ends.push(error._tag)))
                )
          const waiting = yield* fork(work === "nothing" ? Effect.succeed("ok") : pool.call("app:ok"))
          yield* reach(pool)
          if (call !== undefined && work.includes("cancelled")) yield* Fiber.interrupt(call)
          const worker = mock.processes().find(({ id }) => id === "1.1")
          assert.isDefined(worker)
          if (worker !== undefined) end(worker)
          yield* TestClock.adjust("10 seconds")
          assert.strictEqual(yield* Fiber.join(waiting), "ok")
          assert.strictEqual(yield* pool.call("app:ok"), "ok")
          const { queued, running, workers } = yield* pool.snapshot
          assert.deepStrictEqual([queued, running, workers.map(({ state }) => state)], [0, 0, ["ready"]])
          assert.notStrictEqual(workers[0]?.id, "1.1")
          assert.deepStrictEqual(ends, work === "nothing" || work.includes("cancelled") ? [] : ["WorkerLost"])
        })
      )
    }
  }
})

describe("D1 the end of a pool", () => {
  it.effect("comes once, however often and by whomever it is asked for: one word to each worker", () =>
    Effect.gen(function* () {
      const { mock, scope } = yield* pooled({ size: 3 }, deaf)
      yield* TestClock.adjust("1 second")
      const closing = yield* Effect.forEach([1, 2, 3], () => fork(Scope.close(scope, Exit.void)))
      yield* TestClock.adjust("5 seconds")
      yield* Fiber.joinAll(closing)
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual(mock.processes(), [])
      assert.deepStrictEqual(
        mock.received
          .filter(({ kind }) => kind === "SIGKILL")
          .map(({ worker }) => worker)
          .toSorted(),
        ["1.1", "2.1", "3.1"]
      )
    })
  )

  it.effect("finds those that are gone already, and has nothing to do for them", () =>
    Effect.gen(function* () {
      const { mock, scope } = yield* pooled({ size: 2 })
      yield* TestClock.adjust("1 second")
      const closing = yield* fork(Scope.close(scope, Exit.void))
      for (const worker of mock.processes()) worker.signal("SIGKILL")
      yield* TestClock.adjust("1 milli")
      assert.deepStrictEqual((yield* Fiber.await(closing))._tag, "Success")
    })
  )
})

/** What is under way when the pool closes, and the longest that this takes, in milliseconds. */
const SHUTDOWN = 5_000
const underWay: Record<
  string,
  readonly [atMost: number, begin: Effect.Effect<Scope.Closeable, unknown, Scope.Scope>]
> = {
  "idle workers that leave when they are asked to": [
    0,
    Effect.map(pooled({ size: 3 }), ({ scope }) => scope)
  ],
  "idle workers that ignore it": [SHUTDOWN, Effect.map(pooled({ size: 3 }, deaf), ({ scope }) => scope)],
  "workers that do not get ready": [
    0,
    Effect.map(pooled({ size: 3, start: Start.inTurn([Start.ready, Start.never]) }), ({ scope }) => scope)
  ]
}
const working: Record<string, (pool: WorkerPool.WorkerPool) => Effect.Effect<unknown, unknown, Scope.Scope>> =
  {
    "a call that does not stop": (pool) => pool.call("app:stubborn"),
    "a call that holds the interpreter": (pool) => pool.call("app:frozen"),
    "a call that was cancelled, and goes on": (pool) => Effect.timeoutOption(pool.call("app:stubborn"), 10),
    "calls that wait": (pool) =>
      Effect.all([pool.call("app:stubborn"), pool.call("app:ok")], { concurrency: "unbounded" }),
    "a call that is tried again": (pool) => pool.call("app:exit", [], { idempotent: true }),
    "a stream that does not stop": (pool) => Stream.runDrain(pool.stream("app:items")),
    "a map": (pool) => Stream.runDrain(pool.map("app:stubborn", [1, 2, 3])),
    "a broadcast": (pool) => pool.broadcast("app:stubborn"),
    "a callback": (pool) => pool.call("app:ask"),
    "a session": (pool) => Effect.andThen(pool.session("key", "app:Thing"), Effect.never),
    "a session whose method does not stop": (pool) =>
      Effect.flatMap(pool.session("key", "app:Thing"), (session) => session.call("work")),
    "a session whose object does not close": (pool) => Effect.scoped(pool.session("key", "app:Thing")),
    "a restart that waits": (pool) =>
      Effect.all([pool.call("app:stubborn"), pool.restart()], { concurrency: "unbounded" })
  }
for (const [what, work] of Object.entries(working))
  underWay[what] = [
    0,
    Effect.gen(function* () {
      const { pool, scope } = yield* pooled({ callbacks: { ask: () => Effect.never } })
      yield* fork(Effect.exit(Effect.scoped(work(pool))))
      yield* TestClock.adjust("100 millis")
      return scope
    })
  ]

describe("D79 a pool closes within a bound, whatever is under way", () => {
  for (const [what, [atMost, begin]] of Object.entries(underWay)) {
    it.effect(`${what}: at most ${atMost} ms`, () =>
      Effect.gen(function* () {
        assert.isAtMost(yield* timeToClose(yield* begin), atMost)
      })
    )
  }

  it.effect("the scope of a session whose object does not close: at most 5000 ms", () =>
    Effect.gen(function* () {
      const { pool } = yield* pooled()
      const scope = yield* Scope.make()
      yield* Scope.provide(pool.session("key", "app:Thing"), scope)
      assert.isAtMost(yield* timeToClose(scope), 5_000)
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual(yield* pool.call("app:ok"), "ok")
      assert.strictEqual((yield* pool.snapshot).sessions, 0)
    })
  )

  it.effect("a pool that a callback of another uses, and whose workers ignore everything: one bound", () =>
    Effect.gen(function* () {
      const inner = yield* pooled({ shutdownTimeout: "2 seconds" }, deaf)
      const outer = yield* pooled({ callbacks: { ask: () => inner.pool.call("app:stubborn") } })
      const call = yield* fork(Effect.exit(outer.pool.call("app:ask")))
      yield* TestClock.adjust("100 millis")
      assert.isAtMost(yield* timeToClose(outer.scope), 0)
      yield* Fiber.join(call)
      assert.isAtMost(yield* timeToClose(inner.scope), 2_000)
    })
  )
})
