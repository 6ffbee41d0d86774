import { assert, it } from "@effect/vitest"
import { Behaviour } from "@fireweed/test-kit/workers"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { failure, pooled } from "../support.ts"

it.effect("an object keeps its state, apart from others of its class", () =>
  Effect.gen(function* () {
    const { pool } = yield* pooled({ "app:Counter": (n: number) => ({ next: () => n++ }) }, { size: 2 })
    const [one, two] = yield* Effect.all([
      pool.session("one", "app:Counter", [1]),
      pool.session("two", "app:Counter", [10])
    ])
    const values = yield* Effect.forEach([one, one, two, one, two], (session) => session.call("next"))
    assert.deepStrictEqual(values, [1, 2, 10, 3, 11])
    assert.notStrictEqual(one.worker, two.worker)
  })
)

it.effect("methods are functions or behaviours, of a plain object or of a class", () =>
  Effect.gen(function* () {
    class Account {
      balance = 0
      add(amount: number) {
        this.balance += amount
        return this.balance
      }
    }
    const { pool } = yield* pooled({
      "app:Account": () => new Account(),
      "app:Odd": () => ({ boom: Behaviour.raise("ValueError"), size: 3 })
    })
    const account = yield* pool.session("a", "app:Account")
    yield* account.call("add", [2])
    assert.strictEqual(yield* account.call("add", [3]), 5)
    const odd = yield* pool.session("o", "app:Odd")
    assert.strictEqual((yield* failure("PythonError", odd.call("boom"))).exception.type, "ValueError")
    assert.strictEqual((yield* failure("InvalidCall", odd.call("size"))).detail, "'size' is not callable")
    for (const name of ["missing", "toString"]) {
      const error = yield* failure("InvalidCall", odd.call(name))
      assert.strictEqual(error.detail, `the session's object has no method '${name}'`)
    }
  })
)

it.effect("a class that raises opens no session, and its key is free again", () =>
  Effect.gen(function* () {
    const { pool } = yield* pooled({
      "app:Model": Behaviour.inTurn([
        Behaviour.raise("MemoryError", "too big"),
        () => ({ ok: Behaviour.reply(true) })
      ])
    })
    const error = yield* failure("PythonError", pool.session("m", "app:Model"))
    assert.strictEqual(error.reason, "memory")
    assert.isTrue(yield* (yield* pool.session("m", "app:Model")).call("ok"))
  })
)

it.effect("closing calls close, once, and forgets the object", () =>
  Effect.gen(function* () {
    let closed = 0
    const { mock, pool } = yield* pooled({
      "app:File": () => ({ close: () => void closed++, read: Behaviour.reply("text") }),
      "app:Plain": () => ({})
    })
    for (const target of ["app:File", "app:Plain"]) {
      const scope = yield* Scope.make()
      yield* Scope.provide(pool.session("f", target), scope)
      yield* Scope.close(scope, Exit.void)
    }
    assert.strictEqual(closed, 1)
    assert.deepStrictEqual(
      mock.received.map(({ kind }) => kind),
      ["INIT", "OPEN", "CLOSE", "OPEN", "CLOSE"]
    )
  })
)

it.effect("a session is lost with its worker", () =>
  Effect.gen(function* () {
    const { mock, pool } = yield* pooled({
      "app:C": () => ({ die: Behaviour.exit(1), ok: Behaviour.reply(1) })
    })
    const session = yield* pool.session("s", "app:C")
    assert.strictEqual((yield* failure("WorkerLost", session.call("die"))).exitCode, 1)
    assert.strictEqual((yield* failure("SessionError", session.call("ok"))).reason, "lost")
    assert.strictEqual(mock.calls.length, 1)
  })
)
