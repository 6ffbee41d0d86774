/** Ways for a worker to die, and ways that only look like it. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import process from "node:process"
import type { Fault, Section } from "./Fault.ts"
import {
  by,
  call,
  error,
  evaluate,
  exec,
  exited,
  killed,
  late,
  left,
  lost,
  nothing,
  raised
} from "./Fault.ts"

const dies = (name: string, source: string, expected: Fault["expected"]): Fault => ({
  name,
  act: exec(source),
  expected,
  reuse: "replaced"
})

const survives = (name: string, source: string, expected: Fault["expected"]): Fault => ({
  name,
  act: exec(source),
  expected,
  reuse: "reused"
})

const signals = [
  ["SIGKILL", "possibly out of memory"],
  ["SIGTERM", "SIGTERM"],
  ["SIGHUP", "SIGHUP"],
  ["SIGQUIT", "SIGQUIT"],
  ["SIGSEGV", "SIGSEGV"],
  ["SIGBUS", "SIGBUS"],
  ["SIGFPE", "SIGFPE"],
  ["SIGILL", "SIGILL"]
] as const

const memory = error("PythonError", "memory", { exception: { type: "MemoryError" } })

export const death: Section<Fault> = {
  name: "death",
  faults: [
    dies("os._exit(3)", "import os; os._exit(3)", exited(3)),
    dies("os._exit(0)", "import os; os._exit(0)", exited(0)),
    dies(
      "os._exit from another thread",
      "import os, threading, time; threading.Timer(0.05, os._exit, [4]).start(); time.sleep(60)",
      exited(4)
    ),
    dies(
      "os._exit after last words",
      "import os, sys; print('last words', file=sys.stderr); os._exit(5)",
      exited(5, { stderr: /last words/ })
    ),
    survives("sys.exit(5)", "import sys; sys.exit(5)", left),
    survives("sys.exit with a text", "import sys; sys.exit('text')", left),
    survives("raise SystemExit", "raise SystemExit", left),
    survives("sys.exit in another thread", "import sys, faults; faults.in_thread(sys.exit)", nothing),
    dies(
      "a segmentation fault in C",
      "import ctypes; ctypes.string_at(0)",
      killed("SIGSEGV", { stderr: /Fatal Python error: Segmentation fault[^]*line 1/ })
    ),
    dies("abort()", "import os; os.abort()", killed("SIGABRT", { stderr: /Fatal Python error: Aborted/ })),
    dies(
      "a fatal error of the interpreter",
      `import ctypes; ctypes.pythonapi.Py_FatalError(b"the end")`,
      killed("SIGABRT", { stderr: /the end/ })
    ),
    ...signals.map(([signal, detail]): Fault =>
      dies(
        `${signal} to itself`,
        `import os, signal, time; os.kill(os.getpid(), signal.${signal}); time.sleep(60)`,
        killed(signal, { detail: new RegExp(detail) })
      )
    ),
    dies(
      "an alarm that nobody handles",
      "import signal, time; signal.setitimer(signal.ITIMER_REAL, 0.05); time.sleep(60)",
      killed("SIGALRM")
    ),
    {
      name: "SIGKILL from outside, as of a kernel without memory",
      act: (pool) =>
        Effect.gen(function* () {
          const pid = yield* pool.call("os:getpid", [], { result: Schema.Int })
          yield* Effect.forkScoped(
            Effect.delay(
              Effect.sync(() => process.kill(pid, "SIGKILL")),
              "100 millis"
            ),
            { startImmediately: true }
          )
          return yield* pool.call("time:sleep", [60])
        }),
      expected: killed("SIGKILL", { detail: /not by its pool: possibly out of memory/ }),
      reuse: "replaced"
    },
    {
      name: "one death after the other before they are ready",
      act: (pool) => Effect.andThen(Effect.ignore(pool.call("os:_exit", [1])), pool.call("math:sqrt", [16])),
      expected: error("PoolUnavailable", "crash-loop", { detail: /status 5/, started: "no" }),
      reuse: "replaced",
      pool: {
        setup: { target: "faults:die_in_lives", args: [2, 3, 4] },
        crashLoop: { deaths: 2, pause: "500 millis" }
      }
    },
    survives("SIGUSR2 to itself", "import os, signal; os.kill(os.getpid(), signal.SIGUSR2)", nothing),
    {
      name: "one death after the other",
      act: (pool) =>
        Effect.gen(function* () {
          for (let death = 0; death < 3; death++) yield* Effect.ignore(pool.call("os:_exit", [1]))
          return yield* pool.call("math:sqrt", [16])
        }),
      expected: error("PoolUnavailable", "crash-loop", { detail: /status 1/, started: "no" }),
      reuse: "replaced",
      pool: { crashLoop: { deaths: 2, pause: "1 second" } }
    },
    survives("SIGINT to itself", "import os, signal; os.kill(os.getpid(), signal.SIGINT)", nothing),
    survives(
      "Ctrl-C of a terminal",
      "import os, signal, time; os.killpg(os.getpgid(0), signal.SIGINT); time.sleep(0.01)",
      nothing
    ),
    survives(
      "SIGCHLD, SIGWINCH and SIGCONT to itself",
      "import os, signal\nfor name in ('CHLD', 'WINCH', 'CONT'): os.kill(os.getpid(), getattr(signal, 'SIG' + name))",
      nothing
    ),
    survives("raise KeyboardInterrupt", "raise KeyboardInterrupt", error("PythonError", "interrupt")),
    survives("raise GeneratorExit", "raise GeneratorExit", raised("GeneratorExit")),
    survives("raise of an own BaseException", "import faults; raise faults.Base('x')", raised("faults.Base")),
    survives(
      "raise of the runtime's own Cancelled",
      "import fireweed; raise fireweed.Cancelled('forged')",
      raised("fireweed.Cancelled", { message: "forged" })
    ),
    survives(
      "raise asyncio.CancelledError",
      "import asyncio; raise asyncio.CancelledError",
      raised("asyncio.exceptions.CancelledError")
    ),
    {
      name: "SIGSTOP to itself",
      act: exec("import os, signal; os.kill(os.getpid(), signal.SIGSTOP)", { deadline: 500 }),
      expected: late,
      reuse: "replaced",
      gone: /stopped by a signal/
    },
    {
      name: "becomes another program",
      act: call("os:execvp", ["sleep", ["sleep", "600"]]),
      expected: lost("eof", { detail: /closed its pipes and lived on/ }),
      reuse: "replaced"
    },
    {
      name: "becomes another program that ends at once",
      act: call("os:execvp", ["false", ["false"]]),
      expected: exited(1),
      reuse: "replaced"
    },
    {
      name: "daemonizes: leaves a process in a session of its own behind",
      act: call("faults:daemonize", [0.3]),
      expected: exited(0),
      reuse: "replaced"
    },
    {
      name: "a stack overflow in C",
      act: evaluate("(sys.setrecursionlimit(10**9), repr(deep(10**6)))[1][:0]"),
      expected: by((minor) => (minor >= 12 ? raised("RecursionError") : killed("SIGSEGV"))),
      reuse: by((minor) => (minor >= 12 ? "reused" : "replaced")),
      spent: true
    },
    survives("more memory than there is addresses for", "bytearray(1 << 62)", memory),
    survives("text of more memory than there is", "'x' * (1 << 50)", memory),
    {
      name: "an allocation beyond the memory that its pool allows",
      act: exec("bytearray(1 << 30)"),
      expected: memory,
      reuse: "reused",
      pool: { memory: { limit: 256 << 20 } }
    },
    {
      name: "a leak up to the memory that its pool allows",
      act: exec("held = []\nwhile True: held.append(bytearray(1 << 20))"),
      expected: memory,
      reuse: "reused",
      pool: { memory: { limit: 256 << 20 } }
    },
    {
      name: "threads up to the memory that its pool allows",
      act: exec(
        "import threading, time\nwhile True: threading.Thread(target=time.sleep, args=(600,), daemon=True).start()"
      ),
      expected: raised("RuntimeError"),
      reuse: "dirty",
      left: ["threads"],
      pool: { memory: { limit: 256 << 20 } }
    },
    {
      name: "a leak up to the limit of its memory",
      act: call("faults:leak"),
      expected: memory,
      reuse: "reused"
    },
    {
      name: "more processor time than it may use",
      act: call("faults:burn", [1]),
      expected: killed("SIGXCPU"),
      reuse: "replaced"
    },
    survives(
      "a larger file than it may write",
      String.raw`import resource, tempfile
hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
with tempfile.TemporaryFile() as file:
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        file.write(b"x" * 10_000)
        file.flush()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
        file.seek(0)
        file.truncate()`,
      raised("OSError", { errno: 27 })
    ),
    survives(
      "a pipe that nobody reads",
      "import os; r, w = os.pipe(); os.close(r)\ntry: os.write(w, b'x')\nfinally: os.close(w)",
      raised("BrokenPipeError", { errno: 32 })
    )
  ]
}
