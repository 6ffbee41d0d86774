import os
import sys
import tempfile
import unittest

from driver import FATAL, HELLO, LOG, READY, Gone, Worker


def refused(**init):
    """The FATAL of a worker that cannot be made ready."""
    with Worker(init=False) as worker:
        worker.expect(HELLO)
        worker.initialise({}, **init)
        report = worker.expect(FATAL)
        assert worker.wait() == 79, worker.status
        return report


def hook(name, *args):
    return {"target": "hooked:" + name, "args": list(args)}


class Preload(unittest.TestCase):
    def test_modules_are_imported_before_ready(self):
        with Worker(preload=["colorsys", "xml.dom"]) as worker:
            self.assertEqual(worker.ask("evaluate", "['colorsys' in sys.modules, 'xml.dom' in sys.modules]"), [True, True])

    def test_a_module_that_is_not_there_names_the_fix(self):
        report = refused(preload=["colorsys", "sklearn_of_nowhere"])
        self.assertEqual(report["phase"], "init")
        fix = "run `%s -m pip install sklearn-of-nowhere`" % sys.executable
        self.assertIn("preload 'sklearn_of_nowhere': no module named 'sklearn_of_nowhere'", report["message"])
        self.assertIn(fix, report["message"])
        self.assertIn("pythonPath", report["message"])

    def test_a_submodule_that_is_not_there_is_no_distribution(self):
        message = refused(preload=["xml.nothing"])["message"]
        self.assertNotIn("pip", message)
        self.assertIn("pythonPath", message)

    def test_a_module_that_raises_or_leaves(self):
        with tempfile.TemporaryDirectory() as folder:
            for name, source in (("raises", "1 / 0"), ("leaves", "import sys; sys.exit('no')"), ("wrong", "def")):
                with open(os.path.join(folder, name + ".py"), "w") as file:
                    file.write(source)
            report = refused(preload=["raises"], path=[folder])
            self.assertEqual(report["message"], "preload 'raises': ZeroDivisionError: division by zero")
            self.assertEqual(report["error"]["type"], "ZeroDivisionError")
            self.assertEqual(report["error"]["frames"][-1][0], os.path.join(folder, "raises.py"))
            self.assertEqual(refused(preload=["leaves"], path=[folder])["message"], "preload 'leaves' called sys.exit(str)")
            self.assertEqual(refused(preload=["wrong"], path=[folder])["error"]["type"], "SyntaxError")

    def test_what_is_no_module_name(self):
        self.assertIn("is not the name of a module", refused(preload=["hooked:prepare"])["message"])


class Setup(unittest.TestCase):
    def test_runs_once_with_its_arguments_before_ready(self):
        with Worker(setup={"target": "hooked:prepare", "args": [1], "kwargs": {"a": 2}}) as worker:
            for _ in range(3):
                self.assertEqual(worker.ask("hooked:state"), [[[1], {"a": 2}]])

    def test_may_be_a_coroutine(self):
        with Worker(setup=hook("prepare_async", "model")) as worker:
            self.assertEqual(worker.ask("hooked:state"), ["model"])

    def test_an_exception_is_told_with_its_traceback(self):
        report = refused(setup=hook("fail"))
        self.assertEqual(report["message"], "setup 'hooked:fail': ValueError: no model")
        self.assertEqual([frame[2] for frame in report["error"]["frames"]], ["fail"])

    def test_a_missing_module_inside_names_the_fix_too(self):
        self.assertIn("pip install sklearn-of-nowhere", refused(setup=hook("need"))["message"])

    def test_a_function_that_is_not_there(self):
        self.assertIn("'hooked' has no 'nothing'", refused(setup=hook("nothing"))["message"])
        self.assertIn("setup 'hooked'", refused(setup={"target": "hooked"})["message"])

    def test_sys_exit(self):
        self.assertEqual(refused(setup=hook("leave"))["message"], "setup 'hooked:leave' called sys.exit(3)")

    def test_os_exit(self):
        with Worker(init=False) as worker:
            worker.expect(HELLO)
            worker.initialise({}, setup=hook("die"))
            with self.assertRaises(Gone):
                worker.receive()
            self.assertEqual(worker.wait(), 4)

    def test_a_trace_function_is_taken_off(self):
        with Worker(setup=hook("trace")) as worker:
            self.assertEqual(worker.ask("echo", 1), 1)

    def test_a_copy_that_setup_forks_ends_there(self):
        with Worker(setup=hook("fork")) as worker:
            self.assertEqual(worker.ask("hooked:state"), [0])
            self.assertTrue(worker.quiet())


class Teardown(unittest.TestCase):
    def test_runs_before_bye(self):
        for name in ("touch", "touch_async"):
            with self.subTest(name), tempfile.TemporaryDirectory() as folder:
                path = os.path.join(folder, "left")
                with Worker(teardown=hook(name, path)) as worker:
                    self.assertEqual(worker.ask("echo", 1), 1)
                    self.assertFalse(os.path.exists(path))
                    self.assertEqual(worker.shutdown(), 0)
                with open(path) as file:
                    self.assertEqual(file.read(), "left\n")

    def test_an_exception_is_logged_and_bye_follows(self):
        for name, text in (("fail", "teardown 'hooked:fail': ValueError: no model"), ("leave", "called sys.exit(3)")):
            with self.subTest(name), Worker(teardown=hook(name), logs=30) as worker:
                worker.send(0x08)
                log = worker.expect(LOG)
                self.assertEqual((log["level"], log["logger"], log["call"]), (40, "fireweed.teardown", None))
                self.assertIn(text, log["message"])
                worker.expect(0x8A)
                self.assertEqual(worker.wait(), 0)

    def test_a_wrong_name_shows_at_the_start(self):
        self.assertIn("teardown 'hooked:nothing'", refused(teardown=hook("nothing"))["message"])

    def test_ready_says_how_long_it_took(self):
        with Worker(init=False) as worker:
            worker.expect(HELLO)
            worker.initialise({}, setup={"target": "time:sleep", "args": [0.05]})
            self.assertGreaterEqual(worker.expect(READY)["ms"], 50)


if __name__ == "__main__":
    unittest.main()
