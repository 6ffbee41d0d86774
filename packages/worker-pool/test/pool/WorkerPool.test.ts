import { assert, describe, it } from "@effect/vitest"
import { Behaviour, MockWorker, Start } from "@fireweed/test-kit/workers"
import { WorkerPool } from "@fireweed/worker-pool"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import { TestClock } from "effect/testing"
import { record } from "../support.ts"

/** A pool of mock workers in virtual time, by default of one; its workers die when the test is over, so that nothing waits for them. */
const pooled = (
  script: MockWorker.Script,
  options: Omit<WorkerPool.Options, "start"> & MockWorker.Options = {}
) =>
  Effect.gen(function* () {
    const { start, ...rest } = options
    const mock = MockWorker.make({ "app:ok": () => "ok", ...script }, { start })
    const pool = yield* WorkerPool.make({ size: 1, output: "ignore", ...rest, connect: mock.connect })
    return { mock, pool }
  })

const fork = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.forkChild(effect, { startImmediately: true })

describe("a crash loop", () => {
  it.effect(
    "is stopped by the breaker, told to callers with the time of the next try, and healed by one good answer",
    () =>
      Effect.gen(function* () {
        const { pool } = yield* pooled(
          { "app:die": Behaviour.exit(1) },
          { size: 2, crashLoop: { deaths: 3, pause: "20 seconds" } }
        )
        const events = yield* record(pool)
        for (let death = 0; death < 3; death++) {
          const error = yield* Effect.flip(pool.call("app:die"))
          assert.strictEqual(error._tag, "WorkerLost")
          yield* TestClock.adjust("200 millis")
        }
        // One more lives, and serves; the breaker is open, so the next death leaves nobody.
        assert.strictEqual((yield* pool.snapshot).circuit, "Open")
        for (const _ of (yield* pool.snapshot).workers) yield* Effect.flip(pool.call("app:die"))
        const refused = yield* Effect.flip(pool.call("app:ok"))
        if (refused._tag !== "PoolUnavailable") throw refused
        assert.deepStrictEqual([refused.reason, refused.started], ["crash-loop", "no"])
        assert.isAbove(Duration.toMillis(refused.retryAfter), 15_000)
        assert.include(refused.message, "exited with status 1")
        const session = yield* Effect.flip(pool.session("key", "app:Thing"))
        assert.strictEqual(session._tag, "PoolUnavailable")

        yield* TestClock.adjust("25 seconds")
        assert.strictEqual(yield* pool.call("app:ok"), "ok")
        yield* TestClock.adjust("1 second")
        assert.strictEqual((yield* pool.snapshot).circuit, "Closed")
        assert.strictEqual(
          (yield* pool.snapshot).workers.length,
          2,
          "the other place is filled again, at once"
        )
        assert.deepStrictEqual(
          events.flatMap((event) => (event._tag === "Circuit" ? [`${event.from} ${event.to}`] : [])),
          ["Closed Open", "Open HalfOpen", "HalfOpen Closed"]
        )
      })
  )

  it.effect("is none while calls are answered between the deaths", () =>
    Effect.gen(function* () {
      const { pool } = yield* pooled(
        { "app:die": Behaviour.exit(1) },
        { crashLoop: { deaths: 2, pause: "1 hour" } }
      )
      for (let round = 0; round < 10; round++) {
        assert.strictEqual(yield* pool.call("app:ok"), "ok")
        yield* Effect.flip(pool.call("app:die"))
      }
      assert.strictEqual((yield* pool.snapshot).circuit, "Closed")
    })
  )

  it.effect("of starts that fail is stopped as well, and those who wait are told", () =>
    Effect.gen(function* () {
      const { pool } = yield* pooled(
        { "app:die": Behaviour.exit(1) },
        {
          start: Start.inTurn([Start.ready, Start.exit(3, "no module named os")]),
          crashLoop: { deaths: 3, pause: "1 hour" }
        }
      )
      yield* Effect.flip(pool.call("app:die"))
      const waiting = yield* fork(Effect.flip(pool.call("app:ok")))
      yield* TestClock.adjust("5 seconds")
      const error = yield* Fiber.join(waiting)
      assert.strictEqual(error._tag === "PoolUnavailable" && error.reason, "crash-loop")
      assert.include(error.message, "exited with status 3")
    })
  )
})

