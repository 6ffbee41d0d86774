import { assert, describe, it } from "@effect/vitest"
import { Behaviour, MockWorker } from "@fireweed/test-kit/workers"
import { CallError, MapError, WorkerPool } from "@fireweed/worker-pool"
import { Codec, Frame, Kind } from "@fireweed/worker-pool/protocol"
import type { PoolEvent } from "@fireweed/worker-pool"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"
import { record } from "../support.ts"

const numbers = (count: number): Array<number> => Array.from({ length: count }, (_, index) => index)

/** A pool of mocks, all of them ready, and what they were sent. */
const setup = (script: MockWorker.Script, options: WorkerPool.Options = {}) =>
  Effect.gen(function* () {
    const mock = MockWorker.make(script)
    const pool = yield* WorkerPool.make({
      size: 2,
      output: "ignore",
      crashLoop: { deaths: 100 },
      connect: mock.connect,
      ...options
    })
    yield* TestClock.adjust(0)
    return { mock, pool, sent: () => mock.calls.map(({ args }) => args) }
  })

/** Runs a map for as long as it takes; what it gave, how it ended, and when. */
const collect = <E>(map: Stream.Stream<unknown, E>) =>
  Effect.gen(function* () {
    const items: Array<unknown> = []
    const begun = yield* Clock.currentTimeMillis
    const fiber = yield* Effect.forkChild(
      Effect.flatMap(
        Effect.exit(Stream.runForEach(map, (item) => Effect.sync(() => items.push(item)))),
        (exit) => Effect.map(Clock.currentTimeMillis, (now) => ({ items, exit, took: now - begun }))
      ),
      { startImmediately: true }
    )
    yield* TestClock.adjust("10 minutes")
    return yield* Fiber.join(fiber)
  })

/** What a map that must fail gave before, and its error. */
const failing = (map: Stream.Stream<unknown, MapError.MapError>) =>
  Effect.gen(function* () {
    const { exit, items, took } = yield* collect(map)
    const error = Exit.isFailure(exit) ? Cause.findError(exit.cause) : undefined
    if (error === undefined || Result.isFailure(error)) throw new Error("expected an error")
    const { count, index, reason } = error.success
    return { items, index, count, reason, error: error.success, took }
  })

const waits = (millis: number): Behaviour.Behaviour => Behaviour.delay(millis, Behaviour.reply(millis))

/** Raises for odd numbers. */
const odd = (n: number): unknown =>
  n % 2 === 0 ? n : Behaviour.raise("ValueError", `${n} is odd`, { frames: [["f.py", 3, "f", "raise"]] })

/** A text of some hundred bytes. */
const big = (n: number): string => String(n).repeat(400)

/** The frame of such an answer. */
const results = (kind: number, value: unknown) => (id: number) => {
  const payload = Codec.pickle.encode(value, "results")
  if ("_tag" in payload) throw new Error("it cannot be sent")
  return Frame.encode({ kind, codec: 0, id, ...payload })[0] ?? Frame.EMPTY
}

