/** What is the zygote's own; `starts.test.ts` has what forked workers share with spawned ones. */
import { assert, describe, it } from "@effect/vitest"
import { Telemetry } from "@fireweed/test-kit"
import { noLeaks } from "@fireweed/test-kit/vitest"
import type { WorkerPool } from "@fireweed/worker-pool"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import process from "node:process"
import { fileURLToPath } from "node:url"
import { folder, isRunning, pool, pythonWithNumpy, record, until, whole } from "../support.ts"

noLeaks()

const Pid = { result: Schema.Int }
const Family = Schema.Struct({
  pid: Schema.Int,
  parent: Schema.Int,
  group: Schema.Int,
  worker: Schema.String
})
const preload = ["preloaded"]

/** A pool of forked workers that have imported `preloaded`. */
const forked = (options: WorkerPool.Options = {}) => pool({ start: "zygote", preload, ...options })

const family = (workers: WorkerPool.WorkerPool) => workers.call("preloaded:family", [], { result: Family })

/** A session on each worker: what must happen on a certain one goes through them. */
const eachWorker = (workers: WorkerPool.WorkerPool, size: number) =>
  Effect.andThen(
    whole(workers, size),
    Effect.forEach(
      Array.from({ length: size }, (_, index) => `session ${index}`),
      (key) => workers.session(key, "preloaded:Holder")
    )
  )

/** Whether the workers of such a pool collect garbage. */
const collects = (options: WorkerPool.Options) =>
  Effect.scoped(Effect.flatMap(forked(options), (workers) => workers.call("gc:isenabled")))

const module = (name: string, text: string) =>
  Effect.tap(folder, (path) => Effect.sync(() => writeFileSync(join(path, `${name}.py`), text)))

describe("forked workers", () => {
  it.live("come from one process, which has imported what they need, and are told apart", () =>
    Effect.gen(function* () {
      const workers = yield* forked({ size: 3 })
      const events = yield* record(workers)
      const sessions = yield* eachWorker(workers, 3)
      const families = yield* Effect.forEach(sessions, (one) => one.call("family", [], { result: Family }))
      const [zygote] = families.map(({ parent }) => parent)
      assert.isTrue(zygote !== undefined && zygote !== process.pid)
      for (const { group, parent, pid } of families) {
        assert.strictEqual(parent, zygote)
        assert.strictEqual(group, pid)
      }
      assert.deepStrictEqual(families.map(({ worker }) => worker).toSorted(), ["1.1", "2.1", "3.1"])
      const { workers: shown } = yield* workers.snapshot
      assert.deepStrictEqual(new Set(shown.map(({ pid }) => pid)), new Set(families.map(({ pid }) => pid)))
      assert.strictEqual(yield* workers.call("preloaded:imported_by"), zygote)
      assert.isFalse(events.some((event) => event._tag === "ForkRefused"))
      // INIT names the folders to the zygote, and to each worker.
      const path = yield* workers.call("builtins:eval", ["__import__('sys').path"], {
        result: Schema.Array(Schema.String)
      })
      assert.strictEqual(new Set(path).size, path.length)
    })
  )

  it.live("are the default on Linux when there is something to preload", () =>
    Effect.gen(function* () {
      const parents = yield* Effect.forEach(
        [{ preload }, {}, { preload, start: "spawn" }, { preload, env: { FIREWEED_PORTABLE: "1" } }] as const,
        (options) => Effect.scoped(Effect.flatMap(pool(options), family))
      )
      assert.deepStrictEqual(
        parents.map(({ parent }) => parent === process.pid),
        [false, true, true, true]
      )
    })
  )

  it.live("draw numbers of their own", () =>
    Effect.gen(function* () {
      const python = pythonWithNumpy()
      const preload = ["random", ...(python === undefined ? [] : ["numpy.random"]), "preloaded"]
      const workers = yield* forked({ size: 4, python, preload })
      const events = yield* record(workers)
      const sessions = yield* eachWorker(workers, 4)
      const Drawn = Schema.Struct({ random: Schema.Finite, numpy: Schema.optionalKey(Schema.Finite) })
      const drawn = yield* Effect.forEach(sessions, (one) => one.call("chance", [], { result: Drawn }))
      assert.strictEqual(new Set(drawn.map(({ random }) => random)).size, 4)
      if (python !== undefined) assert.strictEqual(new Set(drawn.map((one) => one.numpy)).size, 4)
      // numpy has a library with threads, which ends them when it is told of a fork.
      assert.isFalse(events.some((event) => event._tag === "ForkRefused"))
    })
  )

  it.live("start many at once", () =>
    Effect.gen(function* () {
      const workers = yield* forked({ size: 16 })
      const sessions = yield* eachWorker(workers, 16)
      const pids = yield* Effect.forEach(sessions, (one) => one.call("family", [], { result: Family }), {
        concurrency: "unbounded"
      })
      assert.strictEqual(new Set(pids.map(({ pid }) => pid)).size, 16)
      assert.strictEqual(new Set(pids.map(({ parent }) => parent)).size, 1)
    })
  )

  it.live("collect garbage as the preload left it", () =>
    Effect.gen(function* () {
      assert.isTrue(yield* collects({}))
      const home = yield* module("frugal", "import gc\ngc.disable()\n")
      assert.isFalse(yield* collects({ preload: ["frugal"], pythonPath: [home] }))
    })
  )
})

