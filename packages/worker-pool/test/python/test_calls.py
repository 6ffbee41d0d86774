import os
import sys
import tempfile
import time
import unittest
from pathlib import Path

from driver import BOOT, CALL, ERROR, PING, PONG, Failed, Gone, Worker, alive, frame, until


class Shared(unittest.TestCase):
    """Cases that must leave the worker usable: they share one, and each ends with a call that works."""

    @classmethod
    def setUpClass(cls):
        cls.worker = Worker()

    @classmethod
    def tearDownClass(cls):
        cls.worker.dispose()

    def setUp(self):
        if self.worker.status is not None:
            type(self).worker = Worker()

    def tearDown(self):
        self.assertEqual(self.worker.ask("echo", "still here"), "still here")
        self.assertTrue(self.worker.quiet(0))

    def ask(self, *args, **opts):
        return self.worker.ask(*args, **opts)

    def failure(self, code, *args, **opts):
        failed = self.worker.fails(*args, **opts)
        self.assertEqual(failed.code, code, failed.report)
        return failed


class Targets(Shared):
    def test_arguments_and_keywords(self):
        self.assertEqual(self.ask("echo", 1, "b", [None]), [1, "b", [None]])
        self.assertEqual(self.ask("echo", 1, kwargs={"a": 2}), [[1], {"a": 2}])
        self.assertEqual(self.ask("math:hypot", 3, 4), 5.0)

    def test_qualified_names(self):
        self.assertEqual(self.ask("Nested.double", 4), 8)
        self.assertEqual(self.ask("os.path:basename", "/a/b"), "b")

    def test_targets_that_are_not_there(self):
        for target, word in (
            ("no_such_module:x", "no module named 'no_such_module'"),
            ("os.nothing:x", "no module named 'os.nothing'"),
            ("targets:nothing", "has no 'nothing'"),
            ("targets:echo.nothing", "has no"),
            ("targets:NOT_CALLABLE", "not callable"),
            ("targets:", "neither"),
            (":echo", "neither"),
            ("/no/such/file.py:x", "no Python file"),
            ("a b:x", "not the name of a module"),
            ("..x:y", "not the name of a module"),
        ):
            with self.subTest(target):
                failed = self.failure("target", target)
                self.assertFalse(failed.started)
                self.assertIn(word, failed.report["message"])

    def test_a_file_by_its_path(self):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "json.py")
            path.write_text("count = 0\ndef up():\n    global count\n    count += 1\n    return count\n")
            self.assertEqual([self.ask("%s:up" % path) for _ in range(3)], [1, 2, 3])
            self.assertEqual(self.ask("json:loads", "[1]"), [1])

    def test_a_module_that_fails_at_import_is_a_failure_of_that_call(self):
        with tempfile.TemporaryDirectory() as folder:
            cases = {
                "raises": ("1 / 0", "raised", "ZeroDivisionError"),
                "leaves": ("import sys; sys.exit(3)", "exit", "SystemExit"),
                "imports": ("import no_such_thing", "raised", "ModuleNotFoundError"),
                "broken": ("def f(:\n", "raised", "SyntaxError"),
            }
            for name, (source, code, kind) in cases.items():
                path = Path(folder, name + ".py")
                path.write_text(source)
                for _ in range(2):
                    failed = self.failure(code, "%s:f" % path)
                    self.assertEqual(failed.error["type"], kind)
                    self.assertFalse(failed.started)
            syntax = failed.error["syntax"]
            self.assertEqual((syntax["file"], syntax["line"]), (str(path), 1))
            self.assertIn("def f(:", syntax["text"])

    def test_wrong_arguments_are_the_callers_error(self):
        failed = self.failure("raised", "Nested.double")
        self.assertEqual((failed.error["type"], failed.started), ("TypeError", True))

    def test_a_call_that_cannot_be_decoded(self):
        for data, word in (
            (b"[", "JSON"),
            (b"\xff", "JSON"),
            (b"[NaN]", "NaN"),
            (b'["m:f", []]', "call"),
            (b'["m:f", [], null, null]', "call"),
            (b'[["m:f", []], null]', "call"),
            (b'[[1, [], null], null]', "target"),
            (b'[["m:f", {}, null], null]', "args"),
            (b'[["m:f", [], []], null]', "kwargs"),
            (b'[["m:f", [], null], 1]', "opts"),
            (b'[["m:f", [], null], {"deadline": "x"}]', "deadline"),
            (b'[["m:f", [], null], {"session": 1}]', "session"),
            (b"[" * 100000, "JSON"),
            (b"", "JSON"),
        ):
            with self.subTest(data[:40]):
                self.worker.last += 1
                self.worker.raw(frame(CALL, self.worker.last, data))
                with self.assertRaises(Failed) as caught:
                    self.worker.result(self.worker.last)
                self.assertEqual((caught.exception.code, caught.exception.started), ("decode", False))
                self.assertIn(word, caught.exception.report["message"])

    def test_a_deadline_that_passed_in_the_queue(self):
        slow = self.worker.call("sleep", 0.1)
        late = self.worker.call("echo", 1, deadline=20)
        soon = self.worker.call("echo", 2, deadline=60000)
        self.worker.result(slow)
        kind, call_id, report = self.worker.receive()
        self.assertEqual((kind, call_id, report["code"], report["started"]), (ERROR, late, "deadline", False))
        self.assertEqual(self.worker.result(soon), 2)