describe("order and chunks", () => {
  it.effect("results keep the order of the items, whichever chunk is done first", () =>
    Effect.gen(function* () {
      const { pool } = yield* setup({ f: waits })
      const { items, took } = yield* collect(pool.map("f", [90, 10, 20, 70, 5], { chunk: 1 }))
      assert.deepStrictEqual(items, [90, 10, 20, 70, 5])
      // The second worker did the next three while the first was at its first.
      assert.strictEqual(took, 100)
    })
  )

  it.effect("a chunk is one call, and the last may be smaller", () =>
    Effect.gen(function* () {
      const { mock, pool, sent } = yield* setup({ f: (n: number) => n + 1 })
      const { items } = yield* collect(pool.map("f", numbers(7), { chunk: 3 }))
      assert.deepStrictEqual(items, [1, 2, 3, 4, 5, 6, 7])
      assert.deepStrictEqual(sent(), [[0, 1, 2], [3, 4, 5], [6]])
      assert.isTrue(mock.calls.every(({ credit, map }) => map === "items" && credit === undefined))
    })
  )

  it.effect("without a size, chunks begin with one item, and grow while they take no time", () =>
    Effect.gen(function* () {
      const { pool, sent } = yield* setup({ f: () => null }, { size: 1 })
      yield* collect(pool.map("f", numbers(100)))
      assert.deepStrictEqual(
        sent().map(({ length }) => length),
        [1, 4, 16, 64, 15]
      )
    })
  )

  it.effect("without a size, items that take long go one by one", () =>
    Effect.gen(function* () {
      const { pool, sent } = yield* setup({ f: waits })
      const { items } = yield* collect(
        pool.map("f", [...Array.from({ length: 10 }, () => 1), ...Array.from({ length: 30 }, () => 30)])
      )
      assert.strictEqual(items.length, 40)
      const lengths = sent().map(({ length }) => length)
      assert.deepStrictEqual(lengths.slice(0, 2), [1, 1])
      assert.deepStrictEqual(lengths.slice(-3), [1, 1, 1])
      assert.isAbove(Math.max(...lengths), 1)
    })
  )

  it.effect("a wait for a worker does not count as time that an item takes", () =>
    Effect.gen(function* () {
      const { pool, sent } = yield* setup({ f: () => null, long: Behaviour.delay("5 seconds") }, { size: 1 })
      yield* Effect.forkChild(pool.call("long"), { startImmediately: true })
      yield* collect(pool.map("f", numbers(5)))
      assert.deepStrictEqual(sent().slice(1), [[0], [1, 2, 3, 4]])
    })
  )

  it.effect("kwargs are the same for all", () =>
    Effect.gen(function* () {
      const { pool } = yield* setup({ f: (...args: ReadonlyArray<unknown>) => args })
      const { items } = yield* collect(pool.map("f", [1, [2]], { kwargs: { k: 3 } }))
      assert.deepStrictEqual(items, [
        [1, { k: 3 }],
        [[2], { k: 3 }]
      ])
    })
  )

  it.effect("an item can be all arguments of a call", () =>
    Effect.gen(function* () {
      const { mock, pool } = yield* setup({ f: (...args: ReadonlyArray<unknown>) => args })
      const calls = [{ args: [1, 2] }, { kwargs: { k: 3 } }, { args: [4], kwargs: { k: 5 } }, {}]
      const { items } = yield* collect(pool.map("f", calls, { each: "call", chunk: 4 }))
      assert.deepStrictEqual(items, [[1, 2], [{ k: 3 }], [4, { k: 5 }], []])
      assert.strictEqual(mock.calls[0]?.map, "calls")
    })
  )

  it.effect("what is no such call ends the map before it is sent, after those before it", () =>
    Effect.gen(function* () {
      const { pool } = yield* setup({ f: (n: number) => n })
      const calls = [{ args: [1] }, { args: [2] }, [3], { args: [4] }]
      const { count, index, items, reason } = yield* failing(pool.map("f", calls, { each: "call", chunk: 4 }))
      assert.deepStrictEqual([items, index, count], [[1, 2], 2, 1])
      assert.deepStrictEqual([reason._tag, reason.reason, reason.started], ["InvalidCall", "arguments", "no"])
    })
  )

  it.effect("by JSON it is the same", () =>
    Effect.gen(function* () {
      const { pool, sent } = yield* setup({ f: (n: number) => n + 1 }, { codec: "json" })
      const { items } = yield* collect(pool.map("f", numbers(5), { chunk: 2 }))
      assert.deepStrictEqual(items, [1, 2, 3, 4, 5])
      assert.deepStrictEqual(sent(), [[0, 1], [2, 3], [4]])
    })
  )

  it.effect("each run of the stream begins anew", () =>
    Effect.gen(function* () {
      const { pool, sent } = yield* setup({ f: (n: number) => n })
      const map = pool.map("f", [1, 2], { chunk: 2 })
      yield* collect(map)
      yield* collect(map)
      assert.deepStrictEqual(sent(), [
        [1, 2],
        [1, 2]
      ])
    })
  )
})

