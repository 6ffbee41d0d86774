import { assert, describe, it } from "@effect/vitest"
import { Behaviour, MockWorker } from "@fireweed/test-kit/workers"
import * as Data from "effect/Data"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { TestClock } from "effect/testing"
import { failure, pooled, record, until } from "../support.ts"

const refuse = (script: unknown, options?: unknown) => () =>
  Reflect.apply(MockWorker.make, undefined, [script, options])

describe("a handler", () => {
  it.effect("is a function of the arguments; keyword arguments come last, as one object", () =>
    Effect.gen(function* () {
      const { pool } = yield* pooled({
        "math:sqrt": (x: number) => Math.sqrt(x),
        "app:all": (...args: ReadonlyArray<unknown>) => args
      })
      assert.strictEqual(yield* pool.call("math:sqrt", [16]), 4)
      assert.deepStrictEqual(yield* pool.call("app:all", [1, "two"]), [1, "two"])
      assert.deepStrictEqual(yield* pool.call("app:all", [1], { kwargs: { deep: true } }), [
        1,
        { deep: true }
      ])
    })
  )

  it.effect("is chosen by the arguments of the call: all of them, or a condition on them", () =>
    Effect.gen(function* () {
      const { pool } = yield* pooled({
        "app:inverse": Behaviour.match(
          [
            [[0], Behaviour.raise("ZeroDivisionError")],
            [[{ a: [1] }], Behaviour.reply("deep")],
            [
              (x: number) => x > 100,
              Behaviour.inTurn([Behaviour.reply("large"), Behaviour.reply("large again")])
            ]
          ],
          (x: number) => 1 / x
        )
      })
      const error = yield* failure("PythonError", pool.call("app:inverse", [0]))
      assert.strictEqual(error.exception.type, "ZeroDivisionError")
      assert.strictEqual(yield* pool.call("app:inverse", [{ a: [1] }]), "deep")
      assert.strictEqual(yield* pool.call("app:inverse", [101]), "large")
      assert.strictEqual(yield* pool.call("app:inverse", [101]), "large again")
      assert.strictEqual(yield* pool.call("app:inverse", [4]), 0.25)
    })
  )

  it.effect("may choose a behaviour by its arguments, or give an effect of a value or a behaviour", () =>
    Effect.gen(function* () {
      const gate = yield* Deferred.make<number>()
      const { pool } = yield* pooled({
        "app:root": (x: number) => (x < 0 ? Behaviour.raise("ValueError") : Math.sqrt(x)),
        "app:gate": () => Deferred.await(gate),
        "app:late": () => Effect.as(Effect.sleep("1 minute"), Behaviour.raise("OSError", "late"))
      })
      assert.strictEqual(yield* pool.call("app:root", [9]), 3)
      assert.strictEqual(
        (yield* failure("PythonError", pool.call("app:root", [-1]))).exception.type,
        "ValueError"
      )

      const waiting = yield* Effect.forkChild(pool.call("app:gate"), { startImmediately: true })
      yield* Deferred.succeed(gate, 7)
      assert.strictEqual(yield* Fiber.join(waiting), 7)

      const late = yield* Effect.forkChild(failure("PythonError", pool.call("app:late")), {
        startImmediately: true
      })
      yield* TestClock.adjust("1 minute")
      assert.strictEqual((yield* Fiber.join(late)).exception.message, "late")
    })
  )

  it.effect("raises in Python what it throws or fails with", () =>
    Effect.gen(function* () {
      class Broken extends Data.TaggedError("Broken")<{ readonly message: string }> {}
      const { pool } = yield* pooled({
        "app:throws": () => {
          throw new RangeError("too far")
        },
        "app:fails": () => Effect.fail(new Broken({ message: "no" }))
      })
      const thrown = yield* failure("PythonError", pool.call("app:throws"))
      assert.deepStrictEqual([thrown.exception.type, thrown.exception.message], ["RangeError", "too far"])
      const failed = yield* failure("PythonError", pool.call("app:fails"))
      assert.deepStrictEqual([failed.exception.type, failed.exception.message], ["Broken", "no"])
    })
  )

  it("that is none is refused by name", () => {
    assert.throws(refuse({ "app:answer": 42 }), TypeError, "app:answer")
    assert.throws(refuse({}, { strat: 1 }), TypeError, "strat")
    assert.throws(refuse({}, { start: "now" }), TypeError, "start")
  })
})

describe("an exception", () => {
  it.effect("has its type, message, frames and notes", () =>
    Effect.gen(function* () {
      const { pool } = yield* pooled({
        "app:check": Behaviour.raise("ValueError", "n must be positive", {
          frames: [["app.py", 12, "check", "raise ValueError(...)"]],
          notes: ["n was -1"]
        })
      })
      const error = yield* failure("PythonError", pool.call("app:check"))
      assert.strictEqual(error.reason, "raised")
      assert.include(error.traceback, 'File "app.py", line 12, in check')
      assert.include(error.traceback, "ValueError: n must be positive\nn was -1")
      // The worker is well.
      assert.strictEqual((yield* pool.snapshot).workers[0]?.served, 1)
    })
  )

  it.effect("that is special in Python is special here", () =>
    Effect.gen(function* () {
      const { pool } = yield* pooled({
        "app:exit": Behaviour.raise("SystemExit", "3"),
        "app:interrupt": Behaviour.raise("KeyboardInterrupt"),
        "app:memory": Behaviour.raise("MemoryError")
      })
      const reasons = yield* Effect.forEach(["app:exit", "app:interrupt", "app:memory"], (target) =>
        Effect.map(failure("PythonError", pool.call(target)), (error) => error.reason)
      )
      assert.deepStrictEqual(reasons, ["exit", "interrupt", "memory"])
    })
  )
})

