/** What workers do is the same however they were started: these run with spawned ones, with forked ones, and on the path of other systems. */
import { assert, describe, it } from "@effect/vitest"
import { noLeaks } from "@fireweed/test-kit/vitest"
import type { WorkerPool } from "@fireweed/worker-pool"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import { chmodSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import process from "node:process"
import * as Interpreter from "../../src/transport/Interpreter.ts"
import { fixtures, folder, isRunning, pool as makePool, record, until, whole } from "../support.ts"

noLeaks()

const Pid = { result: Schema.Int }
const python = Interpreter.find({ python: undefined, cwd: process.cwd(), env: process.env })

const ways: ReadonlyArray<readonly [name: string, options: WorkerPool.Options]> = [
  ["spawned", { start: "spawn" }],
  ["forked", { start: "zygote" }],
  ["spawned, with what works everywhere", { start: "spawn", env: { FIREWEED_PORTABLE: "1" } }]
]

describe.each(ways)("workers %s", (_, how) => {
  const pool = (options: WorkerPool.Options = {}) => makePool({ ...how, ...options })
  const failure = (options: WorkerPool.Options) => Effect.flip(pool(options))

  describe("calls", () => {
    it.live("give values, by module, by file, inside a class", () =>
      Effect.gen(function* () {
        const workers = yield* pool()
        const kwargs = { three: { a: 1.5 } }
        assert.deepStrictEqual(yield* workers.call("sample:echo", [1, "two", [null, true]], { kwargs }), {
          args: [1, "two", [null, true]],
          kwargs
        })
        assert.deepStrictEqual(yield* workers.call(`${fixtures}/sample.py:echo`), { args: [], kwargs: {} })
        assert.strictEqual(yield* workers.call("builtins:str.upper", ["abc"]), "ABC")
      })
    )

    it.live("many at once are all answered, and large ones arrive whole", () =>
      Effect.gen(function* () {
        const workers = yield* pool({ size: 2 })
        const numbers = Array.from({ length: 300 }, (_, index) => index)
        const values = yield* Effect.forEach(numbers, (n) => workers.call("builtins:str", [n]), {
          concurrency: "unbounded"
        })
        assert.deepStrictEqual(values, numbers.map(String))
        const bytes = new Uint8Array(5_000_000).fill(7)
        assert.deepStrictEqual(
          yield* workers.call("operator:add", [bytes, bytes.subarray(0, 1)]),
          new Uint8Array(5_000_001).fill(7)
        )
      })
    )

    const faults: ReadonlyArray<readonly [target: string, args: ReadonlyArray<unknown>, error: object]> = [
      ["sample:leave", [3], { _tag: "PythonError", reason: "exit" }],
      ["sample:die", [3], { _tag: "WorkerLost", reason: "exit", exitCode: 3, signal: null }],
      ["os:_exit", [0], { _tag: "WorkerLost", reason: "exit", exitCode: 0, signal: null }],
      ["sample:kill", [9], { _tag: "WorkerLost", reason: "signal", signal: "SIGKILL", exitCode: null }],
      ["sample:kill", [11], { _tag: "WorkerLost", reason: "signal", signal: "SIGSEGV" }],
      ["sample:kill", [15], { _tag: "WorkerLost", reason: "signal", signal: "SIGTERM" }],
      ["os:abort", [], { _tag: "WorkerLost", reason: "signal", signal: "SIGABRT" }],
      ["os:execvp", ["sleep", ["sleep", "600"]], { _tag: "WorkerLost", reason: "eof" }],
      ["os:closerange", [3, 65_536], { _tag: "WorkerLost" }]
    ]
    it.live.each(faults)(
      "%s(%j) gives one typed error, and the next call is served",
      ([target, args, expected]) =>
        Effect.gen(function* () {
          const workers = yield* pool()
          const error = yield* Effect.flip(workers.call(target, args))
          const seen = Object.fromEntries(Object.keys(expected).map((key) => [key, Reflect.get(error, key)]))
          assert.deepStrictEqual(seen, expected)
          assert.strictEqual(yield* workers.call("math:sqrt", [16]), 4)
        })
    )
  })

  describe("output", () => {
    it.live("of every kind is log lines with the id of the worker it comes from", () =>
      Effect.gen(function* () {
        const workers = yield* pool({ size: 2 })
        const events = yield* record(workers)
        yield* whole(workers, 2)
        const sessions = yield* Effect.forEach(["a", "b"], (key) => workers.session(key, "preloaded:Holder"))
        const ids = yield* Effect.forEach(
          sessions,
          (session) => session.call("speak", [], { result: Schema.String }),
          { concurrency: "unbounded" }
        )
        assert.deepStrictEqual(ids.toSorted(), ["1.1", "2.1"])
        const printed = () =>
          events.flatMap((event) =>
            event._tag === "Output" ? [`${event.worker} ${event.output} ${event.line}`] : []
          )
        for (const id of ids) {
          for (const line of [`stdout print ${id}`, `stderr print ${id}`, `stdout child of ${id}`])
            yield* until(line, () => printed().includes(`${id} ${line}`))
        }
      })
    )

    it.live("last words are in the error that tells of the death", () =>
      Effect.gen(function* () {
        const workers = yield* pool()
        const error = yield* Effect.flip(workers.call("sample:die", [1]))
        assert.include(error._tag === "WorkerLost" ? error.stderr : "", "last words")
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

  describe("sessions", () => {
    it.live("keep their object, and are lost with their worker alone", () =>
      Effect.gen(function* () {
        const workers = yield* pool({ size: 2 })
        yield* whole(workers, 2)
        const [first, second] = yield* Effect.all([
          workers.session("first", "sample:Counter", [10]),
          workers.session("second", "sample:Counter")
        ])
        assert.strictEqual(yield* first.call("add"), 11)
        assert.strictEqual((yield* Effect.flip(first.call("die")))._tag, "WorkerLost")
        const later = yield* Effect.flip(first.call("add"))
        assert.strictEqual(later._tag === "SessionError" && later.reason, "lost")
        assert.strictEqual(yield* second.call("add"), 1)
      })
    )
  })

  describe("D61 when the scope closes, nothing is left", () => {
    it.live("of idle workers, of busy ones, of ones that do not obey, of their children", () =>
      Effect.gen(function* () {
        const scope = yield* Scope.make()
        const workers = yield* Scope.provide(pool({ size: 4 }), scope)
        yield* whole(workers, 4)
        const pids = (yield* workers.snapshot).workers.flatMap((worker) => worker.pid ?? [])
        assert.strictEqual(pids.length, 4)
        const grandchild = yield* workers.call("sample:spawn_sleeper", [], Pid)
        yield* Effect.forkScoped(Effect.exit(workers.call("sample:sleep", [60])), { startImmediately: true })
        yield* Effect.forkScoped(Effect.exit(workers.call("sample:swallow")), { startImmediately: true })
        assert.isTrue([...pids, grandchild].every(isRunning))
        yield* Scope.close(scope, Exit.void)
        yield* Scope.close(scope, Exit.void)
        assert.deepStrictEqual(pids.filter(isRunning), [])
        yield* until("the grandchild's end", () => !isRunning(grandchild))
      })
    )

    it.live("of a stopped one", () =>
      Effect.gen(function* () {
        const scope = yield* Scope.make()
        const workers = yield* Scope.provide(pool({ shutdownTimeout: "200 millis" }), scope)
        const pid = yield* workers.call("sample:pid", [], Pid)
        process.kill(pid, "SIGSTOP")
        yield* Scope.close(scope, Exit.void)
        assert.isFalse(isRunning(pid))
      })
    )
  })

  it.live("D61 a worker that dies takes its children along", () =>
    Effect.gen(function* () {
      const workers = yield* pool()
      const grandchild = yield* workers.call("sample:spawn_sleeper", [], Pid)
      yield* Effect.flip(workers.call("sample:die", [1]))
      yield* until("the grandchild's end", () => !isRunning(grandchild))
    })
  )

  describe("a start that fails says why", () => {
    it.live("no interpreter, no folder, no Python", () =>
      Effect.gen(function* () {
        assert.strictEqual((yield* failure({ python: "/nowhere/python3" })).reason, "interpreter-not-found")
        assert.strictEqual((yield* failure({ cwd: "/nowhere" })).reason, "folder-not-found")
        const program = join(yield* folder, "program")
        writeFileSync(program, "#!/bin/sh\necho I am no Python >&2; exit 7\n")
        chmodSync(program, 0o755)
        const error = yield* failure({ python: program })
        assert.strictEqual(error.reason, "exited")
        assert.include(error.message, "status 7")
        assert.include(error.message, "I am no Python")
        writeFileSync(program, "#!/bin/sh\nsleep 600\n")
        assert.strictEqual(
          (yield* failure({ python: program, startTimeout: "300 millis" })).reason,
          "timeout"
        )
      })
    )

    it.live("a Python too old", () =>
      Effect.gen(function* () {
        const exe = yield* python
        const fake = join(yield* folder, "python3")
        writeFileSync(
          fake,
          `#!/bin/sh\nexec "${exe}" -c 'import sys; sys.version_info = (3, 8, 18, "final", 0); sys.argv = sys.argv[1:]; exec(compile(open(sys.argv[0]).read(), sys.argv[0], "exec"), {"__name__": "__main__", "__file__": sys.argv[0]})' "$@"\n`
        )
        chmodSync(fake, 0o755)
        const error = yield* failure({ python: fake })
        assert.strictEqual(error.reason, "python-too-old")
        assert.match(error.message, /is Python 3\.8\.18, needs 3\.9 or newer/)
      })
    )
  })
})

describe.each(["spawn", "zygote"] as const)("start: %s, calls", (start) => {
  const pool = (options: WorkerPool.Options = {}) => makePool({ start, ...options })

  it.live("are stopped by a deadline, by interruption, or with their worker", () =>
    Effect.gen(function* () {
      const workers = yield* pool({ cancelGrace: "300 millis" })
      const before = yield* workers.call("sample:pid")
      const late = yield* Effect.flip(workers.call("sample:sleep", [60], { deadline: "200 millis" }))
      assert.strictEqual(late._tag, "DeadlineExceeded")
      const fiber = yield* Effect.forkChild(workers.call("sample:sleep", [60]), { startImmediately: true })
      yield* Fiber.interrupt(fiber)
      assert.strictEqual(yield* workers.call("sample:pid"), before)
      const deaf = yield* Effect.flip(workers.call("sample:swallow", [], { deadline: "100 millis" }))
      assert.strictEqual(deaf._tag, "DeadlineExceeded")
      assert.notStrictEqual(yield* workers.call("sample:pid"), before)
    })
  )

  it.live("that C code keeps busy are stopped by the doorbell, and leave the worker alive", () =>
    Effect.gen(function* () {
      const workers = yield* pool({ cancelGrace: "20 seconds" })
      const before = yield* workers.call("sample:pid")
      const error = yield* Effect.flip(workers.call("preloaded:stuck_in_c", [], { deadline: "200 millis" }))
      assert.strictEqual(error._tag, "DeadlineExceeded")
      assert.strictEqual(yield* workers.call("sample:pid"), before)
    })
  )

  it.live("a worker that hangs in native code is looked at before it is ended", () =>
    Effect.gen(function* () {
      const workers = yield* pool({ cancelGrace: "500 millis" })
      const events = yield* record(workers)
      yield* Effect.flip(workers.call("preloaded:compute", [], { deadline: "200 millis" }))
      yield* until("the verdict", () =>
        events.some(
          (event) =>
            event._tag === "WorkerGone" && /gil-held|holds the interpreter/.test(JSON.stringify(event))
        )
      )
    })
  )
})
