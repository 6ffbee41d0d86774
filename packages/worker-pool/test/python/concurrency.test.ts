import { assert, describe, it } from "@effect/vitest"
import type { CallError, WorkerPool } from "@fireweed/worker-pool"
import { noLeaks } from "@fireweed/test-kit/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { pool, record, whole } from "../support.ts"

noLeaks()

const upTo = (n: number): Array<number> => Array.from({ length: n }, (_, index) => index)

/** Waits until the call that notes its begin has begun. */
const begun = (workers: WorkerPool.WorkerPool): Effect.Effect<void, CallError.CallError> =>
  Effect.flatMap(workers.call("flows:has_begun"), (yes) =>
    yes === true ? Effect.void : Effect.andThen(Effect.sleep(5), begun(workers))
  )

const all = { concurrency: "unbounded" } as const

describe("a worker that runs many calls at once", () => {
  it.live("does a thousand sleeps in the time of a few", () =>
    Effect.gen(function* () {
      const workers = yield* pool({ concurrency: 1_000 })
      yield* workers.call("flows:sleep", [0])
      const began = performance.now()
      const values = yield* Effect.forEach(upTo(1_000), (i) => workers.call("flows:sleep", [0.05, i]), all)
      assert.deepStrictEqual(values, upTo(1_000))
      assert.isBelow(performance.now() - began, 20_000, "one after another they would take 50 seconds")
    })
  )

  it.live("runs no more of them than it may, and queues the rest", () =>
    Effect.gen(function* () {
      const workers = yield* pool({ concurrency: 3 })
      const calls = yield* Effect.forkChild(
        Effect.forEach(upTo(8), (i) => workers.call("flows:sleep", [0.3, i]), all),
        { startImmediately: true }
      )
      const { queued, running, workers: staff } = yield* workers.snapshot
      assert.deepStrictEqual([running, queued, staff[0]?.state], [3, 5, "busy"])
      assert.deepStrictEqual(yield* Fiber.join(calls), upTo(8))
    })
  )

  it.live("keeps each call's context variables apart", () =>
    Effect.gen(function* () {
      const workers = yield* pool({ concurrency: 50 })
      const names = yield* Effect.forEach(
        upTo(50),
        (i) => workers.call("flows:keep_name", [`n${i}`, 0.01]),
        all
      )
      assert.deepStrictEqual(
        names,
        upTo(50).map((i) => `n${i}`)
      )
    })
  )

  it.live("spreads calls over the workers with the fewest", () =>
    Effect.gen(function* () {
      const workers = yield* pool({ size: 2, concurrency: 10 })
      yield* whole(workers, 2)
      yield* Effect.forkChild(
        Effect.forEach(upTo(10), () => workers.call("flows:sleep", [0.3]), all),
        {
          startImmediately: true
        }
      )
      const { workers: staff } = yield* workers.snapshot
      assert.deepStrictEqual(
        staff.map(({ running }) => running),
        [5, 5]
      )
    })
  )

  it.live("streams beside each other", () =>
    Effect.gen(function* () {
      const workers = yield* pool({ concurrency: 8 })
      const run = (target: string) => Stream.runCollect(workers.stream(target, [200, 0], { credit: 7 }))
      const streams = yield* Effect.forEach(
        upTo(8),
        (i) => run(i % 2 === 0 ? "flows:count_later" : "flows:count"),
        all
      )
      assert.deepStrictEqual(
        streams,
        upTo(8).map(() => upTo(200))
      )
    })
  )
})