describe("what a preload does", () => {
  it.live("when it prints is told once, as of the zygote", () =>
    Effect.gen(function* () {
      const home = yield* module(
        "late",
        "import sys, time\ntime.sleep(0.3)\nprint('partial', end='')\nprint('words', file=sys.stderr)\n"
      )
      const scope = yield* Effect.scope
      const workers = yield* Scope.provide(forked({ size: 2, preload: ["late"], pythonPath: [home] }), scope)
      const events = yield* record(workers)
      yield* whole(workers, 2)
      yield* Effect.forEach(["a", "b"], () => workers.call("builtins:print", ["own"]), { concurrency: 2 })
      const printed = () => events.flatMap((event) => (event._tag === "Output" ? [event] : []))
      yield* until("the lines", () => printed().filter(({ line }) => line === "own").length === 2)
      // What waits in a buffer must not be written by each copy.
      assert.isFalse(printed().some(({ line, worker }) => worker !== "zygote" && line.includes("partial")))
    })
  )

  it.live("when it starts a thread: workers are spawned, and it is told who is to blame", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const workers = yield* Scope.provide(forked({ size: 2, preload: ["preloaded", "threaded"] }), scope)
      yield* whole(workers, 2)
      const { parent, pid } = yield* family(workers)
      assert.strictEqual(parent, process.pid)
      // For good: also those that come later.
      const events = yield* record(workers)
      yield* Effect.flip(workers.call("sample:die", [1]))
      yield* whole(workers, 2)
      assert.strictEqual((yield* family(workers)).parent, process.pid)
      assert.isFalse(
        events.some((event) => event._tag === "ForkRefused"),
        "told again"
      )
      yield* Scope.close(scope, Exit.void)
      assert.isFalse(isRunning(pid))
      const told = (yield* Telemetry.Captured).logs.map(
        ({ level, message }) => `${level}: ${String(message)}`
      )
      assert.lengthOf(told, 1)
      assert.match(
        told[0] ?? "",
        /^Warn: workers are spawned, not forked: the preload of 'threaded' started threads/
      )
    }).pipe(Effect.scoped, Effect.provide(Telemetry.layerCaptured))
  )

  const failures: ReadonlyArray<
    readonly [what: string, text: string, reason: string, words: ReadonlyArray<string>]
  > = [
    ["raises", "raise ValueError('broken')", "init", ["'faulty'", "ValueError: broken"]],
    ["has an error of syntax", "def f(:\n", "init", ["'faulty'", "SyntaxError"]],
    ["needs what is not there", "import nowhere_at_all", "init", ["'faulty'", "nowhere_at_all"]],
    ["leaves", "import sys\nsys.exit(3)", "init", ["'faulty'", "3"]],
    [
      "ends its process",
      "import os, sys\nprint('last words', file=sys.stderr, flush=True)\nos._exit(5)",
      "exited",
      ["status 5", "last words"]
    ],
    ["kills its process", "import os\nos.kill(os.getpid(), 11)", "exited", ["SIGSEGV", "faulty.py"]]
  ]
  it.live.each(failures)("when it %s: the pool does not start, and says why", ([, text, reason, words]) =>
    Effect.gen(function* () {
      const home = yield* module("faulty", text)
      const error = yield* Effect.flip(
        forked({
          preload: ["preloaded", "faulty"],
          pythonPath: [home, fileURLToPath(new URL("../fixtures", import.meta.url))]
        })
      )
      assert.strictEqual(error.reason, reason)
      for (const word of words) assert.include(error.message, word)
    })
  )

  it.live("when it does not come to an end: the start is out of time", () =>
    Effect.gen(function* () {
      const home = yield* module("endless", "while True: pass")
      const error = yield* Effect.flip(
        forked({ preload: ["endless"], pythonPath: [home], startTimeout: "500 millis" })
      )
      assert.strictEqual(error.reason, "timeout")
      assert.include(error.message, "500 ms")
    })
  )

  it.live("when it starts a process: that one lives as long as the zygote", () =>
    Effect.gen(function* () {
      const home = yield* module("helped", "import subprocess\nHELPER = subprocess.Popen(['sleep', '600'])\n")
      const scope = yield* Scope.make()
      const workers = yield* Scope.provide(forked({ preload: ["helped"], pythonPath: [home] }), scope)
      const helper = yield* workers.call("builtins:eval", ["__import__('helped').HELPER.pid"], Pid)
      yield* Effect.flip(workers.call("os:_exit", [1]))
      assert.strictEqual(yield* workers.call("math:sqrt", [16]), 4)
      assert.isTrue(isRunning(helper))
      yield* Scope.close(scope, Exit.void)
      yield* until("the helper's end", () => !isRunning(helper))
    })
  )
})

