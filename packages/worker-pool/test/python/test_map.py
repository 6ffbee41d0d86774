import time
import unittest

from driver import END, ERROR, ITEM, Failed, Worker


class Maps(unittest.TestCase):
    """They share one worker, which each case must leave usable."""

    options = {}

    @classmethod
    def setUpClass(cls):
        cls.worker = Worker(**cls.options)

    @classmethod
    def tearDownClass(cls):
        cls.worker.dispose()

    def tearDown(self):
        self.assertEqual(self.worker.ask("echo", "still here"), "still here")
        self.assertTrue(self.worker.quiet(0))

    def map(self, target, *items, worker=None, mode="items", **opts):
        """The lists that came, and the report of an error."""
        worker = worker or self.worker
        call, lists = worker.call(target, *items, map=mode, **opts), []
        while True:
            kind, got, value = worker.receive()
            self.assertEqual(got, call)
            if kind == ERROR:
                return lists, value
            lists.append(value)
            if kind == END:
                return lists, None
            self.assertEqual(kind, ITEM)

    def fails(self, target, *items, **opts):
        lists, error = self.map(target, *items, **opts)
        self.assertIsNotNone(error, lists)
        return lists, error["code"], error["started"]

    def test_one_list_with_all_results(self):
        self.assertEqual(self.map("math:sqrt", 1, 4, 9), ([[1, 2, 3]], None))
        self.assertEqual(self.map("math:sqrt"), ([[]], None))
        self.assertEqual(self.map("targets:Nested.double", *range(1000)), ([[2 * n for n in range(1000)]], None))

    def test_keyword_arguments_are_those_of_all(self):
        lists, _ = self.map("echo", 1, [2], kwargs={"k": 3})
        self.assertEqual(lists, [[[[1], {"k": 3}], [[[2]], {"k": 3}]]])

    def test_items_that_are_calls(self):
        lists, _ = self.map("echo", [[1, 2], None], [[], {"k": 3}], [[4], {"k": 5}], mode="calls")
        self.assertEqual(lists, [[[1, 2], [[], {"k": 3}], [[4], {"k": 5}]]])

    def test_coroutines_are_awaited_one_after_the_other(self):
        for items in ((), (1,), tuple(range(50))):
            self.assertEqual(self.map("later", *items), ([list(items)], None))
        began = time.monotonic()
        lists, _ = self.map("later", 1, 2, 3, kwargs={"seconds": 0.02})
        self.assertEqual(lists, [[1, 2, 3]])
        self.assertGreaterEqual(time.monotonic() - began, 0.06)

    def test_an_item_that_raises_comes_after_the_results_before_it(self):
        for target in ("evaluate", "evaluate_later"):
            with self.subTest(target):
                lists, error = self.map(target, "1", "2", "1 / 0", "3")
                self.assertEqual((lists, error["code"], error["started"]), ([[1, 2]], "raised", True))
                self.assertEqual(error["error"]["type"], "ZeroDivisionError")
                frames = error["error"]["frames"]
                self.assertEqual(frames[-1][0], "<test>")
                self.assertFalse([name for name, *_ in frames if "/fireweed/" in name])
        self.assertEqual(self.fails("evaluate", "1 / 0", "3"), ([], "raised", True))

    def test_every_way_to_leave_is_that_of_its_item(self):
        self.assertEqual(self.fails("evaluate", "1", "sys.exit(3)"), ([[1]], "exit", True))
        self.assertEqual(self.fails("throw", "KeyboardInterrupt"), ([], "interrupt", True))
        self.assertEqual(self.fails("throw", "MemoryError"), ([], "oom", True))
        self.assertEqual(self.fails("evaluate", "1", "[].__iter__"), ([[1]], "encode", True))
        self.assertEqual(self.fails("evaluate", "1", "(n for n in ())"), ([[1]], "stream", True))
        self.assertEqual(self.fails("count", 1), ([], "stream", True))

    def test_a_result_that_cannot_be_sent_is_told_before_what_comes_later(self):
        lists, error = self.map("evaluate", "1", "2", "print", "4", "1 / 0")
        self.assertEqual((lists, error["code"]), ([[1, 2]], "encode"))
        self.assertRegex(error["message"], "^result: builtin_function_or_method")

    def test_what_is_not_there(self):
        self.assertEqual(self.fails("math:no", 1, 2), ([], "target", False))

    def test_what_is_no_map(self):
        for target, items, opts in (
            ("echo", (1,), {"map": True}),
            ("echo", (1,), {"map": "all"}),
            ("echo", (1,), {"map": "items", "credit": 3}),
            ("echo", ([[1], None],), {"map": "calls", "kwargs": {"k": 1}}),
            ("echo", (1,), {"map": "calls"}),
            ("echo", ([[1], 2],), {"map": "calls"}),
            ("echo", ([1, None],), {"map": "calls"}),
        ):
            with self.subTest(opts, items=items):
                failed = self.worker.fails(target, *items, **opts)
                self.assertEqual((failed.code, failed.started), ("decode", False))
        self.worker.last += 1
        self.worker.send(0x09, self.worker.last, [["targets:Counter", [], None], {"session": "s", "map": "items"}])
        with self.assertRaises(Failed) as caught:
            self.worker.result(self.worker.last)
        self.assertEqual(caught.exception.code, "decode")

    def test_a_method_of_a_session(self):
        self.worker.open("s", "Counter", 1)
        self.assertEqual(self.map("add", 1, 2, 3, session="s"), ([[2, 4, 7]], None))
        self.worker.close_session("s")

    def test_cancelled_while_an_item_runs(self):
        for target in ("sleep", "sleep_later"):
            with self.subTest(target):
                call = self.worker.call(target, 0, 30, 0, map="items")
                time.sleep(0.05)
                self.worker.cancel(call)
                self.worker.ring()  # as the parent does, a moment later
                kind, got, report = self.worker.receive()
                self.assertEqual((kind, got, report["code"]), (ERROR, call, "cancelled"))

    def test_results_come_in_as_many_frames_as_they_need(self):
        worker = Worker(limits={"frame": 1000}, **self.options)
        self.addCleanup(worker.dispose)
        lists, error = self.map("evaluate", *["'x' * 400"] * 5, worker=worker)
        self.assertIsNone(error)
        self.assertEqual([len(part) for part in lists], [2, 1, 2])
        lists, error = self.map("evaluate", "'a'", "'x' * 2000", "'b'", worker=worker)
        self.assertEqual((lists, error["code"]), ([["a"]], "encode"))
        self.assertRegex(error["message"], "^result: 2002 bytes, the limit of a frame is 1000")


class SideBySide(Maps):
    """The same where calls share an event loop."""

    options = {"concurrency": 4}

    def test_maps_go_on_beside_each_other(self):
        began = time.monotonic()
        calls = {self.worker.call("later", 1, 2, 3, kwargs={"seconds": 0.2}, map="items") for _ in range(3)}
        answers = {got: (kind, value) for kind, got, value in (self.worker.receive() for _ in calls)}
        self.assertEqual(answers, dict.fromkeys(calls, (END, [1, 2, 3])))
        self.assertLess(time.monotonic() - began, 1.7)  # 0.6 at best, 1.8 one after the other


if __name__ == "__main__":
    unittest.main()
