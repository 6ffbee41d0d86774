/** What a pool must guarantee whatever its workers do, in virtual time. `docs/guarantees.md` has the list. */
import { assert, describe, it } from "@effect/vitest"
import { Telemetry } from "@fireweed/test-kit"
import { Behaviour, MockWorker, Start } from "@fireweed/test-kit/workers"
import { CallError, WorkerPool } from "@fireweed/worker-pool"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import { TestClock } from "effect/testing"
import { record } from "../support.ts"

const pooled = (options: Omit<WorkerPool.Options, "start"> & MockWorker.Options = {}) =>
  Effect.gen(function* () {
    const { start, ...rest } = options
    const mock = MockWorker.make(
      {
        "app:ok": () => "ok",
        "app:slow": Behaviour.delay("1 second", () => "slow"),
        "app:hang": Behaviour.hang,
        "app:fail": Behaviour.raise("ValueError", "no"),
        "app:die": Behaviour.exit(1),
        "app:once": Behaviour.inTurn([Behaviour.exit(1), () => "the second time"]),
        "app:garbage": Behaviour.garbage()
      },
      { start }
    )
    const pool = yield* WorkerPool.make({ size: 1, output: "ignore", ...rest, connect: mock.connect })
    return { mock, pool }
  })

const fork = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.forkChild(effect, { startImmediately: true })

/** What each error says to whoever has it, by an exhaustive match: a new member of the union does not compile here. */
const advice = (error: CallError.CallError): string => {
  switch (error._tag) {
    case "PythonError":
    case "InvalidCall":
    case "DeadlineExceeded":
    case "WorkerLost":
    case "QueueFull":
    case "PoolUnavailable":
    case "SessionError":
      return error.hint
  }
}

it.effect(
  "D26 a call that may have begun is tried again only if it may run twice; one that has not, always",
  () =>
    Effect.gen(function* () {
      const { mock, pool } = yield* pooled()
      const dying = yield* fork(Effect.flip(pool.call("app:die")))
      const waiting = yield* fork(pool.call("app:ok"))
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* Fiber.join(dying)).started, "maybe")
      assert.strictEqual(yield* Fiber.join(waiting), "ok")
      assert.strictEqual(mock.calls.filter(({ target }) => target === "app:die").length, 1)
      const twice = yield* fork(pool.call("app:once", [], { idempotent: true }))
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual(yield* Fiber.join(twice), "the second time")
      assert.strictEqual(mock.calls.filter(({ target }) => target === "app:once").length, 2)
    })
)

it.effect("D27 one deadline covers the wait, the retries and the work", () =>
  Effect.gen(function* () {
    const { pool } = yield* pooled()
    const first = yield* fork(pool.call("app:slow"))
    const late = yield* fork(Effect.flip(pool.call("app:hang", [], { deadline: "3 seconds" })))
    yield* TestClock.adjust("2999 millis")
    assert.isUndefined(late.pollUnsafe())
    yield* TestClock.adjust("1 milli")
    const error = yield* Fiber.join(late)
    assert.strictEqual(error._tag === "DeadlineExceeded" && error.reason, "running")
    yield* Fiber.join(first)
    const dying = yield* fork(
      Effect.flip(pool.call("app:die", [], { idempotent: true, deadline: "1 second" }))
    )
    yield* TestClock.adjust("1 second")
    assert.isDefined(dying.pollUnsafe())
  })
)

it.effect("D28 retries make no noise: nothing is logged, and exhaustion is one error", () =>
  Effect.gen(function* () {
    const { pool } = yield* pooled({ crashLoop: { deaths: 100 } })
    const events = yield* record(pool)
    const dying = yield* fork(Effect.flip(pool.call("app:die", [], { idempotent: true })))
    yield* TestClock.adjust("2 minutes")
    assert.strictEqual((yield* Fiber.join(dying))._tag, "WorkerLost")
    assert.strictEqual(events.filter(({ _tag }) => _tag === "CallRetried").length, 4)
    assert.strictEqual(events.filter(({ _tag }) => _tag === "CallEnded").length, 1)
    assert.deepStrictEqual((yield* Telemetry.Captured).logs, [])
  }).pipe(Effect.provide(Telemetry.layerCaptured))
)

