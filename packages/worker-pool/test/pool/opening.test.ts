/** Sessions that are being opened, on mock workers and in virtual time. */
import { assert, describe, it } from "@effect/vitest"
import { Behaviour } from "@fireweed/test-kit/workers"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import { TestClock } from "effect/testing"
import { fork, inTime, pooled, told } from "./lists.ts"

describe("a session that is being opened", () => {
  it.effect("is opened on another worker when the one it waits for dies before it has begun", () =>
    Effect.gen(function* () {
      const { mock, pool } = yield* pooled({ size: 2 }, { "app:busy": Behaviour.delay("1 second") })
      yield* TestClock.adjust(0)
      const busy = yield* Effect.forEach([1, 2], () => fork(Effect.exit(pool.call("app:busy"))))
      const opening = yield* fork(pool.session("a", "app:List"))
      yield* TestClock.adjust("100 millis")
      for (const process of mock.processes()) process.signal("SIGKILL")
      yield* TestClock.adjust("1 second")
      const session = yield* Fiber.join(opening)
      assert.deepStrictEqual(yield* session.call("add", [1]), [1])
      assert.isTrue(session.worker.endsWith(".2"))
      yield* Fiber.joinAll(busy)
    })
  )

  it.effect("has its key for itself, though the one before it has not come to its end", () =>
    Effect.gen(function* () {
      const { pool } = yield* pooled({ size: 2 })
      const scope = yield* Scope.make()
      const before = yield* Scope.provide(pool.session("a", "app:List"), scope)
      yield* fork(Effect.exit(before.call("slow", [1, 2_000])))
      const ended = yield* fork(Scope.close(scope, Exit.void))
      const session = yield* inTime(pool.session("a", "app:List"), "3 seconds")
      yield* Fiber.join(ended)
      const error = yield* Effect.flip(pool.session("a", "app:List"))
      assert.strictEqual(told(error), "SessionError exists no")
      assert.deepStrictEqual(yield* session.call("add", [1]), [1])
      assert.strictEqual((yield* pool.snapshot).sessions, 1)
    })
  )
})
