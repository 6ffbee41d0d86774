import { assert, describe, it } from "@effect/vitest"
import { eventually } from "@fireweed/test-kit"
import { WorkerPool } from "@fireweed/worker-pool"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import process from "node:process"
import { folder, isRunning, record, whole } from "../support.ts"

const MIB = 1024 * 1024

const code = (version: number): string => `
import time
version = ${version}
kept = []

def read():
    time.sleep(0.002)
    return version

def keep(mib):
    kept.append(bytearray(mib * 1024 * 1024))
`

const live = it.live

describe("with real workers", () => {
  for (const start of ["spawn", "zygote"] as const) {
    live(`restart brings new code, and no call fails: ${start}`, () =>
      Effect.scoped(
        Effect.gen(function* () {
          const root = yield* folder
          const file = join(root, "renewed.py")
          writeFileSync(file, code(1))
          const pool = yield* WorkerPool.make({
            root,
            preload: ["renewed"],
            start,
            size: 2,
            output: "ignore"
          })
          const before = (yield* pool.snapshot).workers.map(({ pid }) => pid ?? 0)
          const versions = new Set<unknown>()
          const load = yield* Effect.forkChild(
            Effect.forever(Effect.map(pool.call("renewed:read"), (version) => versions.add(version)))
          )
          yield* eventually(() => versions.has(1), { what: "the old code runs", within: "10 seconds" })
          // Of another length, so that Python does not take its compiled file for that of the new one.
          writeFileSync(file, `${code(2)}\n# new\n`)
          yield* pool.restart()
          const after = yield* Effect.forEach(Array.from({ length: 20 }), () => pool.call("renewed:read"), {
            concurrency: 4
          })
          assert.deepStrictEqual([...new Set(after)], [2])
          assert.isUndefined(load.pollUnsafe(), "no call has failed")
          yield* Fiber.interrupt(load)
          yield* eventually(() => !before.some(isRunning), {
            what: "the old workers are gone",
            within: "10 seconds"
          })
        })
      )
    )
  }

  live("a file that changes brings new code by itself, with what is in it", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const root = yield* folder
        const file = join(root, "renewed.py")
        writeFileSync(file, code(1))
        const pool = yield* WorkerPool.make({ root, size: 1, output: "ignore", reload: ["."] })
        assert.strictEqual(yield* pool.call("renewed:read"), 1)
        writeFileSync(file, `${code(2)}\n# new\n`)
        yield* eventually(
          Effect.map(pool.call("renewed:read"), (version) => version === 2),
          { what: "the new code runs", within: "10 seconds" }
        )
      })
    )
  )

  for (const start of ["spawn", "zygote"] as const) {
    live(`each place has its environment, and native libraries as many threads as it says: ${start}`, () =>
      Effect.scoped(
        Effect.gen(function* () {
          const pool = yield* WorkerPool.make({
            start,
            preload: ["json"],
            size: 2,
            output: "ignore",
            threads: 2,
            env: { SHARED: "all", OMP_NUM_THREADS: "3" },
            placeEnv: (place) => ({ CUDA_VISIBLE_DEVICES: String(place - 1) })
          })
          yield* whole(pool, 2)
          const names = ["SHARED", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"]
          assert.deepStrictEqual(yield* Effect.forEach(names, (name) => pool.call("os:getenv", [name])), [
            "all",
            "3",
            process.env["OPENBLAS_NUM_THREADS"] ?? "2"
          ])
          const seen = yield* Effect.forEach(
            Array.from({ length: 8 }),
            () =>
              Effect.zip(pool.call("os:getenv", ["CUDA_VISIBLE_DEVICES"]), pool.call("time:sleep", [0.01])),
            { concurrency: 4 }
          )
          assert.deepStrictEqual(new Set(seen.map(([value]) => value)), new Set(["0", "1"]))
        })
      )
    )
  }

  live("a worker that has grown is replaced, and its memory is free", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const root = yield* folder
        writeFileSync(join(root, "renewed.py"), code(1))
        const pool = yield* WorkerPool.make({
          root,
          size: 1,
          output: "ignore",
          recycle: { memory: 150 * MIB, minLife: "1 millis" }
        })
        const events = yield* record(pool)
        yield* pool.call("renewed:keep", [40])
        yield* pool.call("renewed:keep", [100])
        const gone = (): boolean => events.some(({ _tag }) => _tag === "WorkerGone")
        // It says how large it is after a call, ten times a second at most.
        yield* eventually(Effect.map(pool.call("renewed:read"), gone), {
          what: "the worker is replaced",
          within: "10 seconds"
        })
        const replaced = events.flatMap((event) => (event._tag === "WorkerReplaced" ? [event.reason] : []))
        assert.deepStrictEqual(replaced, ["memory"])
        yield* pool.call("renewed:read")
        const [worker] = (yield* pool.snapshot).workers
        assert.strictEqual(worker?.id, "1.2")
        assert.isBelow(worker?.memory ?? 0, 100 * MIB)
      })
    )
  )
})