describe("how much at once", () => {
  it.effect("as many chunks as the workers can run, or fewer if it is said", () =>
    Effect.gen(function* () {
      for (const [options, most] of [
        [{}, 6],
        [{ concurrency: 1 }, 1],
        [{ concurrency: 4 }, 4]
      ] as const) {
        let running = 0
        let peak = 0
        const work = Effect.sync(() => {
          peak = Math.max(peak, ++running)
        }).pipe(Effect.andThen(Effect.sleep(10)), Effect.andThen(Effect.sync(() => void running--)))
        const { pool } = yield* setup({ f: () => work }, { size: 3, concurrency: 2 })
        yield* collect(pool.map("f", numbers(30), { chunk: 1, ...options }))
        assert.strictEqual(peak, most)
      }
    })
  )

  it.effect("of endless items no more are taken than are needed, and their iterator is closed", () =>
    Effect.gen(function* () {
      const { pool } = yield* setup({ f: waits })
      let taken = 0
      let closed = false
      const endless = {
        *[Symbol.iterator]() {
          try {
            for (;;) {
              taken++
              yield 10
            }
          } finally {
            closed = true
          }
        }
      }
      const { items } = yield* collect(Stream.take(pool.map("f", endless, { chunk: 3 }), 5))
      assert.strictEqual(items.length, 5)
      assert.isTrue(closed)
      assert.isAtMost(taken, 4 * 3)
    })
  )

  it.effect("a slow consumer holds up what is taken and what runs", () =>
    Effect.gen(function* () {
      const { pool, sent } = yield* setup({ f: (n: number) => n })
      let most = 0
      let seen = 0
      const slow = pool.map("f", numbers(200), { chunk: 2 }).pipe(
        Stream.mapEffect(() =>
          Effect.sync(() => {
            most = Math.max(most, sent().flat().length - seen++)
          }).pipe(Effect.andThen(Effect.sleep(10)))
        )
      )
      const { items } = yield* collect(slow)
      assert.strictEqual(items.length, 200)
      // Two chunks for two workers, four times; one that waits for its place, and the one that the consumer has.
      assert.isAtMost(most, 2 * (2 * 4 + 2))
      assert.isAbove(most, 2)
    })
  )

  it.effect("what is slow at first does not keep the others waiting: chunks run ahead of it", () =>
    Effect.gen(function* () {
      const { pool, sent } = yield* setup({ f: waits })
      const fiber = yield* Effect.forkChild(
        Stream.runDrain(pool.map("f", [1_000, ...numbers(100).map(() => 1)], { chunk: 1 }))
      )
      for (let step = 0; step < 40; step++) yield* TestClock.adjust(10)
      // The first, which the consumer waits for; those behind it; and one that waits for its place there.
      assert.strictEqual(sent().length, 1 + 2 * 4 + 1)
      yield* TestClock.adjust(1_000)
      yield* Fiber.join(fiber)
      assert.strictEqual(sent().length, 101)
    })
  )

  it.effect("a consumer that leaves cancels what runs, and the pool serves on", () =>
    Effect.gen(function* () {
      const { mock, pool } = yield* setup({ f: waits, ok: () => "ok" })
      const { items } = yield* collect(Stream.take(pool.map("f", [1, 100_000, 100_000], { chunk: 1 }), 1))
      assert.deepStrictEqual(items, [1])
      assert.isAtLeast(mock.received.filter(({ kind }) => kind === "CANCEL").length, 1)
      const { queued, running } = yield* pool.snapshot
      assert.deepStrictEqual([queued, running], [0, 0])
      assert.strictEqual(yield* pool.call("ok"), "ok")
    })
  )

  it.effect("an interruption cancels what runs, too", () =>
    Effect.gen(function* () {
      const { mock, pool } = yield* setup({ f: waits })
      const fiber = yield* Effect.forkChild(Stream.runDrain(pool.map("f", [50, 50, 50], { chunk: 1 })))
      yield* TestClock.adjust(10)
      yield* Fiber.interrupt(fiber)
      yield* TestClock.adjust(100)
      assert.strictEqual(mock.received.filter(({ kind }) => kind === "CANCEL").length, 2)
      assert.strictEqual(mock.calls.length, 2)
    })
  )

  it.effect("its chunks wait for workers for as long as it takes, also where the queue is full", () =>
    Effect.gen(function* () {
      const { pool } = yield* setup(
        { long: Behaviour.delay("1 minute"), f: (n: number) => n },
        { queue: { limit: 1, timeout: "1 second" } }
      )
      for (let call = 0; call < 2; call++)
        yield* Effect.forkChild(pool.call("long"), { startImmediately: true })
      const { items, took } = yield* collect(pool.map("f", numbers(5), { chunk: 2 }))
      assert.deepStrictEqual(items, numbers(5))
      assert.strictEqual(took, 60_000)
    })
  )

  it.effect("its priority is that of each chunk", () =>
    Effect.gen(function* () {
      const { mock, pool } = yield* setup({ f: waits, g: waits }, { size: 1 })
      const first = yield* Effect.forkChild(pool.call("g", [10]), { startImmediately: true })
      const call = yield* Effect.forkChild(pool.call("g", [1]), { startImmediately: true })
      yield* collect(pool.map("f", [5, 5], { chunk: 1, priority: 10, fairnessKey: "a" }))
      yield* Fiber.joinAll([first, call])
      assert.strictEqual(mock.calls[1]?.target, "f")
    })
  )
})

