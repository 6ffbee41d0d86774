import { assert, describe, it } from "@effect/vitest"
import { Behaviour, MockWorker } from "@fireweed/test-kit/workers"
import { WorkerPool } from "@fireweed/worker-pool"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { TestClock } from "effect/testing"
import { record } from "../support.ts"

/** A pool of one mock worker in virtual time. */
const pooled = (script: MockWorker.Script, heartbeat: WorkerPool.Options["heartbeat"] = {}) =>
  Effect.gen(function* () {
    const mock = MockWorker.make({ "app:ok": () => "ok", ...script })
    const pool = yield* WorkerPool.make({ size: 1, output: "ignore", heartbeat, connect: mock.connect })
    const events = yield* record(pool)
    const health = () => events.filter(({ _tag }) => /sponsive|Dirty/.test(_tag))
    const pings = () => mock.received.filter(({ kind }) => kind === "PING").length
    return { pool, pings, health }
  })

const fork = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.forkChild(effect, { startImmediately: true })

describe("the heartbeat of a pool", () => {
  it.effect(
    "asks a worker whose call is old, every other interval while it answers, and an idle one rarely",
    () =>
      Effect.gen(function* () {
        const { health, pings, pool } = yield* pooled({
          "app:slow": Behaviour.delay("10500 millis", Behaviour.reply("done"))
        })
        yield* TestClock.adjust("9 seconds")
        assert.strictEqual(pings(), 0)
        const call = yield* fork(pool.call("app:slow"))
        yield* TestClock.adjust("1 second")
        assert.strictEqual(pings(), 0, "it is not old yet")
        yield* TestClock.adjust("1 second")
        assert.strictEqual(pings(), 1)
        yield* TestClock.adjust("8 seconds")
        assert.strictEqual(pings(), 5)
        const [worker] = (yield* pool.snapshot).workers
        assert.isFalse(worker?.unresponsive)
        assert.approximately(worker?.runningFor ?? 0, 9_000, 1)
        yield* TestClock.adjust("1 second")
        assert.strictEqual(yield* Fiber.join(call), "done")
        yield* TestClock.adjust("1 minute")
        assert.strictEqual(pings(), 10, "each time after 10 seconds, and one until the answer is seen")
        assert.deepStrictEqual(health(), [])
      })
  )

  it.effect("asks as often as it is told to: a worker that runs something, and one that runs nothing", () =>
    Effect.gen(function* () {
      const { pings, pool } = yield* pooled(
        { "app:slow": Behaviour.delay("6500 millis") },
        { interval: "3 seconds", idle: "40 seconds" }
      )
      const call = yield* fork(pool.call("app:slow"))
      yield* TestClock.adjust("5900 millis")
      assert.strictEqual(pings(), 0)
      yield* TestClock.adjust("100 millis")
      assert.strictEqual(pings(), 1)
      yield* TestClock.adjust("500 millis")
      yield* Fiber.join(call)
      yield* TestClock.adjust("39 seconds")
      assert.strictEqual(pings(), 1)
      yield* TestClock.adjust("4 seconds")
      assert.strictEqual(pings(), 2)
    })
  )

  it.effect("many short calls in a row are signs of life enough", () =>
    Effect.gen(function* () {
      const { pings, pool } = yield* pooled({ "app:short": Behaviour.delay("400 millis") })
      const calls = yield* fork(Effect.forEach(Array.from({ length: 20 }), () => pool.call("app:short")))
      for (let step = 0; step < 80; step++) yield* TestClock.adjust("100 millis")
      yield* Fiber.join(calls)
      assert.strictEqual(pings(), 0)
    })
  )

  it.effect("tells of a worker that misses it, once, and of its return; the call is not harmed", () =>
    Effect.gen(function* () {
      const { health, pool } = yield* pooled({
        "app:frozen": Behaviour.frozen(Behaviour.delay("20 seconds", Behaviour.reply("thawed")))
      })
      const call = yield* fork(pool.call("app:frozen"))
      yield* TestClock.adjust("3900 millis")
      assert.deepStrictEqual(health(), [])
      yield* TestClock.adjust("200 millis")
      const diagnosis = { state: "unknown", stack: "" } as const
      const gone = { _tag: "WorkerUnresponsive", worker: "1.1", silentFor: 3_040, diagnosis } as const
      assert.deepStrictEqual(health(), [gone])
      assert.isTrue((yield* pool.snapshot).workers[0]?.unresponsive)
      yield* TestClock.adjust("15 seconds")
      assert.deepStrictEqual(health(), [gone])
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual(yield* Fiber.join(call), "thawed")
      assert.deepStrictEqual(health(), [gone, { _tag: "WorkerResponsive", worker: "1.1" }])
      assert.isFalse((yield* pool.snapshot).workers[0]?.unresponsive)
    })
  )

  it.effect("kills it after killAfter, if that is set, with the reason in the error", () =>
    Effect.gen(function* () {
      const { pool } = yield* pooled({ "app:frozen": Behaviour.frozen() }, { killAfter: "10 seconds" })
      const call = yield* fork(Effect.flip(pool.call("app:frozen")))
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual((yield* pool.snapshot).workers[0]?.state, "degraded")
      yield* TestClock.adjust("2 seconds")
      const error = yield* Fiber.join(call)
      if (error._tag !== "WorkerLost") throw error
      assert.deepStrictEqual(
        [error.reason, error.detail, error.diagnosis],
        [
          "stuck",
          "killed: it has not answered for 10000 ms; it does not answer",
          { state: "unknown", stack: "" }
        ]
      )
      assert.strictEqual(yield* pool.call("app:ok"), "ok")
    })
  )
})