class Noise(Shared):
    def test_what_is_printed_touches_no_frame(self):
        self.assertEqual(self.ask("noise"), "still fine")
        self.assertTrue(until(lambda: b"from a child" in self.worker.printed))
        self.assertIn(b"no end of line\0\\ud800\n", bytes(self.worker.printed))

    def test_a_line_is_out_before_the_call_ends(self):
        call = self.worker.call("evaluate", "print('now'); import time; time.sleep(0.5)")
        self.assertTrue(until(lambda: b"now\n" in self.worker.printed))
        self.assertTrue(self.worker.quiet(0))
        self.worker.result(call)

    def test_input_meets_the_end(self):
        self.assertEqual(self.failure("raised", "builtins:input").error["type"], "EOFError")

    def test_an_interrupt_of_the_terminal_is_ignored(self):
        self.assertEqual(self.ask("evaluate", "os.kill(os.getpid(), signal.SIGINT)"), None)

    def test_the_signal_handler_comes_back(self):
        self.ask("mute")
        call = self.worker.call("sleep", 60)
        until(lambda: self.pong()["busy"] == call)
        self.worker.cancel(call)
        self.assertEqual(self.worker.receive()[2]["code"], "cancelled")

    def test_a_tracer_does_not_outlive_its_call(self):
        self.assertIsNone(self.ask("trace"))
        self.assertEqual(self.ask("Nested.double", 2), 4)

    def test_a_thread_that_fails_is_its_own_affair(self):
        self.assertIsNone(self.ask("thread_fails"))

    def pong(self):
        self.worker.send(PING, 0)
        kind, _, value = self.worker.receive()
        self.assertEqual(kind, PONG)
        return value

    def test_ping_while_idle_and_while_busy(self):
        pong = self.pong()
        self.assertEqual((pong["busy"], pong["ms"]), (None, 0))
        self.assertGreater(pong["rss"], 1 << 20)
        self.assertEqual(pong["threads"], 2)
        for target in ("sleep", "spin"):
            call = self.worker.call(target, 0.3)
            self.assertTrue(until(lambda: self.pong()["busy"] == call))
            first = self.pong()["ms"]
            self.assertTrue(until(lambda: self.pong()["ms"] > first))
            self.worker.result(call)


class Abuse(unittest.TestCase):
    """Each with a worker of its own, which it may leave damaged."""

    def test_vandalism_of_low_descriptors(self):
        with Worker() as worker:
            self.assertEqual(worker.ask("vandalise"), "done")
            self.assertEqual(worker.ask("echo", 1), 1)
            worker.send(PING)
            self.assertGreater(worker.expect(PONG)["rss"], 0)

    def test_closed_standard_streams(self):
        with Worker() as worker:
            worker.ask("evaluate", "[os.close(fd) for fd in (0, 1, 2)]")
            self.assertEqual(worker.ask("echo", 1), 1)
            worker.ask("evaluate", "setattr(sys, 'stdout', None) or setattr(sys, 'stderr', 3)")
            self.assertEqual(worker.fails("evaluate", "1 / 0").code, "raised")
            self.assertEqual(worker.shutdown(), 0)

    def test_stolen_names(self):
        with Worker() as worker:
            for target in ("echo", "evaluate"):  # known before: nothing can be imported after `sys.modules.clear()`
                worker.ask(target, "1")
            self.assertIsNone(worker.ask("steal_names"))
            self.assertEqual(worker.ask("echo", [1]), [1])
            self.assertEqual(worker.fails("evaluate", "1 / 0").error["type"], "ZeroDivisionError")
            worker.send(PING)
            worker.expect(PONG)
            self.assertEqual(worker.shutdown(), 0)

    def test_exhausted_descriptors(self):
        with Worker() as worker:
            source = "import resource\nresource.setrlimit(resource.RLIMIT_NOFILE, (100, 100))\nkept = []\n"
            source += "try:\n    while True: kept.append(os.open('/dev/null', 0))\nexcept OSError: sys.kept = kept"
            worker.ask("evaluate", source)
            self.assertEqual(worker.fails("evaluate", "open('/dev/null')").error["errno"], 24)
            self.assertEqual(worker.fails("throw", "ValueError").code, "raised")


