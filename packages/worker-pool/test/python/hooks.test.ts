/** Preload, setup and teardown, with a real Python. */
import { assert, describe, it } from "@effect/vitest"
import { noLeaks } from "@fireweed/test-kit/vitest"
import type { WorkerPool } from "@fireweed/worker-pool"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { folder, pool, record, until, whole } from "../support.ts"

noLeaks()

const here = fileURLToPath(new URL(".", import.meta.url))

const hooked = (options: WorkerPool.Options) => pool({ pythonPath: [here], ...options })

const failure = (options: WorkerPool.Options) => Effect.flip(hooked(options))

const file = Effect.map(folder, (path) => join(path, "left"))

describe("preload and setup", () => {
  it.live("are done in each worker before it takes a call", () =>
    Effect.gen(function* () {
      const workers = yield* hooked({
        size: 2,
        preload: ["colorsys"],
        setup: { target: "hooked:prepare", args: [1, ["a"]], kwargs: { path: "b" } }
      })
      yield* whole(workers, 2)
      const states = yield* Effect.forEach(
        [1, 2, 3, 4],
        () =>
          workers.call("builtins:eval", [
            "['colorsys' in __import__('sys').modules, __import__('hooked').state()]"
          ]),
        { concurrency: "unbounded" }
      )
      for (const state of states) assert.deepStrictEqual(state, [true, [[[1, ["a"]], { path: "b" }]]])
    })
  )

  it.live("setup may be a coroutine, and a name alone", () =>
    Effect.gen(function* () {
      const workers = yield* hooked({ setup: { target: "hooked:prepare_async", args: ["model"] } })
      assert.deepStrictEqual(yield* workers.call("hooked:state"), ["model"])
      const plain = yield* hooked({ setup: "hooked:prepare" })
      assert.deepStrictEqual(yield* plain.call("hooked:state"), [[[], {}]])
    })
  )

  it.live("a module that is not there names the fix", () =>
    Effect.gen(function* () {
      const error = yield* failure({ preload: ["sklearn_of_nowhere"] })
      assert.deepStrictEqual([error._tag, error.reason, error.started], ["StartError", "init", "no"])
      assert.match(error.message, /preload 'sklearn_of_nowhere'.*run `.* -m pip install sklearn-of-nowhere`/)
      assert.include(error.message, "pythonPath")
    })
  )

  it.live("an exception is told with its traceback", () =>
    Effect.gen(function* () {
      const error = yield* failure({ setup: "hooked:fail" })
      assert.strictEqual(error.reason, "init")
      assert.include(error.message, "setup 'hooked:fail': ValueError: no model")
      assert.include(error.message, `File "${join(here, "hooked.py")}"`)
      assert.include(error.traceback, 'raise ValueError("no model")')
      assert.strictEqual(error.exception?.type, "ValueError")
    })
  )

  it.live("one that leaves, dies or hangs is a typed error", () =>
    Effect.gen(function* () {
      const left = yield* failure({ setup: "hooked:leave" })
      assert.strictEqual(left.reason, "init")
      assert.include(left.message, "setup 'hooked:leave' called sys.exit(3)")
      const died = yield* failure({ setup: "hooked:die" })
      assert.strictEqual(died.reason, "exited")
      assert.include(died.message, "status 4")
      const hung = yield* failure({ setup: "hooked:linger", startTimeout: "4 seconds" })
      assert.strictEqual(hung.reason, "timeout")
      assert.include(hung.message, "with preload or setup not done")
    })
  )

  it.live("one that fails again and again stops the starts, as any other death does", () =>
    Effect.gen(function* () {
      const path = yield* file
      // The first worker is set up well; its successors find the file.
      const workers = yield* hooked({
        setup: { target: "hooked:once", args: [path] },
        crashLoop: { deaths: 2, pause: "1 minute" }
      })
      const events = yield* record(workers)
      yield* Effect.flip(workers.call("os:_exit", [1]))
      yield* until("two failed starts", () => events.filter(({ _tag }) => _tag === "StartFailed").length >= 1)
      const error = yield* Effect.flip(workers.call("math:sqrt", [16]))
      assert.isTrue(error._tag === "PoolUnavailable" && error.reason === "crash-loop")
      assert.include(error.message, "ValueError: set up already")
    })
  )
})

describe("teardown", () => {
  it.live("runs when the pool closes, once in each worker", () =>
    Effect.gen(function* () {
      const path = yield* file
      yield* Effect.scoped(
        Effect.gen(function* () {
          const workers = yield* hooked({ size: 2, teardown: { target: "hooked:touch_async", args: [path] } })
          yield* whole(workers, 2)
          assert.strictEqual(yield* workers.call("math:sqrt", [16]), 4)
          assert.isFalse(existsSync(path))
        })
      )
      assert.strictEqual(readFileSync(path, "utf8"), "left\nleft\n")
    })
  )

  it.live("D79 is ended when it takes longer than shutdownTimeout", () =>
    Effect.gen(function* () {
      const before = Date.now()
      yield* Effect.scoped(hooked({ teardown: "hooked:linger", shutdownTimeout: "200 millis" }))
      assert.isBelow(Date.now() - before, 20_000)
    })
  )

  it.live("what it raises is logged", () => {
    const lines: Array<string> = []
    const logger = Logger.make(({ logLevel, message }) => void lines.push(`${logLevel} ${String(message)}`))
    return Effect.gen(function* () {
      yield* Effect.scoped(hooked({ teardown: "hooked:fail" }))
      assert.lengthOf(lines, 1)
      assert.match(lines[0] ?? "", /^Error teardown 'hooked:fail': ValueError: no model\nTraceback/)
    }).pipe(Effect.provide(Logger.layer([logger])))
  })
})
