"""The zygote, spoken to in frames: what it forks, what it refuses, whom it takes along."""

import os
import secrets
import signal
import socket
import sys
import tempfile
import time
import unittest

from driver import BOOT, FATAL, HELLO, INIT, PATIENCE, READY, SHUTDOWN, Gone, Worker, alive, until

FORK, KILL, FORKED, EXITED = 0x10, 0x11, 0x90, 0x91
SOON = 5  # seconds


class Zygote(Worker):
    """`modules` are written to a folder that comes first in its path: name -> text."""

    def __init__(self, preload=(), modules=None, init=True):
        self.folder = tempfile.TemporaryDirectory()
        for name, text in (modules or {}).items():
            with open(os.path.join(self.folder.name, name + ".py"), "w") as file:
                file.write(text)
        self.path = "\0fireweed-test-" + secrets.token_hex(16)
        self.server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.server.bind(self.path)
        self.server.listen(64)
        self.server.settimeout(PATIENCE)
        self.children = []
        here = os.path.dirname(os.path.abspath(__file__))
        path = [self.folder.name, here]
        Worker.__init__(self, argv=[sys.executable, BOOT, "zygote"], init=init, path=path, preload=list(preload))

    def fork(self, token=None, env=None, accept=True):
        """A forked worker that is ready."""
        token = token or secrets.token_hex(16)
        self.send(FORK, 0, {"token": token, "path": self.path, "env": {"FIREWEED_TOKEN": "nonce", **(env or {})}})
        answer = self.expect(FORKED)
        assert answer["token"] == token, answer
        if not accept or "pid" not in answer:
            return answer
        child = Forked(self, token, answer["pid"])
        self.children.append(child)
        return child

    def kill(self, child, number, group=False):
        self.send(KILL, 0, {"token": child.token, "signal": int(number), "group": group})

    def exited(self, child):
        report = self.expect(EXITED)
        assert report["token"] == child.token, report
        return report

    def dispose(self):
        for child in self.children:
            child.close()
        Worker.dispose(self)
        self.server.close()
        self.folder.cleanup()


class Forked(Worker):
    """One that connects back."""

    def __init__(self, zygote, token, pid):
        self.token, self.pid = token, pid
        self._data, self.last, self.report, self.errors = b"", 0, None, bytearray()
        streams = {}
        while len(streams) < 5:
            stream, _ = zygote.server.accept()
            greeting = b""
            while len(greeting) < 17:
                greeting += stream.recv(17 - len(greeting))
            assert greeting[:16].hex() == token
            streams[greeting[16]] = stream
        self.to, self.out, self.life, self.stdout, self.stderr = (streams[role] for role in range(5))
        self.life.sendall(b"\x01")
        self.hello = self.expect(HELLO)
        self.initialise({}, [os.path.dirname(os.path.abspath(__file__))])
        self.ready = self.expect(READY)

    def close(self):
        for stream in (self.to, self.out, self.life, self.stdout, self.stderr):
            stream.close()