describe("what fails", () => {
  it.effect("an item that raises ends it with its index, after the results before it", () =>
    Effect.gen(function* () {
      const { pool } = yield* setup({ f: odd })
      const { count, error, index, items, reason } = yield* failing(
        pool.map("f", [0, 2, 4, 6, 8, 9, 10], { chunk: 4 })
      )
      assert.deepStrictEqual([items, index, count], [[0, 2, 4, 6, 8], 5, 1])
      assert.isTrue(reason instanceof CallError.PythonError)
      assert.strictEqual(reason._tag === "PythonError" && reason.exception.frames[0]?.[0], "f.py")
      assert.match(error.message, /^item 5: f on worker .*ValueError: 9 is odd/)
      assert.deepStrictEqual([error.category, error.started], ["python", "maybe"])
    })
  )

  it.effect("of several that fail it is the first by order, not by time", () =>
    Effect.gen(function* () {
      const { pool } = yield* setup({
        f: (n: number) => (n < 0 ? Behaviour.delay(-n, Behaviour.raise("ValueError", String(n))) : n)
      })
      const { index, items } = yield* failing(pool.map("f", [1, -500, -5, 2], { chunk: 1 }))
      assert.deepStrictEqual([items, index], [[1], 1])
    })
  )

  it.effect("nothing is begun after a failure that is known", () =>
    Effect.gen(function* () {
      const { pool, sent } = yield* setup({
        f: (n: number) => (n === 1 ? Behaviour.raise("ValueError") : Behaviour.delay(100))
      })
      yield* failing(pool.map("f", [0, 1, 2, 3, 4, 5], { chunk: 1 }))
      assert.deepStrictEqual(sent(), [[0], [1]])
    })
  )

  it.effect("a worker that dies takes all items of its chunk along", () =>
    Effect.gen(function* () {
      const { pool } = yield* setup({ f: (n: number) => (n < 0 ? Behaviour.exit(3) : n) })
      const { count, error, index, items, reason } = yield* failing(
        pool.map("f", [0, 1, 2, 3, -1, 5, 6], { chunk: 3 })
      )
      assert.deepStrictEqual([items, index, count, reason._tag], [[0, 1, 2], 3, 3, "WorkerLost"])
      assert.match(error.message, /^items 3 to 5: f: worker .* is gone/)
    })
  )

  it.effect("idempotent, a chunk whose worker dies is done again, and it alone", () =>
    Effect.gen(function* () {
      const dies = Behaviour.inTurn([Behaviour.exit(1), Behaviour.exit(1), Behaviour.reply("done")])
      const { pool, sent } = yield* setup({ f: (n: number) => (n === 3 ? dies : n) })
      const { exit, items } = yield* collect(
        pool.map("f", numbers(6), { chunk: 2, idempotent: true, concurrency: 1 })
      )
      assert.isTrue(Exit.isSuccess(exit))
      assert.deepStrictEqual(items, [0, 1, 2, "done", 4, 5])
      assert.deepStrictEqual(sent(), [
        [0, 1],
        [2, 3],
        [2, 3],
        [2, 3],
        [4, 5]
      ])
    })
  )

  it.effect("what came of a chunk before its worker died is not given twice", () =>
    Effect.gen(function* () {
      const half = Behaviour.write(results(Kind.Reply.item, [0]), Behaviour.exit(1))
      const { pool } = yield* setup({ f: Behaviour.inTurn([half, (n: number) => n]) })
      const { items } = yield* collect(pool.map("f", [10, 20], { chunk: 2, idempotent: true }))
      assert.deepStrictEqual(items, [10, 20])
    })
  )

  it.effect("the deadline covers all of it, also the wait for a worker", () =>
    Effect.gen(function* () {
      const { mock, pool } = yield* setup({ f: waits, long: Behaviour.delay("1 hour") }, { size: 1 })
      const running = yield* failing(pool.map("f", [400, 400, 400], { chunk: 1, deadline: "1 second" }))
      assert.deepStrictEqual([running.items, running.index, running.took], [[400, 400], 2, 1_000])
      assert.deepStrictEqual([running.reason._tag, running.reason.reason], ["DeadlineExceeded", "running"])
      assert.strictEqual(mock.calls.at(-1)?.deadline, 200)

      yield* Effect.forkChild(pool.call("long"), { startImmediately: true })
      const waiting = yield* failing(pool.map("f", [400, 400], { chunk: 2, deadline: "1 second" }))
      assert.deepStrictEqual([waiting.index, waiting.count, waiting.error.started], [0, 2, "no"])
      assert.deepStrictEqual([waiting.reason._tag, waiting.reason.reason], ["DeadlineExceeded", "waiting"])
      assert.isTrue(
        waiting.reason._tag === "DeadlineExceeded" &&
          Duration.equals(waiting.reason.deadline, Duration.seconds(1))
      )
    })
  )

  it.effect("the deadline covers the wait for items, too", () =>
    Effect.gen(function* () {
      const { pool } = yield* setup({ f: (n: number) => n })
      const late = Stream.concat(Stream.make(1, 2), Stream.never)
      const { count, error, index, items, took } = yield* failing(
        pool.map("f", late, { deadline: "1 second" })
      )
      assert.deepStrictEqual([items, index, count, took], [[1, 2], 2, 0, 1_000])
      assert.match(error.message, /^before item 2: f: not done after 1s/)
    })
  )

  it.effect("the error of the items comes after the results before it", () =>
    Effect.gen(function* () {
      const { pool } = yield* setup({ f: waits })
      const broken = Stream.concat(Stream.make(10, 20), Stream.fail("no more"))
      const { exit, items } = yield* collect(pool.map("f", broken, { chunk: 1 }))
      assert.deepStrictEqual(items, [10, 20])
      assert.deepStrictEqual(exit, Exit.fail("no more"))
    })
  )

  it.effect("an iterator that throws is a defect, after the results before it", () =>
    Effect.gen(function* () {
      const { pool } = yield* setup({ f: waits })
      const items = {
        *[Symbol.iterator]() {
          yield 10
          throw new Error("broken")
        }
      }
      const { exit, items: given } = yield* collect(pool.map("f", items))
      assert.deepStrictEqual(given, [10])
      assert.isTrue(Exit.isFailure(exit) && Cause.hasDies(exit.cause))
    })
  )

  it.effect("a result that is not what was asked for has its index", () =>
    Effect.gen(function* () {
      const { pool } = yield* setup({ f: (n: number) => (n === 3 ? "three" : n) })
      const { count, index, items, reason } = yield* failing(
        pool.map("f", numbers(6), { chunk: 4, result: Schema.Int })
      )
      assert.deepStrictEqual([items, index, count], [[0, 1, 2], 3, 1])
      assert.deepStrictEqual([reason._tag, reason.reason, reason.started], ["InvalidCall", "result", "maybe"])
    })
  )

  it.effect("a closed pool refuses it", () =>
    Effect.gen(function* () {
      const { pool } = yield* Effect.scoped(setup({ f: (n: number) => n }))
      const { index, reason } = yield* failing(pool.map("f", [1]))
      assert.deepStrictEqual([index, reason._tag], [0, "PoolUnavailable"])
    })
  )

  it.effect("it can cross a process, as any error of a call", () =>
    Effect.gen(function* () {
      const { pool } = yield* setup({ f: odd })
      const { error } = yield* failing(pool.map("f", [1]))
      const json = JSON.stringify(yield* Schema.encodeEffect(MapError.MapError)(error))
      const again = yield* Schema.decodeUnknownEffect(MapError.MapError)(JSON.parse(json))
      assert.strictEqual(again.message, error.message)
      assert.strictEqual(again.hint, error.hint)
    })
  )
})

