import { assert, describe, it } from "@effect/vitest"
import { Behaviour } from "@fireweed/test-kit/workers"
import type { CallError } from "@fireweed/worker-pool"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"
import { failure, pooled, record, until } from "../support.ts"

/** Runs a stream to its end or its error; answers the items as they come. */
const consume = <A>(stream: Stream.Stream<A, CallError.CallError>) =>
  Effect.gen(function* () {
    const items: Array<A> = []
    const fiber = yield* Effect.forkChild(
      Effect.exit(Stream.runForEach(stream, (item) => Effect.sync(() => items.push(item)))),
      { startImmediately: true }
    )
    return { items, fiber }
  })

const range = (n: number): Array<number> => Array.from({ length: n }, (_, index) => index)

describe("a stream", () => {
  it.effect("is what a behaviour or a generator function yields, and what that returns", () =>
    Effect.gen(function* () {
      const { pool } = yield* pooled({
        "app:yields": Behaviour.yields(range(100), Behaviour.reply("end")),
        *"app:generator"(n: number) {
          yield* range(n)
          return "end"
        }
      })
      for (const target of ["app:yields", "app:generator"]) {
        for (const credit of [1, 3, 64]) {
          const told: Array<unknown> = []
          const onReturn = (value: unknown): void => void told.push(value)
          const items = yield* Stream.runCollect(pool.stream(target, [100], { credit, onReturn }))
          assert.deepStrictEqual(items, range(100))
          assert.deepStrictEqual(told, ["end"])
        }
      }
    })
  )

  it.effect("takes its time, fails and dies where the script says", () =>
    Effect.gen(function* () {
      const { pool } = yield* pooled({
        "app:slow": Behaviour.yields([1], Behaviour.delay("1 minute", Behaviour.yields([2]))),
        "app:fails": Behaviour.yields([1, 2], Behaviour.raise("ValueError", "enough")),
        "app:dies": Behaviour.yields([1], Behaviour.exit(3))
      })
      const slow = yield* consume(pool.stream("app:slow"))
      yield* until("the first is here", () => slow.items.length === 1)
      yield* TestClock.adjust("1 minute")
      yield* Fiber.join(slow.fiber)
      assert.deepStrictEqual(slow.items, [1, 2])

      const seen: Array<unknown> = []
      const fails = pool
        .stream("app:fails")
        .pipe(Stream.runForEach((item) => Effect.sync(() => seen.push(item))))
      assert.strictEqual((yield* failure("PythonError", fails)).exception.message, "enough")
      assert.deepStrictEqual(seen, [1, 2])
      const lost = yield* failure("WorkerLost", Stream.runDrain(pool.stream("app:dies")))
      assert.deepStrictEqual([lost.reason, lost.exitCode, lost.started], ["exit", 3, "maybe"])
    })
  )

  it.effect("makes no more than was asked for, and is closed when its consumer leaves", () =>
    Effect.gen(function* () {
      let made = 0
      let closed = 0
      const { mock, pool } = yield* pooled({
        *"app:endless"() {
          try {
            while (true) yield made++
          } finally {
            closed++
          }
        },
        "app:ok": Behaviour.reply("ok")
      })
      const items: Array<unknown> = []
      const consumer = yield* pool.stream("app:endless", [], { credit: 10 }).pipe(
        Stream.runForEach((item) => (items.push(item) < 17 ? Effect.void : Effect.never)),
        Effect.forkChild({ startImmediately: true })
      )
      yield* until("it is stuck", () => items.length === 17)
      for (let turn = 0; turn < 100; turn++) yield* Effect.yieldNow
      assert.isAtMost(made, 16 + 10)
      yield* Fiber.interrupt(consumer)
      assert.strictEqual(yield* pool.call("app:ok"), "ok")
      assert.strictEqual(closed, 1)
      const kinds = mock.received.map(({ kind }) => kind)
      assert.deepStrictEqual(kinds.slice(0, 2), ["INIT", "CALL"])
      assert.deepStrictEqual(kinds.slice(-2), ["CANCEL", "CALL"])
      assert.isTrue(kinds.slice(2, -2).every((kind) => kind === "CREDIT"))
    })
  )

  it.effect("that goes beyond its credit breaks the protocol", () =>
    Effect.gen(function* () {
      const { pool } = yield* pooled({ "app:flood": Behaviour.yieldsBeyond(range(9)) })
      const lost = yield* failure("WorkerLost", Stream.runDrain(pool.stream("app:flood", [], { credit: 8 })))
      assert.strictEqual(lost.reason, "violation")
      assert.include(lost.detail, "beyond its credit")
      const fits = yield* consume(pool.stream("app:flood", [], { credit: 9 }))
      yield* until("all are here", () => fits.items.length === 9)
      yield* Fiber.interrupt(fits.fiber)
    })
  )

  it.effect("is asked for as one, and nothing else is", () =>
    Effect.gen(function* () {
      const { pool } = yield* pooled({
        "app:yields": Behaviour.yields([1]),
        "app:value": Behaviour.reply(1),
        "app:set": Behaviour.yields([Symbol("x")])
      })
      const value = yield* failure("InvalidCall", pool.call("app:yields"))
      assert.deepStrictEqual([value.reason, value.started], ["stream", "maybe"])
      const stream = yield* failure("InvalidCall", Stream.runDrain(pool.stream("app:value")))
      assert.deepStrictEqual([stream.reason, stream.started], ["stream", "maybe"])
      const item = yield* failure("InvalidCall", Stream.runDrain(pool.stream("app:set")))
      assert.strictEqual(item.reason, "result")
    })
  )

  it.effect("is killed when it ignores that its consumer has left", () =>
    Effect.gen(function* () {
      const { mock, pool } = yield* pooled(
        {
          "app:deaf": Behaviour.stubborn(Behaviour.yields([1], Behaviour.hang)),
          "app:ok": Behaviour.reply("ok")
        },
        { cancelGrace: "500 millis" }
      )
      yield* Stream.runDrain(Stream.take(pool.stream("app:deaf"), 1))
      yield* TestClock.adjust("500 millis")
      assert.strictEqual(yield* pool.call("app:ok"), "ok")
      const steps = new Set(mock.received.map(({ kind, worker }) => `${worker} ${kind}`))
      for (const step of ["1.1 CALL", "1.1 CANCEL", "1.1 SIGUSR1", "1.1 SIGKILL", "1.2 CALL"])
        assert.include([...steps], step)
    })
  )

  it.effect("the deadline covers the wait, the work and the pauses of its consumer", () =>
    Effect.gen(function* () {
      const { pool } = yield* pooled({
        "app:slow": Behaviour.yields([1], Behaviour.hang),
        "app:busy": Behaviour.delay("1 minute")
      })
      const late = yield* consume(pool.stream("app:slow", [], { deadline: "2 seconds" }))
      yield* until("the first is here", () => late.items.length === 1)
      yield* TestClock.adjust("2 seconds")
      assert.include(String(yield* Fiber.join(late.fiber)), "DeadlineExceeded")
      const busy = yield* Effect.forkChild(pool.call("app:busy"), { startImmediately: true })
      const waits = yield* Effect.forkChild(
        failure("DeadlineExceeded", Stream.runDrain(pool.stream("app:slow", [], { deadline: "2 seconds" }))),
        { startImmediately: true }
      )
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual((yield* Fiber.join(waits)).reason, "waiting")
      yield* Fiber.interrupt(busy)
    })
  )

  it.effect("that may run twice starts again elsewhere, unless an item has come", () =>
    Effect.gen(function* () {
      const { mock, pool } = yield* pooled({
        "app:early": Behaviour.inTurn([Behaviour.exit(1), Behaviour.yields([1, 2])]),
        "app:late": Behaviour.yields([1], Behaviour.exit(1))
      })
      const again = yield* consume(pool.stream("app:early", [], { idempotent: true }))
      yield* TestClock.adjust("10 seconds")
      yield* Fiber.join(again.fiber)
      assert.deepStrictEqual(again.items, [1, 2])
      const lost = yield* consume(pool.stream("app:late", [], { idempotent: true }))
      yield* TestClock.adjust("10 seconds")
      assert.include(String(yield* Fiber.join(lost.fiber)), "WorkerLost")
      assert.deepStrictEqual(lost.items, [1])
      assert.strictEqual(mock.calls.filter(({ target }) => target === "app:late").length, 1)
    })
  )

  it.effect("of a session's method keeps its other calls waiting", () =>
    Effect.gen(function* () {
      const { pool } = yield* pooled(
        {
          "app:Log": () => ({
            *lines() {
              yield* range(3)
            },
            size: Behaviour.reply(3)
          })
        },
        { concurrency: 4 }
      )
      const log = yield* pool.session("log", "app:Log")
      const lines = yield* consume(
        Stream.tap(log.stream("lines", [], { credit: 1 }), () => Effect.sleep("1 second"))
      )
      const size = yield* Effect.forkChild(log.call("size"), { startImmediately: true })
      yield* TestClock.adjust("2 seconds")
      assert.isUndefined(size.pollUnsafe(), "the stream is not done")
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual(yield* Fiber.join(size), 3)
      yield* Fiber.join(lines.fiber)
      assert.deepStrictEqual(lines.items, range(3))
    })
  )
})

