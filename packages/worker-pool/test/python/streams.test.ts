import { assert, describe, it } from "@effect/vitest"
import type { CallError } from "@fireweed/worker-pool"
import { noLeaks } from "@fireweed/test-kit/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { folder, pool, record } from "../support.ts"

noLeaks()

const upTo = (n: number): Array<number> => Array.from({ length: n }, (_, index) => index)

/** What came, and how it ended. */
const collect = <A>(stream: Stream.Stream<A, CallError.CallError>) =>
  Effect.gen(function* () {
    const items: Array<A> = []
    const exit = yield* Effect.exit(Stream.runForEach(stream, (item) => Effect.sync(() => items.push(item))))
    const failure = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
    return { items, failure }
  })

describe("a stream", () => {
  it.live("gives what a generator yields, of either kind, with any credit and by either codec", () =>
    Effect.gen(function* () {
      for (const codec of ["pickle", "json"] as const) {
        const workers = yield* pool({ codec })
        for (const target of ["flows:count", "flows:count_later"]) {
          for (const credit of [1, 2, 3, 64, 65_536]) {
            const items = yield* Stream.runCollect(workers.stream(target, [300], { credit }))
            assert.deepStrictEqual(items, upTo(300), `${target}, ${credit}, ${codec}`)
          }
        }
        assert.deepStrictEqual(yield* Stream.runCollect(workers.stream("flows:count", [0])), [])
        assert.deepStrictEqual(yield* Stream.runCollect(workers.stream("builtins:iter", ["abc"])), [
          "a",
          "b",
          "c"
        ])
      }
    })
  )

  it.live("carries every value, and takes keyword arguments", () =>
    Effect.gen(function* () {
      const workers = yield* pool()
      const [nothing, fields, large] = yield* Stream.runCollect(workers.stream("flows:values"))
      assert.isNull(nothing)
      assert.deepStrictEqual(fields, { bytes: new Uint8Array([0, 255, 0, 255, 0, 255]), big: 2n ** 70n })
      assert.strictEqual(large instanceof Uint8Array && large.length, 200_000)
      const items = yield* Stream.runCollect(workers.stream("flows:count", [], { kwargs: { n: 3 } }))
      assert.deepStrictEqual(items, [0, 1, 2])
    })
  )

  it.live("tells what the generator returned, before its end", () =>
    Effect.gen(function* () {
      const workers = yield* pool()
      const told: Array<unknown> = []
      const onReturn = (value: unknown): void => void told.push(value)
      const items = workers.stream("flows:count", [2, { total: 2 }], { onReturn })
      assert.deepStrictEqual(
        yield* Stream.runCollect(
          Stream.concat(
            items,
            Stream.sync(() => [...told])
          )
        ),
        [0, 1, [{ total: 2 }]]
      )
      yield* Stream.runDrain(Stream.take(items, 1))
      assert.strictEqual(told.length, 1, "not when the consumer leaves")
    })
  )

  it.live("is a call of its own each time it runs", () =>
    Effect.gen(function* () {
      const workers = yield* pool()
      const items = workers.stream("flows:count", [3])
      const both = yield* Stream.runCollect(Stream.concat(items, items))
      assert.deepStrictEqual(both, [0, 1, 2, 0, 1, 2])
      assert.strictEqual((yield* workers.snapshot).workers[0]?.served, 2)
    })
  )

  it.live("checks its items, and gives those before the wrong one", () =>
    Effect.gen(function* () {
      const workers = yield* pool()
      const numbers: Stream.Stream<number, CallError.CallError> = workers.stream("flows:count", [3], {
        item: Schema.Finite
      })
      assert.deepStrictEqual(yield* Stream.runCollect(numbers), [0, 1, 2])
      const small = Schema.Finite.check(Schema.isLessThan(2))
      const { failure, items } = yield* collect(workers.stream("flows:count", [9], { item: small }))
      assert.deepStrictEqual(items, [0, 1])
      assert.include(failure, { _tag: "InvalidCall", reason: "result" })
      assert.strictEqual(yield* workers.call("math:sqrt", [4]), 2)
    })
  )

  it.live("property: items come in order, each once, whatever the credit and however they are taken", () =>
    Effect.gen(function* () {
      const workers = yield* pool({ size: 2 })
      let seed = 5
      const random = (below: number): number =>
        Math.floor(((seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31) / 2 ** 31) * below)
      const once = Effect.gen(function* () {
        const [n, credit, leave] = [random(400), 1 + random(100), random(500)]
        const target = random(2) === 0 ? "flows:count" : "flows:count_later"
        const items = workers.stream(target, [n], { credit }).pipe(
          Stream.tap(() => (random(10) === 0 ? Effect.yieldNow : Effect.void)),
          Stream.tap(() => (random(60) === 0 ? Effect.sleep(1) : Effect.void)),
          Stream.take(leave)
        )
        assert.deepStrictEqual(yield* Stream.runCollect(items), upTo(Math.min(n, leave)))
      })
      yield* Effect.forEach(upTo(60), () => once, { concurrency: 4, discard: true })
    })
  )
})

