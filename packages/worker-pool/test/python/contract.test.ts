/** D71 to D74. What mock and real workers do alike, call by call, is held by the contract of `@fireweed/test-kit`. */
import { assert, describe, it } from "@effect/vitest"
import { noLeaks } from "@fireweed/test-kit/vitest"
import { Contract, MockWorker } from "@fireweed/test-kit/workers"
import { WorkerPool } from "@fireweed/worker-pool"
import type { CallError } from "@fireweed/worker-pool"
import { Process } from "@fireweed/worker-pool/transport"
import type { Transport } from "@fireweed/worker-pool/transport"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import process from "node:process"
import * as Interpreter from "../../src/transport/Interpreter.ts"
import { folder, pool, record, until } from "../support.ts"

noLeaks()

const here = fileURLToPath(new URL(".", import.meta.url))

/** Workers that have the module `contract`. */
const real = (options: WorkerPool.Options) =>
  Effect.flatMap(folder, (path) => {
    writeFileSync(join(path, "contract.py"), Contract.python)
    return pool({ pythonPath: [path], preload: ["contract"], callbacks: Contract.callbacks, ...options })
  })
const mock = (options: WorkerPool.Options) =>
  WorkerPool.make({
    size: 1,
    callbacks: Contract.callbacks,
    connect: MockWorker.connect(Contract.script, { start: Contract.start }),
    ...options
  })

it.live("D71 mock and real workers expose and log the same", () =>
  Effect.gen(function* () {
    const seen: Array<unknown> = []
    for (const make of [real, mock]) {
      const workers = yield* make({ logs: "info" })
      const events = yield* record(workers)
      for (const level of [10, 20, 40]) yield* workers.call("log", [level, `at ${level}`])
      const logs = () => events.filter(({ _tag }) => _tag === "Log")
      yield* until("two records", () => logs().length >= 2)
      const exports = yield* workers.exports
      seen.push({
        logs: logs(),
        exports: Object.fromEntries(
          Object.entries(exports).map(([name, { kind, target }]) => [name, { kind, target }])
        )
      })
    }
    assert.deepStrictEqual(seen[0], seen[1])
  }).pipe(Effect.provide(Logger.layer([])))
)

type Command = (pool: WorkerPool.WorkerPool) => Effect.Effect<unknown, CallError.CallError>

describe("D72 a worker that is told to leave acknowledges, flushes and leaves with 0", () => {
  it.live("D72 what it printed arrives, teardown runs, and no grace is waited for", () => {
    const lines: Array<string> = []
    const logger = Logger.make(({ message }) => void lines.push(String(message)))
    return Effect.gen(function* () {
      const path = yield* file
      const interpreter = yield* Interpreter.find({ python: undefined, cwd: process.cwd(), env: process.env })
      const spawn = Process.connect({ interpreter, cwd: process.cwd(), env: {}, maxFrame: 2 ** 30 })
      const ends: Array<Transport.End> = []
      yield* Effect.scoped(
        Effect.gen(function* () {
          const workers = yield* pool({
            pythonPath: [here],
            output: "log",
            // Had the grace to be waited for, this test would not end.
            shutdownTimeout: "10 minutes",
            teardown: { target: "hooked:touch", args: [path] },
            connect: (identity, events) =>
              spawn(identity, {
                ...events,
                onEnd: (end) => {
                  ends.push(end)
                  events.onEnd(end)
                }
              })
          })
          yield* workers.call("builtins:exec", ["import sys; sys.stdout.write('not flushed by its author')"])
        })
      )
      assert.deepStrictEqual(
        ends.map(({ exitCode, reason, signal }) => [reason, exitCode, signal]),
        [["exit", 0, null]]
      )
      assert.strictEqual(readFileSync(path, "utf8"), "left\n")
      assert.deepStrictEqual(lines, ["not flushed by its author"])
    }).pipe(Effect.provide(Logger.layer([logger])))
  })
})

describe("D73 a worker is set up once, whatever is asked of it", () => {
  it.live("D73 setup runs once in a life, not for each call or session", () =>
    Effect.gen(function* () {
      const workers = yield* pool({
        pythonPath: [here],
        setup: { target: "hooked:prepare", args: ["model"] }
      })
      for (let turn = 0; turn < 20; turn++) {
        yield* Effect.scoped(workers.session(`s${turn}`, "collections:Counter"))
        assert.deepStrictEqual(yield* workers.call("hooked:state"), [[["model"], {}]])
      }
    })
  )

  it.live("D73 the state of a session is gone when it has ended, and its key starts anew", () =>
    Effect.gen(function* () {
      const workers = yield* real({})
      const alive = workers.call("builtins:eval", [
        "sum(type(o).__name__ == 'Counter' for o in __import__('gc').get_objects())"
      ])
      for (let turn = 0; turn < 5; turn++) {
        const value = yield* Effect.scoped(
          Effect.flatMap(workers.session("same", "Counter"), (session) => session.call("add", [1]))
        )
        assert.strictEqual(value, 1)
        assert.strictEqual(yield* alive, 0)
      }
      assert.strictEqual((yield* workers.snapshot).sessions, 0)
    })
  )
})

describe("D74 a failure is a failure", () => {
  it.live("D74 no step that fails is replaced by a value", () =>
    Effect.gen(function* () {
      const workers = yield* real({})
      const cases: ReadonlyArray<readonly [call: Command, tag: string, detail: string]> = [
        [(pool) => pool.call("fail", ["ValueError", "loud"]), "PythonError", "ValueError: loud"],
        [(pool) => pool.call("no_value"), "InvalidCall", "result"],
        [(pool) => pool.call("nothing"), "InvalidCall", "nor exposed"],
        [(pool) => pool.call("ask", ["fails"]), "PythonError", "RangeError: too far"],
        [(pool) => pool.call("ask", ["nothing"]), "PythonError", "UnknownCallback"],
        [inSessionOf("nowhere:Class"), "InvalidCall", "no module named 'nowhere'"]
      ]
      for (const [call, tag, detail] of cases) {
        const error = yield* Effect.flip(call(workers))
        assert.strictEqual(error._tag, tag)
        assert.include(error.message, detail)
      }
    })
  )

  it.live("D74 a worker that could not be set up serves nobody", () =>
    Effect.gen(function* () {
      for (const options of [
        { setup: "hooked:fail" },
        { preload: ["hooked", "nowhere"] },
        { teardown: "hooked:nothing" }
      ]) {
        const error = yield* Effect.flip(pool({ pythonPath: [here], ...options }))
        assert.strictEqual(error.reason, "init")
      }
    })
  )

  it.live("D74 a signature that cannot be read says that anything is taken, and does not guess", () =>
    Effect.gen(function* () {
      const workers = yield* pool({ pythonPath: [here], preload: ["evaluated", "opaque"] })
      const { dict } = yield* workers.exports
      assert.deepStrictEqual(
        dict?.params.map(({ kind }) => kind),
        ["var-positional", "var-keyword"]
      )
    })
  )
})

const inSessionOf =
  (target: string): Command =>
  (pool) =>
    Effect.scoped(Effect.asVoid(pool.session("s", target)))

const file = Effect.map(folder, (path) => join(path, "left"))
