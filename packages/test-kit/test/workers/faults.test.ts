import { assert, describe, it } from "@effect/vitest"
import { Behaviour } from "@fireweed/test-kit/workers"
import { Frame } from "@fireweed/worker-pool/protocol"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { TestClock } from "effect/testing"
import { failure, pooled, record, until } from "../support.ts"

/** The error of a call whose worker is lost; the pool must serve again afterwards. */
const lost = (behaviour: Behaviour.Behaviour) =>
  Effect.gen(function* () {
    const { mock, pool } = yield* pooled({ "app:fault": behaviour, "app:ok": Behaviour.reply("ok") })
    const error = yield* failure("WorkerLost", pool.call("app:fault"))
    assert.strictEqual(yield* pool.call("app:ok"), "ok")
    assert.strictEqual(mock.calls.at(-1)?.worker, "1.2")
    return error
  })

describe("a crash", () => {
  it.effect("with an exit status", () =>
    Effect.gen(function* () {
      const error = yield* lost(Behaviour.print("stderr", "out of luck", Behaviour.exit(3)))
      assert.deepStrictEqual(
        [error.reason, error.exitCode, error.signal, error.detail, error.stderr],
        ["exit", 3, null, "exited with status 3", "out of luck\n"]
      )
    })
  )

  it.effect("by a signal", () =>
    Effect.gen(function* () {
      const error = yield* lost(Behaviour.signal("SIGSEGV"))
      assert.deepStrictEqual(
        [error.reason, error.exitCode, error.signal, error.detail],
        ["signal", null, "SIGSEGV", "killed by SIGSEGV"]
      )
      assert.include((yield* lost(Behaviour.signal("SIGKILL"))).detail, "not by its pool")
    })
  )

  it.effect("at a chosen moment of a call", () =>
    Effect.gen(function* () {
      const { pool } = yield* pooled({ "app:slow": Behaviour.delay("2 seconds", Behaviour.exit(7)) })
      const call = yield* Effect.forkChild(failure("WorkerLost", pool.call("app:slow")), {
        startImmediately: true
      })
      yield* TestClock.adjust("1999 millis")
      assert.isUndefined(call.pollUnsafe())
      yield* TestClock.adjust("1 milli")
      assert.strictEqual((yield* Fiber.join(call)).exitCode, 7)
    })
  )

  it.effect("between calls, from outside", () =>
    Effect.gen(function* () {
      const { mock, pool } = yield* pooled({ "app:ok": Behaviour.reply("ok") })
      const events = yield* record(pool)
      assert.strictEqual(yield* pool.call("app:ok"), "ok")
      const [process] = mock.processes()
      process?.signal("SIGTERM")
      // It is dead already: nothing more comes of it.
      process?.exit(1)
      process?.print("stdout", "late")
      yield* until("the end is told", () => events.some((event) => event._tag === "WorkerGone"))
      assert.strictEqual(yield* pool.call("app:ok"), "ok")
      const gone = events.filter((event) => event._tag === "WorkerGone" || event._tag === "Output")
      assert.deepStrictEqual(gone, [{ _tag: "WorkerGone", worker: "1.1", detail: "killed by SIGTERM" }])
      assert.deepStrictEqual(
        mock.processes().map(({ id }) => id),
        ["1.2"]
      )
    })
  )
})

describe("a broken protocol ends the worker", () => {
  it.effect("garbage", () =>
    Effect.gen(function* () {
      const error = yield* lost(Behaviour.garbage())
      assert.deepStrictEqual(
        [error.reason, error.detail],
        ["violation", "broke the protocol (magic): expected 0x5746, got 0xffff"]
      )
    })
  )

  it.effect("garbage, and nothing of the call runs on", () =>
    Effect.gen(function* () {
      let ranOn = false
      yield* lost(
        Behaviour.write(
          () => new Uint8Array(24),
          () => (ranOn = true)
        )
      )
      assert.isFalse(ranOn)
    })
  )

  it.effect("half a frame", () =>
    Effect.gen(function* () {
      const error = yield* lost(Behaviour.partial(9))
      assert.deepStrictEqual(
        [error.reason, error.exitCode, error.detail],
        ["exit", 9, "exited with status 9, in the middle of a frame"]
      )
    })
  )

  it.effect("an answer to a call that does not exist", () =>
    Effect.gen(function* () {
      const error = yield* lost(Behaviour.wrongId())
      assert.deepStrictEqual(
        [error.reason, error.detail],
        ["violation", "broke the protocol: RESULT for call 2, which does not run"]
      )
    })
  )

  it.effect("a second answer, after the first was delivered", () =>
    Effect.gen(function* () {
      const { mock, pool } = yield* pooled({
        "app:twice": Behaviour.duplicate(5),
        "app:ok": Behaviour.reply("ok")
      })
      const events = yield* record(pool)
      assert.strictEqual(yield* pool.call("app:twice"), 5)
      assert.strictEqual(yield* pool.call("app:ok", [], { idempotent: true }), "ok")
      yield* until("the end is told", () => events.some((event) => event._tag === "WorkerGone"))
      const gone = events.flatMap((event) => (event._tag === "WorkerGone" ? [event.detail] : []))
      assert.deepStrictEqual(gone, ["broke the protocol: RESULT for call 1, which does not run"])
      assert.strictEqual(mock.calls.at(-1)?.worker, "1.2")
    })
  )

  it.effect("bytes from outside, one at a time, are read as a pipe is read", () =>
    Effect.gen(function* () {
      const { mock, pool } = yield* pooled({ "app:hang": Behaviour.hang })
      const call = yield* Effect.forkChild(pool.call("app:hang"), { startImmediately: true })
      yield* Effect.yieldNow
      const [result = Frame.EMPTY] = Frame.encode(Frame.make(0x83, 1, new TextEncoder().encode("[1]")))
      for (const byte of result) mock.processes()[0]?.write(Uint8Array.of(byte))
      assert.deepStrictEqual(yield* Fiber.join(call), [1])
      mock.processes()[0]?.exit(0)
    })
  )
})