describe("back-pressure", () => {
  it.live("an endless generator makes no more than was asked for", () =>
    Effect.gen(function* () {
      const workers = yield* pool({ size: 1 })
      for (const [target, credit] of [
        ["flows:endless", 1],
        ["flows:endless", 10],
        ["flows:endless_later", 10]
      ] as const) {
        const items: Array<unknown> = []
        const consumer = yield* workers.stream(target, [], { credit }).pipe(
          Stream.runForEach((item) => (items.push(item) < 25 ? Effect.void : Effect.never)),
          Effect.forkChild({ startImmediately: true })
        )
        while (items.length < 25) yield* Effect.sleep(5)
        yield* Effect.sleep(50)
        yield* Fiber.interrupt(consumer)
        const made = yield* workers.call("flows:so_far", [], { result: Schema.Finite })
        assert.isAtLeast(made, 25)
        assert.isAtMost(made, 24 + credit, `${target} with a credit of ${credit}`)
        assert.deepStrictEqual(yield* workers.call("flows:take_ends"), ["closed"])
      }
    })
  )
})

describe("a consumer that leaves", () => {
  it.live("closes the generator, and its worker serves the next call", () =>
    Effect.gen(function* () {
      const workers = yield* pool()
      const pid = yield* workers.call("os:getpid")
      for (const target of ["flows:endless", "flows:endless_later"]) {
        assert.deepStrictEqual(yield* Stream.runCollect(Stream.take(workers.stream(target), 3)), [0, 1, 2])
        assert.deepStrictEqual(yield* workers.call("flows:take_ends"), ["closed"])
      }
      assert.strictEqual(yield* workers.call("os:getpid"), pid)
    })
  )

  it.live("ends the worker of one that does not close within the grace", () =>
    Effect.gen(function* () {
      const workers = yield* pool({ cancelGrace: "200 millis" })
      const events = yield* record(workers)
      const pid = yield* workers.call("os:getpid")
      assert.deepStrictEqual(yield* Stream.runCollect(Stream.take(workers.stream("flows:clings"), 2)), [1, 1])
      assert.notStrictEqual(yield* workers.call("os:getpid"), pid)
      assert.isTrue(
        events.some((event) => event._tag === "WorkerGone" && event.detail.includes("did not stop"))
      )
    })
  )
})