/** The same, with a worker that can be frozen as a whole. */
const freezable = (script: MockWorker.Script = {}) =>
  Effect.gen(function* () {
    const mock = MockWorker.make({ "app:ok": () => "ok", ...script })
    let held: Array<() => void> | undefined
    const pool = yield* WorkerPool.make({
      size: 1,
      output: "ignore",
      connect: (identity, events) =>
        mock.connect(identity, {
          ...events,
          onFrame: (frame) =>
            held === undefined ? events.onFrame(frame) : void held.push(() => events.onFrame(frame))
        })
    })
    const events = yield* record(pool)
    const states = () =>
      events.flatMap((event) => (event._tag === "WorkerState" ? [`${event.from} -> ${event.to}`] : []))
    return {
      pool,
      states,
      events,
      freeze: () => void (held = []),
      thaw: () => {
        const late = held ?? []
        held = undefined
        for (const frame of late) frame()
      }
    }
  })

describe("D49 a degraded worker has a way back", () => {
  it.effect("it is given nothing while it does not answer, and serves again when it does", () =>
    Effect.gen(function* () {
      const { freeze, pool, states, thaw } = yield* freezable({ "app:slow": Behaviour.delay("5 seconds") })
      const first = yield* fork(pool.call("app:slow"))
      freeze()
      yield* TestClock.adjust("4100 millis")
      const second = yield* fork(pool.call("app:ok"))
      yield* TestClock.adjust("4 seconds")
      assert.deepStrictEqual(
        [states(), second.pollUnsafe()],
        [["ready -> busy", "busy -> degraded"], undefined]
      )
      thaw()
      yield* TestClock.adjust("1 milli")
      assert.strictEqual(yield* Fiber.join(first), null)
      assert.strictEqual(yield* Fiber.join(second), "ok")
      assert.deepStrictEqual(states().slice(1, 4), ["busy -> degraded", "degraded -> ready", "ready -> busy"])
      assert.strictEqual((yield* pool.snapshot).workers[0]?.state, "ready")
    })
  )

  it.effect("an idle one that is silent is asked, degraded, replaced; one that answers in time is not", () =>
    Effect.gen(function* () {
      const { events, freeze, pool, states, thaw } = yield* freezable()
      freeze()
      yield* TestClock.adjust("23 seconds")
      assert.deepStrictEqual(states(), ["ready -> degraded"])
      thaw()
      yield* TestClock.adjust("1 milli")
      assert.deepStrictEqual(states().slice(1), ["degraded -> ready"])
      freeze()
      yield* TestClock.adjust("30 seconds")
      thaw()
      yield* TestClock.adjust("1 second")
      const gone = events.flatMap((event) => (event._tag === "WorkerGone" ? [event.detail] : []))
      assert.deepStrictEqual(
        gone.map((detail) => /^killed: it has not answered for 2\d{4} ms/.test(detail)),
        [true]
      )
      assert.deepStrictEqual(
        (yield* pool.snapshot).workers.map(({ id, state }) => `${id} ${state}`),
        ["1.2 ready"]
      )
      assert.strictEqual(yield* pool.call("app:ok"), "ok")
    })
  )

  it.effect("D47 a call that finds it degraded is not held up: another worker has it", () =>
    Effect.gen(function* () {
      const mock = MockWorker.make({ "app:ok": () => "ok", "app:frozen": Behaviour.frozen() })
      const pool = yield* WorkerPool.make({ size: 2, output: "ignore", connect: mock.connect })
      yield* TestClock.adjust(0)
      yield* fork(pool.call("app:frozen"))
      yield* TestClock.adjust("5 seconds")
      assert.deepStrictEqual((yield* pool.snapshot).workers.map(({ state }) => state).toSorted(), [
        "degraded",
        "ready"
      ])
      for (let call = 0; call < 10; call++) assert.strictEqual(yield* pool.call("app:ok"), "ok")
    })
  )
})

describe("what a worker tells of itself", () => {
  it.effect("is in the snapshot; what its calls left behind is told when there is more of it", () =>
    Effect.gen(function* () {
      const { health, pool } = yield* pooled({
        "app:leave": (...dirty: ReadonlyArray<string>) =>
          Behaviour.report({ rss: 5_000_000, cpu: 1.5, dirty })
      })
      const [fresh] = (yield* pool.snapshot).workers
      assert.deepStrictEqual([fresh?.memory, fresh?.dirty], [undefined, []])
      for (const dirty of [[], ["cwd"], ["cwd"], ["cwd", "threads"], ["cwd"]])
        yield* pool.call("app:leave", dirty)
      yield* TestClock.adjust("1 milli")
      assert.deepStrictEqual(health(), [
        { _tag: "WorkerDirty", worker: "1.1", dirty: ["cwd"] },
        { _tag: "WorkerDirty", worker: "1.1", dirty: ["cwd", "threads"] }
      ])
      const [worker] = (yield* pool.snapshot).workers
      assert.deepStrictEqual(
        [worker?.memory, worker?.cpu, worker?.threads, worker?.dirty],
        [5_000_000, 1.5, 2, ["cwd"]]
      )
    })
  )
})
