/** Draining a pool, in virtual time: nothing new comes in, and what is in hand comes to its end. */
import { assert, describe, it } from "@effect/vitest"
import { Behaviour, MockWorker, Start } from "@fireweed/test-kit/workers"
import { WorkerPool } from "@fireweed/worker-pool"
import type { CallError } from "@fireweed/worker-pool"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Random from "effect/Random"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"
import { record } from "../support.ts"

const fork = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.forkChild(effect, { startImmediately: true })

const pooled = (options: Omit<WorkerPool.Options, "start"> & MockWorker.Options = {}) =>
  Effect.gen(function* () {
    const { start, ...rest } = options
    const mock = MockWorker.make(
      {
        "app:ok": () => "ok",
        "app:work": (time: number) => Behaviour.delay(time, Behaviour.reply(time)),
        "app:hang": Behaviour.hang,
        "app:dies-once": Behaviour.inTurn([
          Behaviour.delay("1 second", Behaviour.exit(1)),
          Behaviour.reply("lives")
        ]),
        "app:items": Behaviour.yields([1], Behaviour.delay("3 seconds", Behaviour.yields([2]))),
        "app:asks": Behaviour.delay(
          "1 second",
          Behaviour.callback("again", [], (value) => Behaviour.reply(value))
        ),
        "app:Thing": () => ({ get: () => 1 })
      },
      { start }
    )
    const pool = yield* WorkerPool.make({ size: 2, output: "ignore", ...rest, connect: mock.connect })
    yield* TestClock.adjust(0)
    return { mock, pool }
  })

const reason = (error: CallError.CallError): string => `${error._tag} ${error.reason} ${error.started}`