class Exits(Shared):
    def test_sys_exit_ends_the_call_only(self):
        pid = self.worker.pid
        for status, message in (("5", "sys.exit(5)"), ("", "sys.exit(None)"), ("'x'", "sys.exit(str)")):
            failed = self.failure("exit", "evaluate", "sys.exit(%s)" % status)
            self.assertEqual((failed.report["message"], failed.started), (message, True))
            self.assertEqual(failed.error["type"], "SystemExit")
        self.assertEqual(self.ask("os:getpid"), pid)

    def test_hard_exits_just_die(self):
        for source, status in (("os._exit(3)", 3), ("os.abort()", -6), ("os.kill(os.getpid(), 9)", -9)):
            with self.subTest(source), Worker() as worker:
                worker.call("evaluate", source)
                self.assertEqual(worker.wait(), status)
                self.assertRaises(Gone, worker.receive)

    def test_a_status_too_long_to_print(self):
        self.failure("exit", "evaluate", "sys.exit(10 ** 5000)")

    def test_a_crash_leaves_a_stack_on_standard_error(self):
        with Worker() as worker:
            worker.call("evaluate", "os.abort()")
            worker.wait()
            self.assertIn("targets.py", worker.output()[1])


class Forks(Shared):
    def test_a_copy_ends_where_it_would_return(self):
        for how, status in (("return", 0), ("raise", 1), ("exit", 7), ("grandchild", 0)):
            with self.subTest(how):
                pid = self.ask("fork", how)
                self.assertEqual(self.ask("reap", pid), status)
        self.assertTrue(until(lambda: b"ValueError: in the copy" in self.worker.errors))
        self.assertTrue(self.worker.quiet())

    def test_multiprocessing_by_fork(self):
        self.assertEqual(self.ask("parallel"), [1, 2, 3])

    def test_the_end_of_the_worker_is_seen_through_a_copy(self):
        with Worker() as worker:
            worker.ask("evaluate", "os.fork() or time.sleep(600)")
            os.kill(worker.pid, 9)
            self.assertEqual(worker.out.recv(1), b"")


class Sessions(Shared):
    def test_open_call_close(self):
        self.assertIsNone(self.worker.open("a", "Counter", 10))
        self.worker.open("b", "Counter", start=1)
        self.assertEqual(self.ask("add", 5, session="a"), 15)
        self.assertEqual(self.ask("add", session="b", kwargs={"n": 2}), 3)
        self.assertEqual(self.ask("add", session="a"), 16)
        self.assertIsNone(self.worker.close_session("a"))
        self.worker.close_session("b")
        self.assertEqual(self.ask("closed"), [16, 3])
        self.failure("target", "add", session="a")

    def test_a_context_manager_is_entered_and_left(self):
        self.worker.open("m", "Managed")
        self.assertTrue(self.ask("is_entered", session="m"))
        with self.assertRaises(Failed) as caught:
            self.worker.close_session("m")
        self.assertEqual(caught.exception.code, "raised")
        self.failure("target", "is_entered", session="m")

    def test_refusals(self):
        self.worker.open("c", "Counter")
        self.failure("target", "nothing", session="c")
        self.failure("target", "value", session="c")
        for wrong in (
            lambda: self.worker.open("c", "Counter"),
            lambda: self.worker.open("d", "nothing"),
            lambda: self.worker.close_session("nobody"),
        ):
            with self.assertRaises(Failed) as caught:
                wrong()
            self.assertEqual((caught.exception.code, caught.exception.started), ("target", False))
        with self.assertRaises(Failed) as caught:
            self.worker.open("d", "Counter", 1, 2, 3)
        self.assertEqual((caught.exception.code, caught.exception.started), ("raised", True))
        self.failure("target", "add", session="d")


class Coroutines(Shared):
    def test_async_functions(self):
        self.assertEqual([self.ask("later", i) for i in range(3)], [0, 1, 2])

    def test_cancel_lets_them_clean_up(self):
        self.ask("later", 0)
        call = self.worker.call("later", 1, 60)
        time.sleep(0.2)
        self.worker.cancel(call)
        self.assertEqual(self.worker.receive()[2]["code"], "cancelled")
        self.assertIn("awaited", self.ask("evaluate", "seen"))
        self.assertEqual(self.ask("later", 2), 2)


