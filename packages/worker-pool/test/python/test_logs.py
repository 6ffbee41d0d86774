import os
import tempfile
import time
import unittest

from driver import ERROR, LOG, RESULT, Worker


def collect(worker, call):
    """The LOG frames before a call's answer, and the answer."""
    logs = []
    while True:
        kind, call_id, value = worker.receive()
        if kind != LOG:
            assert call_id == call, (kind, call_id, value)
            return logs, (kind, value)
        logs.append(value)


def chat(name, *args, level=30):
    with Worker(logs=level) as worker:
        logs, (kind, value) = collect(worker, worker.call("chatty:" + name, *args))
        assert kind == RESULT, value
        worker.shutdown()
        return logs, value, worker.output()


class Logging(unittest.TestCase):
    def test_a_record_has_level_logger_message_and_call(self):
        logs, _, output = chat("at", 30, "%s of %d", "one", 3)
        self.assertEqual(logs, [{"level": 30, "logger": "app.part", "message": "one of 3", "call": 1}])
        self.assertEqual(output, ("", ""))

    def test_levels(self):
        for level, sent in ((10, (10, 20, 30, 40, 50)), (20, (20, 30)), (30, (30, 35)), (40, (40, 50))):
            with Worker(logs=level) as worker:
                for each in (10, 20, 30, 35, 40, 50):
                    with self.subTest(level=level, each=each):
                        logs, _ = collect(worker, worker.call("chatty:at", each, "m"))
                        self.assertEqual(len(logs), each >= level)
                self.assertTrue(sent)

    def test_off_is_python_as_it_is(self):
        with Worker() as worker:
            self.assertEqual(worker.ask("chatty:at", 30, "plain"), None)
            worker.shutdown()
            self.assertEqual(worker.output()[1], "plain\n")

    def test_an_exception_comes_with_its_traceback(self):
        (log,), _, _ = chat("exception")
        self.assertEqual(log["level"], 40)
        lines = log["message"].split("\n")
        self.assertEqual(lines[:2], ["it failed: badly", "Traceback (most recent call last):"])
        self.assertEqual(lines[-1], "ZeroDivisionError: division by zero")
        self.assertIn("in exception", lines[2])

    def test_comes_before_the_answer_of_its_call(self):
        with Worker(logs=30) as worker:
            for _ in range(200):
                logs, _ = collect(worker, worker.call("chatty:at", 30, "m"))
                self.assertEqual([log["call"] for log in logs], [worker.last])

    def test_in_preload_and_setup_too(self):
        with Worker(init=False) as worker:
            worker.expect(0x81)
            worker.initialise({}, logs=30, setup={"target": "chatty:at", "args": [40, "from setup"]})
            self.assertEqual(worker.expect(LOG), {"level": 40, "logger": "app.part", "message": "from setup", "call": None})
            worker.expect(0x82)


class Others(unittest.TestCase):
    def test_warnings(self):
        with Worker(logs=30, env={"PYTHONWARNINGS": "always"}) as worker:
            (log,), _ = collect(worker, worker.call("chatty:warn"))
            self.assertEqual((log["level"], log["logger"]), (30, "py.warnings"))
            self.assertIn("DeprecationWarning: old", log["message"])
            worker.shutdown()
            self.assertEqual(worker.output()[1], "")

    def test_exceptions_in_finalizers_threads_and_tasks(self):
        for name, logger, first, last in (
            ("finalize", "fireweed.unraisable", "Exception ignored in: Lost.__del__", "ValueError: lost in a finalizer"),
            ("thread", "fireweed.thread", "Exception in thread worker-bee", "KeyError: 'lost in a thread'"),
            ("task", "asyncio", "Task exception was never retrieved", "OSError: nobody waits"),
        ):
            with self.subTest(name):
                (log,), _, output = chat(name)
                self.assertEqual((log["level"], log["logger"]), (40, logger))
                lines = log["message"].split("\n")
                self.assertEqual((lines[0], lines[-1]), (first, last))
                self.assertEqual(output[1], "")

    def test_a_thread_whose_name_cannot_be_asked_for(self):
        (log,), _, _ = chat("nameless_thread")
        self.assertEqual((log["logger"], log["message"]), ("fireweed.thread", "<unprintable: RuntimeError>"))

    def test_a_thread_that_leaves_is_no_error(self):
        self.assertEqual(chat("thread_leaves")[0], [])


