/** The limit of a worker's memory, with a real Python. */
import { assert, describe, it } from "@effect/vitest"
import { noLeaks } from "@fireweed/test-kit/vitest"
import type { WorkerPool } from "@fireweed/worker-pool"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { pool } from "../support.ts"

noLeaks()

const LIMIT = 128 * 1024 ** 2
/** To take all there is takes its time, in milliseconds. */
const SLOW = 60_000
const Pid = { result: Schema.Int }

/** The error of a call that needs more than there is; the worker must live on. */
const refused = (workers: WorkerPool.WorkerPool, target: string, args: ReadonlyArray<unknown>) =>
  Effect.gen(function* () {
    const pid = yield* workers.call("sample:pid", [], Pid)
    const error = yield* Effect.flip(workers.call(target, args))
    if (error._tag !== "PythonError") throw error
    assert.strictEqual(error.reason, "memory")
    assert.strictEqual(yield* workers.call("sample:pid", [], Pid), pid)
    return error
  })

describe("beyond its limit of memory a call fails, and the worker serves on", () => {
  it.live(
    "when it asks for much at once; the message names the limit",
    () =>
      Effect.gen(function* () {
        const workers = yield* pool({ memory: { limit: LIMIT } })
        const error = yield* refused(workers, "builtins:bytearray", [4 * 1024 ** 3])
        assert.include(error.message, `${LIMIT} bytes`)
        assert.strictEqual(yield* workers.call("sample:size", [LIMIT / 4]), LIMIT / 4)
      }),
    SLOW
  )

  it.live(
    "when it takes little by little, again and again",
    () =>
      Effect.gen(function* () {
        const workers = yield* pool({ memory: { limit: LIMIT } })
        for (const of of ["bytes", "objects", "bytes"]) yield* refused(workers, "sample:fill", [of])
      }),
    SLOW
  )

  it.live(
    "when what it was sent, or gives back, does not fit",
    () =>
      Effect.gen(function* () {
        const workers = yield* pool({ memory: { limit: LIMIT } })
        yield* refused(workers, "builtins:len", [new Uint8Array(LIMIT + 1)])
        yield* refused(workers, "sample:text", [(LIMIT * 5) / 8])
      }),
    SLOW
  )

  it.live(
    "a limit that is used up before the first call is an error of the start",
    () =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(pool({ memory: { limit: 1024 ** 2 } }))
        assert.strictEqual(error.reason, "init")
        assert.match(error.message, /memory limit is 1048576 bytes/)
      }),
    SLOW
  )

  it.live(
    "without one there is none",
    () =>
      Effect.gen(function* () {
        const workers = yield* pool()
        assert.strictEqual(yield* workers.call("sample:size", [LIMIT * 2]), LIMIT * 2)
      }),
    SLOW
  )
})
