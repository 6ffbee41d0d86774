import time
import unittest

from driver import CALLBACK, CALLBACK_ERROR, CALLBACK_RESULT, END, FATAL, ITEM, LOG, RESULT, Worker

NAMES = ["f", "progress"]


def worker():
    return Worker(callbacks=NAMES, preload=["calling"])


class Callbacks(unittest.TestCase):
    def asked(self, worker, call, name, *args, **kwargs):
        """The CALLBACK that comes next; its id."""
        kind, key, value = worker.receive()
        self.assertEqual((kind, value), (CALLBACK, [name, list(args), kwargs or None, call]))
        return key

    def test_a_value_comes_back(self):
        with worker() as w:
            call = w.call("calling:call", "f", 1, [None, "x"], kwargs={"a": 1.5})
            w.send(CALLBACK_RESULT, self.asked(w, call, "f", 1, [None, "x"], a=1.5), {"b": [True]})
            self.assertEqual(w.result(call), {"b": [True]})

    def test_ids_are_not_used_again_while_they_live_and_count_on(self):
        with worker() as w:
            keys = []
            for _ in range(3):
                call = w.call("calling:call", "f")
                keys.append(self.asked(w, call, "f"))
                w.send(CALLBACK_RESULT, keys[-1], False)
                self.assertIs(w.result(call), False)
            self.assertEqual(keys, [1, 2, 3])

    def test_an_error_has_type_and_message(self):
        with worker() as w:
            call = w.call("calling:failure", "f")
            w.send(CALLBACK_ERROR, self.asked(w, call, "f"), {"type": "NotFound", "message": "no row 3"})
            self.assertEqual(w.result(call), ["f", "NotFound", "no row 3", "callback 'f': NotFound: no row 3"])

    def test_an_unhandled_one_is_an_exception_like_any_other(self):
        with worker() as w:
            call = w.call("calling:call", "f")
            w.send(CALLBACK_ERROR, self.asked(w, call, "f"), {"type": "NotFound", "message": "no row 3"})
            kind, _, report = w.receive()
            self.assertEqual(report["error"]["type"], "fireweed.CallbackError")

    def test_an_unknown_name_is_refused_at_once(self):
        with worker() as w:
            name, kind, message, _ = w.ask("calling:failure", "progres")
            self.assertEqual((name, kind), ("progres", "UnknownCallback"))
            self.assertIn("is it 'progress'?", message)
            self.assertEqual(w.ask("calling:failure", 3)[1], "UnknownCallback")
        with Worker(preload=["calling"]) as w:
            self.assertIn("option `callbacks`", w.ask("calling:failure", "f")[2])

    def test_a_value_that_cannot_be_sent_names_the_path(self):
        with worker() as w:
            self.assertEqual(w.ask("calling:unsendable")[1:3], ["InvalidArguments", 'args[0][1]["a"]: object'])

    def test_arguments_over_the_limit_of_a_frame(self):
        with Worker(callbacks=NAMES, limits={"frame": 2000}) as w:
            _, kind, message, _ = w.ask("evaluate", "__import__('calling').failure('f', 'x' * 3000)")
            self.assertEqual(kind, "InvalidArguments")
            self.assertIn("the limit of a frame is 2000", message)

    def test_a_value_that_cannot_be_read(self):
        with worker() as w:
            call = w.call("calling:failure", "f")
            key = self.asked(w, call, "f")
            from driver import frame

            w.raw(frame(CALLBACK_RESULT, key, b"{", 1))
            self.assertEqual(w.result(call)[1], "InvalidResult")

    def test_in_coroutines(self):
        with worker() as w:
            call = w.call("calling:call_async", "f", 7)
            w.send(CALLBACK_RESULT, self.asked(w, call, "f", 7), "seven")
            self.assertEqual(w.result(call), "seven")
            call = w.call("calling:gather", "f", 5)
            keys = [self.asked(w, call, "f", i) for i in range(5)]
            for i in reversed(range(5)):
                w.send(CALLBACK_RESULT, keys[i], i * i)
            self.assertEqual(w.result(call), [0, 1, 4, 9, 16])

    def test_the_blocking_one_is_refused_where_a_loop_runs(self):
        with worker() as w:
            _, kind, message, _ = w.ask("calling:blocking_in_a_coroutine")
            self.assertEqual(kind, "NoCall")
            self.assertIn("await call_parent_async", message)

    def test_from_threads(self):
        with worker() as w:
            call = w.call("calling:threads", "f", 8)
            asked = [w.receive() for _ in range(8)]
            for kind, key, (name, (i,), _, owner) in asked:
                self.assertEqual((kind, name, owner), (CALLBACK, "f", call))
                w.send(CALLBACK_RESULT, key, i + 1)
            self.assertEqual(w.result(call), list(range(1, 9)))

    def test_a_thread_that_outlives_its_call_is_told(self):
        with worker() as w:
            call = w.call("calling:leave_a_thread", "f")
            key = self.asked(w, call, "f")
            self.assertIsNone(w.result(call))
            self.assertEqual(w.ask("calling:what_was_left")[0][1], "CallEnded")
            w.send(CALLBACK_RESULT, key, "late")  # dropped
            self.assertEqual(w.ask("echo", 1), 1)

    def test_from_the_methods_of_a_session(self):
        with worker() as w:
            w.last += 1
            w.send(0x09, w.last, [["calling:Session", [], None], {"session": "s"}])
            w.result(w.last)
            call = w.call("ask", "f", session="s")
            w.send(CALLBACK_RESULT, self.asked(w, call, "f"), 3)
            self.assertEqual(w.result(call), 3)

    def test_a_forked_child_cannot(self):
        with worker() as w:
            self.assertEqual(w.ask("calling:forked"), "NoCall")

    def test_outside_of_a_worker(self):
        import fireweed

        with self.assertRaises(fireweed.CallbackError) as caught:
            fireweed.call_parent("f")
        self.assertEqual(caught.exception.type, "NoCall")

    def test_not_in_setup(self):
        with Worker(init=False) as w:
            w.expect(0x81)
            w.initialise({}, callbacks=NAMES, setup={"target": "calling:call", "args": ["f"]})
            self.assertIn("NoCall", w.expect(FATAL)["message"])


    def test_from_generators_between_their_items(self):
        for target in ("calling:stream", "calling:stream_async"):
            with self.subTest(target), worker() as w:
                call = w.call(target, "f", 3, credit=2)
                for i in range(2):
                    w.send(CALLBACK_RESULT, self.asked(w, call, "f", i), i * 10)
                    self.assertEqual(w.expect(ITEM, call), i * 10)
                self.assertTrue(w.quiet())
                w.credit(call, 5)
                w.send(CALLBACK_RESULT, self.asked(w, call, "f", 2), 20)
                self.assertEqual(w.expect(ITEM, call), 20)
                w.expect(END, call)

    def test_from_a_signal_handler_too_unless_it_has_interrupted_the_runtime(self):
        with worker() as w:
            call = w.call("calling:signalled", "f")
            answered = 0
            while True:
                kind, key, value = w.receive()
                if kind != CALLBACK:
                    break
                answered += value[1] == ["handler"]
                w.send(CALLBACK_RESULT, key, 1)
            self.assertEqual((kind, key), (RESULT, call))
            self.assertEqual((value.count(1), set(value) - {1, "NoCall"}), (answered, set()))
            self.assertGreater(answered, 0)