describe("several calls at once", () => {
  it.effect("run side by side, as many as the pool sends", () =>
    Effect.gen(function* () {
      const { pool } = yield* pooled({ "app:nap": Behaviour.delay("1 second") }, { concurrency: 5 })
      const calls = yield* Effect.forkChild(
        Effect.forEach(range(10), () => pool.call("app:nap"), { concurrency: "unbounded" }),
        { startImmediately: true }
      )
      const { queued, running } = yield* pool.snapshot
      assert.deepStrictEqual([running, queued], [5, 5])
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual((yield* Fiber.join(calls)).length, 10)
    })
  )

  it.effect("end with their worker; only the one that would not stop is called stuck", () =>
    Effect.gen(function* () {
      const { pool } = yield* pooled(
        { "app:deaf": Behaviour.stubborn(), "app:nap": Behaviour.delay("1 minute") },
        { concurrency: 5, cancelGrace: "500 millis" }
      )
      const events = yield* record(pool)
      const other = yield* Effect.forkChild(failure("WorkerLost", pool.call("app:nap")), {
        startImmediately: true
      })
      const deaf = yield* Effect.forkChild(
        failure("DeadlineExceeded", pool.call("app:deaf", [], { deadline: "1 second" })),
        { startImmediately: true }
      )
      const again = yield* Effect.forkChild(pool.call("app:nap", [], { idempotent: true }), {
        startImmediately: true
      })
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(deaf)
      yield* TestClock.adjust("500 millis")
      const lost = yield* Fiber.join(other)
      assert.deepStrictEqual([lost.reason, lost.started], ["signal", "maybe"])
      yield* TestClock.adjust("2 minutes")
      assert.isNull(yield* Fiber.join(again))
      assert.isTrue(events.some((event) => event._tag === "CallRetried"))
    })
  )

  it.effect("are cancelled one by one", () =>
    Effect.gen(function* () {
      const { mock, pool } = yield* pooled(
        { "app:nap": Behaviour.delay("1 second", Behaviour.reply("rested")) },
        {
          concurrency: 5
        }
      )
      const [first, second] = yield* Effect.all([
        Effect.forkChild(pool.call("app:nap"), { startImmediately: true }),
        Effect.forkChild(pool.call("app:nap"), { startImmediately: true })
      ])
      yield* Effect.yieldNow
      yield* Fiber.interrupt(first)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(second), "rested")
      assert.deepStrictEqual(
        mock.received.map(({ id, kind }) => `${kind} ${id}`),
        ["INIT 0", "CALL 1", "CALL 2", "CANCEL 1"]
      )
    })
  )
})