describe("a pool that is drained", () => {
  it.effect("ends what runs and what waits, calls and streams, and answers when nothing is in hand", () =>
    Effect.gen(function* () {
      const { pool } = yield* pooled()
      const calls = yield* Effect.forEach([1_000, 2_000, 2_500, 1_000], (time) =>
        fork(pool.call("app:work", [time]))
      )
      const items = yield* fork(Stream.runCollect(pool.stream("app:items")))
      const dying = yield* fork(pool.call("app:dies-once", [], { idempotent: true }))
      const draining = yield* fork(pool.drain())
      yield* TestClock.adjust("20 seconds")
      assert.deepStrictEqual(yield* Fiber.joinAll(calls), [1_000, 2_000, 2_500, 1_000])
      assert.deepStrictEqual(yield* Fiber.join(items), [1, 2])
      assert.strictEqual(yield* Fiber.join(dying), "lives", "a call that is tried again is in hand meanwhile")
      assert.deepStrictEqual(yield* Fiber.join(draining), { completed: 6, abandoned: 0 })
    })
  )

  it.effect("refuses all that is new at once, and none of it has begun", () =>
    Effect.gen(function* () {
      const { mock, pool } = yield* pooled()
      assert.deepStrictEqual(yield* pool.drain(), { completed: 0, abandoned: 0 })
      const errors = [
        yield* Effect.flip(pool.call("app:ok")),
        yield* Effect.flip(Stream.runCollect(pool.stream("app:items"))),
        yield* Effect.flip(pool.broadcast("app:ok")),
        yield* Effect.flip(pool.session("mine", "app:Thing")),
        (yield* Effect.flip(Stream.runCollect(pool.map("app:ok", [1])))).reason
      ]
      assert.deepStrictEqual(
        errors.map(reason),
        errors.map(() => "PoolUnavailable draining no")
      )
      assert.lengthOf(mock.calls, 0)
    })
  )

  it.effect("lets sessions go on until their scopes close, and callbacks of what is in hand call it", () =>
    Effect.gen(function* () {
      const { pool } = yield* pooled({
        callbacks: {
          again: () => Effect.suspend((): Effect.Effect<unknown, CallError.CallError> => pool.call("app:ok"))
        }
      })
      const scope = yield* Scope.make()
      const session = yield* Scope.provide(pool.session("mine", "app:Thing"), scope)
      const asking = yield* fork(pool.call("app:asks"))
      const draining = yield* fork(pool.drain())
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual(yield* Fiber.join(asking), "ok")
      assert.isUndefined(draining.pollUnsafe())
      assert.strictEqual(yield* session.call("get"), 1)
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual(yield* Fiber.join(draining), { completed: 3, abandoned: 0 })
    })
  )

  it.effect("D79 waits no longer than it may, and tells what is left; that ends with the pool", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const { mock, pool } = yield* Scope.provide(pooled(), scope)
      const hanging = yield* fork(Effect.flip(pool.call("app:hang")))
      const working = yield* fork(pool.call("app:work", [500]))
      const [first, second] = [
        yield* fork(pool.drain({ timeout: "2 seconds" })),
        yield* fork(pool.drain({ timeout: "1 second" }))
      ]
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual(yield* Fiber.join(working), 500)
      assert.deepStrictEqual(yield* Fiber.join(first), { completed: 1, abandoned: 1 })
      assert.deepStrictEqual(yield* Fiber.join(second), { completed: 1, abandoned: 1 })
      const closing = yield* fork(Scope.close(scope, Exit.void))
      yield* TestClock.adjust("10 seconds")
      yield* Fiber.join(closing)
      assert.strictEqual(reason(yield* Fiber.join(hanging)), "WorkerLost signal maybe")
      assert.lengthOf(mock.processes(), 0)
    })
  )

  it.effect(
    "D79 a session that does not close holds up its scope and the pool no longer than shutdownTimeout",
    () =>
      Effect.gen(function* () {
        const scope = yield* Scope.make()
        const connect = MockWorker.connect({ "app:Thing": () => ({ close: Behaviour.stubborn() }) })
        const pool = yield* Scope.provide(
          WorkerPool.make({ size: 1, shutdownTimeout: "2 seconds", connect }),
          scope
        )
        const own = yield* Scope.fork(scope)
        yield* Scope.provide(pool.session("mine", "app:Thing"), own)
        const closing = yield* fork(Scope.close(own, Exit.void))
        yield* TestClock.adjust("1999 millis")
        assert.isUndefined(closing.pollUnsafe())
        yield* TestClock.adjust("1 milli")
        yield* Fiber.join(closing)
        const ending = yield* fork(Scope.close(scope, Exit.void))
        yield* TestClock.adjust("2 seconds")
        yield* Fiber.join(ending)
      })
  )

  it.effect("counts what is interrupted as done", () =>
    Effect.gen(function* () {
      const { pool } = yield* pooled()
      const calls = yield* Effect.forEach([1, 2, 3], () => fork(pool.call("app:hang")))
      const draining = yield* fork(pool.drain())
      yield* Fiber.interruptAll(calls)
      assert.deepStrictEqual(yield* Fiber.join(draining), { completed: 3, abandoned: 0 })
      yield* TestClock.adjust("10 seconds")
    })
  )

  it.effect("loses no call that it had, under any load, and each ends once", () =>
    Effect.gen(function* () {
      for (let round = 0; round < 20; round++) {
        const { mock, pool } = yield* pooled({
          size: { min: 1, max: 4 },
          start: Start.inTurn([Start.ready, Start.slow("100 millis")]),
          concurrency: 1 + (round % 3),
          queue: { limit: 1_000, timeout: "1 hour" },
          crashLoop: { deaths: 1_000 }
        })
        const events = yield* record(pool)
        const before = yield* Random.nextIntBetween(1, 60)
        const ends: Array<string> = []
        const make = (name: string) =>
          Effect.gen(function* () {
            const time = yield* Random.nextIntBetween(1, 900)
            const call = pool.call("app:work", [time], { idempotent: true })
            yield* fork(Effect.onExit(call, (exit) => Effect.sync(() => ends.push(`${name} ${exit._tag}`))))
            yield* TestClock.adjust(time % 20)
          })
        for (let call = 0; call < before; call++) yield* make("before")
        const draining = yield* fork(pool.drain({ timeout: "1 hour" }))
        const done = ends.length
        for (let call = 0; call < 10; call++) yield* make("after")
        if (round % 2 === 0) mock.processes()[0]?.signal("SIGKILL")
        yield* TestClock.adjust("10 minutes")
        assert.deepStrictEqual(yield* Fiber.join(draining), { completed: before - done, abandoned: 0 })
        assert.deepStrictEqual(ends.toSorted(), [
          ...Array.from({ length: 10 }, () => "after Failure"),
          ...Array.from({ length: before }, () => "before Success")
        ])
        assert.lengthOf(
          events.filter((event) => event._tag === "CallEnded"),
          before,
          "what was refused is no call"
        )
        const { queued, running } = yield* pool.snapshot
        assert.deepStrictEqual([queued, running], [0, 0])
      }
    }).pipe(Random.withSeed("drain"))
  )
})
