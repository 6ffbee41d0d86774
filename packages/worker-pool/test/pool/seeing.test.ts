/** What a pool tells of itself: events, history, metrics, spans. */
import { assert, describe, it } from "@effect/vitest"
import { Telemetry } from "@fireweed/test-kit"
import { Behaviour, MockWorker } from "@fireweed/test-kit/workers"
import { WorkerPool } from "@fireweed/worker-pool"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Metric from "effect/Metric"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"
import { inspect } from "node:util"
import { record } from "../support.ts"

const pooled = (options: WorkerPool.Options = {}) => {
  const mock = MockWorker.make({
    "app:ok": () => "ok",
    "app:slow": Behaviour.delay("1 second", () => "slow"),
    "app:fail": Behaviour.raise("ValueError", "no"),
    "app:once": Behaviour.inTurn([Behaviour.exit(1), () => "ok"]),
    "app:count": Behaviour.yields([1, 2, 3]),
    "app:grow": Behaviour.grow(1_000),
    "app:print": Behaviour.print("stdout", "printed")
  })
  return WorkerPool.make({ size: 1, output: "ignore", ...options, connect: mock.connect })
}

const fork = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.forkChild(effect, { startImmediately: true })

/** One call, or stream, of each outcome; two that take a second, one after the other. */
const eachOutcome = (pool: WorkerPool.WorkerPool) =>
  Effect.gen(function* () {
    const first = yield* fork(pool.call("app:slow"))
    const second = yield* fork(pool.call("app:slow"))
    yield* TestClock.adjust("2 seconds")
    yield* Fiber.join(first)
    yield* Fiber.join(second)
    yield* Effect.flip(pool.call("app:fail"))
    yield* Effect.flip(pool.call("app:ok", [Symbol("x")]))
    yield* Effect.flip(pool.call("app:ok", [], { result: Schema.Int }))
    const again = yield* fork(pool.call("app:once", [], { idempotent: true }))
    yield* TestClock.adjust("1 second")
    yield* Fiber.join(again)
    yield* Stream.runDrain(pool.stream("app:count"))
    yield* Stream.runDrain(Stream.take(pool.stream("app:count"), 1))
    yield* Effect.flip(Stream.runDrain(pool.stream("app:count", [], { item: Schema.String })))
    yield* Effect.flip(Stream.runDrain(pool.stream("app:fail")))
    const left = yield* fork(pool.call("app:slow"))
    yield* Fiber.interrupt(left)
  })

const outcomes = [
  ["app:slow", "success", "1.1", 1, 0, 1_000],
  ["app:slow", "success", "1.1", 1, 1_000, 2_000],
  ["app:fail", "PythonError", "1.1", 1, 0, 0],
  ["app:ok", "InvalidCall", undefined, 0, 0, 0],
  ["app:ok", "InvalidCall", "1.1", 1, 0, 0],
  ["app:once", "success", "1.2", 2, 0, 0],
  ["app:count", "success", "1.2", 1, 0, 0],
  ["app:count", "success", "1.2", 1, 0, 0],
  ["app:count", "InvalidCall", "1.2", 1, 0, 0],
  ["app:fail", "PythonError", "1.2", 1, 0, 0],
  ["app:slow", "interrupted", "1.2", 1, 0, 0]
]

describe("a call that has ended", () => {
  it.effect("is one event, whatever its end, with its worker, attempts, wait and time", () =>
    Effect.gen(function* () {
      const pool = yield* pooled()
      const events = yield* record(pool)
      yield* eachOutcome(pool)
      yield* Effect.yieldNow
      const told = events.flatMap((event) =>
        event._tag === "CallEnded"
          ? [
              [
                event.target,
                event.outcome,
                event.worker,
                event.attempts,
                // A retry waits for as long as chance wants.
                event.attempts > 1 ? 0 : event.waited,
                event.attempts > 1 ? 0 : event.took
              ]
            ]
          : []
      )
      assert.deepStrictEqual(told, outcomes)
    })
  )
})

describe("the history", () => {
  it.effect("has the latest events, as many as it may, with their time; nobody needs to listen", () =>
    Effect.gen(function* () {
      const pool = yield* pooled({ history: 3 })
      yield* TestClock.adjust("5 seconds")
      for (let count = 0; count < 4; count++) yield* pool.call("app:ok")
      const history = yield* pool.history
      assert.deepStrictEqual(
        history.map(({ at, event }) => [at, event._tag]),
        [
          [5_000, "WorkerState"],
          [5_000, "WorkerState"],
          [5_000, "CallEnded"]
        ]
      )
      const silent = yield* pooled()
      yield* silent.call("app:ok")
      assert.deepStrictEqual(yield* silent.history, [])
    })
  )
})

const told = Effect.map(Metric.snapshot, (all) =>
  Object.fromEntries(
    all
      .filter(({ id }) => id.startsWith("worker_pool_"))
      .map(({ attributes, id, state }) => {
        const { pool, ...labels } = attributes ?? {}
        const name = [pool, id.replace("worker_pool_", ""), ...Object.values(labels)].join(" ")
        return [name, "count" in state ? Number(state.count) : "value" in state ? Number(state.value) : -1]
      })
  )
)

