/** The rules of PROTOCOL.md that a pool never puts to the test, since it sends one call at a time and breaks none. */
import { assert, describe, it } from "@effect/vitest"
import { Behaviour, MockWorker } from "@fireweed/test-kit/workers"
import { Frame, Json, Kind, Message } from "@fireweed/worker-pool/protocol"
import type { Transport } from "@fireweed/worker-pool/transport"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { TestClock } from "effect/testing"

/** A worker that is spoken to directly; it is ready. */
const connected = (script: MockWorker.Script) =>
  Effect.gen(function* () {
    const heard: Array<ReadonlyArray<unknown>> = []
    const ends: Array<Transport.End> = []
    const transport = yield* MockWorker.connect(script)(
      { id: "1.1", token: "secret" },
      {
        onFrame: ({ id, kind, meta }) => heard.push([Kind.nameOf(kind), id, Json.decode(meta)?.value]),
        onClosing: () => {},
        onOutput: () => {},
        onEnd: (end) => ends.push(end)
      }
    )
    const send = (kind: number, id = 0, meta?: Json.Json) =>
      transport.send(Frame.make(kind, id, meta === undefined ? Frame.EMPTY : Json.encodeJson(meta)))
    const call = (id: number, target: string, options: Json.Json = null) =>
      send(Kind.Request.call, id, [[target, [], null], options])
    transport.send(Message.init({ path: [], maxFrame: 1_024 }))
    yield* Effect.yieldNow
    const [hello, ready] = heard.splice(0)
    assert.strictEqual(hello?.[0], "HELLO")
    assert.deepStrictEqual(ready, ["READY", 0, { exports: {}, ms: 0 }])
    return { call, ends, heard, send, transport }
  })

it.effect("HELLO echoes the token and comes first, READY after INIT", () =>
  Effect.gen(function* () {
    const heard: Array<Frame.Frame> = []
    const events = {
      onFrame: (frame: Frame.Frame) => heard.push(frame),
      onOutput: () => {},
      onClosing: () => {},
      onEnd: () => {}
    }
    const transport = yield* MockWorker.connect({})({ id: "1.1", token: "secret" }, events)
    assert.strictEqual(heard.length, 0)
    yield* Effect.yieldNow
    assert.deepStrictEqual(
      heard
        .map((frame) => Message.readHello(frame))
        .map((hello) => (hello._tag === "Some" ? hello.value.token : "")),
      ["secret"]
    )
    assert.isUndefined(transport.pid())
  })
)

it.effect("calls run one at a time, in order of arrival; a ping is answered meanwhile", () =>
  Effect.gen(function* () {
    const { call, heard, send } = yield* connected({
      "app:slow": Behaviour.delay("1 second", () => "slow"),
      "app:ok": () => "ok"
    })
    call(7, "app:slow")
    call(8, "app:ok")
    send(Kind.Request.ping, 3)
    yield* TestClock.adjust("250 millis")
    assert.deepStrictEqual(heard.splice(0), [["PONG", 3, { busy: 7, ms: 0, rss: null, threads: 2 }]])
    yield* TestClock.adjust("750 millis")
    assert.deepStrictEqual(heard, [
      ["RESULT", 7, "slow"],
      ["RESULT", 8, "ok"]
    ])
  })
)

it.effect("a call that is cancelled while it waits never runs; a call that is gone cannot be cancelled", () =>
  Effect.gen(function* () {
    let ran = false
    const { call, heard, send } = yield* connected({
      "app:hang": Behaviour.hang,
      "app:mark": () => (ran = true)
    })
    call(1, "app:hang")
    call(2, "app:mark")
    send(Kind.Request.cancel, 2)
    send(Kind.Request.cancel, 9)
    send(Kind.Request.cancel, 1)
    send(Kind.Request.cancel, 1)
    yield* Effect.yieldNow
    assert.deepStrictEqual(heard, [
      ["ERROR", 2, { code: "cancelled", started: false, message: "cancelled before it started" }],
      ["ERROR", 1, { code: "cancelled", started: true, message: "cancelled while it ran" }]
    ])
    assert.isFalse(ran)
  })
)