describe("a worker that is told to stop", () => {
  it.effect("stops, and answers once; the next call finds it well", () =>
    Effect.gen(function* () {
      const { mock, pool } = yield* pooled({ "app:hang": Behaviour.hang, "app:ok": Behaviour.reply("ok") })
      const call = yield* Effect.forkChild(
        failure("DeadlineExceeded", pool.call("app:hang", [], { deadline: "1 second" })),
        {
          startImmediately: true
        }
      )
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* Fiber.join(call)).reason, "running")
      assert.strictEqual(yield* pool.call("app:ok"), "ok")
      assert.deepStrictEqual(
        mock.received.map(({ kind, worker }) => `${worker} ${kind}`),
        ["1.1 INIT", "1.1 CALL", "1.1 CANCEL", "1.1 CALL"]
      )
    })
  )

  it.effect("lets an effect clean up first", () =>
    Effect.gen(function* () {
      const steps: Array<string> = []
      const { pool } = yield* pooled({
        "app:tidy": () => Effect.onInterrupt(Effect.never, () => Effect.sync(() => steps.push("tidied up"))),
        "app:ok": () => steps.push("next call")
      })
      const call = yield* Effect.forkChild(pool.call("app:tidy"), { startImmediately: true })
      yield* Effect.yieldNow
      yield* Fiber.interrupt(call)
      yield* pool.call("app:ok")
      assert.deepStrictEqual(steps, ["tidied up", "next call"])
    })
  )

  it.effect("and does not, is asked again by signal, then killed", () =>
    Effect.gen(function* () {
      const { mock, pool } = yield* pooled(
        { "app:deaf": Behaviour.stubborn(), "app:ok": Behaviour.reply("ok") },
        { cancelGrace: "500 millis" }
      )
      const events = yield* record(pool)
      const call = yield* Effect.forkChild(pool.call("app:deaf"), { startImmediately: true })
      yield* Effect.yieldNow
      yield* Fiber.interrupt(call)
      yield* TestClock.adjust("499 millis")
      assert.strictEqual((yield* pool.snapshot).workers[0]?.state, "busy")
      yield* TestClock.adjust("1 milli")
      assert.strictEqual(yield* pool.call("app:ok"), "ok")
      assert.strictEqual(
        mock.received.map(({ kind, worker }) => `${worker} ${kind}`).join(", "),
        `1.1 INIT, 1.1 CALL, 1.1 CANCEL, 1.1 SIGUSR1, 1.1 PING${", 1.1 SIGUSR1".repeat(4)}, 1.1 SIGKILL, 1.2 INIT, 1.2 CALL`
      )
      yield* until("the end is told", () => events.some((event) => event._tag === "WorkerGone"))
      const detail = "killed: a call did not stop when it was told to; it goes on although it was cancelled"
      assert.deepInclude(events, { _tag: "WorkerGone", worker: "1.1", detail })
    })
  )

  it.effect("and answers late, is kept; its answer goes nowhere", () =>
    Effect.gen(function* () {
      const { mock, pool } = yield* pooled({
        "app:late": Behaviour.stubborn(Behaviour.delay("300 millis", Behaviour.reply("late"))),
        "app:ok": Behaviour.reply("ok")
      })
      const call = yield* Effect.forkChild(
        failure("DeadlineExceeded", pool.call("app:late", [], { deadline: "100 millis" })),
        {
          startImmediately: true
        }
      )
      yield* TestClock.adjust("100 millis")
      yield* Fiber.join(call)
      const next = yield* Effect.forkChild(pool.call("app:ok"), { startImmediately: true })
      assert.strictEqual((yield* pool.snapshot).queued, 1)
      yield* TestClock.adjust("200 millis")
      assert.strictEqual(yield* Fiber.join(next), "ok")
      assert.strictEqual(mock.calls.at(-1)?.worker, "1.1")
    })
  )
})
