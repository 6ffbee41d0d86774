/** What a mock worker does beside answering: it calls back, logs, exposes, is strict, and fails to set up. */
import { assert, describe, it } from "@effect/vitest"
import { Behaviour, MockWorker, Start } from "@fireweed/test-kit/workers"
import { WorkerPool } from "@fireweed/worker-pool"
import { Frame, Kind } from "@fireweed/worker-pool/protocol"
import type { Transport } from "@fireweed/worker-pool/transport"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import { TestClock } from "effect/testing"
import { failure, pooled, record, until } from "../support.ts"

describe("callbacks", () => {
  it.effect("give their value, to a handler or as the result", () =>
    Effect.gen(function* () {
      const { pool } = yield* pooled(
        {
          "app:ask": (n: number) => Behaviour.callback("double", [n]),
          "app:greet": (n: number) => Behaviour.callback("name", [n], (name: string) => `hello ${name}`)
        },
        { callbacks: { double: (n: number) => 2 * n, name: (n: number) => Effect.succeed(`no. ${n}`) } }
      )
      assert.strictEqual(yield* pool.call("app:ask", [4]), 8)
      assert.strictEqual(yield* pool.call("app:greet", [4]), "hello no. 4")
    })
  )

  it.effect("that fail, or that the pool does not have, raise CallbackError", () =>
    Effect.gen(function* () {
      const { pool } = yield* pooled(
        { "app:ask": (name: string) => Behaviour.callback(name) },
        { callbacks: { fails: () => Effect.die(new RangeError("too far")), value: () => () => 1 } }
      )
      for (const [name, text] of [
        ["fails", "callback 'fails': RangeError: too far"],
        ["value", "callback 'value': InvalidResult: result is a function"],
        ["nothing", "callback 'nothing': UnknownCallback"]
      ] as const) {
        const error = yield* failure("PythonError", pool.call("app:ask", [name]))
        assert.strictEqual(error.exception.type, "fireweed.CallbackError")
        assert.include(error.exception.message, text)
      }
    })
  )

  it.effect("end with their call, and the fiber is interrupted", () =>
    Effect.gen(function* () {
      const started = yield* Deferred.make<void>()
      const interrupted = yield* Deferred.make<void>()
      const { pool } = yield* pooled(
        { "app:ask": Behaviour.callback("wait"), "app:one": () => 1 },
        {
          callbacks: {
            wait: () =>
              Effect.andThen(Deferred.succeed(started, undefined), Effect.never).pipe(
                Effect.onInterrupt(() => Deferred.succeed(interrupted, undefined))
              )
          }
        }
      )
      const fiber = yield* Effect.forkChild(pool.call("app:ask"))
      yield* Deferred.await(started)
      yield* Fiber.interrupt(fiber)
      yield* Deferred.await(interrupted)
      assert.strictEqual(yield* pool.call("app:one"), 1)
    })
  )

  it.effect("that call the only worker again are refused", () =>
    Effect.gen(function* () {
      const own = yield* Deferred.make<WorkerPool.WorkerPool>()
      const { pool } = yield* pooled(
        { "app:ask": Behaviour.callback("again"), "app:one": () => 1 },
        { callbacks: { again: () => Effect.flatMap(Deferred.await(own), (pool) => pool.call("app:one")) } }
      )
      yield* Deferred.succeed(own, pool)
      const error = yield* failure("PythonError", pool.call("app:ask"))
      assert.include(error.exception.message, "InvalidCall")
      assert.include(error.exception.message, "every worker waits for that callback")
    })
  )

  it.effect("an answer to one that was never made ends the worker; one that comes late is dropped", () =>
    Effect.gen(function* () {
      const mock = MockWorker.make({
        "app:ask": Behaviour.callback("f"),
        "app:one": Behaviour.delay(1, () => 1)
      })
      const parents: Array<Transport.Transport> = []
      const sendAnswer = (id: number): void =>
        parents[0]?.send(Frame.make(Kind.Request.callbackResult, id, new TextEncoder().encode("1")))
      const pool = yield* WorkerPool.make({
        size: 1,
        callbacks: { f: () => 1 },
        connect: (identity, events) =>
          Effect.tap(mock.connect(identity, events), (transport) =>
            Effect.sync(() => parents.push(transport))
          )
      })
      assert.strictEqual(yield* pool.call("app:ask"), 1)
      sendAnswer(1)
      const fiber = yield* Effect.forkChild(pool.call("app:one"))
      yield* TestClock.adjust(1)
      assert.strictEqual(yield* Fiber.join(fiber), 1)
      sendAnswer(2)
      const error = yield* failure("WorkerLost", pool.call("app:one"))
      assert.include(error.detail, "callback 2, which was never made")
    })
  )
})

