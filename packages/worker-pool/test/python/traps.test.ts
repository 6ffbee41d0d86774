/** What a pool of Python processes has been caught by before. */
import { assert, describe, it } from "@effect/vitest"
import { noLeaks } from "@fireweed/test-kit/vitest"
import type { WorkerPool } from "@fireweed/worker-pool"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as Schema from "effect/Schema"
import { Buffer } from "node:buffer"
import { chmodSync, readdirSync, writeFileSync } from "node:fs"
import { constants as system } from "node:os"
import { join } from "node:path"
import process from "node:process"
import * as Interpreter from "../../src/transport/Interpreter.ts"
import * as Parent from "../faults/parent.ts"
import { folder, isRunning, pool, record, until } from "../support.ts"

noLeaks()

const Pid = { result: Schema.Int }
const Text = { result: Schema.String }

const exec = (workers: WorkerPool.WorkerPool, ...lines: ReadonlyArray<string>) =>
  workers.call("builtins:exec", [lines.join("\n"), {}])

/** The exception that the statements raise, in a worker that then answers the next call. */
const exception = (...lines: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const workers = yield* pool()
    const pid = yield* workers.call("os:getpid")
    const error = yield* Effect.flip(exec(workers, ...lines))
    assert.strictEqual(yield* workers.call("os:getpid"), pid)
    if (error._tag !== "PythonError") throw error
    return error.exception
  })

describe("an exception of the user's", () => {
  it.live("has a __class__ that raises, so isinstance does", () =>
    Effect.gen(function* () {
      const { message, type } = yield* exception(
        "class Evil(Exception):",
        "  @property",
        "  def __class__(self): raise RuntimeError('do not ask')",
        "raise Evil('text')"
      )
      assert.deepStrictEqual([type, message], ["Evil", "text"])
    })
  )

  it.live("has notes that raise when they are read", () =>
    Effect.gen(function* () {
      const { message, notes } = yield* exception(
        "class Evil(Exception):",
        "  @property",
        "  def __notes__(self): raise SystemExit(1)",
        "raise Evil('text')"
      )
      assert.deepStrictEqual([message, notes], ["text", undefined])
    })
  )

  it.live("is raised when no descriptor is left, so nothing can be imported to describe it", () =>
    Effect.gen(function* () {
      const { frames, type } = yield* exception(
        "import os, resource",
        "resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))",
        "held = []",
        "try:",
        "  while True: held.append(os.dup(1))",
        "except OSError as full:",
        "  try: 1 / 0",
        "  finally: [os.close(fd) for fd in held]"
      )
      assert.strictEqual(type, "ZeroDivisionError")
      assert.isAtLeast(frames.length, 1)
    })
  )
})

describe("a fork in user code", () => {
  it.live("never kills the group, whatever its copy meets on the way out", () =>
    Effect.gen(function* () {
      const workers = yield* pool()
      const pid = yield* workers.call("os:getpid", [], Pid)
      const sleeper = yield* workers.call("sample:spawn_sleeper", [], Pid)
      for (const how of ["return", "raise", "exit", "wait", "_exit"])
        yield* workers.call("faults:fork", [how])
      // One that closes what the runtime watches, and comes back.
      yield* exec(workers, "import os", "if os.fork() == 0: os.closerange(3, 300)", "else: os.wait()")
      assert.isTrue(isRunning(sleeper) && isRunning(pid))
      assert.strictEqual(yield* workers.call("os:getpid"), pid)
    })
  )

  it.live("that holds the descriptors of its parent does not hide that it died", () =>
    Effect.gen(function* () {
      const workers = yield* pool()
      // The copy never comes back to the runtime, and has standard output and error for a second.
      const error = yield* Effect.flip(
        exec(workers, "import os, time", "if os.fork() == 0: time.sleep(60)", "os._exit(3)")
      )
      assert.strictEqual(error._tag === "WorkerLost" && error.exitCode, 3)
      assert.strictEqual(yield* workers.call("math:sqrt", [16]), 4)
    })
  )
})