describe("what goes wrong", () => {
  it.live("an exception comes after the items before it", () =>
    Effect.gen(function* () {
      const workers = yield* pool()
      const { failure, items } = yield* collect(workers.stream("flows:fail_after", [70]))
      assert.deepStrictEqual(items, upTo(70))
      assert.include(failure, { _tag: "PythonError", reason: "raised" })
      assert.include(String(failure), "LookupError: after 70")
    })
  )

  it.live("the deadline covers all of it", () =>
    Effect.gen(function* () {
      const workers = yield* pool()
      yield* workers.call("flows:so_far")
      const { failure, items } = yield* collect(
        workers.stream("flows:slow", [0.02], { deadline: "1 second" })
      )
      assert.include(failure, { _tag: "DeadlineExceeded", reason: "running" })
      assert.isAbove(items.length, 0)
      assert.deepStrictEqual(items, upTo(items.length))
      assert.strictEqual(yield* workers.call("math:sqrt", [4]), 2)
    })
  )

  it.live("the death of a worker comes after the items, and is not made good", () =>
    Effect.gen(function* () {
      const workers = yield* pool()
      const { failure, items } = yield* collect(workers.stream("flows:die_after", [5]))
      assert.deepStrictEqual(items, upTo(5))
      assert.include(failure, { _tag: "WorkerLost", reason: "signal", started: "maybe" })
    })
  )

  it.live("an idempotent stream starts again elsewhere, unless an item has come", () =>
    Effect.gen(function* () {
      const home = yield* folder
      const workers = yield* pool()
      const path = join(home, "marker")
      const again = workers.stream("flows:die_once", [path, 3], { idempotent: true })
      assert.deepStrictEqual(yield* Stream.runCollect(again), [0, 1, 2])
      const runs = join(home, "runs")
      const { failure, items } = yield* collect(
        workers.stream("flows:die_in_the_middle", [runs, 3], { idempotent: true })
      )
      assert.deepStrictEqual(items, [0])
      assert.include(failure, { _tag: "WorkerLost" })
      assert.strictEqual(readFileSync(runs, "utf8"), "run\n")
    })
  )

  it.live("a stream is asked for by `stream`, and a value by `call`", () =>
    Effect.gen(function* () {
      const workers = yield* pool()
      for (const target of ["flows:count", "flows:count_later"]) {
        const error = yield* Effect.flip(workers.call(target, [3]))
        assert.include(error, { _tag: "InvalidCall", reason: "stream" })
        assert.include(error.message, "not called as a stream")
      }
      const { failure } = yield* collect(workers.stream("math:sqrt", [4]))
      assert.include(failure, { _tag: "InvalidCall", reason: "stream" })
      assert.include(String(failure), "float, which is no iterator")
      const missing = yield* collect(workers.stream("flows:nothing"))
      assert.include(missing.failure, { _tag: "InvalidCall", reason: "target" })
    })
  )

  it.live("items beyond the credit, or for a call that is no stream, end the worker", () =>
    Effect.gen(function* () {
      const workers = yield* pool()
      // More than a consumer asks for while they come.
      const { failure } = yield* collect(workers.stream("flows:forged", [0x85, 20_000], { credit: 8 }))
      assert.include(failure, { _tag: "WorkerLost", reason: "violation" })
      assert.include(String(failure), "beyond its credit")
      for (const [kind, word] of [
        [0x85, "ITEM for call"],
        [0x86, "END for call"]
      ] as const) {
        assert.strictEqual(yield* workers.call("math:sqrt", [4]), 2)
        const error = yield* Effect.flip(workers.call("flows:forged", [kind, 1]))
        assert.include(error, { _tag: "WorkerLost", reason: "violation" })
        assert.include(error.message, word)
      }
      assert.strictEqual(yield* workers.call("math:sqrt", [4]), 2)
      const result = yield* collect(workers.stream("flows:forged", [0x83, 1]))
      assert.include(String(result.failure), "RESULT for call")
      assert.strictEqual(yield* workers.call("math:sqrt", [4]), 2)
    })
  )

  it.live("a credit that makes no sense is a defect that names it", () =>
    Effect.gen(function* () {
      const workers = yield* pool()
      for (const credit of [0, 1.5, 65_537, Number.NaN]) {
        const { failure } = yield* collect(workers.stream("flows:count", [1], { credit }))
        assert.instanceOf(failure, TypeError)
        assert.include(String(failure), "credit must be a whole number from 1 to 65536")
      }
    })
  )
})

describe("a session", () => {
  it.live("may stream, of either kind; its other calls wait until it is done", () =>
    Effect.gen(function* () {
      const workers = yield* pool()
      const log = yield* workers.session("log", "flows:Log", [["a", "b", "c"]])
      for (const method of ["tail", "follow"]) {
        assert.deepStrictEqual(yield* Stream.runCollect(log.stream(method)), ["a", "b", "c"])
      }
      const first = log.stream("tail", [], { credit: 1, item: Schema.String }).pipe(Stream.take(1))
      assert.deepStrictEqual(yield* Stream.runCollect(first), ["a"])
      assert.strictEqual(yield* log.call("size"), 3)
      const missing = yield* collect(log.stream("nothing"))
      assert.include(missing.failure, { _tag: "InvalidCall", reason: "target" })
    })
  )

  it.live("that is closed streams no more", () =>
    Effect.gen(function* () {
      const workers = yield* pool()
      const log = yield* Effect.scoped(workers.session("log", "flows:Log", [["a"]]))
      const { failure } = yield* collect(log.stream("tail"))
      assert.include(failure, { _tag: "SessionError", reason: "closed" })
    })
  )
})