class Forking(unittest.TestCase):
    def zygote(self, *args, **kwargs):
        zygote = Zygote(*args, **kwargs)
        self.addCleanup(zygote.dispose)
        return zygote

    def test_a_worker_is_a_copy_with_all_that_is_a_workers_own(self):
        zygote = self.zygote(["prepared"], {"prepared": "import os\nBY = os.getpid()\nDATA = [{} for _ in range(1000)]\n"})
        one, two = zygote.fork(env={"WHO": "one"}), zygote.fork(env={"WHO": "two"})
        for child, who in ((one, "one"), (two, "two")):
            self.assertEqual(child.hello["token"], "nonce")
            self.assertEqual(child.hello["pid"], child.pid)
            self.assertEqual(child.ask("evaluate", "__import__('os').getppid()"), zygote.pid)
            self.assertEqual(child.ask("evaluate", "__import__('prepared').BY"), zygote.pid)
            self.assertEqual(child.ask("evaluate", "__import__('os').getpgid(0)"), child.pid)
            self.assertEqual(child.ask("evaluate", "__import__('os').getsid(0)"), child.pid)
            self.assertEqual(child.ask("evaluate", "__import__('os').environ['WHO']"), who)
            self.assertNotIn("FIREWEED_TOKEN", child.ask("evaluate", "list(__import__('os').environ)"))
            self.assertTrue(child.ask("evaluate", "__import__('gc').isenabled()"))
            self.assertGreater(child.ask("evaluate", "__import__('gc').get_freeze_count()"), 1000)
            self.assertEqual(child.ask("evaluate", "__import__('sys').argv[1:]"), [])
        draw = "__import__('random').random()"
        self.assertNotEqual(one.ask("evaluate", draw), two.ask("evaluate", draw))

    def test_a_worker_holds_no_descriptor_of_the_zygote_nor_of_another(self):
        zygote = self.zygote()
        children = [zygote.fork() for _ in range(3)]
        count = "len(__import__('os').listdir('/proc/self/fd'))"
        self.assertEqual(len({child.ask("evaluate", count) for child in children}), 1)
        # The end of a stream is seen at once, since nobody else holds it.
        children[0].ask("evaluate", "1")
        zygote.kill(children[0], signal.SIGKILL)
        zygote.exited(children[0])
        self.assertEqual(children[0].out.recv(1), b"")

    def test_handlers_and_paths_are_as_the_preload_left_them(self):
        text = "import signal, sys\nsignal.signal(signal.SIGCHLD, signal.SIG_IGN)\nsignal.signal(signal.SIGALRM, print)\nsys.path.insert(0, '/mine')\n"
        child = self.zygote(["prepared"], {"prepared": text}).fork()
        self.assertEqual(child.ask("evaluate", "__import__('signal').getsignal(17).name"), "SIG_IGN")
        self.assertTrue(child.ask("evaluate", "__import__('signal').getsignal(14) is print"))
        self.assertIn("/mine", child.ask("evaluate", "__import__('sys').path"))

    def test_the_end_of_a_worker_is_told_as_it_was(self):
        zygote = self.zygote()
        for expression, code, name in (
            ("__import__('os')._exit(3)", 3, None),
            ("__import__('os')._exit(0)", 0, None),
            ("__import__('os').abort()", None, "SIGABRT"),
            ("__import__('os').kill(__import__('os').getpid(), 35)", None, "SIG35"),
        ):
            child = zygote.fork()
            child.call("evaluate", expression)
            report = zygote.exited(child)
            self.assertEqual((report["code"], report["signal"]), (code, name), expression)
            self.assertGreater(report["maxrss"], 1 << 20)
            self.assertGreaterEqual(report["cpu"], 0)
            self.assertFalse(alive(child.pid))

    def test_signals_go_to_the_named_worker_and_to_nobody_when_it_is_gone(self):
        zygote = self.zygote()
        one, two = zygote.fork(), zygote.fork()
        sleeper = one.ask("grandchild")
        zygote.kill(one, signal.SIGKILL, group=True)
        self.assertEqual(zygote.exited(one)["signal"], "SIGKILL")
        self.assertTrue(until(lambda: not alive(sleeper), SOON))
        zygote.kill(one, signal.SIGKILL, group=True)
        self.assertEqual(two.ask("evaluate", "1 + 1"), 2)

    def test_one_that_is_not_wanted_any_more_leaves(self):
        zygote = self.zygote()
        answer = zygote.fork(accept=False)
        for stream in [zygote.server.accept()[0] for _ in range(5)]:
            stream.close()
        report = zygote.expect(EXITED)
        self.assertEqual((report["token"], report["code"]), (answer["token"], 70))

    def test_one_that_cannot_connect_says_so(self):
        zygote = self.zygote()
        zygote.server.close()
        zygote.fork(accept=False)
        self.assertEqual(zygote.expect(EXITED)["code"], 71)

    def test_an_idle_zygote_does_not_wake_up(self):
        zygote = self.zygote()
        child = zygote.fork()
        child.ask("evaluate", "1")

        def switches(pid):
            with open("/proc/%d/status" % pid) as file:
                return [line for line in file if line.startswith("voluntary")]

        time.sleep(0.2)
        before = switches(zygote.pid), switches(child.pid)
        time.sleep(1)
        self.assertEqual((switches(zygote.pid), switches(child.pid)), before)


class Refusing(unittest.TestCase):
    def test_threads_of_a_preload_and_who_started_them(self):
        thread = "import threading\nthreading.Thread(target=threading.Event().wait, daemon=True, name=%r).start()\n"
        modules = {"quiet": "", "loud": thread % "ticker"}
        with Zygote(["quiet", "loud"], modules) as zygote:
            answer = zygote.fork()
            self.assertNotIn("pid", answer)
            self.assertIn("'loud'", answer["refused"])
            self.assertIn("ticker", answer["refused"])
            self.assertNotIn("quiet", answer["refused"])

    def test_a_thread_that_has_ended_is_no_obstacle(self):
        text = "import threading\nt = threading.Thread(target=print)\nt.start()\nt.join()\n"
        with Zygote(["brief"], {"brief": text}) as zygote:
            self.assertEqual(zygote.fork().ask("evaluate", "1"), 1)

    def test_a_preload_that_fails(self):
        with Zygote(["broken"], {"broken": "raise ValueError('no')"}, init=False) as zygote:
            zygote.expect(HELLO)
            zygote.send(INIT, 0, {"proto": 1, "path": [zygote.folder.name], "preload": ["broken"]})
            fatal = zygote.expect(FATAL)
            self.assertEqual(fatal["phase"], "init")
            self.assertIn("'broken'", fatal["message"])
            self.assertEqual(fatal["error"]["type"], "ValueError")
            self.assertEqual(zygote.wait(SOON), 79)

    def test_a_parent_that_breaks_the_protocol(self):
        for kind, meta in ((FORK, {"token": 1}), (FORK, {"token": "t", "path": 1}), (KILL, {}), (INIT, {"proto": 1}), (0x02, None)):
            with self.subTest(kind=kind, meta=meta), Zygote() as zygote:
                child = zygote.fork()
                zygote.send(kind, 0, meta)
                self.assertEqual(zygote.expect(FATAL)["phase"], "runtime")
                self.assertEqual(zygote.wait(SOON), 79)
                # Its workers are none of its business now.
                self.assertEqual(child.ask("evaluate", "2"), 2)