describe("a call whose worker is lost", () => {
  it.effect("is tried again if it may run twice, with a growing delay, four times at most", () =>
    Effect.gen(function* () {
      const { mock, pool } = yield* pooled(
        { "app:die": Behaviour.exit(1) },
        { crashLoop: { deaths: 100, pause: "1 hour" } }
      )
      const events = yield* record(pool)
      const fiber = yield* fork(Effect.flip(pool.call("app:die", [], { idempotent: true })))
      yield* TestClock.adjust("2 minutes")
      assert.strictEqual((yield* Fiber.join(fiber))._tag, "WorkerLost")
      assert.strictEqual(mock.calls.length, 5)
      assert.deepStrictEqual(
        events.flatMap((event) => (event._tag === "CallRetried" ? [event.attempt] : [])),
        [1, 2, 3, 4]
      )
    })
  )

  it.effect("is not tried again when the deadline would pass before", () =>
    Effect.gen(function* () {
      const { mock, pool } = yield* pooled({ "app:die": Behaviour.exit(1) })
      const fiber = yield* fork(
        Effect.flip(pool.call("app:die", [], { idempotent: true, deadline: "10 millis" }))
      )
      yield* TestClock.adjust("10 millis")
      assert.strictEqual((yield* Fiber.join(fiber))._tag, "WorkerLost")
      assert.strictEqual(mock.calls.length, 1)
    })
  )

  it.effect("waits no more when it is interrupted between two tries", () =>
    Effect.gen(function* () {
      const { mock, pool } = yield* pooled({ "app:die": Behaviour.exit(1) })
      const fiber = yield* fork(pool.call("app:die", [], { idempotent: true }))
      yield* Effect.yieldNow
      yield* Fiber.interrupt(fiber)
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(mock.calls.length, 1)
      assert.strictEqual((yield* pool.snapshot).running, 0)
    })
  )
})

describe("a worker that breaks the protocol is replaced, and the call says so", () => {
  for (const [name, behaviour] of [
    ["garbage", Behaviour.garbage(new TextEncoder().encode("garbage, and enough of it for a header"))],
    ["an answer to a call that does not run", Behaviour.wrongId("x")],
    ["half a frame, then its end", Behaviour.partial(0)]
  ] as const) {
    it.effect(name, () =>
      Effect.gen(function* () {
        const { pool } = yield* pooled({ "app:break": behaviour })
        const error = yield* Effect.flip(pool.call("app:break"))
        assert.strictEqual(error._tag, "WorkerLost")
        assert.strictEqual(error.started, "maybe")
        yield* TestClock.adjust("1 second")
        assert.strictEqual(yield* pool.call("app:ok"), "ok")
      })
    )
  }

  it.effect("two answers: the first counts, and the second costs the worker", () =>
    Effect.gen(function* () {
      const { pool } = yield* pooled({ "app:twice": Behaviour.duplicate("first") })
      const events = yield* record(pool)
      assert.strictEqual(yield* pool.call("app:twice"), "first")
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* pool.call("app:ok"), "ok")
      assert.isTrue(
        events.some((event) => event._tag === "WorkerGone" && event.detail.includes("broke the protocol"))
      )
    })
  )
})

describe("D54 a late answer", () => {
  it.effect("after the deadline reaches nobody, and the worker is kept if it comes within the grace", () =>
    Effect.gen(function* () {
      const { mock, pool } = yield* pooled({
        "app:late": Behaviour.stubborn(Behaviour.delay("500 millis", Behaviour.reply("late")))
      })
      const fiber = yield* fork(Effect.flip(pool.call("app:late", [], { deadline: "100 millis" })))
      yield* TestClock.adjust("100 millis")
      assert.strictEqual((yield* Fiber.join(fiber))._tag, "DeadlineExceeded")
      assert.strictEqual((yield* pool.snapshot).running, 1)
      yield* TestClock.adjust("500 millis")
      assert.strictEqual((yield* pool.snapshot).running, 0)
      assert.strictEqual(yield* pool.call("app:ok"), "ok")
      assert.strictEqual(new Set(mock.calls.map(({ worker }) => worker)).size, 1)
    })
  )

  it.effect("that does not come within the grace costs the worker: frame, doorbell, end", () =>
    Effect.gen(function* () {
      const { mock, pool } = yield* pooled(
        { "app:hang": Behaviour.stubborn() },
        { cancelGrace: "300 millis" }
      )
      const fiber = yield* fork(Effect.flip(pool.call("app:hang", [], { deadline: "100 millis" })))
      const kinds = () => mock.received.map(({ kind }) => kind).filter((kind) => /CANCEL|SIG/.test(kind))
      yield* TestClock.adjust("100 millis")
      assert.deepStrictEqual(kinds(), ["CANCEL"])
      yield* TestClock.adjust("20 millis")
      assert.deepStrictEqual(kinds(), ["CANCEL", "SIGUSR1"])
      yield* TestClock.adjust("279 millis")
      assert.deepStrictEqual(kinds(), ["CANCEL", "SIGUSR1", "SIGUSR1", "SIGUSR1"], "every 100 ms")
      yield* TestClock.adjust("1 millis")
      assert.deepStrictEqual(kinds().slice(4), ["SIGKILL"])
      yield* Fiber.join(fiber)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* pool.call("app:ok"), "ok")
    })
  )
})

