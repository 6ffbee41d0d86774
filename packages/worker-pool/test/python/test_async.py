import random
import sys
import time
import unittest

from driver import ERROR, FATAL, ITEM, PING, PONG, RESULT, Worker, frame, until


class OneAtATime(unittest.TestCase):
    def test_each_call_has_a_context_of_its_own(self):
        with Worker() as worker:
            self.assertEqual([worker.ask("set_variable", name) for name in ("a", "b")], ["unset", "unset"])
            self.assertEqual(worker.ask("which", "c", 0), "c")
            self.assertEqual(worker.ask("set_variable", "d"), "unset")

    def test_a_coroutine_is_cancelled_wherever_it_is(self):
        with Worker() as worker:
            for target, *args in (("later", 1, 60), ("blocked", 60), ("gather", 100)):
                worker.ask("later", 0)
                call = worker.call(target, *args)
                if target != "gather":  # which may be done before it can be asked for
                    self.assertTrue(until(lambda: busy(worker) == call))
                worker.cancel(call)
                kind, got, value = worker.receive()
                if target != "gather" or kind == ERROR:
                    self.assertEqual((kind, got, value["code"]), (ERROR, call, "cancelled"))
                self.assertEqual(worker.ask("later", 5), 5)

    def test_random_cancels_of_coroutines(self):
        with Worker() as worker:
            worker.ask("later", 0)
            random_cancels(self, worker, 600, ("later", "count_later", "blocked"))
            self.assertEqual(worker.ask("later", 5), 5)
            self.assertNotIn(b"Task was destroyed", worker.errors)

    def test_its_own_cancelled_error_is_an_exception(self):
        with Worker() as worker:
            self.assertEqual(worker.fails("cancel_itself").code, "raised")
            self.assertEqual(worker.ask("later", 1), 1)

    def test_what_a_task_left_behind_does_ends_no_worker(self):
        with Worker() as worker:
            self.assertEqual(worker.ask("leave_running"), "left")
            self.assertEqual(worker.fails("later", 1, 0.2).code, "exit")
            self.assertEqual(worker.ask("later", 1), 1)