class Hostile(unittest.TestCase):
    def test_a_message_that_cannot_be_made_is_named(self):
        for how, type_name in (("raise", "RuntimeError"), ("exit", "SystemExit")):
            with self.subTest(how):
                logs, value, _ = chat("hostile", how)
                self.assertEqual(value, "survived")
                self.assertEqual([log["message"] for log in logs], ["<unprintable: %s>" % type_name] * 2)

    def test_wrong_arguments(self):
        self.assertEqual([log["message"] for log in chat("wrong_arguments")[0]], ["<unprintable: TypeError>"])

    def test_a_str_that_logs_does_not_recur(self):
        logs, value, _ = chat("hostile", "log")
        self.assertEqual((value, [log["message"] for log in logs]), ("survived", ["logged", "logged and 1"]))

    def test_a_subclass_of_str(self):
        self.assertEqual(chat("hostile", "subclass")[0][0]["message"], "a subclass")

    def test_a_long_one_is_cut(self):
        message = chat("hostile", "long")[0][0]["message"]
        self.assertLessEqual(len(message), 65_536)
        self.assertTrue(message.endswith(" more)"))

    def test_a_slow_one_holds_nobody_up(self):
        logs, value, _ = chat("long_str_holds_nobody_up")
        self.assertEqual((value, [log["message"] for log in logs]), (True, ["quick", "slow"]))

    def test_in_a_forked_child_what_is_said_goes_to_standard_error(self):
        logs, value, output = chat("forked")
        self.assertEqual((logs, value), ([], 0))
        for text in ("from the copy", "lost in a finalizer", "lost in a thread"):
            self.assertIn(text, output[1])


class Configuration(unittest.TestCase):
    def test_handlers_of_the_user_work_beside_ours(self):
        for name, expected, lines in (
            ("basic_config", ["both", "root"], "app.part both\nroot root\n"),
            ("dict_config", ["both"], "both\n"),
        ):
            with self.subTest(name), tempfile.TemporaryDirectory() as folder:
                path = os.path.join(folder, "log")
                logs = chat(name, path)[0]
                with open(path) as file:
                    self.assertEqual(file.read(), lines)
                self.assertEqual([log["message"] for log in logs], [line for line in expected if line != "both" or name == "dict_config"])


class Flood(unittest.TestCase):
    def test_a_parent_that_does_not_read_holds_nobody_up(self):
        with Worker(logs=30) as worker:
            begun = time.monotonic()
            call = worker.call("evaluate", "__import__('chatty').flood(100_000) or time.sleep(0.3)")
            time.sleep(0.2)
            logs, (kind, _) = collect(worker, call)
            self.assertEqual(kind, RESULT)
            self.assertLess(time.monotonic() - begun, 20)
            lines = [log for log in logs if log["logger"] == "app.part"]
            dropped = [int(log["message"].split()[0]) for log in logs if log["logger"] == "fireweed.logs"]
            self.assertGreater(sum(dropped), 0)
            self.assertEqual(len(lines) + sum(dropped), 100_000)

    def test_a_thread_that_logs_on_while_the_worker_leaves(self):
        with Worker(logs=30) as worker:
            collect(worker, worker.call("chatty:background", 10_000))
            worker.send(0x08)
            kind = LOG
            while kind == LOG:
                kind, call, value = worker.receive()
                self.assertTrue(kind != LOG or value["call"] is None)
            self.assertEqual((kind, worker.wait()), (0x8A, 0))

    def test_cancelling_a_call_that_logs_without_end_breaks_no_frame(self):
        with Worker(logs=30) as worker:
            for turn in range(50):
                call = worker.call("chatty:spin", "x" * (turn * 7))
                worker.receive()
                worker.cancel(call)
                logs, (kind, value) = collect(worker, call)
                self.assertEqual((kind, value["code"]), (ERROR, "cancelled"))
            logs, answer = collect(worker, worker.call("echo", 1))
            self.assertEqual(answer, (RESULT, 1))


if __name__ == "__main__":
    unittest.main()