describe("what does not fit into a message", () => {
  it.effect("items go in as many calls as it takes", () =>
    Effect.gen(function* () {
      const { pool, sent } = yield* setup(
        { f: (text: string) => Number(text[0]) },
        { maxFrame: 1_024, size: 1 }
      )
      const { items } = yield* collect(pool.map("f", [1, 2, 3, 4, 5].map(big), { chunk: 5 }))
      assert.deepStrictEqual(items, [1, 2, 3, 4, 5])
      assert.deepStrictEqual(
        sent().map(({ length }) => length),
        [2, 1, 2]
      )
    })
  )

  it.effect("an item that is too large alone fails with its index", () =>
    Effect.gen(function* () {
      const { pool } = yield* setup({ f: (text: string) => text.length }, { maxFrame: 1_024 })
      const { count, index, items, reason } = yield* failing(
        pool.map("f", ["a", "b", "c".repeat(2_000), "d"], { chunk: 4 })
      )
      assert.deepStrictEqual([items, index, count, reason._tag], [[1, 1], 2, 1, "InvalidCall"])
      assert.match(reason.message, /maxFrame allows 1024/)
    })
  )

  it.effect("results come in as many frames as it takes, and one that is too large alone fails", () =>
    Effect.gen(function* () {
      const { pool } = yield* setup({ f: (n: number) => "x".repeat(n) }, { maxFrame: 1_024 })
      const { items } = yield* collect(pool.map("f", [400, 401, 402, 403, 404], { chunk: 5 }))
      assert.deepStrictEqual(
        items.map((item) => String(item).length),
        [400, 401, 402, 403, 404]
      )
      const failed = yield* failing(pool.map("f", [400, 401, 402, 2_000, 404], { chunk: 5 }))
      assert.deepStrictEqual([failed.items.length, failed.index, failed.count], [3, 3, 1])
      assert.deepStrictEqual([failed.reason._tag, failed.reason.reason], ["InvalidCall", "result"])
    })
  )
})

