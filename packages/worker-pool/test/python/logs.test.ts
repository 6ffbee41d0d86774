/** What Python logs, warns of and loses, as Effect's logger and the pool's events tell it; with a real Python. */
import { assert, describe, it } from "@effect/vitest"
import { noLeaks } from "@fireweed/test-kit/vitest"
import type { WorkerPool } from "@fireweed/worker-pool"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as References from "effect/References"
import { fileURLToPath } from "node:url"
import { pool, record, until } from "../support.ts"

noLeaks()

const here = fileURLToPath(new URL(".", import.meta.url))

const chatty = (options: WorkerPool.Options = {}) => pool({ pythonPath: [here], output: "log", ...options })

interface Entry {
  readonly level: string
  readonly message: string
  readonly annotations: unknown
}

/** What is logged while the effect runs, at every level. */
const logged = <A, E, R>(run: (entries: ReadonlyArray<Entry>) => Effect.Effect<A, E, R>) =>
  Effect.suspend(() => {
    const entries: Array<Entry> = []
    const logger = Logger.make(({ fiber, logLevel, message }) => {
      const annotations = fiber.getRef(References.CurrentLogAnnotations)
      entries.push({ level: logLevel, message: String(message), annotations })
    })
    return run(entries).pipe(
      Effect.provide(Logger.layer([logger])),
      Effect.provideService(References.MinimumLogLevel, "All")
    )
  })

describe("what Python logs", () => {
  it.live("goes to Effect's logger at the level that matches, with worker, logger and call", () =>
    logged((entries) =>
      Effect.gen(function* () {
        const workers = yield* chatty({ logs: "debug" })
        for (const level of [10, 20, 30, 40, 50]) {
          yield* workers.call("chatty:at", [level, "%s of %d", "one", 3])
        }
        yield* until("five entries", () => entries.length >= 5)
        assert.deepStrictEqual(
          entries.map(({ level, message }) => [level, message]),
          ["Debug", "Info", "Warn", "Error", "Fatal"].map((level) => [level, "one of 3"])
        )
        assert.deepStrictEqual(entries[0]?.annotations, {
          worker: "1.1",
          logger: "app.part",
          target: "chatty:at"
        })
      })
    )
  )

  it.live("is an event", () =>
    Effect.gen(function* () {
      const workers = yield* chatty()
      const events = yield* record(workers)
      yield* workers.call("chatty:at", [30, "hello"])
      yield* until("the event", () => events.some(({ _tag }) => _tag === "Log"))
      assert.deepStrictEqual(
        events.find(({ _tag }) => _tag === "Log"),
        {
          _tag: "Log",
          worker: "1.1",
          level: 30,
          logger: "app.part",
          message: "hello",
          target: "chatty:at"
        }
      )
    }).pipe(Effect.provide(Logger.layer([])))
  )

  it.live("below the level asked for stays in Python, and by default that is `warning`", () =>
    logged((entries) =>
      Effect.gen(function* () {
        const workers = yield* chatty()
        yield* workers.call("chatty:at", [20, "too low"])
        yield* workers.call("chatty:at", [30, "high enough"])
        yield* until("one entry", () => entries.length >= 1)
        assert.deepStrictEqual(
          entries.map(({ message }) => message),
          ["high enough"]
        )
      })
    )
  )

  it.live("is printed by Python itself when it is `off`", () =>
    logged((entries) =>
      Effect.gen(function* () {
        const workers = yield* chatty({ logs: "off" })
        yield* workers.call("chatty:at", [40, "plain"])
        yield* until("one entry", () => entries.length >= 1)
        assert.deepStrictEqual(entries[0], {
          level: "Warn",
          message: "plain",
          annotations: { worker: "1.1", output: "stderr" }
        })
      })
    )
  )

  it.live("while it is being set up is told, too", () =>
    logged((entries) =>
      Effect.gen(function* () {
        yield* chatty({ setup: { target: "chatty:at", args: [40, "from setup"] } })
        yield* until("one entry", () => entries.length >= 1)
        assert.deepStrictEqual(entries[0], {
          level: "Error",
          message: "from setup",
          annotations: { worker: "1.1", logger: "app.part" }
        })
      })
    )
  )
})

describe("what Python would only print", () => {
  it.live("warnings, and exceptions of finalizers, threads and tasks", () =>
    logged((entries) =>
      Effect.gen(function* () {
        const workers = yield* chatty({ env: { PYTHONWARNINGS: "always" } })
        for (const name of ["warn", "finalize", "thread", "task", "exception"]) {
          yield* workers.call(`chatty:${name}`)
        }
        yield* until("five entries", () => entries.length >= 5)
        assert.deepStrictEqual(
          entries.map(({ level, message }) => [level, message.split("\n").at(-1)]),
          [
            ["Warn", ""],
            ["Error", "ValueError: lost in a finalizer"],
            ["Error", "KeyError: 'lost in a thread'"],
            ["Error", "OSError: nobody waits"],
            ["Error", "ZeroDivisionError: division by zero"]
          ]
        )
        assert.include(entries[0]?.message, "DeprecationWarning: old")
      })
    )
  )
})

describe("a flood", () => {
  it.live("holds up neither side, and what is dropped is told", () =>
    logged((entries) =>
      Effect.gen(function* () {
        const workers = yield* chatty()
        yield* workers.call("chatty:flood", [50_000])
        const isTold = () =>
          entries.some(({ message }) => /^\d+ (records|lines).* were dropped/.test(message))
        yield* until("the number of the dropped ones", isTold)
        assert.strictEqual(yield* workers.call("math:sqrt", [16]), 4)
        assert.isBelow(entries.length, 50_000)
      })
    )
  )
})