it.effect("D34 every call ends once and is counted once, and nothing is left", () =>
  Effect.gen(function* () {
    const { pool } = yield* pooled({ size: 2, crashLoop: { deaths: 100 } })
    const events = yield* record(pool)
    const targets = ["ok", "slow", "fail", "die", "garbage", "hang", "unknown"]
    const calls = Array.from({ length: 70 }, (_, index) => `app:${targets[index % 7]}`)
    const all = yield* fork(
      Effect.forEach(calls, (target) => Effect.exit(pool.call(target, [], { deadline: "5 seconds" })), {
        concurrency: "unbounded"
      })
    )
    yield* TestClock.adjust("10 minutes")
    assert.lengthOf(yield* Fiber.join(all), 70)
    assert.strictEqual(events.filter(({ _tag }) => _tag === "CallEnded").length, 70)
    const { queued, running } = yield* pool.snapshot
    assert.deepStrictEqual([queued, running], [0, 0])
  })
)

it.effect("D36 a pool that cannot serve gives errors, and never a value", () =>
  Effect.gen(function* () {
    const { pool } = yield* pooled({
      start: Start.inTurn([Start.ready, Start.exit(3)]),
      crashLoop: { deaths: 2, pause: "1 hour" }
    })
    const fiber = yield* fork(
      Effect.forEach(["app:die", "app:ok", "app:ok"], (target) => Effect.flip(pool.call(target)))
    )
    yield* TestClock.adjust("1 minute")
    const errors = yield* Fiber.join(fiber)
    assert.deepStrictEqual(
      errors.map(({ _tag }) => _tag),
      ["WorkerLost", "PoolUnavailable", "PoolUnavailable"]
    )
  })
)

it.effect("D38 every error has one shape, says what to do, and crosses a process unharmed", () =>
  Effect.gen(function* () {
    const { pool } = yield* pooled({ queue: { limit: 0 } })
    const flip = (target: string, options: WorkerPool.CallOptions = {}) =>
      Effect.flip(pool.call(target, [], options))
    const errors = [yield* flip("app:fail"), yield* Effect.flip(pool.call("app:ok", [Symbol("no")]))]
    const slow = yield* fork(flip("app:hang", { deadline: "1 second" }))
    errors.push(yield* flip("app:ok"))
    yield* TestClock.adjust("1 second")
    errors.push(yield* Fiber.join(slow))
    const closed = yield* Effect.scoped(Effect.map(pooled(), (made) => made.pool))
    errors.push(yield* Effect.flip(closed.call("app:ok")))
    yield* TestClock.adjust("1 minute")
    errors.push(yield* flip("app:die"))
    const full = yield* pooled({ maxSessions: 1 })
    yield* full.pool.session("one", "app:ok")
    errors.push(yield* Effect.flip(full.pool.session("two", "app:ok")))
    const codec = Schema.toCodecJson(CallError.CallError)
    for (const error of errors) {
      assert.include(["no", "maybe"], error.started, error._tag)
      assert.include(["minor", "major", "critical"], CallError.severity(error), error._tag)
      assert.isNotEmpty(advice(error), error._tag)
      assert.include(error.message, error.target, error._tag)
      const json: unknown = JSON.parse(JSON.stringify(yield* Schema.encodeEffect(codec)(error)))
      const back = yield* Schema.decodeUnknownEffect(codec)(json)
      assert.strictEqual(back.message, error.message)
    }
    assert.deepStrictEqual(
      errors.map(({ _tag }) => _tag),
      [
        "PythonError",
        "InvalidCall",
        "QueueFull",
        "DeadlineExceeded",
        "PoolUnavailable",
        "WorkerLost",
        "SessionError"
      ]
    )
  })
)

it.effect("D42 workers are started side by side, and a pool is there only when it can serve", () =>
  Effect.gen(function* () {
    const making = yield* fork(pooled({ size: 8, start: Start.slow("4 seconds") }))
    yield* TestClock.adjust("3999 millis")
    assert.isUndefined(making.pollUnsafe())
    yield* TestClock.adjust("1 milli")
    const { pool } = yield* Fiber.join(making)
    assert.strictEqual(yield* pool.call("app:ok"), "ok")
    assert.lengthOf((yield* pool.snapshot).workers, 8)
  })
)