describe("a worker that answers what is no map", () => {
  const { end, item, result } = Kind.Reply
  for (const [name, kind, value, rule] of [
    ["no list", end, 7, /no list of 2 to 2 results/],
    ["an empty list", end, [], /no list of 2 to 2/],
    ["too many results", end, [1, 2, 3], /no list of 2 to 2/],
    ["too few results", end, [1], /no list of 2 to 2/],
    ["no list in between", item, 7, /no list of 1 to 2/],
    ["none in between", item, [], /no list of 1 to 2/],
    ["too many in between", item, [1, 2, 3], /no list of 1 to 2/],
    ["a result that is no end", result, [1, 2], /RESULT/]
  ] as const) {
    it.effect(`breaks the protocol: ${name}`, () =>
      Effect.gen(function* () {
        const { pool } = yield* setup({ f: Behaviour.write(results(kind, value)), ok: () => "ok" })
        const { count, index, reason } = yield* failing(pool.map("f", [1, 2], { chunk: 2 }))
        assert.deepStrictEqual([index, count, reason._tag, reason.reason], [0, 2, "WorkerLost", "violation"])
        assert.match(reason.message, rule)
        assert.strictEqual(yield* pool.call("ok"), "ok")
      })
    )
  }

  it.effect("or that there is no such function", () =>
    Effect.gen(function* () {
      const { pool } = yield* setup({})
      const { count, index, reason } = yield* failing(pool.map("f", [1, 2], { chunk: 2 }))
      assert.deepStrictEqual([index, count, reason._tag, reason.reason], [0, 2, "InvalidCall", "target"])
    })
  )
})

