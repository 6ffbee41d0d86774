/** D71: the same suite of commands on mock workers and on real ones, with the same outcome; D72, D73, D74 with real ones. */
import { assert, describe, it } from "@effect/vitest"
import { noLeaks } from "@fireweed/test-kit/vitest"
import { Behaviour, MockWorker, Start } from "@fireweed/test-kit/workers"
import { WorkerPool } from "@fireweed/worker-pool"
import type { CallError } from "@fireweed/worker-pool"
import { Process } from "@fireweed/worker-pool/transport"
import type { Transport } from "@fireweed/worker-pool/transport"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as Stream from "effect/Stream"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import process from "node:process"
import * as Interpreter from "../../src/transport/Interpreter.ts"
import { folder, pool, record, until } from "../support.ts"

noLeaks()

const here = fileURLToPath(new URL(".", import.meta.url))

let calls = 0

/** `contract.py`, as a script. */
const script: MockWorker.Script = {
  echo: (...args: ReadonlyArray<unknown>) => args,
  fail: (kind: string, message: string) => Behaviour.raise(kind, message),
  leave: (status: number) => Behaviour.raise("SystemExit", String(status)),
  no_value: () => () => 1,
  ask: (name: string, ...args: ReadonlyArray<unknown>) => Behaviour.callback(name, args),
  ask_safely: () => "refused",
  log: (level: number, message: string) => Behaviour.log(level, message, { logger: "contract" }),
  *count(n: number) {
    for (let i = 0; i < n; i++) yield i
    return "counted"
  },
  count_and_fail: (n: number) =>
    Behaviour.yields(
      Array.from({ length: n }, (_, i) => i),
      Behaviour.raise("ValueError")
    ),
  odd_items: () => Behaviour.yields([1, () => 1]),
  Counter: (start = 0) => {
    let n = start
    return {
      add: (by: number) => (n += by),
      fail: () => Behaviour.raise("ValueError", "as told"),
      _hidden: () => n
    }
  },
  "contract:hidden": () => "hidden",
  twice: () => {
    calls++
    return calls === 1 ? Behaviour.raise("ValueError", "the first time") : calls
  }
}

const names = ["echo", "fail", "leave", "no_value", "ask", "ask_safely", "log", "twice"]
const generators = ["count", "count_and_fail", "odd_items"]
const exposed = {
  ...Object.fromEntries(names.map((name) => [name, { target: `contract:${name}` }])),
  ...Object.fromEntries(
    generators.map((name) => [name, { kind: "generator" as const, target: `contract:${name}` }])
  ),
  Counter: { kind: "class" as const, target: "contract:Counter" }
}

const callbacks = {
  double: (n: number) => 2 * n,
  later: (n: number) => Effect.as(Effect.sleep(5), n),
  fails: () => Effect.die(new RangeError("too far"))
}

/** What a call came to, without what tells the two kinds of worker apart. */
const outcome = (effect: Effect.Effect<unknown, CallError.CallError>) =>
  Effect.match(effect, {
    onSuccess: (value): unknown => ({ value }),
    onFailure: (error) => ({
      tag: error._tag,
      reason: error.reason,
      started: error.started,
      exception: error._tag === "PythonError" ? error.exception.type : undefined
    })
  })

type Command = (pool: WorkerPool.WorkerPool) => Effect.Effect<unknown, CallError.CallError>

const inSession =
  (...methods: ReadonlyArray<readonly [name: string, ...args: ReadonlyArray<unknown>]>): Command =>
  (pool) =>
    Effect.scoped(
      Effect.flatMap(pool.session("s", "Counter", [5]), (session) =>
        Effect.forEach(methods, ([name, ...args]) => outcome(session.call(name, args)))
      )
    )

/** The items of a stream, how it ended, and what its generator returned. */
const streamed =
  (target: string, args: ReadonlyArray<unknown>, credit: number, most = 1_000): Command =>
  (pool) =>
    Effect.gen(function* () {
      const items: Array<unknown> = []
      const onReturn = (value: unknown): void => void items.push({ returned: value })
      const stream = pool.stream(target, args, { credit, onReturn }).pipe(Stream.take(most))
      const end = yield* outcome(Stream.runForEach(stream, (item) => Effect.sync(() => items.push(item))))
      return { items, end }
    })