describe("a call that cannot be run", () => {
  it.effect("names what is missing, and did not begin", () =>
    Effect.gen(function* () {
      const { pool } = yield* pooled({ "app:known": Behaviour.reply(1) })
      const details = yield* Effect.forEach(["other:known", "app:other", "app"], (target) =>
        Effect.map(failure("InvalidCall", pool.call(target)), (error) => {
          assert.deepStrictEqual([error.reason, error.started], ["target", "no"])
          return error.detail
        })
      )
      assert.deepStrictEqual(details, [
        "no module named 'other' in sys.path",
        "'app' has no 'other'",
        "target 'app' is neither 'package.module:name' nor '/absolute/file.py:name', nor exposed"
      ])
    })
  )

  it.effect("is told apart from a result that cannot be sent", () =>
    Effect.gen(function* () {
      const { pool } = yield* pooled(
        { "app:clock": () => [{ at: () => 0 }], "app:flood": () => "x".repeat(2_000) },
        { maxFrame: 1_024 }
      )
      const error = yield* failure("InvalidCall", pool.call("app:clock"))
      assert.deepStrictEqual([error.reason, error.started], ["result", "maybe"])
      assert.include(error.detail, "result[0].at is a function")
      assert.include(
        (yield* failure("InvalidCall", pool.call("app:flood"))).detail,
        "the limit of a frame is 1024"
      )
    })
  )
})

it.effect("prints lines, which the pool's events tell of", () =>
  Effect.gen(function* () {
    const { mock, pool } = yield* pooled({
      "app:loud": Behaviour.print(
        "stdout",
        "one\ntwo\n",
        Behaviour.print("stderr", "three", (x: number) => x)
      )
    })
    const events = yield* record(pool)
    assert.strictEqual(yield* pool.call("app:loud", [5]), 5)
    mock.processes()[0]?.print("stdout", "four")
    const lines = () =>
      events.flatMap((event) => (event._tag === "Output" ? [[event.worker, event.output, event.line]] : []))
    yield* until("the last line", () => lines().length >= 4)
    assert.deepStrictEqual(lines(), [
      ["1.1", "stdout", "one"],
      ["1.1", "stdout", "two"],
      ["1.1", "stderr", "three"],
      ["1.1", "stdout", "four"]
    ])
  })
)

it.effect("takes its turns over all workers of a mock; another mock of the same script starts anew", () =>
  Effect.gen(function* () {
    const script = {
      "app:turns": Behaviour.inTurn([Behaviour.exit(1), Behaviour.raise("OSError"), (x: number) => x + 1])
    }
    const once = Effect.scoped(
      Effect.gen(function* () {
        const { pool } = yield* pooled(script)
        assert.strictEqual((yield* failure("WorkerLost", pool.call("app:turns", [1]))).exitCode, 1)
        assert.strictEqual(
          (yield* failure("PythonError", pool.call("app:turns", [1]))).exception.type,
          "OSError"
        )
        assert.strictEqual(yield* pool.call("app:turns", [1]), 2)
        assert.strictEqual(yield* pool.call("app:turns", [2]), 3)
      })
    )
    yield* once
    yield* once
  })
)

it.effect("records what it was sent", () =>
  Effect.gen(function* () {
    const { mock, pool } = yield* pooled({
      "app:f": Behaviour.reply(1),
      "app:C": () => ({ m: Behaviour.reply(2) })
    })
    yield* pool.call("app:f", [1], { kwargs: { k: 2 }, deadline: "3 seconds" })
    const session = yield* pool.session("s", "app:C")
    yield* session.call("m", ["x"])
    const worker = "1.1"
    assert.deepStrictEqual(mock.calls, [
      {
        worker,
        target: "app:f",
        args: [1],
        kwargs: { k: 2 },
        session: undefined,
        deadline: 3_000,
        credit: undefined,
        map: undefined
      },
      {
        worker,
        target: "m",
        args: ["x"],
        kwargs: {},
        session: "s#1",
        deadline: undefined,
        credit: undefined,
        map: undefined
      }
    ])
    assert.deepStrictEqual(
      mock.received.map((frame) => frame.kind),
      ["INIT", "CALL", "OPEN", "CALL"]
    )
    assert.deepInclude(mock.received[0]?.meta, { proto: 1 })
  })
)

it.effect("a worker that grows tells of more memory after each call, and its successor begins anew", () =>
  Effect.gen(function* () {
    const { pool } = yield* pooled({ "app:leak": Behaviour.grow(2 ** 20), "app:die": Behaviour.exit(1) })
    const memory = Effect.map(pool.snapshot, ({ workers }) => workers[0]?.memory)
    assert.isUndefined(yield* memory)
    for (const mebibytes of [21, 22, 23]) {
      yield* pool.call("app:leak")
      assert.strictEqual(yield* memory, mebibytes * 2 ** 20)
    }
    yield* failure("WorkerLost", pool.call("app:die"))
    yield* pool.call("app:leak")
    assert.strictEqual(yield* memory, 21 * 2 ** 20)
  })
)