describe("options that make no sense are a defect, and reach no worker", () => {
  for (const [name, options] of [
    ["chunk 0", { chunk: 0 }],
    ["chunk 1.5", { chunk: 1.5 }],
    ["chunk 65,537", { chunk: 65_537 }],
    ["concurrency 0", { concurrency: 0 }],
    ["kwargs for calls", { each: "call", kwargs: {} }],
    ["priority 0.5", { priority: 0.5 }]
  ] as const) {
    it.effect(name, () =>
      Effect.gen(function* () {
        const { mock, pool } = yield* setup({ f: (n: number) => n })
        const { exit } = yield* collect(pool.map("f", [1], options))
        const error = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
        assert.instanceOf(error, TypeError)
        assert.strictEqual(mock.calls.length, 0)
      })
    )
  }
})

it.effect("each chunk is a call for those who look", () =>
  Effect.gen(function* () {
    const { pool } = yield* setup({ f: (n: number) => (n === 5 ? Behaviour.raise("ValueError") : n) })
    const events: Array<PoolEvent.PoolEvent> = yield* record(pool)
    yield* failing(pool.map("f", numbers(6), { chunk: 2, concurrency: 1 }))
    const ended = events.flatMap((event) => (event._tag === "CallEnded" ? [event] : []))
    assert.deepStrictEqual(
      ended.map(({ attempts, outcome, target }) => [target, outcome, attempts]),
      [
        ["f", "success", 1],
        ["f", "success", 1],
        ["f", "PythonError", 1]
      ]
    )
  })
)

it.effect("a map that would wait for the callback it is made from is refused", () =>
  Effect.gen(function* () {
    const mock = MockWorker.make({ f: (n: number) => n, ask: Behaviour.callback("again", []) })
    let found: unknown
    const pool: WorkerPool.WorkerPool = yield* WorkerPool.make({
      size: 1,
      output: "ignore",
      connect: mock.connect,
      callbacks: {
        again: () =>
          Effect.map(Effect.flip(Stream.runDrain(pool.map("f", [1]))), ({ reason }) => {
            found = reason.reason
          })
      }
    })
    yield* pool.call("ask")
    assert.strictEqual(found, "reentry")
  })
)
