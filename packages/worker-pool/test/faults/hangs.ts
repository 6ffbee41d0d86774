/** Code that does not come back. Each has a deadline; what can be interrupted leaves the worker whole. */
import * as Effect from "effect/Effect"
import type { Fault, Section } from "./Fault.ts"
import { call, either, exec, HANG, hang, importing, late, lost, nothing, raised, value } from "./Fault.ts"

/** Stopped by the frame, or by the doorbell. */
const stops = (name: string, source: string): Fault => ({
  name,
  act: hang(source),
  expected: late,
  reuse: "reused"
})

/** Stopped by the end of its worker, of which the pool says what was wrong. */
const stuck = (name: string, source: string, gone: RegExp): Fault => ({
  name,
  act: hang(source),
  expected: late,
  reuse: "replaced",
  gone
})

const GOES_ON = /goes on although it was cancelled/
const HOLDS = /native code computes and holds the interpreter's lock/

/** Nobody waits for an end of these but the pool, which ends them when they are silent. */
const silent = (name: string, act: Fault["act"], state: string, line?: RegExp): Fault => ({
  name: `silent: ${name}`,
  act,
  expected: lost("stuck", { diagnosis: { state, ...(line === undefined ? {} : { line }) } }),
  reuse: "replaced",
  pool: { heartbeat: { interval: "200 millis", killAfter: "1 second" } }
})

const asynchronous = (what: string): Fault => ({
  name: `an async def that never ends: ${what}`,
  act: call("faults:asynchronous", [what], { deadline: HANG }),
  expected: late,
  reuse: "reused"
})

/** The second of two calls: it must still be possible to stop it. */
const then = (name: string, first: string, second: string): Fault => ({
  name,
  act: (pool) => Effect.andThen(exec(first)(pool), hang(second)(pool)),
  expected: late,
  reuse: "reused"
})

const SLEEP = "import time; time.sleep(60)"