const commands: ReadonlyArray<readonly [name: string, command: Command]> = [
  ["values", (pool) => pool.call("echo", [1, "two", [null, true], { a: 1.5 }])],
  ["keyword arguments", (pool) => pool.call("echo", [1], { kwargs: { a: [2] } })],
  ["by target", (pool) => pool.call("contract:echo", [3])],
  ["an exception", (pool) => pool.call("fail", ["ValueError", "no"])],
  ["another one", (pool) => pool.call("fail", ["KeyError", "k"])],
  ["sys.exit", (pool) => pool.call("leave", [3])],
  ["a result that cannot be sent", (pool) => pool.call("no_value")],
  ["an argument that cannot be sent", (pool) => pool.call("echo", [() => 1])],
  ["an unknown name", (pool) => pool.call("nothing")],
  ["an unknown function", (pool) => pool.call("contract:nothing")],
  ["a deadline that is over", (pool) => pool.call("echo", [], { deadline: 0 })],
  ["a callback", (pool) => pool.call("ask", ["double", 21])],
  ["a callback that takes its time", (pool) => pool.call("ask", ["later", 7])],
  ["a callback that fails", (pool) => pool.call("ask", ["fails"])],
  ["a callback that is not there", (pool) => pool.call("ask", ["nothing"])],
  ["a callback that is refused and caught", (pool) => pool.call("ask_safely", ["nothing"])],
  ["a stream", streamed("count", [100], 64)],
  ["a stream, item by item", streamed("count", [5], 1)],
  ["a stream without items", streamed("count", [0], 64)],
  ["a stream that is left", streamed("count", [100], 8, 3)],
  ["a stream that fails", streamed("count_and_fail", [3], 64)],
  ["a stream with an item that cannot be sent", streamed("odd_items", [], 64)],
  ["a stream of a function that gives none", streamed("echo", [1], 64)],
  ["a stream of an unknown name", streamed("nothing", [], 64)],
  ["a generator that is not called as a stream", (pool) => pool.call("count", [1])],
  ["a session", inSession(["add", 2], ["add", 3], ["fail"], ["nothing"], ["add", 1])],
  [
    "a key that is taken",
    (pool) =>
      Effect.scoped(Effect.andThen(pool.session("t", "Counter"), Effect.asVoid(pool.session("t", "Counter"))))
  ],
  ["a session of the same key again", inSession(["add", 1])],
  ["fails, then does not", (pool) => Effect.all([outcome(pool.call("twice")), outcome(pool.call("twice"))])]
]

const strictCommands: typeof commands = [
  ["an exposed name", (pool) => pool.call("echo", [1])],
  ["an exposed target", (pool) => pool.call("contract:echo", [1])],
  ["what is not exposed", (pool) => pool.call("contract:hidden")],
  ["what is not even loaded", (pool) => pool.call("os:getpid")],
  ["public methods", inSession(["add", 2], ["_hidden"])],
  ["a session of no class", (pool) => Effect.scoped(Effect.asVoid(pool.session("u", "echo")))]
]

const real = (options: WorkerPool.Options) => pool({ preload: ["contract"], callbacks, ...options })
const mock = (options: WorkerPool.Options) =>
  WorkerPool.make({
    size: 1,
    callbacks,
    connect: MockWorker.connect(script, { start: Start.exposing(exposed) }),
    ...options
  })

describe("D71 mock and real workers answer the same suite of commands alike", () => {
  for (const [title, options, suite] of [
    ["by pickle", {}, commands],
    ["by JSON", { codec: "json" as const }, commands],
    ["strict", { strict: true }, strictCommands]
  ] as const) {
    it.live(`D71 ${title}: ${suite.length} commands`, () =>
      Effect.gen(function* () {
        calls = 0
        const [python, script] = [yield* real(options), yield* mock(options)]
        for (const [name, command] of suite) {
          assert.deepStrictEqual(
            { name, outcome: yield* outcome(command(python)) },
            { name, outcome: yield* outcome(command(script)) }
          )
        }
      })
    )
  }

  it.live("D71 with the same exports, and the same records of the log", () =>
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
})

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
      const workers = yield* pool({ preload: ["contract"] })
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
