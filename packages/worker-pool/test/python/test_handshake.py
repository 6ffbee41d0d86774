import json
import os
import stat
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from driver import BOOT, FATAL, HELLO, HERE, Gone, Worker, frame

VERSIONS = Path.home() / ".pyenv" / "versions"


def boot_line(worker):
    data = b""
    while not data.endswith(b"\n"):
        data += worker.out.recv(4096) or b"\n"
    assert data.startswith(b"FWBOOT "), data
    return json.loads(data[7:].decode())


class Handshake(unittest.TestCase):
    def test_hello_says_who_it_is_and_ready_follows_init(self):
        with Worker() as worker:
            hello = worker.hello
            self.assertEqual(hello["proto"], 1)
            self.assertEqual(hello["python"], list(sys.version_info[:3]))
            self.assertEqual((hello["impl"], hello["platform"]), ("cpython", "linux"))
            self.assertEqual((hello["pid"], hello["ppid"]), (worker.pid, os.getpid()))
            self.assertEqual((hello["token"], hello["codecs"]), ("t0ken", ["pickle", "json"]))
            self.assertEqual(os.path.realpath(hello["exe"]), os.path.realpath(sys.executable))
            self.assertGreater(worker.ready["ms"], 0)

    def test_shutdown_says_bye_and_leaves_with_0(self):
        with Worker() as worker:
            worker.ask("evaluate", "print('unflushed', end='')")
            self.assertEqual(worker.shutdown(), 0)
            self.assertEqual(worker.output(), ("unflushed", ""))

    def test_shutdown_waits_for_the_calls_before_it(self):
        with Worker() as worker:
            call = worker.call("sleep", 0.1)
            worker.send(0x08)
            self.assertEqual(worker.result(call), "slept")
            worker.expect(0x8A)
            self.assertEqual(worker.wait(), 0)

    def test_user_code_sees_its_own_path_and_no_trace_of_the_runtime(self):
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "boot.py").write_text("def mine():\n    return 'my boot'\n")
            Path(folder, "_codec.py").write_text("def mine():\n    return 'my codec'\n")
            with Worker(path=[folder, HERE]) as worker:
                self.assertEqual(worker.ask("boot:mine"), "my boot")
                self.assertEqual(worker.ask("_codec:mine"), "my codec")
                path = worker.ask("evaluate", "sys.path")
                self.assertEqual(path[:2], [folder, HERE])
                self.assertNotIn(os.path.dirname(BOOT), path)
                self.assertIsNone(worker.ask("os:getenv", "FIREWEED_TOKEN"))

    def test_isolated_mode(self):
        with Worker(argv=[sys.executable, "-I", "-u", "-S", BOOT]) as worker:
            self.assertEqual(worker.ask("echo", 1), 1)

    def test_hostile_environments_still_come_up(self):
        hostile = {"PYTHONWARNINGS": "error", "LC_ALL": "C", "PYTHONIOENCODING": "utf-16", "PYTHONOPTIMIZE": "2"}
        for name, value in hostile.items():
            with self.subTest(name), Worker(env={name: value}) as worker:
                self.assertEqual(worker.ask("echo", "\u00e9"), "\u00e9")

    def test_low_limit_of_descriptors(self):
        for limit in (10, 64):
            argv = ["/bin/sh", "-c", 'ulimit -n %d; exec "$0" "$1"' % limit, sys.executable, BOOT]
            with self.subTest(limit), Worker(argv=argv) as worker:
                self.assertEqual(worker.ask("echo", 1), 1)

    def test_a_wrong_proto_is_fatal(self):
        with Worker(init=False) as worker:
            worker.expect(HELLO)
            worker.raw(frame(0x01, 0, b'{"proto": 2}'))
            report = worker.expect(FATAL)
            self.assertEqual(report["phase"], "init")
            self.assertIn("proto 1", report["message"])
            self.assertEqual(worker.wait(), 79)

    def test_without_descriptors_it_says_what_it_is(self):
        run = subprocess.run([sys.executable, BOOT], stdout=subprocess.PIPE, stderr=subprocess.PIPE, close_fds=True)
        self.assertEqual(run.returncode, 1)
        self.assertIn(b"started by a worker pool", run.stderr)