class ManyAtOnce(unittest.TestCase):
    def setUp(self):
        self.worker = Worker(concurrency=2000)
        self.addCleanup(self.worker.dispose)
        self.worker.ask("echo", 0)  # a call that is cancelled while its module is imported has not started

    def answers(self, calls):
        """What came for these calls, in the order in which it came."""
        left, found = set(calls), []
        while left:
            kind, call, value = self.worker.receive()
            self.assertIn(call, left)
            left.remove(call)
            found.append((call, kind, value))
        return found

    def start(self, target, *args, **opts):
        call = self.worker.call(target, *args, **opts)
        self.assertTrue(until(lambda: busy(self.worker) is not None))
        return call

    def test_a_thousand_sleeps(self):
        began = time.monotonic()
        calls = [self.worker.call("later", i, 0.05) for i in range(1000)]
        values = {call: value for call, _, value in self.answers(calls)}
        self.assertEqual([values[call] for call in calls], list(range(1000)))
        self.assertLess(time.monotonic() - began, 20)

    def test_they_answer_as_they_are_done(self):
        calls = [self.worker.call("later", i, s) for i, s in ((0, 0.5), (1, 0.1))]
        self.assertEqual([value for _, _, value in self.answers(calls)], [1, 0])

    def test_each_has_a_context_of_its_own(self):
        calls = [self.worker.call("which", "v%d" % i, 0.01 * (i % 3)) for i in range(30)]
        values = {call: value for call, _, value in self.answers(calls)}
        self.assertEqual([values[call] for call in calls], ["v%d" % i for i in range(30)])
        self.assertEqual([self.worker.ask("set_variable", name) for name in ("a", "b")], ["unset", "unset"])

    def test_a_cancel_ends_its_own_call_alone(self):
        calls = [self.worker.call("later", i, 0.3) for i in range(10)]
        self.assertTrue(until(lambda: busy(self.worker) == calls[0]))
        for call in calls[::2]:
            self.worker.cancel(call)
        found = {call: (kind, value) for call, kind, value in self.answers(calls)}
        for i, call in enumerate(calls):
            kind, value = found[call]
            self.assertEqual(value["code"] if kind == ERROR else value, i if i % 2 else "cancelled")
        self.assertTrue(self.worker.quiet())

    def test_a_function_that_blocks_the_loop_is_interrupted_by_the_doorbell(self):
        for target in ("spin", "sleep", "blocked", "catastrophe"):
            with self.subTest(target):
                other = self.worker.call("later", "other", 0)
                self.assertEqual(self.worker.result(other), "other")
                call = self.worker.call(target, *(() if target == "catastrophe" else (60,)))
                time.sleep(0.1)
                self.worker.cancel(call)
                time.sleep(0.02)
                self.worker.ring()
                kind, got, value = self.worker.receive()
                self.assertEqual((kind, got, value["code"]), (ERROR, call, "cancelled"))

    def test_a_generator_that_blocks_the_loop_is_interrupted_by_the_doorbell(self):
        call = self.worker.call("stalls", credit=2)
        self.assertEqual(self.worker.receive()[:2], (ITEM, call))
        time.sleep(0.1)
        self.worker.cancel(call)
        time.sleep(0.02)
        self.worker.ring()
        kind, got, value = self.worker.receive()
        self.assertEqual((kind, got, value["code"]), (ERROR, call, "cancelled"))

    def test_vandalism_of_low_descriptors_leaves_the_loop_alone(self):
        self.assertEqual(self.worker.ask("vandalise"), "done")
        self.assertEqual(self.worker.ask("later", 1), 1)

    def test_a_patched_clock_leaves_the_loop_alone(self):
        self.assertEqual(self.worker.ask("evaluate", "result = setattr(time, 'monotonic', None)"), None)
        self.assertEqual(self.worker.ask("later", 1, 0.01), 1)

    def test_a_loop_that_is_broken_ends_the_worker(self):
        self.assertIsNone(self.worker.ask("break_loop"))
        self.assertEqual(self.worker.receive()[0], FATAL)
        self.assertEqual(self.worker.wait(), 79)

    def test_a_doorbell_for_another_call_interrupts_nothing(self):
        waiting = self.start("later", "waiting", 60)
        call = self.worker.call("spin", 0.4)
        time.sleep(0.1)
        self.worker.cancel(waiting)
        for _ in range(10):
            self.worker.ring()
            time.sleep(0.01)
        answers = {got: (kind, value) for got, kind, value in self.answers([call, waiting])}
        self.assertEqual(answers[call], (RESULT, "spun"))
        self.assertEqual(answers[waiting][1]["code"], "cancelled")

    def test_who_swallows_it_is_still_there(self):
        call = self.start("deaf")
        self.worker.cancel(call)
        self.worker.ring()
        self.assertEqual(self.worker.ask("later", "well"), "well")
        self.assertEqual(busy(self.worker), call)

    def test_its_own_cancelled_error_is_an_exception(self):
        failed = self.worker.fails("cancel_itself")
        self.assertEqual((failed.code, failed.error["message"]), ("raised", "my own"))

    def test_what_waits_is_dropped_without_a_start(self):
        block = self.start("spin", 0.3)
        late = self.worker.call("later", 1)
        self.worker.cancel(late)
        kind, got, value = self.worker.receive()
        self.assertEqual((kind, got, value["code"], value["started"]), (ERROR, late, "cancelled", False))
        self.assertEqual(self.worker.result(block), "spun")

    def test_nothing_starts_after_its_deadline(self):
        block = self.worker.call("spin", 0.2)
        late = self.worker.call("later", 1, deadline=50)
        found = {call: value for call, _, value in self.answers([block, late])}
        self.assertEqual((found[late]["code"], found[late]["started"]), ("deadline", False))

    def test_streams_beside_each_other(self):
        calls = {self.worker.call(target, credit=2): [] for target in ("endless", "endless_later", "endless_later")}
        while min(map(len, calls.values())) < 50:
            kind, call, value = self.worker.receive()
            self.assertEqual((kind, value), (ITEM, len(calls[call])))
            calls[call].append(value)
            self.worker.credit(call, 1)
        for call in calls:
            self.worker.cancel(call)
        while calls:
            kind, call, value = self.worker.receive()
            if kind == ERROR:
                self.assertEqual(value["code"], "cancelled")
                del calls[call]
        notes = self.worker.ask("evaluate", "sorted(x for x in seen if type(x) is str)")
        self.assertEqual(notes, ["aclosed", "aclosed", "closed"])

    def test_streams_of_all_kinds(self):
        for target in ("count", "count_later", "make_generator", "AsyncIterator", "Iterator"):
            with self.subTest(target):
                items, _ = self.worker.drain(self.worker.call(target, 100, credit=3), 3)
                self.assertEqual(sorted(items), list(range(100)))
        self.assertEqual(self.worker.fails("count", 1).code, "stream")
        self.assertEqual(self.worker.fails("later", 1, credit=1).code, "stream")

    def test_sessions(self):
        self.worker.open("r", "Reader", ["a"])
        self.assertEqual(self.worker.ask("length", session="r"), 1)
        self.assertEqual(self.worker.drain(self.worker.call("each", session="r", credit=1), 1)[0], ["a"])
        self.assertIsNone(self.worker.close_session("r"))
        self.assertEqual(self.worker.ask("evaluate", "seen"), ["closed the reader"])

    def test_errors_end_their_own_call_alone(self):
        for target, code in (("throw", "raised"), ("sys:exit", "exit"), ("nothing", "target")):
            with self.subTest(target):
                self.assertEqual(self.worker.fails(target, *(["ValueError"] if target == "throw" else [])).code, code)
        self.assertEqual(self.worker.ask("leave_running"), "left")
        time.sleep(0.05)
        self.assertEqual(self.worker.ask("later", 1), 1)

    def test_random_cancels(self):
        random_cancels(self, self.worker, 1500, ("later", "spin", "echo", "count_later"), in_flight=50)

    def test_it_leaves_when_all_is_done(self):
        calls = [self.worker.call("later", i, 0.1) for i in range(5)]
        self.worker.send(0x08)
        for _ in calls:
            self.assertEqual(self.worker.receive()[0], RESULT)
        self.assertEqual(self.worker.receive()[0], 0x8A)
        self.assertEqual(self.worker.wait(), 0)
        self.assertEqual(self.worker.output(), ("", ""))

    def test_an_id_in_use_is_a_violation(self):
        call = self.start("later", 1, 60)
        self.worker.raw(frame(0x02, call, b'[["targets:echo", [1], null], null]'))
        kind, _, value = self.worker.receive()
        self.assertEqual(kind, FATAL)
        self.assertIn("in use", value["message"])

    def test_a_concurrency_must_make_sense(self):
        for concurrency in (0, -1, 1.5, "many"):
            with Worker(init=None) as worker:
                worker.receive()
                worker.initialise({}, concurrency=concurrency)
                self.assertEqual(worker.receive()[0], FATAL)