class Concurrent(unittest.TestCase):
    """Several calls at once, each with callbacks of its own."""

    def setUp(self):
        self.worker = Worker(callbacks=NAMES, preload=["calling"], concurrency=8)
        self.addCleanup(self.worker.dispose)

    def test_each_answer_reaches_its_call(self):
        w = self.worker
        calls = {w.call("calling:call_async", "f", i): i for i in range(8)}
        asked = [w.receive() for _ in calls]
        for kind, key, (name, (i,), _, owner) in reversed(asked):
            self.assertEqual((kind, name, calls[owner]), (CALLBACK, "f", i))
            w.send(CALLBACK_RESULT, key, i * i)
            self.assertEqual(w.result(owner), i * i)

    def test_cancelling_one_leaves_the_others(self):
        w = self.worker
        first, second = w.call("calling:call_async", "f", 1), w.call("calling:call_async", "f", 2)
        keys = [w.receive()[1] for _ in range(2)]
        w.cancel(first)
        kind, owner, report = w.receive()
        self.assertEqual((owner, report["code"]), (first, "cancelled"))
        w.send(CALLBACK_RESULT, keys[0], "late")  # dropped
        w.send(CALLBACK_RESULT, keys[1], "well")
        self.assertEqual(w.result(second), "well")

    def test_a_blocking_one_would_hold_up_all_others_and_is_refused(self):
        self.assertEqual(self.worker.ask("calling:failure", "f")[1], "NoCall")

    def test_threads_that_carry_their_context_know_their_call(self):
        w = self.worker
        w.call("calling:idle")
        call = w.call("calling:in_a_thread", "f", 3)
        kind, key, value = w.receive()
        self.assertEqual((kind, value), (CALLBACK, ["f", [3], None, call]))
        w.send(CALLBACK_RESULT, key, "three")
        self.assertEqual(w.result(call), "three")

    def test_a_thread_that_does_not_is_refused_when_several_calls_run(self):
        w = self.worker
        w.call("calling:idle")
        self.assertEqual(w.ask("calling:in_a_bare_thread", "f")[1], "NoCall")

    def test_a_task_that_outlives_its_call_is_told(self):
        w = self.worker
        self.assertIsNone(w.ask("calling:leave_a_task", "f"))
        self.assertEqual(w.ask("calling:what_was_left_async"), [["CallEnded"]])

    def test_logs_name_the_call_that_they_come_from(self):
        with Worker(preload=["chatty"], concurrency=4, logs=30) as w:
            calls = [w.call("chatty:log_later", i) for i in range(4)]
            logs = {}
            for _ in range(8):
                kind, owner, value = w.receive()
                if kind == LOG:
                    logs[value["call"]] = value["message"]
                else:
                    # What a call has logged came before its answer.
                    self.assertEqual(logs[owner], "later %d" % calls.index(owner))