class Errors(Shared):
    def error(self, *args, code="raised"):
        return self.failure(code, *args).error

    def test_type_message_and_frames(self):
        error = self.error("throw", "ValueError", "because")
        self.assertEqual((error["type"], error["message"]), ("ValueError", "because"))
        file, line, name, source = error["frames"][-1]
        self.assertEqual((os.path.basename(file), name), ("targets.py", "throw"))
        self.assertIn("raise (globals()", source)
        self.assertGreater(line, 0)
        self.assertFalse([frame for frame in error["frames"] if "fireweed" in frame[0] or frame[0] == BOOT])
        self.assertEqual(self.error("throw", "Silent")["type"], "targets.Silent")

    def test_codes_of_special_exceptions(self):
        self.error("throw", "KeyboardInterrupt", code="interrupt")
        self.error("throw", "MemoryError", code="oom")
        for name in ("GeneratorExit", "StopIteration", "BaseException", "RecursionError"):
            self.assertEqual(self.error("throw", name)["type"], name)

    def test_a_forged_cancelled_is_an_exception_like_any(self):
        self.assertEqual(self.error("throw_forged")["type"], "fireweed.Cancelled")

    def test_exceptions_that_cannot_be_printed(self):
        for name in ("Silent", "Exits"):
            self.assertEqual(self.error("throw", name)["message"], "<unprintable>")
        self.assertEqual(self.error("throw", "Evil", "x")["type"], "targets.Evil")
        self.assertEqual(self.error("type_of_text")["message"], "tricky")

    def test_surrogates_in_a_message(self):
        self.assertEqual(self.error("throw", "ValueError", "a\ud800b")["message"], "a\ud800b")

    def test_chains(self):
        error = self.error("throw_chain")
        self.assertEqual((error["type"], error["context"]["type"]), ("TypeError", "ValueError"))
        self.assertEqual(error["context"]["cause"]["type"], "KeyError")
        self.assertNotIn("context", error["context"])
        self.assertEqual({"cause", "context"} & set(self.error("throw_from_none")), set())

    def test_cyclic_and_endless_chains(self):
        error = self.error("throw_cyclic")
        self.assertEqual(error["cause"]["message"], "b")
        self.assertNotIn("cause", error["cause"])
        depth, error = 1, self.error("throw_long_chain")
        while "cause" in error:
            depth, error = depth + 1, error["cause"]
        self.assertEqual(depth, 8)

    def test_sizes(self):
        report = self.failure("raised", "evaluate", "throw('ValueError', 'x' * 100_000_000)").report
        self.assertLessEqual(len(report["error"]["message"]), 64 * 1024)
        self.assertIn("more)", report["error"]["message"])
        self.assertEqual(len(self.error("throw_deep")["frames"]), 64)

    def test_notes(self):
        notes = self.error("throw_notes")["notes"]
        self.assertEqual(notes[0], "one")
        self.assertEqual(notes[1:3], ["<int>", "<targets.Text>"])
        self.assertLessEqual(len(notes[3]), 64 * 1024)

    if sys.version_info >= (3, 11):

        def test_groups(self):
            error = self.error("throw_group")
            self.assertEqual([member["type"] for member in error["group"]], ["ValueError", "ExceptionGroup"])
            self.assertEqual(error["group"][1]["group"][0]["type"], "KeyError")

    def test_errno(self):
        self.assertEqual(self.error("evaluate", "open('/no/such')")["errno"], 2)

    def test_out_of_memory(self):
        source = "import resource\nsoft, hard = resource.getrlimit(resource.RLIMIT_DATA)\n"
        source += "resource.setrlimit(resource.RLIMIT_DATA, (1 << 30, hard))\n"
        source += "try: bytearray(4 << 30)\nfinally: resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))"
        self.assertEqual(self.error("evaluate", source, code="oom")["type"], "MemoryError")


class Streams(unittest.TestCase):
    def test_the_worker_prints_nothing_of_its_own(self):
        with Worker() as worker:
            worker.fails("throw", "ValueError", "secret")
            worker.fails("no:no")
            worker.cancel(7)
            worker.cancel(worker.call("sleep", 60))
            worker.receive()
            self.assertEqual(worker.shutdown(), 0)
            self.assertEqual(worker.output(), ("", ""))

    def test_a_grandchild_outlives_only_a_polite_end(self):
        with Worker() as worker:
            pid = worker.ask("grandchild")
            self.assertTrue(alive(pid))



if __name__ == "__main__":
    unittest.main()