def busy(worker):
    worker.send(PING)
    kind, _, value = worker.receive()
    assert kind == PONG, hex(kind)
    return value["busy"]


def random_cancels(case, worker, total, targets, in_flight=4):
    """Exactly one terminal frame each, none for what was not cancelled, none that is wrong."""
    chance = random.Random(sys.version_info[1])
    live, marked, done, cancelled = {}, set(), 0, 0
    while done < total:
        while len(live) < in_flight and done + len(live) < total:
            target = chance.choice(targets)
            pause = chance.choice((0, 0.0001, 0.001, 0.004))
            if target == "later":
                call, value = worker.call(target, "x", pause), "x"
            elif target == "count_later":
                call, value = worker.call(target, 3, pause, credit=8), None
            else:
                call, value = worker.call(target, pause), {"spin": "spun", "echo": pause}.get(target)
            live[call] = value
        for call in list(live):
            if call not in marked and chance.random() < 0.3:
                marked.add(call)
                worker.cancel(call)
                if chance.random() < 0.5:
                    worker.ring()
        kind, call, value = worker.receive()
        case.assertIn(call, live, "a second or an unknown answer: %r" % (value,))
        if kind == ITEM:
            continue
        expected = live.pop(call)
        done += 1
        if kind == ERROR:
            case.assertEqual(value["code"], "cancelled", value)
            case.assertIn(call, marked, "cancelled, but nobody asked for it")
            cancelled += 1
        else:
            case.assertEqual(value, expected)
    case.assertTrue(total / 20 < cancelled < total, cancelled)
    case.assertTrue(worker.quiet())


if __name__ == "__main__":
    unittest.main()