describe("detached grandchildren", () => {
  it.live("end with their worker, and those of another do not", () =>
    Effect.gen(function* () {
      const workers = yield* forked({ size: 2 })
      const [first, second] = yield* eachWorker(workers, 2)
      if (first === undefined || second === undefined) return assert.fail("no sessions")
      const daemons = yield* Effect.forEach([first, second], (one) =>
        Effect.all([one.call("spawn_daemon", [], Pid), one.call("fork_daemon", [], Pid)])
      )
      const [ours = [], theirs = []] = daemons
      assert.isTrue(daemons.flat().every(isRunning))
      yield* Effect.flip(first.call("die"))
      yield* until("their end", () => !ours.some(isRunning))
      assert.isTrue(theirs.every(isRunning))
      assert.isNumber((yield* second.call("family", [], { result: Family })).pid)
    })
  )

  it.live("end with the pool", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const workers = yield* Scope.provide(forked({ size: 2 }), scope)
      const daemon = yield* workers.call("preloaded:spawn_daemon", [], Pid)
      yield* Scope.close(scope, Exit.void)
      assert.isFalse(isRunning(daemon))
    })
  )
})

describe("when the zygote dies", () => {
  it.live("its workers go on, their end is told, and the next is forked from another", () =>
    Effect.gen(function* () {
      const workers = yield* forked({ size: 2 })
      const events = yield* record(workers)
      const [first, second] = yield* eachWorker(workers, 2)
      if (first === undefined || second === undefined) return assert.fail("no sessions")
      const { parent: zygote, pid } = yield* first.call("family", [], { result: Family })
      process.kill(zygote, "SIGKILL")
      yield* until("its end", () => !isRunning(zygote))
      assert.strictEqual((yield* first.call("family", [], { result: Family })).pid, pid)
      const error = yield* Effect.flip(first.call("die"))
      if (error._tag !== "WorkerLost") throw error
      assert.strictEqual(error.reason, "eof")
      assert.include(error.message, "its zygote had ended before")
      yield* whole(workers, 2)
      const { parent } = yield* second.call("family", [], { result: Family })
      assert.notStrictEqual(parent, zygote)
      const families = yield* Effect.forEach([1, 2, 3], () => family(workers))
      assert.isTrue(families.every((one) => one.parent !== zygote))
      assert.isTrue(events.some((event) => event._tag === "WorkerGone"))
      assert.isFalse(events.some((event) => event._tag === "ForkRefused"))
    })
  )

  it.live(
    "also one that is stopped is replaced, and its workers are ended with the pool",
    () =>
      Effect.gen(function* () {
        const scope = yield* Scope.make()
        const workers = yield* Scope.provide(
          forked({ size: 2, startTimeout: "2 seconds", crashLoop: { deaths: 100 } }),
          scope
        )
        yield* whole(workers, 2)
        const pids = (yield* workers.snapshot).workers.flatMap(({ pid }) => pid ?? [])
        const { parent: zygote } = yield* family(workers)
        process.kill(zygote, "SIGSTOP")
        const [victim] = pids
        if (victim === undefined) return assert.fail("no worker")
        process.kill(victim, "SIGKILL")
        yield* until("the stopped one's end", () => !isRunning(zygote))
        yield* whole(workers, 2)
        assert.isTrue(
          (yield* Effect.forEach([1, 2], () => family(workers))).some(({ parent }) => parent !== zygote)
        )
        const left = (yield* workers.snapshot).workers.flatMap(({ pid }) => pid ?? [])
        yield* Scope.close(scope, Exit.void)
        assert.deepStrictEqual([...pids, ...left].filter(isRunning), [])
      }),
    30_000
  )

  it.live("D79 the pool closes all the same, with all that is left", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const workers = yield* Scope.provide(forked({ size: 3, shutdownTimeout: "500 millis" }), scope)
      yield* whole(workers, 3)
      const pids = (yield* workers.snapshot).workers.flatMap(({ pid }) => pid ?? [])
      const { parent: zygote } = yield* family(workers)
      const busy = yield* Effect.forkChild(Effect.exit(workers.call("preloaded:stuck_in_c")), {
        startImmediately: true
      })
      process.kill(zygote, "SIGKILL")
      const closing = yield* Effect.forkDetach(Scope.close(scope, Exit.void))
      yield* Effect.timeout(Fiber.join(closing), "20 seconds")
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual(pids.length, 3)
      // Nobody is left who could tell when they are gone.
      yield* until("their end", () => !pids.some(isRunning))
      yield* Fiber.join(busy)
    })
  )
})