it.effect("a deadline that passes before its call starts is told", () =>
  Effect.gen(function* () {
    const { call, heard } = yield* connected({
      "app:slow": Behaviour.delay("1 second"),
      "app:ok": () => "ok"
    })
    call(1, "app:slow")
    call(2, "app:ok", { deadline: 500 })
    yield* TestClock.adjust("1 second")
    assert.deepStrictEqual(heard.at(-1), [
      "ERROR",
      2,
      { code: "deadline", started: false, message: "its deadline passed before it started" }
    ])
  })
)

it.effect("arguments that are not what the protocol says are refused, and the worker goes on", () =>
  Effect.gen(function* () {
    const { call, heard, send } = yield* connected({ "app:ok": () => "ok" })
    send(Kind.Request.call, 1, [["app:ok", "no array", null], null])
    call(2, "app:ok")
    yield* Effect.yieldNow
    assert.strictEqual(heard[0]?.[0], "ERROR")
    assert.deepStrictEqual(heard[1], ["RESULT", 2, "ok"])
  })
)

describe("a parent that breaks the rules", () => {
  const faults: ReadonlyArray<readonly [string, (to: Effect.Success<ReturnType<typeof connected>>) => void]> =
    [
      ["the id 0", ({ call }) => call(0, "app:hang")],
      ["an id in use", ({ call }) => [1, 1].forEach((id) => call(id, "app:hang"))],
      ["a second INIT", ({ transport }) => transport.send(Message.init({ path: [], maxFrame: 1_024 }))],
      ["a frame over the limit", ({ send }) => send(Kind.Request.call, 1, "x".repeat(2_000))],
      ["a reply", ({ send }) => send(Kind.Reply.result, 1, null)]
    ]
  for (const [what, fault] of faults) {
    it.effect(`${what} is fatal`, () =>
      Effect.gen(function* () {
        const worker = yield* connected({ "app:hang": Behaviour.hang })
        fault(worker)
        yield* Effect.yieldNow
        assert.strictEqual(worker.heard.at(-1)?.[0], "FATAL")
        assert.deepStrictEqual(
          worker.ends.map(({ exitCode }) => exitCode),
          [79]
        )
      })
    )
  }
})

describe("the end", () => {
  it.effect("comes once, whoever asks for it, and what is sent after it is dropped", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const { call, ends, heard, send, transport } = yield* Scope.provide(
        connected({ "app:ok": () => "ok" }),
        scope
      )
      call(1, "app:ok")
      assert.isAbove(transport.pending(), 0)
      transport.kill()
      assert.strictEqual(ends.length, 0)
      transport.kill()
      yield* Effect.yieldNow
      send(Kind.Request.ping, 2)
      transport.interrupt()
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual(
        ends.map(({ detail, signal }) => [signal, detail]),
        [["SIGKILL", "ended by its pool"]]
      )
      assert.deepStrictEqual([heard, transport.pending()], [[], 0])
    })
  )

  it.effect("of the scope is the end of the worker, and of what it ran", () =>
    Effect.gen(function* () {
      let interrupted = false
      const scope = yield* Scope.make()
      const hang = () => Effect.onInterrupt(Effect.never, () => Effect.sync(() => (interrupted = true)))
      const { call, ends } = yield* Scope.provide(connected({ "app:hang": hang }), scope)
      call(1, "app:hang")
      yield* Effect.yieldNow
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual([ends.length, interrupted], [1, true])
    })
  )

  it.effect("by SHUTDOWN waits for the calls before it", () =>
    Effect.gen(function* () {
      const { call, ends, heard, send } = yield* connected({ "app:slow": Behaviour.delay("1 second") })
      call(1, "app:slow")
      send(Kind.Request.shutdown)
      yield* TestClock.adjust("999 millis")
      assert.strictEqual(ends.length, 0)
      yield* TestClock.adjust("1 milli")
      assert.deepStrictEqual(heard, [
        ["RESULT", 1, null],
        ["BYE", 0, undefined]
      ])
      assert.deepStrictEqual(
        ends.map(({ exitCode, reason }) => [reason, exitCode]),
        [["exit", 0]]
      )
    })
  )
})