describe("the end of a process", () => {
  it.live("is told before its output has been read: the last words are waited for", () =>
    Effect.gen(function* () {
      const workers = yield* pool()
      for (let round = 0; round < 5; round++) {
        const error = yield* Effect.flip(
          exec(
            workers,
            "import os",
            `os.write(2, b'x' * 50_000 + b'\\nlast words ${round}\\n')`,
            "os._exit(1)"
          )
        )
        assert.match(error._tag === "WorkerLost" ? error.stderr : "", new RegExp(`last words ${round}$`))
      }
    })
  )

  it.live("is told before its frames have been read: a result written just before it counts", () =>
    Effect.gen(function* () {
      const workers = yield* pool()
      for (let round = 0; round < 20; round++) {
        const value = yield* exec(
          workers,
          "from faults import *",
          `answer(b'${round}', flags=1)`,
          "os.kill(os.getpid(), 9)"
        )
        assert.strictEqual(value, round)
        // It may be sent to the one that is dying: then the next answers it.
        yield* workers.call("os:getpid", [], { idempotent: true })
      }
    })
  )

  it.live("may not come with the end of its pipes: a program that it became is killed with its group", () =>
    Effect.gen(function* () {
      const workers = yield* pool()
      const pid = yield* workers.call("os:getpid", [], Pid)
      const sleeper = yield* workers.call("sample:spawn_sleeper", [], Pid)
      const error = yield* Effect.flip(workers.call("os:execvp", ["sleep", ["sleep", "600"]]))
      assert.strictEqual(error._tag === "WorkerLost" && error.reason, "eof")
      yield* until("the end of both", () => !isRunning(pid) && !isRunning(sleeper))
    })
  )
})

const wrapper = Effect.gen(function* () {
  const python = yield* Interpreter.find({ python: undefined, cwd: process.cwd(), env: process.env })
  const path = join(yield* folder, "python3")
  writeFileSync(path, `#!/bin/sh\n"${python}" "$@"\n`)
  chmodSync(path, 0o755)
  return path
})

describe("a wrapper that stays has another process number than its Python", () => {
  it.live("the doorbell rings in Python, and the wrapper does not die of it", () =>
    Effect.gen(function* () {
      const workers = yield* pool({ python: yield* wrapper, cancelGrace: "20 seconds" })
      const pid = yield* workers.call("os:getpid", [], Pid)
      assert.strictEqual((yield* workers.snapshot).workers[0]?.pid, pid)
      const error = yield* Effect.flip(workers.call("faults:backtrack", [1, 40], { deadline: "300 millis" }))
      assert.strictEqual(error._tag, "DeadlineExceeded")
      assert.strictEqual(yield* workers.call("os:getpid"), pid)
    })
  )

  it.live("both end when the worker must", () =>
    Effect.gen(function* () {
      const workers = yield* pool({ python: yield* wrapper, cancelGrace: "100 millis" })
      const [pid, shell] = yield* workers.call(
        "builtins:eval",
        ["(__import__('os').getpid(), __import__('os').getppid())"],
        {
          result: Schema.Tuple([Schema.Int, Schema.Int])
        }
      )
      yield* Effect.flip(workers.call("faults:swallow", [], { deadline: "100 millis" }))
      yield* until("the end of both", () => !isRunning(pid) && !isRunning(shell))
    })
  )
})

describe("descriptors differ between runtimes", () => {
  it.live(
    "so standard input is the null device, and frames are on no descriptor that user code would meet",
    () =>
      Effect.gen(function* () {
        const workers = yield* pool()
        const link = (fd: number) => workers.call("os:readlink", [`/proc/self/fd/${fd}`], Text)
        assert.strictEqual(yield* link(0), "/dev/null")
        const high = yield* workers.call(
          "builtins:eval",
          ["[fd for fd in map(int, __import__('os').listdir('/proc/self/fd')) if 200 <= fd < 210]"],
          { result: Schema.Array(Schema.Int) }
        )
        assert.isAtLeast(high.length, 3)
        // They end with exec: a child cannot hold them open.
        const inherited = yield* workers.call("subprocess:check_output", [["ls", "/proc/self/fd"]], {
          kwargs: { text: true, close_fds: false },
          result: Schema.String
        })
        assert.deepStrictEqual(
          inherited.split("\n").filter((fd) => high.includes(Number(fd))),
          []
        )
      })
  )
})

