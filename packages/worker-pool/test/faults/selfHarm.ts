/** What user code does to its own process: threads, forks, descriptors, patches. What it leaves behind makes the worker dirty. */
import type { Expected, Fault, Section } from "./Fault.ts"
import { call, either, evaluate, exec, invalid, nothing, raised, value } from "./Fault.ts"

/** Leaves something behind; `left` is what the worker must tell of it. */
const leaves = (
  name: string,
  source: string,
  left: ReadonlyArray<string> = [],
  expected: Expected = nothing
): Fault => ({
  name,
  act: exec(source),
  expected,
  reuse: "dirty",
  left
})

const clean = (name: string, source: string, expected: Expected = nothing): Fault => ({
  name,
  act: exec(source),
  expected,
  reuse: "reused"
})

const gives = (name: string, act: Fault["act"], expected: unknown): Fault => ({
  name,
  act,
  expected: value(expected),
  reuse: "reused"
})

export const selfHarm: Section<Fault> = {
  name: "self-harm",
  faults: [
    leaves(
      "threads that outlive the call",
      "import threading, time\nfor _ in range(5): threading.Thread(target=time.sleep, args=(600,)).start()",
      ["threads"]
    ),
    leaves(
      "daemon threads that outlive the call",
      "import threading, time\nfor _ in range(5): threading.Thread(target=time.sleep, args=(600,), daemon=True).start()",
      ["threads"]
    ),
    leaves(
      "a thread that computes for ever",
      "import threading\ndef spin():\n  while True: pass\nthreading.Thread(target=spin, daemon=True).start()",
      ["threads"]
    ),
    leaves("a timer that fires later", "import os, threading; threading.Timer(600, os._exit, [1]).start()", [
      "threads"
    ]),
    ...["return", "raise", "exit", "wait", "_exit"].map((how) =>
      gives(
        `forks: the copy ends by ${how}`,
        call("faults:fork", [how]),
        { return: 0, raise: 256, exit: 768, wait: 0, _exit: 1024 }[how]
      )
    ),
    gives("forks: the copy outlives the call", call("faults:orphan", [0.3]), "forked"),
    gives(
      "forks in another thread",
      exec("import faults; faults.in_thread(lambda: faults.fork('_exit'))"),
      null
    ),
    leaves("20 zombies", "import os\nfor _ in range(20):\n  if os.fork() == 0: os._exit(0)", ["children"]),
    gives(
      "a pool of multiprocessing that forks",
      evaluate(
        "[p.map(double, [1, 2]) for p in [__import__('multiprocessing').get_context('fork').Pool(2)]][0]"
      ),
      [2, 4]
    ),
    gives(
      "a pool of multiprocessing that spawns",
      exec(
        "import multiprocessing as m, faults\nwith m.get_context('spawn').Pool(1) as p: assert p.map(faults.double, [1, 2]) == [2, 4]"
      ),
      null
    ),
    gives(
      "a pool of processes of concurrent.futures",
      exec(
        "from concurrent.futures import ProcessPoolExecutor as P\nimport multiprocessing as m, faults\nwith P(1, m.get_context('fork')) as p: assert p.submit(faults.double, 2).result() == 4"
      ),
      null
    ),
    gives(
      "a pool of threads",
      exec(
        "from concurrent.futures import ThreadPoolExecutor as P\nwith P(4) as p: assert list(p.map(abs, [-1, 2])) == [1, 2]"
      ),
      null
    ),
    {
      name: "no descriptors left",
      act: call("faults:exhaust"),
      expected: raised("OSError", { errno: 24 }),
      reuse: "dirty",
      left: ["descriptors"]
    },
    {
      name: "becomes the leader of a session, which it is",
      act: exec("import os; os.setsid()"),
      expected: raised("PermissionError"),
      reuse: "reused"
    },
    {
      name: "leaves its process group, which it cannot",
      act: exec("import os; os.setpgid(0, os.getppid())"),
      expected: raised("PermissionError"),
      reuse: "reused"
    },
    clean(
      "a child in a session of its own that ends",
      "import subprocess; subprocess.Popen(['sleep', '0.2'], start_new_session=True)"
    ),
    leaves("another working folder", "import os; os.chdir('/')", ["cwd"]),
    leaves(
      "a working folder that is gone",
      "import os, tempfile; d = tempfile.mkdtemp(); os.chdir(d); os.rmdir(d)",
      ["cwd"]
    ),
    leaves("an empty environment", "import os; os.environ.clear()", ["environ"]),
    leaves("another umask", "import os; os.umask(0o777)", ["umask"]),
    leaves("an empty sys.path", "import sys; sys.path.clear()"),
    leaves("another locale", "import locale; locale.setlocale(locale.LC_ALL, 'C')"),
    leaves(
      "os without its functions",
      "import os\nfor n in ('write', 'read', 'close', 'getpid', '_exit', 'kill', 'killpg', 'getcwd', 'listdir'): setattr(os, n, None)"
    ),
    leaves(
      "time without its functions",
      "import time; time.sleep = time.monotonic = time.time = time.perf_counter = None"
    ),
    leaves(
      "threading without its classes",
      "import threading, _thread; threading.Thread = threading.Lock = _thread.allocate_lock = _thread.start_new_thread = None"
    ),
    leaves(
      "pickle, json and struct without their functions",
      "import pickle, json, struct, io; pickle.Pickler = pickle.Unpickler = pickle.dumps = json.dumps = json.loads = struct.pack = io.BytesIO = None"
    ),
    leaves(
      "signal without its functions",
      "import signal; signal.signal = signal.getsignal = signal.pthread_kill = None"
    ),
    leaves(
      "traceback and linecache without their functions",
      "import traceback, linecache; traceback.extract_tb = linecache.getline = None"
    ),
    leaves("print replaced", "import builtins, faults; builtins.print = faults.raising"),
    leaves("sys.modules cleared", "import sys; sys.modules.clear()", ["modules"]),
    leaves(
      "sys without its hooks",
      "import sys; sys.excepthook = sys.unraisablehook = sys.displayhook = None"
    ),
    leaves(
      "its own module without its functions",
      "import faults\nfor n in ('os', 'sys', 'time', 'evaluate'): delattr(faults, n)"
    ),
    leaves("garbage is not collected any more", "import gc; gc.disable()", ["gc"]),
    clean("garbage is collected all the time", "import gc; gc.set_threshold(1)"),
    leaves("holds on to the interpreter", "import sys; sys.setswitchinterval(1000)", ["switch-interval"]),
    leaves(
      "blocks all signals",
      "import signal; signal.pthread_sigmask(signal.SIG_BLOCK, range(1, signal.NSIG))",
      ["signals"]
    ),
    leaves(
      "ignores the runtime's signals",
      "import signal\nfor n in (signal.SIGUSR1, signal.SIGUSR2): signal.signal(n, signal.SIG_IGN)"
    ),
    leaves("another sys.stdout", "import io, sys; sys.stdout = io.StringIO()", ["streams"]),
    leaves("descriptors that it never closes", "import os; [os.dup(1) for _ in range(20)]", ["descriptors"]),
    leaves("another sys.modules", "import sys; sys.modules = {}", ["modules"]),
    leaves("another os.environ", "import os; os.environ = {}", ["environ"]),
    leaves("a child that lives on", "import subprocess; subprocess.Popen(['sleep', '600'])", ["children"]),
    {
      name: "builtins without what every function uses",
      act: exec("import builtins; builtins.type = builtins.len = builtins.isinstance = None"),
      expected: nothing,
      reuse: "reused",
      spent: true,
      // The event loop is Python's own, and needs them.
      alone: true
    },
    leaves("switches threads all the time", "import sys; sys.setswitchinterval(1e-6)"),
    leaves(
      "a trace function that raises",
      "import faults, sys; sys.settrace(faults.raising)",
      ["trace"],
      either(nothing, raised("RuntimeError"))
    ),
    leaves(
      "a trace function for new threads that raises",
      "import faults, threading; threading.settrace(faults.raising)"
    ),
    leaves(
      "a profile function that raises",
      "import faults, sys; sys.setprofile(faults.raising)",
      [],
      either(nothing, raised("RuntimeError"))
    ),
    leaves("a profile function", "import sys; sys.setprofile(lambda *_: None)", ["profile"]),
    leaves("hardly any recursion", "import sys; sys.setrecursionlimit(60)", ["recursion-limit"]),
    leaves("warnings that are errors", "import warnings; warnings.simplefilter('error')"),
    leaves("no fault handler", "import faulthandler; faulthandler.disable()"),
    leaves(
      "a descriptor that signals wake up",
      "import os, signal; r, w = os.pipe(); os.set_blocking(w, False); signal.set_wakeup_fd(w)",
      ["descriptors"]
    ),
    leaves(
      "children of which it is never told",
      "import signal; signal.signal(signal.SIGCHLD, signal.SIG_IGN)",
      ["signals"]
    ),
    leaves(
      "an import hook that raises",
      "import sys\nclass Finder:\n  def find_spec(self, *_): raise RuntimeError('no imports')\nsys.meta_path.insert(0, Finder())"
    ),
    leaves("hooks for its end that hang", "import atexit, time; atexit.register(time.sleep, 600)"),
    leaves("a low priority", "import os; os.nice(5)"),
    leaves(
      "an event loop that is closed",
      "import asyncio; l = asyncio.new_event_loop(); asyncio.set_event_loop(l); l.close()"
    ),
    {
      name: "a fork that ends in the runtime's hands",
      act: exec("import os\nif os.fork() == 0: raise SystemExit(2)\nos.wait()"),
      expected: nothing,
      reuse: "reused"
    },
    {
      name: "a file of its own that names no function",
      act: call("faults:held"),
      expected: invalid("target"),
      reuse: "reused"
    }
  ]
}
