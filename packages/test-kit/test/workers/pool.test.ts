import { assert, describe, it } from "@effect/vitest"
import { Behaviour, MockWorker } from "@fireweed/test-kit/workers"
import { WorkerPool } from "@fireweed/worker-pool"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import { TestClock } from "effect/testing"
import { failure, pooled } from "../support.ts"

const start = (effect: Effect.Effect<unknown, unknown>) =>
  Effect.forkChild(effect, { startImmediately: true })

it.effect("D78 eight workers come up, serve at once, and leave when they are asked to", () =>
  Effect.gen(function* () {
    const gate = yield* Deferred.make<string>()
    const mock = MockWorker.make({ "app:gate": () => Deferred.await(gate) })
    const scope = yield* Scope.make()
    const pool = yield* Scope.provide(
      WorkerPool.make({ size: 8, output: "ignore", connect: mock.connect }),
      scope
    )
    const calls = yield* Effect.forEach(Array.from({ length: 8 }), () => start(pool.call("app:gate")))
    yield* Effect.yieldNow
    assert.strictEqual((yield* pool.snapshot).running, 8)
    assert.strictEqual(new Set(mock.calls.map(({ worker }) => worker)).size, 8)
    yield* Deferred.succeed(gate, "open")
    assert.deepStrictEqual(
      yield* Fiber.joinAll(calls),
      Array.from({ length: 8 }, () => "open")
    )

    yield* Scope.close(scope, Exit.void)
    assert.deepStrictEqual(mock.processes(), [])
    const count = (kind: string) => mock.received.filter((frame) => frame.kind === kind).length
    assert.deepStrictEqual([count("SHUTDOWN"), count("SIGKILL")], [8, 0])
  })
)

it.effect("one that hangs when the pool closes is killed", () =>
  Effect.gen(function* () {
    const mock = MockWorker.make({ "app:hang": Behaviour.stubborn() })
    const scope = yield* Scope.make()
    const pool = yield* Scope.provide(
      WorkerPool.make({ size: 1, output: "ignore", connect: mock.connect }),
      scope
    )
    const call = yield* start(failure("WorkerLost", pool.call("app:hang")))
    yield* Effect.yieldNow
    yield* Scope.close(scope, Exit.void)
    yield* Fiber.join(call)
    assert.deepStrictEqual(mock.processes(), [])
    assert.strictEqual(mock.received.at(-1)?.kind, "SIGKILL")
  })
)

describe("the queue", () => {
  it.effect("is served in order of arrival", () =>
    Effect.gen(function* () {
      const { mock, pool } = yield* pooled({ "app:f": Behaviour.delay("1 second", (n: number) => n) })
      const calls = yield* Effect.forEach([1, 2, 3], (n) => start(pool.call("app:f", [n])))
      yield* Effect.yieldNow
      assert.strictEqual((yield* pool.snapshot).queued, 2)
      yield* TestClock.adjust("3 seconds")
      assert.deepStrictEqual(yield* Fiber.joinAll(calls), [1, 2, 3])
      assert.deepStrictEqual(
        mock.calls.map(({ args }) => args),
        [[1], [2], [3]]
      )
    })
  )

  it.effect("refuses what is one too many, and what waits for too long", () =>
    Effect.gen(function* () {
      const { mock, pool } = yield* pooled(
        { "app:hang": Behaviour.hang },
        { queue: { limit: 1, timeout: "2 seconds" } }
      )
      yield* start(pool.call("app:hang"))
      const waiting = yield* Effect.forkChild(failure("QueueFull", pool.call("app:hang")), {
        startImmediately: true
      })
      assert.strictEqual((yield* failure("QueueFull", pool.call("app:hang"))).reason, "limit")
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual((yield* Fiber.join(waiting)).reason, "timeout")
      assert.strictEqual(mock.calls.length, 1)
    })
  )
})

it.effect("an idempotent call is tried on the next worker", () =>
  Effect.gen(function* () {
    const { mock, pool } = yield* pooled({
      "app:f": Behaviour.inTurn([Behaviour.exit(1), Behaviour.reply("second")])
    })
    const call = yield* Effect.forkChild(pool.call("app:f", [], { idempotent: true }), {
      startImmediately: true
    })
    yield* TestClock.adjust("1 minute")
    assert.strictEqual(yield* Fiber.join(call), "second")
    assert.deepStrictEqual(
      mock.calls.map(({ worker }) => worker),
      ["1.1", "1.2"]
    )
  })
)

it.effect("workers that die one after the other open the circuit", () =>
  Effect.gen(function* () {
    const { pool } = yield* pooled(
      { "app:die": Behaviour.exit(1) },
      { crashLoop: { deaths: 2, pause: "10 seconds" } }
    )
    yield* failure("WorkerLost", pool.call("app:die"))
    yield* failure("WorkerLost", pool.call("app:die"))
    const call = yield* Effect.forkChild(failure("PoolUnavailable", pool.call("app:die")), {
      startImmediately: true
    })
    yield* TestClock.adjust("1 second")
    const error = yield* Fiber.join(call)
    assert.strictEqual(error.reason, "crash-loop")
    assert.include(error.detail, "exited with status 1")
    assert.strictEqual((yield* pool.snapshot).circuit, "Open")
  })
)
