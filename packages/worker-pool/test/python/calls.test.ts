import { assert, describe, it } from "@effect/vitest"
import { noLeaks } from "@fireweed/test-kit/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import { join } from "node:path"
import process from "node:process"
import { fixtures, folder, isRunning, pool, record, until, whole } from "../support.ts"

noLeaks()

describe("a call", () => {
  it.live("takes positional and keyword arguments and gives the value", () =>
    Effect.gen(function* () {
      const workers = yield* pool()
      const value = yield* workers.call("sample:echo", [1, "two", [null, true]], {
        kwargs: { three: { a: 1.5 } }
      })
      assert.deepStrictEqual(value, { args: [1, "two", [null, true]], kwargs: { three: { a: 1.5 } } })
    })
  )

  it.live("reaches a function by module, by the path of a file, and inside a class", () =>
    Effect.gen(function* () {
      const workers = yield* pool()
      assert.strictEqual(yield* workers.call("math:sqrt", [16]), 4)
      assert.deepStrictEqual(yield* workers.call(`${fixtures}/sample.py:echo`), { args: [], kwargs: {} })
      assert.strictEqual(yield* workers.call("builtins:str.upper", ["abc"]), "ABC")
    })
  )

  it.live("with a schema gives a checked, typed value", () =>
    Effect.gen(function* () {
      const workers = yield* pool()
      const root: number = yield* workers.call("math:sqrt", [16], { result: Schema.Finite })
      assert.strictEqual(root, 4)
      const error = yield* Effect.flip(workers.call("builtins:str", [1], { result: Schema.Finite }))
      assert.strictEqual(error._tag === "InvalidCall" && error.reason, "result")
    })
  )

  it.live("many at once are all answered, each with its own value", () =>
    Effect.gen(function* () {
      const workers = yield* pool({ size: 2 })
      const values = yield* Effect.forEach(
        Array.from({ length: 500 }, (_, index) => index),
        (index) => workers.call("builtins:str", [index]),
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual(
        values,
        values.map((_, index) => String(index))
      )
    })
  )
})

describe("each of these gives one clear typed error, and the pool serves the next call", () => {
  const cases: ReadonlyArray<readonly [target: string, args: ReadonlyArray<unknown>, error: object]> = [
    ["nowhere:f", [], { _tag: "InvalidCall", reason: "target", started: "no", category: "validation" }],
    ["sample:nothing", [], { _tag: "InvalidCall", reason: "target", started: "no" }],
    ["sample", [], { _tag: "InvalidCall", reason: "target" }],
    ["math:pi", [], { _tag: "InvalidCall", reason: "target" }],
    ["sample:echo", [() => 1], { _tag: "InvalidCall", reason: "arguments", started: "no" }],
    ["builtins:object", [], { _tag: "InvalidCall", reason: "result" }],
    ["math:sqrt", [-1], { _tag: "PythonError", reason: "raised", category: "python", started: "maybe" }],
    ["math:sqrt", [1, 2, 3], { _tag: "PythonError", reason: "raised" }],
    ["sample:leave", [3], { _tag: "PythonError", reason: "exit" }],
    [
      "sample:die",
      [3],
      { _tag: "WorkerLost", reason: "exit", exitCode: 3, started: "maybe", category: "connection" }
    ],
    ["sample:kill", [9], { _tag: "WorkerLost", reason: "signal", signal: "SIGKILL" }],
    ["sample:kill", [11], { _tag: "WorkerLost", reason: "signal", signal: "SIGSEGV" }],
    ["os:execvp", ["sleep", ["sleep", "600"]], { _tag: "WorkerLost", reason: "eof" }],
    ["os:closerange", [3, 65_536], { _tag: "WorkerLost" }]
  ]
  for (const [target, args, expected] of cases) {
    it.live(`${target}(${args.join(", ")})`, () =>
      Effect.gen(function* () {
        const workers = yield* pool()
        const error = yield* Effect.flip(workers.call(target, args))
        const seen = Object.fromEntries(Object.keys(expected).map((key) => [key, Reflect.get(error, key)]))
        assert.deepStrictEqual(seen, expected)
        assert.include(error.message, target)
        assert.isAbove(error.hint.length, 10)
        assert.strictEqual(yield* workers.call("math:sqrt", [16]), 4)
      })
    )
  }

  it.live("arguments over the limit of a message never reach the worker", () =>
    Effect.gen(function* () {
      const workers = yield* pool({ maxFrame: 4_096 })
      const before = yield* workers.call("sample:pid")
      const error = yield* Effect.flip(workers.call("sample:echo", ["x".repeat(5_000)], { idempotent: true }))
      assert.strictEqual(error._tag === "InvalidCall" && error.reason, "arguments")
      assert.include(error.message, "maxFrame")
      const result = yield* Effect.flip(workers.call("builtins:str.__mul__", ["x", 5_000]))
      assert.strictEqual(result._tag === "InvalidCall" && result.reason, "result")
      assert.strictEqual(yield* workers.call("sample:pid"), before)
    })
  )

  it.live("with JSON, also what it cannot carry, either way", () =>
    Effect.gen(function* () {
      const workers = yield* pool({ codec: "json" })
      const sent = yield* Effect.flip(workers.call("sample:echo", [{ rows: [1n] }]))
      assert.include(sent.message, "args[0].rows[0] is a bigint")
      const received = yield* Effect.flip(workers.call("sample:not_json"))
      assert.strictEqual(received._tag === "InvalidCall" && received.reason, "result")
      assert.include(received.message, `result["rows"][1]: key of type int`)
      assert.deepStrictEqual(yield* workers.call("sample:echo", [[1, null]]), {
        args: [[1, null]],
        kwargs: {}
      })
    })
  )

  it.live("garbage on every output is log lines, and the value is right", () =>
    Effect.gen(function* () {
      const workers = yield* pool()
      const events = yield* record(workers)
      assert.strictEqual(yield* workers.call("sample:noisy", [3]), 3)
      assert.strictEqual(yield* workers.call("math:sqrt", [16]), 4)
      const printed = () =>
        events.flatMap((event) => (event._tag === "Output" ? [`${event.output} ${event.line}`] : []))
      yield* until("the lines", () => printed().length >= 9)
      for (const line of ["stdout out 0", "stderr err 2"]) assert.include(printed(), line)
      assert.isTrue(printed().some((line) => line.includes("from a child")))
    })
  )

  it.live("a function that closes every descriptor it finds does no harm", () =>
    Effect.gen(function* () {
      const workers = yield* pool()
      assert.strictEqual(yield* workers.call("sample:scribble"), "done")
      assert.strictEqual(yield* workers.call("math:sqrt", [16]), 4)
    })
  )
})

it.live("a worker that reads nothing holds up its own call alone, and is ended with it", () =>
  Effect.gen(function* () {
    const workers = yield* pool({ size: 2, cancelGrace: "300 millis" })
    yield* whole(workers, 2)
    const stuck = yield* workers.session("stuck", "sample:Counter")
    const pid = yield* stuck.call("where", [], { result: Schema.Int })
    process.kill(pid, "SIGSTOP")
    const call = yield* Effect.forkChild(
      Effect.flip(stuck.call("add", [new Uint8Array(20_000_000)], { deadline: "500 millis" })),
      { startImmediately: true }
    )
    for (let index = 0; index < 200; index++) assert.strictEqual(yield* workers.call("math:sqrt", [16]), 4)
    assert.strictEqual((yield* Fiber.join(call))._tag, "DeadlineExceeded")
    yield* until("the end of the stopped worker", () => !isRunning(pid))
    yield* whole(workers, 2)
    const lost = yield* Effect.flip(stuck.call("add"))
    assert.strictEqual(lost._tag === "SessionError" && lost.reason, "lost")
  })
)

describe("a Python traceback survives", () => {
  it.live("with its frames, its cause and its source lines", () =>
    Effect.gen(function* () {
      const workers = yield* pool()
      const error = yield* Effect.flip(workers.call("sample:fail", ["broken"]))
      if (error._tag !== "PythonError") throw error
      assert.strictEqual(error.exception.type, "ValueError")
      assert.strictEqual(error.exception.message, "broken")
      assert.strictEqual(error.exception.cause?.type, "KeyError")
      assert.match(
        error.traceback,
        /^Traceback \(most recent call last\):\n {2}File ".*sample\.py", line \d+, in fail\n/
      )
      assert.include(error.traceback, "The above exception was the direct cause of the following exception")
      assert.match(error.traceback, /raise ValueError\(message\) from error\nValueError: broken$/)
      assert.notInclude(error.traceback, "/fireweed/", "frames of the runtime are not the user's business")
    })
  )

  it.live("and the last words of a worker that died", () =>
    Effect.gen(function* () {
      const workers = yield* pool()
      const error = yield* Effect.flip(workers.call("sample:die", [1]))
      assert.include(error._tag === "WorkerLost" ? error.stderr : "", "last words")
    })
  )
})

describe("what is safe to try again is tried again", () => {
  it.live("an idempotent call whose worker dies is answered by the next", () =>
    Effect.gen(function* () {
      const workers = yield* pool()
      const events = yield* record(workers)
      const path = join(yield* folder, "first")
      assert.strictEqual(yield* workers.call("sample:die_unless", [path], { idempotent: true }), "answered")
      yield* until("the event", () => events.some((event) => event._tag === "CallRetried"))
    })
  )

  it.live("any other is not, since it may have run", () =>
    Effect.gen(function* () {
      const workers = yield* pool()
      const path = join(yield* folder, "first")
      const error = yield* Effect.flip(workers.call("sample:die_unless", [path]))
      assert.strictEqual(error._tag, "WorkerLost")
      assert.strictEqual(error.started, "maybe")
      assert.strictEqual(yield* workers.call("sample:die_unless", [path]), "answered")
    })
  )
})

describe("a call is stopped", () => {
  it.live("by its deadline, and its worker serves the next", () =>
    Effect.gen(function* () {
      const workers = yield* pool()
      const before = yield* workers.call("sample:pid")
      const error = yield* Effect.flip(workers.call("sample:sleep", [60], { deadline: "200 millis" }))
      assert.strictEqual(error._tag === "DeadlineExceeded" && error.reason, "running")
      assert.strictEqual(yield* workers.call("sample:pid"), before)
    })
  )

  it.live("by interruption, and its worker serves the next", () =>
    Effect.gen(function* () {
      const workers = yield* pool()
      const before = yield* workers.call("sample:pid")
      const fiber = yield* Effect.forkChild(workers.call("sample:sleep", [60]), { startImmediately: true })
      yield* Fiber.interrupt(fiber)
      assert.strictEqual(yield* workers.call("sample:pid"), before)
      assert.strictEqual((yield* workers.snapshot).running, 0)
    })
  )

  it.live(
    "by a deadline that passes before it is sent, or just then, which is never an error of Python",
    () =>
      Effect.gen(function* () {
        const workers = yield* pool()
        const tags = yield* Effect.forEach(Array.from({ length: 50 }), () =>
          Effect.map(
            Effect.flip(workers.call("sample:sleep", [1], { deadline: "30 micros" })),
            ({ _tag }) => _tag
          )
        )
        assert.deepStrictEqual([...new Set(tags)], ["DeadlineExceeded"])
      })
  )

  it.live("or its worker is, when it does not obey", () =>
    Effect.gen(function* () {
      const workers = yield* pool({ cancelGrace: "200 millis" })
      const before = yield* workers.call("sample:pid")
      const error = yield* Effect.flip(workers.call("sample:swallow", [], { deadline: "100 millis" }))
      assert.strictEqual(error._tag, "DeadlineExceeded")
      assert.notStrictEqual(yield* workers.call("sample:pid"), before)
    })
  )
})