describe("sessions", () => {
  it.effect("one whose opening is interrupted leaves nothing, here or there", () =>
    Effect.gen(function* () {
      const { mock, pool } = yield* pooled({ "app:Slow": Behaviour.delay("1 minute", Behaviour.reply({})) })
      const fiber = yield* fork(Effect.scoped(pool.session("key", "app:Slow")))
      yield* Effect.yieldNow
      yield* Fiber.interrupt(fiber)
      assert.strictEqual((yield* pool.snapshot).sessions, 0)
      assert.deepStrictEqual(
        mock.received.map(({ kind }) => kind).filter((kind) => /OPEN|CLOSE|CANCEL/.test(kind)),
        ["OPEN", "CANCEL", "CLOSE"]
      )
    })
  )

  it.effect("one that is opened while no worker lives waits for the next, within the queue's patience", () =>
    Effect.gen(function* () {
      const { pool } = yield* pooled(
        { "app:die": Behaviour.exit(1), "app:Thing": () => ({ get: () => 1 }) },
        {
          start: Start.inTurn([Start.ready, Start.slow("2 seconds"), Start.slow("1 hour")]),
          queue: { timeout: "5 seconds" }
        }
      )
      yield* Effect.flip(pool.call("app:die"))
      const opening = yield* fork(
        Effect.scoped(Effect.flatMap(pool.session("key", "app:Thing"), (it) => it.call("get")))
      )
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual(yield* Fiber.join(opening), 1)
      yield* Effect.flip(pool.call("app:die"))
      const late = yield* fork(Effect.flip(Effect.scoped(pool.session("key", "app:Thing"))))
      yield* TestClock.adjust("5 seconds")
      const error = yield* Fiber.join(late)
      assert.strictEqual(error._tag === "QueueFull" && error.reason, "timeout")
    })
  )

  it.effect("the deadline of an opening covers the wait for a worker", () =>
    Effect.gen(function* () {
      const { pool } = yield* pooled(
        { "app:die": Behaviour.exit(1) },
        { start: Start.inTurn([Start.ready, Start.slow("1 hour")]) }
      )
      yield* Effect.flip(pool.call("app:die"))
      const opening = yield* fork(
        Effect.flip(Effect.scoped(pool.session("key", "app:Thing", [], { deadline: "1 second" })))
      )
      yield* TestClock.adjust("1 second")
      const error = yield* Fiber.join(opening)
      assert.strictEqual(error._tag === "DeadlineExceeded" && error.reason, "waiting")
    })
  )

  it.effect("no more than the limit are open at once", () =>
    Effect.gen(function* () {
      const { pool } = yield* pooled({ "app:Thing": () => ({}) }, { maxSessions: 2 })
      const scope = yield* Scope.make()
      yield* Scope.provide(pool.session("a", "app:Thing"), scope)
      yield* pool.session("b", "app:Thing")
      const error = yield* Effect.flip(pool.session("c", "app:Thing"))
      assert.strictEqual(error._tag === "SessionError" && error.reason, "limit")
      yield* Scope.close(scope, Exit.void)
      yield* pool.session("c", "app:Thing")
    })
  )
})

it.effect("D62 two pools know nothing of each other", () =>
  Effect.gen(function* () {
    const first = yield* pooled({ "app:Thing": () => ({ get: () => 1 }) })
    const second = yield* pooled({ "app:Thing": () => ({ get: () => 2 }), "app:die": Behaviour.exit(1) })
    const [one, two] = yield* Effect.all([
      first.pool.session("key", "app:Thing"),
      second.pool.session("key", "app:Thing")
    ])
    yield* Effect.flip(second.pool.call("app:die"))
    assert.strictEqual(yield* one.call("get"), 1)
    assert.strictEqual((yield* Effect.flip(two.call("get")))._tag, "SessionError")
  })
)

it.effect("events tell a worker's whole life, in order", () =>
  Effect.gen(function* () {
    const { pool } = yield* pooled({ "app:die": Behaviour.exit(7) })
    const events = yield* record(pool)
    yield* pool.call("app:ok")
    yield* Effect.flip(pool.call("app:die"))
    yield* TestClock.adjust("1 second")
    assert.deepStrictEqual(
      events.map((event) =>
        event._tag === "WorkerState" ? `${event.worker} ${event.from} ${event.to}` : event._tag
      ),
      [
        "1.1 ready busy",
        "1.1 busy ready",
        "CallEnded",
        "1.1 ready busy",
        "1.1 busy terminating",
        "1.1 terminating terminated",
        "WorkerGone",
        "CallEnded",
        "RecoveryStarted",
        "1.2 initializing ready",
        "RecoveryEnded",
        "WorkerReady"
      ]
    )
  })
)