class Ending(unittest.TestCase):
    def doomed(self):
        """A zygote, and all that lives below it: workers in several states, a grandchild in the group, one that detached itself."""
        helper = "import subprocess\nPID = subprocess.Popen(['sleep', '600'], start_new_session=True).pid\n"
        zygote = Zygote(["helper"], {"helper": helper})
        self.addCleanup(zygote.dispose)
        idle, busy, stuck, stopped = (zygote.fork() for _ in range(4))
        pids = [child.pid for child in (idle, busy, stuck, stopped)]
        pids += [idle.ask("evaluate", "__import__('helper').PID"), idle.ask("grandchild"), idle.ask("evaluate", DETACH)]
        busy.call("sleep", 600)
        stuck.call("hold_gil", 600)
        os.kill(stopped.pid, signal.SIGSTOP)
        self.assertTrue(all(map(alive, pids)))
        for pid in pids:
            self.addCleanup(_kill, pid)
        return zygote, pids

    def check(self, leave, before=lambda zygote: None):
        zygote, pids = self.doomed()
        before(zygote)
        leave(zygote)
        self.assertTrue(until(lambda: not any(map(alive, pids)), SOON), [pid for pid in pids if alive(pid)])
        self.assertEqual(zygote.wait(SOON), 0)

    def test_it_is_asked_to_leave(self):
        self.check(lambda zygote: zygote.send(SHUTDOWN))

    def test_its_stream_ends(self):
        self.check(lambda zygote: zygote.to.close())

    def test_the_parent_dies(self):
        self.check(_abandon)

    def test_the_parent_dies_while_the_zygote_is_stopped(self):
        self.check(_abandon, lambda zygote: os.kill(zygote.pid, signal.SIGSTOP))

    def test_the_parent_dies_during_the_preload(self):
        with Zygote(init=False) as zygote:
            zygote.expect(HELLO)
            text = "from time import sleep\nprint('importing', flush=True)\nsleep(600)"
            with open(os.path.join(zygote.folder.name, "slow.py"), "w") as file:
                file.write(text)
            zygote.send(INIT, 0, {"proto": 1, "path": [zygote.folder.name], "preload": ["slow"]})
            self.assertTrue(until(lambda: b"importing" in zygote.printed))
            zygote.life.close()
            self.assertEqual(zygote.wait(SOON), -signal.SIGKILL)

    def test_what_a_dead_worker_detached_is_ended_and_what_a_living_one_did_is_not(self):
        with Zygote() as zygote:
            one, two = zygote.fork(), zygote.fork()
            ours, theirs = one.ask("evaluate", DETACH), two.ask("evaluate", DETACH)
            self.addCleanup(_kill, theirs)
            zygote.kill(one, signal.SIGTERM)
            zygote.exited(one)
            self.assertTrue(until(lambda: not alive(ours), SOON))
            time.sleep(0.1)
            self.assertTrue(alive(theirs))

    def test_a_zygote_that_is_killed_leaves_its_workers_alone_and_they_end_with_the_parent(self):
        with Zygote() as zygote:
            child = zygote.fork()
            os.kill(zygote.pid, signal.SIGKILL)
            zygote.wait()
            self.assertEqual(child.ask("evaluate", "2 + 2"), 4)
            child.life.close()
            with self.assertRaises(Gone):
                child.receive()


DETACH = (
    "int(__import__('subprocess').Popen([__import__('sys').executable, '-c', "
    "'import os, time\\nif os.fork(): os._exit(0)\\nos.setsid()\\nprint(os.getpid(), flush=True)\\ntime.sleep(600)'], "
    "stdout=-1).stdout.readline())"
)


def _abandon(zygote):
    for child in zygote.children:
        child.close()
    for end in (zygote.life, zygote.to, zygote.out):
        end.close()


def _kill(pid):
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


if __name__ == "__main__":
    unittest.main()
