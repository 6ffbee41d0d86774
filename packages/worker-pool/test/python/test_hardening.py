"""What user code does to the process it runs in must not hurt the calls that come after."""

import unittest

from driver import CANCEL, ERROR, HERE, PING, PONG, Worker, until

# What is done, and what the worker then says of itself; each in a worker of its own.
HARMS = {
    "time": ("import time\nfor name in dir(time): setattr(time, name, None)", None),
    "os": ("import os\nfor name in dir(os): setattr(os, name, None)", None),
    "posix": ("import posix\nfor name in dir(posix): setattr(posix, name, None)", None),
    "threads": ("import threading, _thread\nfor m in threading, _thread:\n  for n in dir(m): setattr(m, n, None)", None),
    "signal": ("import signal, _signal\nfor m in signal, _signal:\n  for n in dir(m): setattr(m, n, None)", None),
    "pickle": ("import pickle, _pickle\nfor m in pickle, _pickle:\n  for n in dir(m): setattr(m, n, None)", None),
    "json": ("import json\nfor c in json.JSONEncoder, json.JSONDecoder:\n  c.encode = c.decode = c.iterencode = c.default = c.raw_decode = None", None),
    "struct": ("import struct, _struct\nfor m in struct, _struct:\n  for n in dir(m): setattr(m, n, None)", None),
    "sys": ("import sys\nfor name in ('gettrace', 'settrace', 'getprofile', 'setprofile', 'exc_info', 'getrecursionlimit', 'setrecursionlimit', 'getswitchinterval', 'setswitchinterval', 'exit', 'intern'): setattr(sys, name, None)", None),
    "linecache": ("import linecache, traceback\nfor m in linecache, traceback:\n  for n in dir(m): setattr(m, n, None)", None),
    "builtins": ("import builtins\nfor name in dir(builtins):\n  if name not in ('__import__', '__build_class__', '__debug__', '__spec__', '__loader__', '__name__'): setattr(builtins, name, None)", None),
    "print": ("import builtins\ndef boom(*a, **k): raise RuntimeError\nfor n in ('print', 'open', 'len', 'isinstance', 'type', 'str', 'super'): setattr(builtins, n, boom)", None),
    "modules": ("import sys\nsys.modules.clear()", "modules"),
    "modules replaced": ("import sys\nsys.modules = {}", "modules"),
    "finders": ("import sys\nsys.meta_path.clear(); sys.path_hooks.clear(); sys.path_importer_cache.clear(); sys.path.clear()", None),
    "environ": ("import os\nos.environ.clear()", "environ"),
    "environ replaced": ("import os\nos.environ = {}", "environ"),
    "hooks": ("import sys, threading\nsys.excepthook = sys.unraisablehook = threading.excepthook = sys.displayhook = None", None),
    "descriptors": ("import os\ntry:\n  while True: os.dup(2)\nexcept OSError: pass", "descriptors"),
    "no descriptors": ("import resource\nresource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))", None),
    "switch interval": ("import sys\nsys.setswitchinterval(1000)", "switch-interval"),
    "short switch interval": ("import sys\nsys.setswitchinterval(1e-6)", "switch-interval"),
    "trace": ("import sys\ndef boom(*a): raise RuntimeError\nsys.settrace(boom)", None),
    "own trace": ("import sys\nsys.settrace(lambda *a: None)", "trace"),
    "own profile": ("import sys\nsys.setprofile(lambda *a: None)", "profile"),
    "profile": ("import sys\ndef boom(*a):\n  if a[1] == 'call': raise RuntimeError\nsys.setprofile(boom)", None),
    "recursion limit": ("import sys\nsys.setrecursionlimit(60)", "recursion-limit"),
    "high recursion limit": ("import sys\nsys.setrecursionlimit(100_000)", "recursion-limit"),
    "gc": ("import gc\ngc.disable()", "gc"),
    "gc callbacks": ("import gc\ndef boom(*a): raise RuntimeError\ngc.callbacks.append(boom); gc.set_threshold(1)", None),
    "signals blocked": ("import signal\nsignal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))", "signals"),
    "signals ignored": ("import signal\nfor n in range(1, 65):\n  try: signal.signal(n, signal.SIG_IGN)\n  except (OSError, ValueError): pass", "signals"),
    "signals by default": ("import signal\nfor n in range(1, 65):\n  try: signal.signal(n, signal.SIG_DFL)\n  except (OSError, ValueError): pass", "signals"),
    "a handler of SIGUSR2": ("import signal\nsignal.signal(signal.SIGUSR2, lambda *a: 1 / 0)", "signals"),
    "wakeup fd": ("import os, signal\nr, w = os.pipe(); os.set_blocking(w, False); signal.set_wakeup_fd(w)", "descriptors"),
    "standard streams closed": ("import os\nfor fd in 0, 1, 2: os.close(fd)", None),
    "standard streams None": ("import sys\nsys.stdin = sys.stdout = sys.stderr = sys.__stdout__ = sys.__stderr__ = None", "streams"),
    "standard streams shut": ("import sys\nsys.stdout.close(); sys.stderr.close()", None),
    "standard streams wild": ("import sys\nclass Wild:\n  def __getattribute__(self, name): raise RuntimeError\nsys.stdout = sys.stderr = Wild()", "streams"),
    "deleted folder": ("import os, tempfile\npath = tempfile.mkdtemp(); os.chdir(path); os.rmdir(path)", "cwd"),
    "umask": ("import os\nos.umask(0o777)", "umask"),
    "locale": ("import locale\nlocale.setlocale(locale.LC_ALL, '')", None),
    "warnings": ("import warnings\nwarnings.simplefilter('error')", None),
    "event loop": ("import asyncio\nasyncio.set_event_loop(None)\nfor n in ('new_event_loop', 'get_event_loop', 'set_event_loop', 'wait', 'Task'): setattr(asyncio, n, None)", None),
    "threads left": ("import threading, time\nfor _ in range(5): threading.Thread(target=time.sleep, args=(600,)).start()", "threads"),
    "children left": ("import subprocess\nsubprocess.Popen(['sleep', '600'])", "children"),
    "zombies left": ("import os\nfor _ in range(20):\n  if not os.fork(): os._exit(0)", "children"),
    "session of its own": ("import os\ntry: os.setsid()\nexcept OSError: pass", None),
    "fork that returns": ("import os\nif os.fork(): os.wait()", None),
    "timer": ("import signal\nsignal.signal(signal.SIGALRM, lambda *a: None); signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)", "signals"),
    "dump later": ("import faulthandler\nfaulthandler.disable(); faulthandler.cancel_dump_traceback_later()", None),
    "contexts": ("import contextvars, decimal\ndecimal.getcontext().prec = 1", None),
    "frozen gc": ("import gc\ngc.freeze()", None),
}


