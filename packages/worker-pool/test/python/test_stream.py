import random
import sys
import time
import unittest

from driver import CREDIT, END, ERROR, FATAL, ITEM, PING, PONG, Failed, Worker, frame, until


class Streams(unittest.TestCase):
    """They share one worker, which each case must leave usable."""

    @classmethod
    def setUpClass(cls):
        cls.worker = Worker()

    @classmethod
    def tearDownClass(cls):
        cls.worker.dispose()

    def setUp(self):
        self.worker.ask("evaluate", "seen.clear()")

    def tearDown(self):
        self.assertEqual(self.worker.ask("echo", "still here"), "still here")
        self.assertTrue(self.worker.quiet(0))

    def stream(self, target, *args, credit=64, **opts):
        return self.worker.call(target, *args, credit=credit, **opts)

    def all(self, target, *args, credit=64):
        return self.worker.drain(self.stream(target, *args, credit=credit), credit)

    def seen(self):
        return self.worker.ask("evaluate", "list(seen)")

    def cancelled(self, call):
        self.worker.cancel(call)
        while True:
            kind, got, value = self.worker.receive()
            self.assertEqual(got, call)
            if kind != ITEM:
                self.assertEqual((kind, value["code"]), (ERROR, "cancelled"))
                return value

    def test_items_then_the_result(self):
        for target in ("count", "Iterator", "count_later", "AsyncIterator"):
            for credit in (1, 3, 64):
                with self.subTest(target, credit=credit):
                    items, _ = self.all(target, 200, credit=credit)
                    self.assertEqual(items, list(range(200)) if "count" in target else list(range(199, -1, -1)))
        self.assertEqual(self.all("count", 0, "nothing"), ([], "nothing"))
        self.assertEqual(self.all("count", 2, {"a": 1}), ([0, 1], {"a": 1}))
        self.assertEqual(self.all("Iterator", 1), ([0], "spent"))
        self.assertEqual(self.all("count_later", 1), ([0], None))
        self.assertEqual(self.all("make_generator", 2), ([0, 1], "made"))
        self.assertEqual(self.all("builtins:iter", [5, 6]), ([5, 6], None))

    def test_nothing_is_computed_beyond_the_credit(self):
        for target, end in (("endless", "closed"), ("endless_later", "aclosed")):
            with self.subTest(target):
                self.setUp()
                call = self.stream(target, credit=5)
                self.assertEqual(self.worker.items(call, 5), [0, 1, 2, 3, 4])
                self.assertTrue(self.worker.quiet())
                self.worker.credit(call, 2)
                self.worker.credit(call, 1)
                self.assertEqual(self.worker.items(call, 3), [5, 6, 7])
                self.assertTrue(self.worker.quiet())
                self.assertTrue(self.cancelled(call)["started"])
                self.assertEqual(self.seen(), [0, 1, 2, 3, 4, 5, 6, 7, end])

    def test_a_consumer_that_leaves_while_items_flow(self):
        for target in ("endless", "endless_later"):
            with self.subTest(target):
                for credit in (1, 2, 1000):
                    call = self.stream(target, credit=credit)
                    self.assertEqual(self.worker.items(call, 1), [0])
                    self.cancelled(call)
                self.assertEqual([x for x in self.seen() if type(x) is str], [self.seen()[-1]] * 3)
                self.setUp()

    def test_cancels_at_any_moment(self):
        """One terminal frame each, and frames that are whole."""
        chance = random.Random(sys.version_info[1])
        for i in range(400):
            call = self.stream(chance.choice(("endless", "endless_later")), credit=chance.choice((1, 40)))
            end = time.perf_counter() + chance.random() * 1e-3
            while time.perf_counter() < end:
                pass
            self.worker.cancel(call)
            if i % 3 == 0:
                self.worker.ring()
            following = 0
            while True:
                kind, got, value = self.worker.receive()
                self.assertEqual(got, call)
                if kind == ERROR:
                    self.assertEqual(value["code"], "cancelled")
                    break
                self.assertEqual((kind, value), (ITEM, following))
                following += 1

    def test_an_exception_comes_after_the_items(self):
        call = self.stream("fail_after", 3)
        self.assertEqual(self.worker.items(call, 3), [0, 1, 2])
        with self.assertRaises(Failed) as caught:
            self.worker.result(call)
        self.assertEqual((caught.exception.code, caught.exception.error["type"]), ("raised", "ValueError"))
        self.assertEqual(caught.exception.error["frames"][-1][2], "fail_after")

    def test_an_item_that_cannot_be_carried_ends_it(self):
        call = self.stream("builtins:iter", [1, "x"])
        self.assertEqual(self.worker.drain(call, 64), ([1, "x"], None))
        call = self.worker.call("targets:evaluate", "iter([1, {2}, 3])", credit=64)
        self.assertEqual(self.worker.items(call, 1), [1])
        with self.assertRaises(Failed) as caught:
            self.worker.result(call)
        self.assertEqual((caught.exception.code, caught.exception.report["message"]), ("encode", "item: set"))

    def test_an_item_may_be_too_large(self):
        with Worker(limits={"frame": 2048}) as worker:
            call = worker.call("targets:evaluate", "iter([1, 'x' * 3000])", credit=64)
            self.assertEqual(worker.items(call, 1), [1])
            with self.assertRaises(Failed) as caught:
                worker.result(call)
            self.assertEqual(caught.exception.report["message"], "item: 3002 bytes, the limit of a frame is 2048")
            self.assertEqual(worker.ask("echo", 1), 1)

    def test_a_stream_is_asked_for_as_one(self):
        for target, args, credit, word in (
            ("generate", (), None, "not called as a stream"),
            ("count_later", (3,), None, "not called as a stream"),
            ("make_generator", (3,), None, "not called as a stream"),
            ("echo", (3,), 64, "int, which is no iterator"),
            ("echo", ([1],), 64, "list, which is no iterator"),
            ("later", (3,), 64, "int, which is no iterator"),
        ):
            with self.subTest(target):
                opts = {} if credit is None else {"credit": credit}
                failed = self.worker.fails(target, *args, **opts)
                self.assertEqual((failed.code, failed.started), ("stream", True))
                self.assertIn(word, failed.report["message"])
                self.assertNotIn("error", failed.report)

    def test_a_credit_must_make_sense(self):
        for credit in (0, -1, 1.5, "many", True):
            with self.subTest(credit):
                failed = self.worker.fails("count", 1, credit=credit)
                self.assertEqual(failed.code, "decode")
                self.assertIn("opts.credit", failed.report["message"])
        for count in (0, "x", None):
            with self.subTest(count), Worker() as worker:
                call = worker.call("endless", credit=1)
                worker.items(call, 1)
                worker.credit(call, count)
                self.assertEqual(worker.receive()[0], FATAL)
                self.assertEqual(worker.wait(), 79)

    def test_a_late_credit_means_nothing(self):
        call = self.stream("count", 1)
        self.worker.items(call, 1)
        self.assertEqual(self.worker.receive()[0], END)
        for other in (call, 0, 99999):
            self.worker.credit(other, 5)

    def test_what_a_stream_leaves_open_is_closed(self):
        call = self.stream("Iterator", 10, credit=1)
        self.worker.items(call, 1)
        self.cancelled(call)
        self.assertEqual(self.seen(), ["closed by the runtime"])

    def test_a_session_may_stream(self):
        self.worker.open("r", "Reader", ["a", "b"])
        call = self.stream("each", session="r")
        self.assertEqual(self.worker.drain(call, 64)[0], ["a", "b"])
        self.assertEqual(self.worker.ask("length", session="r"), 2)
        self.worker.close_session("r")
        self.assertEqual(self.seen(), ["closed the reader"])

    def test_pings_are_answered_while_it_waits_for_credit(self):
        call = self.stream("endless", credit=1)
        self.worker.items(call, 1)
        self.worker.send(PING)
        self.assertEqual(self.worker.expect(PONG)["busy"], call)
        self.cancelled(call)

    def test_the_portable_way(self):
        with Worker(env={"FIREWEED_PORTABLE": "1"}) as worker:
            for target in ("endless", "endless_later"):
                call = worker.call(target, credit=2)
                self.assertEqual(worker.items(call, 2), [0, 1])
                worker.cancel(call)
                self.assertEqual(worker.receive()[2]["code"], "cancelled")
            call = worker.call("later", 1, 60)
            self.assertTrue(until(lambda: busy(worker) == call))
            time.sleep(0.05)
            worker.cancel(call)
            self.assertEqual(worker.receive()[2]["code"], "cancelled")

    def test_many_frames_at_once(self):
        """A credit may come in the same read as the call."""
        self.worker.last += 1
        call = self.worker.last
        meta = b'[["targets:count", [5], null], {"credit": 2}]'
        self.worker.raw(frame(0x02, call, meta))
        self.assertEqual(self.worker.items(call, 2), [0, 1])
        self.worker.raw(b"".join(frame(CREDIT, call, b"1") for _ in range(9)))
        self.assertEqual(self.worker.items(call, 3), [2, 3, 4])
        self.assertEqual(self.worker.receive(), (END, call, None))


def busy(worker):
    worker.send(PING)
    return worker.expect(PONG)["busy"]


if __name__ == "__main__":
    unittest.main()