describe("a call among others is cancelled", () => {
  it.live("alone, and at its next await", () =>
    Effect.gen(function* () {
      const workers = yield* pool({ concurrency: 4 })
      const other = yield* Effect.forkChild(workers.call("flows:sleep", [0.4, "other"]), {
        startImmediately: true
      })
      const call = yield* Effect.forkChild(workers.call("flows:mark_end", [60]), { startImmediately: true })
      yield* begun(workers)
      yield* Fiber.interrupt(call)
      assert.strictEqual(yield* Fiber.join(other), "other")
      assert.deepStrictEqual(yield* workers.call("flows:take_ends"), ["begun", "cancelled"])
      assert.strictEqual((yield* workers.snapshot).workers[0]?.id, "1.1")
    })
  )

  it.live("by the doorbell, when it holds up the loop", () =>
    Effect.gen(function* () {
      const workers = yield* pool({ concurrency: 4 })
      yield* workers.call("flows:sleep", [0])
      yield* Effect.timeoutOption(workers.call("flows:spin", [60]), "100 millis")
      assert.strictEqual(yield* workers.call("flows:sleep", [0, "next"]), "next")
      assert.strictEqual((yield* workers.snapshot).workers[0]?.id, "1.1")
    })
  )

  it.live("by the end of its worker when it is deaf; then it alone is stuck", () =>
    Effect.gen(function* () {
      const workers = yield* pool({ concurrency: 4, cancelGrace: "300 millis" })
      const events = yield* record(workers)
      const other = yield* Effect.forkChild(Effect.flip(workers.call("flows:sleep", [60])), {
        startImmediately: true
      })
      const deaf = yield* Effect.forkChild(workers.call("flows:deaf"), { startImmediately: true })
      yield* begun(workers)
      yield* Fiber.interrupt(deaf)
      const error = yield* Fiber.join(other)
      assert.include(error, { _tag: "WorkerLost", reason: "signal", started: "maybe" })
      assert.include(error.message, "did not stop when it was told to")
      assert.strictEqual(yield* workers.call("flows:sleep", [0, "next"]), "next")
      assert.isTrue(events.some((event) => event._tag === "WorkerGone"))
    })
  )

  it.live("an own CancelledError is an exception like any other", () =>
    Effect.gen(function* () {
      for (const concurrency of [1, 4]) {
        const workers = yield* pool({ concurrency })
        const error = yield* Effect.flip(workers.call("flows:own_cancellation"))
        assert.include(error, { _tag: "PythonError", reason: "raised" })
        assert.include(error.message, "mine")
      }
    })
  )

  it.live("a deadline is kept by each", () =>
    Effect.gen(function* () {
      const workers = yield* pool({ concurrency: 4 })
      const [late, well] = yield* Effect.all(
        [
          Effect.flip(workers.call("flows:sleep", [60], { deadline: "200 millis" })),
          workers.call("flows:sleep", [0.3, "well"])
        ],
        all
      )
      assert.include(late, { _tag: "DeadlineExceeded", reason: "running" })
      assert.strictEqual(well, "well")
    })
  )
})

describe("the death of the worker", () => {
  it.live("is told to every call it had, and an idempotent one runs again", () =>
    Effect.gen(function* () {
      const workers = yield* pool({ concurrency: 4 })
      const again = yield* Effect.forkChild(
        workers.call("flows:sleep", [0.5, "again"], { idempotent: true }),
        {
          startImmediately: true
        }
      )
      const lost = yield* Effect.forkChild(Effect.flip(workers.call("flows:sleep", [60])), {
        startImmediately: true
      })
      const dies = yield* Effect.flip(workers.call("flows:die_async"))
      assert.include(dies, { _tag: "WorkerLost", reason: "signal" })
      assert.include(yield* Fiber.join(lost), { _tag: "WorkerLost", reason: "signal", started: "maybe" })
      assert.strictEqual(yield* Fiber.join(again), "again")
    })
  )
})

describe("a session on such a worker", () => {
  it.live("runs its calls one at a time and in order, beside those of others", () =>
    Effect.gen(function* () {
      const workers = yield* pool({ concurrency: 16 })
      const Report = Schema.Tuple([Schema.Int, Schema.Array(Schema.Int)])
      const fill = (key: string) =>
        Effect.gen(function* () {
          const bag = yield* workers.session(key, "flows:Bag")
          // Later ones would overtake, were they let.
          yield* Effect.forEach(upTo(20), (i) => bag.call("put", [i, (20 - i) / 4_000]), all)
          return yield* bag.call("report", [], { result: Report })
        })
      const reports = yield* Effect.forEach(["a", "b", "c"], fill, all)
      assert.deepStrictEqual(
        reports,
        ["a", "b", "c"].map(() => [1, upTo(20)])
      )
    })
  )
})
