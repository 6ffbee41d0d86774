/** Calls that are sent ahead to a busy worker, with a real Python. */
import { assert, it } from "@effect/vitest"
import { noLeaks } from "@fireweed/test-kit/vitest"
import type { WorkerPool } from "@fireweed/worker-pool"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { folder, pool, record, until } from "../support.ts"

noLeaks()

const inFlight = (workers: WorkerPool.WorkerPool, count: number) =>
  Effect.forEach(
    Array.from({ length: count }, (_, index) => index),
    (index) => workers.call("operator:add", [index, 0]),
    { concurrency: 64 }
  )

/** A pool whose workers have shown that they are quick. */
const quick = (options: WorkerPool.Options = {}) =>
  Effect.tap(pool(options), (workers) => inFlight(workers, 500))

it.live("each is answered with its own value, in order", () =>
  Effect.gen(function* () {
    const workers = yield* quick()
    const values = yield* inFlight(workers, 3_000)
    assert.deepStrictEqual(
      values,
      Array.from({ length: 3_000 }, (_, index) => index)
    )
  })
)

it.live("behind a call that takes its time they are called back, and another worker has them", () =>
  Effect.gen(function* () {
    const workers = yield* quick({ size: 2 })
    const slow = yield* Effect.forkChild(workers.call("sample:sleep", [20]), { startImmediately: true })
    let slowAnswered = false
    slow.addObserver(() => {
      slowAnswered = true
    })
    const values = yield* inFlight(workers, 500)
    assert.strictEqual(values.length, 500)
    assert.isFalse(slowAnswered, "nobody waited for the slow one")
    yield* Fiber.interrupt(slow)
  })
)

it.live("a worker that dies takes along the call it ran, and each other is run exactly once", () =>
  Effect.gen(function* () {
    const journal = join(yield* folder, "journal")
    const workers = yield* quick({ size: 2 })
    const events = yield* record(workers)
    const calls = Array.from({ length: 400 }, (_, index) =>
      index % 50 === 25 ? workers.call("sample:die", [3]) : workers.call("sample:note", [journal, index])
    )
    const exits = yield* Effect.forEach(calls, Effect.exit, { concurrency: 64 })
    assert.strictEqual(exits.filter((exit) => exit._tag === "Failure").length, 8)
    const noted = readFileSync(journal, "utf8").trim().split("\n").map(Number)
    assert.deepStrictEqual(
      noted.toSorted((a, b) => a - b),
      Array.from({ length: 400 }, (_, index) => index).filter((index) => index % 50 !== 25)
    )
    yield* until(
      "the workers' ends to be told",
      () => events.filter((event) => event._tag === "WorkerGone").length === 8
    )
  })
)