it.effect(
  "D43 a start listens to its own handshake alone: what others say or ask neither confuses nor delays it",
  () =>
    Effect.gen(function* () {
      const { mock, pool } = yield* pooled({
        size: 2,
        start: Start.inTurn([Start.ready, Start.slow("4 seconds")])
      })
      const events = yield* record(pool)
      const states = Effect.map(pool.snapshot, ({ workers }) =>
        workers.map(({ id, state }) => `${id} ${state}`)
      )
      // The other worker is busy, is cancelled, raises and prints; this one prints as well, and callers come and go.
      for (let tenth = 0; tenth < 39; tenth++) {
        const [left] = yield* Effect.forEach(["app:hang", "app:ok", "app:fail"], (target) =>
          fork(Effect.exit(pool.call(target)))
        )
        if (left !== undefined) yield* Fiber.interrupt(left)
        for (const { print } of mock.processes()) print("stdout", "READY")
        yield* TestClock.adjust("100 millis")
      }
      assert.deepStrictEqual(yield* states, ["1.1 ready"])
      yield* TestClock.adjust("100 millis")
      assert.deepStrictEqual(yield* states, ["1.1 ready", "2.1 ready"])
      assert.notInclude(
        events.map(({ _tag }) => _tag),
        "StartFailed"
      )
      const asked = mock.received.filter(({ worker }) => worker === "2.1").map(({ kind }) => kind)
      assert.deepStrictEqual(asked, ["INIT"], "and it was asked nothing else meanwhile")
    })
)

it.effect("D44 one bad worker never takes the pool down: the others answer all the while", () =>
  Effect.gen(function* () {
    const { pool } = yield* pooled({ size: 2, crashLoop: { deaths: 100 } })
    yield* TestClock.adjust("1 second")
    for (let round = 0; round < 10; round++) {
      const good = yield* fork(pool.call("app:slow"))
      const bad = yield* fork(Effect.flip(pool.call(round % 2 === 0 ? "app:die" : "app:garbage")))
      assert.strictEqual((yield* Fiber.join(bad))._tag, "WorkerLost")
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(good), "slow")
      assert.strictEqual(yield* pool.call("app:ok"), "ok")
      yield* TestClock.adjust("10 seconds")
    }
    const { workers } = yield* pool.snapshot
    assert.deepStrictEqual([workers.length, workers.filter(({ id }) => id.endsWith(".1")).length], [2, 1])
  })
)

describe("D46 a caller that ends takes nothing with it", () => {
  it.effect("D45 callers come and go, and the worker and its pipes stay", () =>
    Effect.gen(function* () {
      const { pool } = yield* pooled()
      for (let count = 0; count < 20; count++) {
        const caller = yield* fork(Effect.scoped(pool.call("app:ok")))
        assert.strictEqual(yield* Fiber.join(caller), "ok")
      }
      const left = yield* fork(pool.call("app:slow"))
      yield* Fiber.interrupt(left)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* pool.call("app:ok"), "ok")
      const { workers } = yield* pool.snapshot
      assert.deepStrictEqual(
        workers.map(({ id }) => id),
        ["1.1"]
      )
    })
  )
})

it.effect("D53 a function that raises harms no worker, however often", () =>
  Effect.gen(function* () {
    const { pool } = yield* pooled({ crashLoop: { deaths: 2 } })
    for (let count = 0; count < 50; count++) yield* Effect.flip(pool.call("app:fail"))
    const { circuit, workers } = yield* pool.snapshot
    assert.strictEqual(circuit, "Closed")
    assert.deepStrictEqual(
      workers.map(({ id, served, state }) => [id, state, served]),
      [["1.1", "ready", 50]]
    )
  })
)

it.effect("D55 interruption gives the place back, in the queue and at work", () =>
  Effect.gen(function* () {
    const { pool } = yield* pooled({ queue: { limit: 1 } })
    for (let round = 0; round < 10; round++) {
      const running = yield* fork(pool.call("app:hang"))
      const waiting = yield* fork(pool.call("app:ok"))
      yield* Fiber.interrupt(waiting)
      yield* Fiber.interrupt(running)
      yield* TestClock.adjust("1 second")
      const { queued, running: left } = yield* pool.snapshot
      assert.deepStrictEqual([queued, left], [0, 0])
    }
    assert.strictEqual(yield* pool.call("app:ok"), "ok")
  })
)

it.effect("D57 there is no lock on the way of a call: eight workers do eight things in the time of one", () =>
  Effect.gen(function* () {
    const { pool } = yield* pooled({ size: 8 })
    yield* TestClock.adjust("1 second")
    const all = yield* fork(
      Effect.forEach(Array.from({ length: 8 }), () => pool.call("app:slow"), { concurrency: "unbounded" })
    )
    yield* TestClock.adjust("1 second")
    assert.isDefined(all.pollUnsafe())
  })
)

it.effect("D63 options are those that the pool was made with, whatever becomes of the object", () =>
  Effect.gen(function* () {
    const queue = { limit: 0 }
    const { pool } = yield* pooled({ queue })
    queue.limit = 1_000
    const running = yield* fork(pool.call("app:hang"))
    assert.strictEqual((yield* Effect.flip(pool.call("app:ok")))._tag, "QueueFull")
    yield* Fiber.interrupt(running)
    yield* TestClock.adjust("1 second")
  })
)