it.effect("logs, from the level that the pool asks for", () =>
  Effect.gen(function* () {
    const { pool } = yield* pooled(
      {
        "app:loud": Behaviour.log(20, "quiet", {
          next: Behaviour.log(40, "loud", { logger: "app", next: () => 5 })
        })
      },
      { logs: "warning" }
    )
    const events = yield* record(pool)
    assert.strictEqual(yield* pool.call("app:loud"), 5)
    const logs = () => events.filter(({ _tag }) => _tag === "Log")
    yield* until("the record", () => logs().length > 0)
    assert.deepStrictEqual(logs(), [
      { _tag: "Log", worker: "1.1", level: 40, logger: "app", message: "loud", target: "app:loud" }
    ])
  }).pipe(Effect.provide(Logger.layer([])))
)

describe("exports", () => {
  const script = {
    score: (text: string) => text.length,
    "app:Counter": () => ({ next: () => 1, _secret: () => 2 })
  }
  const start = Start.exposing({ score: {}, Counter: { kind: "class", target: "app:Counter" } })

  it.effect("are told, and called by their names", () =>
    Effect.gen(function* () {
      const { pool } = yield* pooled(script, { start })
      assert.deepStrictEqual(Object.keys(yield* pool.exports), ["score", "Counter"])
      assert.strictEqual(yield* pool.call("score", ["four"]), 4)
      const counter = yield* pool.session("c", "Counter")
      assert.strictEqual(yield* counter.call("next"), 1)
    })
  )

  it.effect("are all that a strict worker calls, whatever it is sent", () =>
    Effect.gen(function* () {
      const mock = MockWorker.make({ ...script, "app:hidden": () => 1 }, { start })
      // The pool does not know that it is strict, but it has told the worker so.
      const pool = yield* WorkerPool.make({
        size: 1,
        connect: (identity, events) =>
          Effect.map(mock.connect(identity, events), (transport) => ({
            ...transport,
            send: (frame) => transport.send(frame.kind === Kind.Request.init ? strict(frame) : frame)
          }))
      })
      assert.strictEqual(yield* pool.call("score", ["four"]), 4)
      const error = yield* failure("InvalidCall", pool.call("app:hidden"))
      assert.deepStrictEqual([error.reason, error.started], ["target", "no"])
      assert.include(error.detail, "'app:hidden' is not exposed (strict)")
      const counter = yield* pool.session("c", "Counter")
      assert.strictEqual((yield* failure("InvalidCall", counter.call("_secret"))).reason, "target")
      yield* failure("InvalidCall", Effect.scoped(pool.session("d", "score")))
    })
  )
})

it.effect("setup that fails is a StartError with its traceback", () =>
  Effect.gen(function* () {
    const exception = { type: "ValueError", message: "no model", frames: [] }
    const error = yield* Effect.flip(
      pooled({}, { start: Start.fatal("setup 'app:prepare': ValueError: no model", exception) })
    )
    assert.strictEqual(error.reason, "init")
    assert.include(error.message, "setup 'app:prepare': ValueError: no model")
    assert.deepStrictEqual(error.exception, exception)
  })
)

const strict = (frame: Frame.Outgoing): Frame.Outgoing => {
  const text = frame.pieces.map((piece) => new TextDecoder().decode(piece)).join("")
  return { ...frame, pieces: [new TextEncoder().encode(text.replace('"strict":false', '"strict":true'))] }
}