class TooOld(unittest.TestCase):
    def test_real_old_pythons(self):
        for name in ("2.7.18", "3.6.15", "3.7.16", "3.8.18"):
            exe = VERSIONS / name / "bin" / "python"
            if not exe.exists():
                continue
            with self.subTest(name), Worker(init=False, argv=[str(exe), BOOT]) as worker:
                report = boot_line(worker)
                have = [int(part) for part in name.split(".")]
                self.assertEqual(report["error"], "too-old")
                self.assertEqual((report["have"], report["need"]), (have, [3, 9]))
                self.assertEqual(os.path.realpath(report["exe"]), os.path.realpath(str(exe)))
                self.assertEqual(worker.wait(), 78)

    def test_a_python_that_says_it_is_old(self):
        with tempfile.TemporaryDirectory() as folder:
            fake = Path(folder, "old.py")
            source = "import sys, runpy\nsys.version_info = (3, 8, 1, 'final', 0)\n"
            fake.write_text(source + "runpy.run_path(%r, run_name='__main__')\n" % BOOT)
            exe = Path(folder, "python")
            exe.write_text('#!/bin/sh\nexec "%s" "%s"\n' % (sys.executable, fake))
            exe.chmod(exe.stat().st_mode | stat.S_IXUSR)
            with Worker(init=False, argv=[str(exe)]) as worker:
                self.assertEqual(boot_line(worker)["have"], [3, 8, 1])
                self.assertEqual(worker.wait(), 78)


class Violations(unittest.TestCase):
    """Each of these ends the worker with FATAL and status 79."""

    def expect_fatal(self, worker, word):
        report = worker.expect(FATAL)
        self.assertEqual(report["phase"], "runtime")
        self.assertIn(word, report["message"])
        self.assertRaises(Gone, worker.receive)
        self.assertEqual(worker.wait(), 79)
        self.assertEqual(worker.output(), ("", ""))

    def test_malformed_frames(self):
        good = bytearray(frame(0x02, 1, b"[]"))

        def bent(at, *values):
            data = bytearray(good)
            data[at : at + len(values)] = values
            return bytes(data)

        cases = [
            ("magic", bent(0, 0)),
            ("unknown kind", bent(2, 0x3F)),
            ("unknown kind", bent(2, 0x83)),
            ("reserved", bent(3, 0x03)),
            ("reserved", bent(14, 1)),
            ("buffers", bent(12, 1)),
            ("meta", bent(8, 3)),
            ("body", bent(8, 1)),
            ("limit", bent(21, 1)),  # 1 TiB
            ("id", bent(4, 0)),
            ("INIT", frame(0x01, 0, b'{"proto": 1}')),
            ("magic", b"\xff" * 24),
        ]
        for word, data in cases:
            with self.subTest(word, data=data), Worker() as worker:
                worker.raw(data)
                self.expect_fatal(worker, word)

    def test_the_limit_of_init_holds(self):
        with Worker(limits={"frame": 100}) as worker:
            worker.raw(frame(0x02, 1, b"[" + b" " * 100 + b"]"))
            self.expect_fatal(worker, "limit is 100")

    def test_an_id_in_use(self):
        with Worker() as worker:
            worker.call("sleep", 60)
            worker.last -= 1
            worker.call("sleep", 60)
            self.expect_fatal(worker, "in use")

    def test_a_call_before_init(self):
        with Worker(init=False) as worker:
            worker.expect(HELLO)
            worker.call("echo", 1)
            self.assertIn("before INIT", worker.expect(FATAL)["message"])
            self.assertEqual(worker.wait(), 79)

    def test_an_ignorable_kind_is_ignored(self):
        with Worker() as worker:
            worker.raw(frame(0x40, 9, b"whatever") + frame(0x7F))
            self.assertEqual(worker.ask("echo", 1), 1)

    def test_frames_in_pieces_and_in_heaps(self):
        with Worker() as worker:
            for byte in frame(0x02, 1, b'[["targets:echo",["slow"],null],null]'):
                worker.raw(bytes((byte,)))
            self.assertEqual(worker.result(1), "slow")
            worker.raw(b"".join(frame(0x02, i, b'[["targets:echo",[%d],null],null]' % i) for i in range(2, 2002)))
            for i in range(2, 2002):
                self.assertEqual(worker.result(i), i)


if __name__ == "__main__":
    unittest.main()