describe("metrics", () => {
  it.effect(
    "tell of calls, times, retries, workers and what is true now, with few labels; on request only",
    () =>
      Effect.gen(function* () {
        const pool = yield* pooled({ metrics: true, name: "seen" })
        const silent = yield* pooled()
        yield* eachOutcome(pool)
        yield* silent.call("app:ok")
        yield* pool.call("app:grow")
        // What is true is taken down at each full second.
        yield* TestClock.adjust("500 millis")
        const slow = [yield* fork(pool.call("app:slow")), yield* fork(pool.call("app:slow"))]
        yield* TestClock.adjust("500 millis")
        const seen = yield* told
        assert.deepStrictEqual(
          Object.keys(seen).filter((name) => !name.startsWith("seen ")),
          []
        )
        assert.include(seen, {
          "seen calls success": 6,
          "seen calls PythonError": 2,
          "seen calls InvalidCall": 3,
          "seen calls interrupted": 1,
          "seen retries": 1,
          "seen starts ready": 2,
          "seen ends": 1,
          "seen call_milliseconds": 12,
          "seen queue_milliseconds": 12,
          "seen workers busy": 1,
          "seen workers ready": 0,
          "seen queued": 1,
          "seen running": 1,
          "seen sessions": 0
        })
        assert.isAtLeast(seen["seen memory_bytes"] ?? 0, 1_000)
        for (const fiber of slow) yield* Fiber.interrupt(fiber)
        // Whatever is called, the number of series stays.
        const before = Object.keys(seen).length
        for (let count = 0; count < 50; count++) yield* Effect.ignore(pool.call(`app:unknown${count}`))
        assert.strictEqual(Object.keys(yield* told).length, before)
      }).pipe(Effect.provide(Telemetry.layerCaptured))
  )
})

describe("spans", () => {
  it.effect(
    "are one for each call and stream, with what is known of it, within the caller's; on request only",
    () =>
      Effect.gen(function* () {
        const silent = yield* pooled()
        const pool = yield* pooled({ spans: true })
        yield* Effect.withSpan(silent.call("app:ok"), "caller")
        yield* Effect.withSpan(pool.call("app:ok", ["secret"]), "caller")
        yield* Effect.flip(pool.call("app:fail"))
        yield* Stream.runDrain(pool.stream("app:count"))
        const { spans } = yield* Telemetry.Captured
        assert.deepStrictEqual(
          spans.map(({ attributes, kind, name, parent, status }) => [
            name,
            kind,
            parent._tag === "Some",
            status._tag,
            ...["worker", "attempts", "queue_wait_ms", "outcome"].map((key) =>
              attributes.get(`fireweed.${key}`)
            )
          ]),
          [
            ["caller", "internal", false, "Ended", undefined, undefined, undefined, undefined],
            ["caller", "internal", false, "Ended", undefined, undefined, undefined, undefined],
            ["app:ok", "client", true, "Ended", "1.1", 1, 0, "success"],
            ["app:fail", "client", false, "Ended", "1.1", 1, 0, "PythonError"],
            ["app:count", "client", false, "Ended", "1.1", 1, 0, "success"]
          ]
        )
      }).pipe(Effect.provide(Telemetry.layerCaptured))
  )
})

it.effect("D69 a secret argument is in no event, history, log, metric, span or message of an error", () =>
  Effect.gen(function* () {
    const secret = "hunter2-hunter2"
    const pool = yield* pooled({ metrics: true, spans: true, history: 1_000 })
    const events = yield* record(pool)
    const errors = yield* Effect.forEach(["app:ok", "app:fail", "app:once", "app:unknown"], (target) =>
      Effect.exit(pool.call(target, [secret, { secret }], { kwargs: { password: secret } }))
    )
    yield* TestClock.adjust("1 second")
    errors.push(yield* Effect.exit(pool.call("app:ok", [{ [secret]: 1 }, Symbol("x")])))
    yield* Effect.exit(Stream.runDrain(pool.stream("app:count", [secret])))
    const { logs, metrics, spans } = yield* Telemetry.Captured
    const attributes = spans.map((span) => [span.name, ...span.attributes, span.status])
    const seen = inspect(
      [events, yield* pool.history, yield* pool.snapshot, logs, yield* metrics, attributes, errors],
      { depth: 20, maxArrayLength: null, maxStringLength: null, showHidden: false }
    )
    assert.include(seen, "app:fail")
    assert.notInclude(seen, secret)
  }).pipe(Effect.provide(Telemetry.layerCaptured))
)

describe("a snapshot", () => {
  it.effect("says for how long calls have been waiting", () =>
    Effect.gen(function* () {
      const pool = yield* pooled({ queue: { timeout: "1 minute" } })
      const waiting = Effect.map(pool.snapshot, ({ queued, waitingFor }) => [queued, waitingFor])
      assert.deepStrictEqual(yield* waiting, [0, 0])
      const calls = yield* Effect.forEach([1, 2, 3], () => fork(pool.call("app:slow")))
      yield* TestClock.adjust("600 millis")
      assert.deepStrictEqual(yield* waiting, [2, 600])
      yield* TestClock.adjust("1200 millis")
      assert.deepStrictEqual(yield* waiting, [1, 1_800])
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual(yield* waiting, [0, 0])
      for (const call of calls) assert.strictEqual(yield* Fiber.join(call), "slow")
    })
  )
})

it.effect("what is printed goes to the logger, or to those who watch alone", () =>
  Effect.gen(function* () {
    for (const output of ["log", "ignore"] as const) {
      const pool = yield* pooled({ output })
      const events = yield* record(pool)
      yield* pool.call("app:print")
      yield* TestClock.adjust("1 second")
      assert.lengthOf(
        events.filter(({ _tag }) => _tag === "Output"),
        1
      )
    }
    const { logs } = yield* Telemetry.Captured
    assert.deepStrictEqual(
      logs.map(({ message }) => message),
      ["printed"]
    )
  }).pipe(Effect.scoped, Effect.provide(Telemetry.layerCaptured))
)