class Cancellation(unittest.TestCase):
    def test_a_call_that_waits_in_a_callback_is_cancelled_at_once(self):
        for env in ({}, {"FIREWEED_PORTABLE": "1"}):
            for target in ("calling:call", "calling:call_async"):
                with self.subTest(target, **env), Worker(callbacks=NAMES, env=env) as w:
                    for _ in range(20):
                        call = w.call(target, "f")
                        kind, key, _ = w.receive()
                        self.assertEqual(kind, CALLBACK)
                        begun = time.monotonic()
                        w.cancel(call)
                        kind, _, report = w.receive()
                        self.assertEqual(report["code"], "cancelled")
                        self.assertLess(time.monotonic() - begun, 2)
                        w.send(CALLBACK_RESULT, key, "late")  # dropped
                    self.assertEqual(w.ask("echo", 1), 1)

    def test_a_cancelled_call_calls_nobody(self):
        with worker() as w:
            call = w.call("calling:swallow", "f")
            w.receive()
            w.cancel(call)
            self.assertEqual(w.result(call), "CallEnded")

    def test_cancelling_calls_that_call_without_end_breaks_no_frame(self):
        with worker() as w:
            for turn in range(100):
                call = w.call("evaluate", "next(x for x in iter(lambda: __import__('calling').call('f', 'x' * %d), 0))" % (turn * 11))
                kind, key, _ = w.receive()
                self.assertEqual(kind, CALLBACK)
                w.cancel(call)
                w.send(CALLBACK_RESULT, key, 1)
                while kind == CALLBACK:
                    kind, owner, value = w.receive()
                self.assertIn((owner, value), [(call, 1)] if kind == RESULT else [(call, value)])
            self.assertEqual(w.ask("echo", 1), 1)


class Violations(unittest.TestCase):
    def test_an_answer_to_a_callback_that_was_never_made(self):
        for key in (0, 1, 7):
            with self.subTest(key), worker() as w:
                w.send(CALLBACK_RESULT, key, None)
                self.assertIn("never made", w.expect(FATAL)["message"])
                self.assertEqual(w.wait(), 79)


if __name__ == "__main__":
    unittest.main()