export const hangs: Section<Fault> = {
  name: "hangs",
  faults: [
    stops("a loop in Python", "while True: pass"),
    stops("a loop that catches Exception", "while True:\n  try: 1 / 0\n  except Exception: pass"),
    stops("sleep", SLEEP),
    stops("a lock that is taken twice", "import threading; l = threading.Lock(); l.acquire(); l.acquire()"),
    stops(
      "two threads that wait for each other",
      `import threading, time
a, b = threading.Lock(), threading.Lock()
a.acquire()
def other():
    with b:
        a.acquire(timeout=1)
threading.Thread(target=other, daemon=True).start()
time.sleep(0.05)
b.acquire()`
    ),
    stops("an Event that nobody sets", "import threading; threading.Event().wait()"),
    stops("a Queue that nobody fills", "import queue; queue.Queue().get()"),
    stops(
      "a thread that does not end",
      "import threading, time; t = threading.Thread(target=time.sleep, args=(3,), daemon=True); t.start(); t.join()"
    ),
    stops("a socket on which nothing comes", "import socket; a, b = socket.socketpair(); a.recv(1)"),
    stops("a pipe on which nothing comes", "import os; r, w = os.pipe(); os.read(r, 1)"),
    stops(
      "a server to which nobody comes",
      "import socket; s = socket.socket(); s.bind(('127.0.0.1', 0)); s.listen(); s.accept()"
    ),
    stops(
      "select without a limit",
      "import select, socket; a, b = socket.socketpair(); select.select([a], [], [])"
    ),
    stops(
      "a child that does not end",
      "import subprocess\np = subprocess.Popen(['sleep', '60'])\ntry: p.wait()\nfinally: p.kill(); p.wait()"
    ),
    stops(
      "a lock on a file that another has",
      `import fcntl, os, tempfile
with tempfile.NamedTemporaryFile() as one, open(one.name) as two:
    fcntl.flock(one, fcntl.LOCK_EX)
    fcntl.flock(two, fcntl.LOCK_EX)`
    ),
    stops("a signal that does not come", "import signal; signal.pause()"),
    ...["sleep", "event", "gather", "spin"].map(asynchronous),
    { ...stops("an event loop of its own", "import asyncio; asyncio.run(asyncio.sleep(60))"), alone: true },
    stops("a regular expression that backtracks for ever", "import re; re.match(r'(a+)+$', 'a' * 40 + 'b')"),
    stops("a power of a large number", "len(str(7 ** (10 ** 9)))"),
    stops("sleep in C that holds the interpreter", "import ctypes; ctypes.PyDLL(None).sleep(60)"),
    stops("sleep in C that does not", "import ctypes; ctypes.CDLL(None).sleep(60)"),
    stuck("a loop in C that holds the interpreter: a sum", "sum(range(10 ** 12))", HOLDS),
    stuck(
      "a loop in C that holds the interpreter: a deque",
      "import collections, itertools; collections.deque(itertools.repeat(1), 0)",
      HOLDS
    ),
    {
      name: "swallows all exceptions",
      act: call("faults:swallow", [], { deadline: HANG }),
      expected: late,
      reuse: "replaced",
      gone: GOES_ON
    },
    {
      name: "an async def that swallows all exceptions",
      // Beside it the worker serves others until then.
      alone: true,
      act: call("faults:asynchronous", ["swallow"], { deadline: HANG }),
      expected: late,
      reuse: "replaced",
      gone: GOES_ON
    },
    stuck("cleans up for ever", "import time\ntry: time.sleep(60)\nfinally: time.sleep(60)", GOES_ON),
    {
      name: "cleans up for a while",
      act: call("faults:tidy", [0.3], { deadline: HANG }),
      expected: late,
      reuse: "reused"
    },
    {
      name: "swallows the exception, and answers",
      act: call("faults:stubborn", [], { deadline: HANG }),
      expected: late,
      reuse: "reused"
    },
    stuck(
      "blocks all signals",
      `import signal, time
signal.pthread_sigmask(signal.SIG_BLOCK, range(1, signal.NSIG))
time.sleep(60)`,
      GOES_ON
    ),
    stuck(
      "ignores the doorbell while it runs",
      `import signal, time
signal.signal(signal.SIGUSR1, signal.SIG_IGN)
time.sleep(60)`,
      GOES_ON
    ),
    stuck(
      "has the doorbell end the process",
      `import signal, time
signal.signal(signal.SIGUSR1, signal.SIG_DFL)
time.sleep(60)`,
      /SIGUSR1/
    ),
    then(
      "ignored the doorbell before",
      "import signal; signal.signal(signal.SIGUSR1, signal.SIG_IGN)",
      SLEEP
    ),
    then(
      "had the doorbell end the process before",
      "import signal; signal.signal(signal.SIGUSR1, signal.SIG_DFL)",
      SLEEP
    ),
    then(
      "had a handler of its own before",
      "import signal; signal.signal(signal.SIGUSR1, lambda *_: None)",
      SLEEP
    ),
    {
      ...then(
        "holds on to the interpreter for longer than it may",
        "import sys; sys.setswitchinterval(1000)",
        "while True: pass"
      ),
      spent: true
    },
    then("sleep, after a clock that jumped", "import time; time.time = lambda: 0", SLEEP),
    silent("native code that computes", call("faults:compute"), "gil-held", /faults\.py:\d+ in compute/),
    silent(
      "native code that sleeps with the lock",
      call("sample:hold", [600]),
      "blocked",
      /sample\.py:\d+ in hold/
    ),
    silent("stopped", exec("import os, signal; os.kill(os.getpid(), signal.SIGSTOP)"), "stopped"),
    {
      name: "has an alarm of its own",
      act: exec(`import signal, time
def ring(*_): raise TimeoutError("own alarm")
signal.signal(signal.SIGALRM, ring)
signal.setitimer(signal.ITIMER_REAL, 0.05)
time.sleep(60)`),
      expected: raised("TimeoutError", { message: "own alarm" }),
      reuse: "reused"
    },
    { name: "input()", act: call("builtins:input"), expected: raised("EOFError"), reuse: "reused" },
    {
      name: "reads standard input",
      act: exec("import sys; sys.stdin.read()"),
      expected: nothing,
      reuse: "reused"
    },
    { name: "breakpoint()", act: call("builtins:breakpoint"), expected: nothing, reuse: "reused" },
    {
      name: "a debugger",
      act: exec("import pdb; pdb.set_trace()\nx = 1"),
      expected: either(raised("bdb.BdbQuit"), nothing),
      reuse: "reused"
    },
    {
      name: "a module that does not come to its end",
      act: importing("endless", "import time; time.sleep(60); value = 1", { deadline: HANG }),
      expected: late,
      reuse: "reused"
    },
    {
      name: "a module that takes its time",
      act: importing("slow", "import time; time.sleep(0.5); value = 1"),
      expected: value(1),
      reuse: "reused"
    },
    {
      name: "results that come just when they are not wanted any more",
      act: (pool) =>
        Effect.forEach(
          Array.from({ length: 60 }, (_, index) => index),
          (index) => Effect.result(pool.call("time:sleep", [0.02], { deadline: 18 + (index % 8) })),
          { discard: true }
        ),
      expected: value(undefined),
      reuse: "reused"
    }
  ]
}