describe("a zygote", () => {
  it.live("is not ended by the kernel with its parent, since it must end the others first", () =>
    Effect.gen(function* () {
      const home = yield* folder
      writeFileSync(
        join(home, "asks.py"),
        [
          "import ctypes, os",
          "zygote = os.getpid()",
          "signal = ctypes.c_int(-1)",
          "PR_GET_PDEATHSIG = 2",
          "ctypes.CDLL(None).prctl(PR_GET_PDEATHSIG, ctypes.byref(signal))",
          "def of_the_zygote(): return [signal.value, os.getpid() == zygote]"
        ].join("\n")
      )
      const workers = yield* pool({ start: "zygote", preload: ["asks"], pythonPath: [home] })
      assert.deepStrictEqual(yield* workers.call("asks:of_the_zygote"), [0, false])
    })
  )

  it.live("leaves no socket behind when its parent is killed", () =>
    Effect.gen(function* () {
      const temporary = yield* folder
      yield* Parent.kill({ start: "zygote", state: "idle" }, Parent.here, { TMPDIR: temporary })
      assert.deepStrictEqual(readdirSync(temporary), [])
    })
  )
})

it.live("the memory of a worker is its own, and not that of the process it was started by", () =>
  Effect.gen(function* () {
    const ours = Buffer.alloc(400_000_000, 1)
    const workers = yield* pool()
    yield* workers.call("math:sqrt", [16])
    const memory = (yield* workers.snapshot).workers[0]?.memory ?? Number.POSITIVE_INFINITY
    assert.isBelow(memory, ours.length / 2)
  })
)

it.live("signals that CPython ignores, or the runtime handles, are not passed on to children", () =>
  Effect.gen(function* () {
    const workers = yield* pool()
    const status = yield* workers.call("subprocess:check_output", [["cat", "/proc/self/status"]], {
      kwargs: { text: true },
      result: Schema.String
    })
    const mask = (name: string): number =>
      Number.parseInt(new RegExp(`${name}:\\s*(\\w+)`).exec(status)?.[1] ?? "f", 16)
    assert.strictEqual(mask("SigBlk"), 0)
    for (const signal of [system.signals.SIGUSR1, system.signals.SIGPIPE, system.signals.SIGXFSZ]) {
      assert.strictEqual(mask("SigIgn") & (1 << (signal - 1)), 0, `signal ${signal}`)
    }
  })
)

it.live(
  "a call shorter than the interpreter's switch interval is over before it is cancelled, which harms nothing",
  () =>
    Effect.gen(function* () {
      const workers = yield* pool()
      const pid = yield* workers.call("os:getpid")
      for (let round = 0; round < 100; round++) {
        const fiber = yield* Effect.forkChild(workers.call("faults:spin", [round, 0.002]), {
          startImmediately: true
        })
        yield* Effect.sleep("1 millis")
        yield* Fiber.interrupt(fiber)
        assert.deepStrictEqual(yield* workers.call("faults:quick", [round]), [round])
      }
      assert.strictEqual(yield* workers.call("os:getpid"), pid)
    })
)

it.live("a worker starts where compiled files can be neither read nor written", () =>
  Effect.gen(function* () {
    const workers = yield* pool({ env: { PYTHONDONTWRITEBYTECODE: "1", PYTHONPYCACHEPREFIX: "/nowhere" } })
    assert.strictEqual(yield* workers.call("math:sqrt", [16]), 4)
  })
)

it.live("values are never turned into JSON on their way to logs, events and errors", () =>
  Effect.gen(function* () {
    let asked = 0
    class Loud extends Uint8Array {
      toJSON(): never {
        asked++
        throw new Error("turned into JSON")
      }
    }
    const lines: Array<string> = []
    const logger = Logger.make(({ message }) => {
      lines.push(String(message))
    })
    yield* Effect.gen(function* () {
      const workers = yield* pool({ output: "log" })
      const events = yield* record(workers)
      const large = new Loud(5_000_000)
      assert.strictEqual(yield* workers.call("builtins:len", [large]), 5_000_000)
      assert.strictEqual((yield* Effect.flip(workers.call("math:sqrt", [large])))._tag, "PythonError")
      assert.strictEqual((yield* Effect.flip(workers.call("nowhere:f", [large])))._tag, "InvalidCall")
      const error = yield* Effect.flip(workers.call("os:_exit", [1], { kwargs: {} }))
      assert.strictEqual(error._tag, "WorkerLost")
      const lost = yield* Effect.flip(workers.call("builtins:exec", ["import os; os._exit(1)", { large }]))
      assert.strictEqual(lost._tag, "WorkerLost")
      yield* until("the events", () => events.filter(({ _tag }) => _tag === "WorkerGone").length === 2)
    }).pipe(Effect.provide(Logger.layer([logger])))
    assert.strictEqual(asked, 0)
  })
)