class Harms(unittest.TestCase):
    def harmed(self, source, told):
        with Worker(path=[HERE]) as worker:
            # Loaded before: whether a broken interpreter still imports is the user's affair.
            worker.ask("operator:add", 1, 2)
            worker.fails("plain_failure")
            self.serves(worker)
            call = worker.call("builtins:exec", source, {})
            kind, got, value = worker.receive()
            self.assertEqual(got, call)
            if kind == ERROR:
                self.assertEqual(value["code"], "raised", value)
            self.serves(worker)
            if told:
                self.assertTrue(until(lambda: worker.ask("operator:add", 1, 2) and told in worker.report["dirty"]), worker.report)
            self.assertEqual(worker.ask("operator:add", 1, 2), 3)
            self.assertEqual(worker.shutdown(), 0)

    def serves(self, worker):
        self.assertEqual(worker.ask("operator:add", 1, 2), 3)
        failed = worker.fails("plain_failure")
        self.assertEqual((failed.code, failed.error["type"]), ("raised", "ValueError"))
        self.assertEqual(failed.error["frames"][-1][2], "plain_failure")
        for target in ("nap", "turn"):
            call = worker.call(target, 60)
            worker.send(PING)
            self.assertEqual(worker.receive()[0], PONG)
            worker.send(CANCEL, call)
            if target == "turn":
                worker.ring()
            kind, got, value = worker.receive()
            self.assertEqual((kind, got, value["code"]), (ERROR, call, "cancelled"))


class Memory(unittest.TestCase):
    def test_who_keeps_all_there_is_does_not_end_the_worker(self):
        for what in ("large", "medium", "small"):
            with self.subTest(what), Worker(limits={"memory": 128 << 20}) as worker:
                worker.ask("operator:add", 1, 2)
                worker.ask("hoard", what)
                self.assertEqual(worker.ask("operator:add", 1, 2), 3)
                failed = worker.fails("operator:mul", "x", 5_000_000)
                self.assertEqual(failed.code, "oom")
                self.assertIn("%d bytes" % (128 << 20), failed.error["message"])
                worker.ask("give_back")
                self.assertEqual(len(worker.ask("operator:mul", "x", 5_000_000)), 5_000_000)

    def test_a_call_too_large_to_receive_is_one_error(self):
        with Worker(limits={"memory": 128 << 20}) as worker:
            failed = worker.fails("operator:add", "x" * (130 << 20), "")
            self.assertEqual((failed.code, failed.started), ("oom", False))
            self.assertEqual(worker.ask("operator:add", 1, 2), 3)


for name, (source, told) in HARMS.items():

    def test(self, source=source, told=told):
        self.harmed(source, told)

    setattr(Harms, "test_" + name.replace(" ", "_"), test)

if __name__ == "__main__":
    unittest.main()
