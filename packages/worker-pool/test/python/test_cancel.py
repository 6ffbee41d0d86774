import os
import random
import sys
import tempfile
import threading
import time
import unittest

from driver import CALL, ERROR, PING, PONG, RESULT, Worker, until
from fireweed import Cancelled, _cancel


class Cancel(unittest.TestCase):
    def running(self, worker, call):
        """Wait until the worker says that it runs this call."""

        def busy():
            worker.send(PING)
            return worker.expect(PONG)["busy"] == call

        self.assertTrue(until(busy))

    def start(self, worker, target, *args):
        call = worker.call(target, *args)
        self.running(worker, call)
        return call

    def cancelled(self, worker, call, started=True, ring=0):
        worker.cancel(call)
        answered = threading.Event()

        def keep_ringing():  # as the pool does
            while not answered.wait(ring):
                worker.ring()

        if ring:
            threading.Thread(target=keep_ringing, daemon=True).start()
        kind, got, report = worker.receive()
        answered.set()
        self.assertEqual((kind, got, report and report["code"]), (ERROR, call, "cancelled"))
        if started is not None:
            self.assertEqual(report["started"], started)
        return report

    def test_interrupts_python_code_and_system_calls(self):
        with warm() as worker:
            forever = ("evaluate", "threading.Event().wait()")
            for target, *args in (("spin", 60), ("sleep", 60), ("time:sleep", 60), forever):
                with self.subTest(target):
                    call = worker.call(target, *args)
                    self.running(worker, call)
                    self.cancelled(worker, call)
                    self.assertTrue(worker.quiet())
            report = self.cancelled(worker, self.start(worker, "spin", 60))
            self.assertEqual(report["error"]["type"], "fireweed.Cancelled")
            self.assertEqual(report["error"]["frames"][-1][2], "spin")
            self.assertEqual(worker.ask("echo", 1), 1)

    def test_the_doorbell_reaches_c_code_that_holds_the_interpreter(self):
        with warm() as worker:
            for target, *args in (("catastrophe",), ("evaluate", "7 ** 30_000_000 and None")):
                with self.subTest(target):
                    call = worker.call(target, *args)
                    time.sleep(0.2)
                    self.cancelled(worker, call, ring=0.02)
            self.assertEqual(worker.ask("echo", 1), 1)

    def test_a_doorbell_alone_means_nothing(self):
        with warm() as worker:
            call = worker.call("sleep", 0.3)
            self.running(worker, call)
            for _ in range(20):
                worker.ring()
                time.sleep(0.005)
            self.assertEqual(worker.result(call), "slept")
            for _ in range(20):
                worker.ring()
            self.assertEqual(worker.ask("spin", 0.05), "spun")

    def test_a_late_or_foreign_cancel_does_nothing(self):
        with warm() as worker:
            worker.ask("echo", 1)
            call = worker.call("sleep", 0.2)
            self.running(worker, call)
            for other in (1, 0, 999):
                worker.cancel(other)
                worker.ring()
            self.assertEqual(worker.result(call), "slept")
            self.assertTrue(worker.quiet())

    def test_a_waiting_call_is_dropped_at_once(self):
        with warm() as worker:
            slow = worker.call("sleep", 1)
            waiting = [worker.call("evaluate", "seen.append(1)") for _ in range(3)]
            last = worker.call("evaluate", "len(seen)")
            for call in waiting:
                self.cancelled(worker, call, started=False)
            self.assertEqual(worker.result(slow), "slept")
            self.assertEqual(worker.result(last), 0)

    def test_clean_up_runs_undisturbed(self):
        with warm() as worker:
            call = self.start(worker, "tidy", 0.3)
            worker.cancel(call)
            for _ in range(10):
                time.sleep(0.02)
                worker.cancel(call)
                worker.ring()
            self.assertEqual(worker.receive()[2]["code"], "cancelled")
            self.assertEqual(worker.ask("evaluate", "seen"), ["tidied"])

    def test_clean_up_of_every_kind_is_undisturbed(self):
        with warm() as worker:
            for how in ("finally", "except", "exit", "manager", "nested"):
                with self.subTest(how):
                    call = self.start(worker, "tidy_by", how, 0.3)
                    worker.cancel(call)
                    for _ in range(12):
                        time.sleep(0.02)
                        worker.ring()
                    self.assertEqual(worker.receive()[2]["code"], "cancelled")
                    self.assertEqual(worker.ask("evaluate", "seen.pop()"), how)

    def test_what_came_to_nothing_is_raised_again(self):
        with warm() as worker:
            for how in ("swallow_once", "finalize"):
                with self.subTest(how):
                    self.cancelled(worker, self.start(worker, how))
                    self.assertEqual(worker.ask("echo", 1), 1)

    def test_a_cancel_at_any_moment_of_a_start_needs_no_doorbell(self):
        """Above all just before the system call, which the first signal then does not end."""
        with warm() as worker:
            for i in range(3000):
                call = worker.call("time:sleep", 60)
                end = time.perf_counter() + i % 25 * 2e-6
                while time.perf_counter() < end:
                    pass
                self.cancelled(worker, call, started=None)

    def test_while_importing(self):
        """Not started; and the module can be imported afterwards."""
        with Worker() as worker:
            for _ in range(3):
                call = worker.call("echo", 1)
                worker.cancel(call)
                kind, got, value = worker.receive()
                self.assertEqual(got, call)
                if kind == ERROR:
                    self.assertEqual((value["code"], value["started"]), ("cancelled", False))
            self.assertEqual(worker.ask("echo", 1), 1)

    def test_an_import_is_finished_first(self):
        """A package whose import is cut short keeps the parts that it has loaded, and may never be whole again."""
        with tempfile.TemporaryDirectory() as folder, warm() as worker:
            for name in ("quick", "endless"):
                os.makedirs(os.path.join(folder, name))
                with open(os.path.join(folder, name, "part.py"), "w") as part:
                    part.write("names = []\n")
                with open(os.path.join(folder, name, "__init__.py"), "w") as init:
                    pause = "time.sleep(0.1)" if name == "quick" else "time.sleep(60)"
                    init.write(f"import time\nfrom .part import *\n{pause}\n__all__ = part.names\n")
            worker.ask("evaluate", f"sys.path.append({folder!r})")
            call = self.start(worker, "evaluate", "(__import__('quick'), time.sleep(60))")
            self.cancelled(worker, call)
            self.assertEqual(worker.ask("evaluate", "__import__('quick').__all__"), [])
            self.cancelled(worker, self.start(worker, "evaluate", "__import__('endless')"))

    def test_a_call_that_is_marked_already_does_not_start(self):
        call = _cancel.Call(CALL, 1, None, b"", 0)
        call.cancelled = True
        self.assertRaises(Cancelled, _cancel.enter, call, self.fail, "it started")
        self.assertTrue(call.interrupted)

    def test_who_swallows_it_gives_a_result(self):
        with warm() as worker:
            call = self.start(worker, "stubborn")
            worker.cancel(call)
            self.assertEqual(worker.result(call), "Cancelled")

    def test_sessions_can_be_cancelled(self):
        with warm() as worker:
            worker.last += 1
            worker.send(0x09, worker.last, [["time:sleep", [60], None], {"session": "s"}])
            self.running(worker, worker.last)
            self.cancelled(worker, worker.last)
            self.assertEqual(worker.fails("add", session="s").code, "target")

    def test_the_portable_way(self):
        with warm(env={"FIREWEED_PORTABLE": "1"}) as worker:
            call = self.start(worker, "spin", 60)
            self.cancelled(worker, call)
            call = self.start(worker, "sleep", 0.3)
            self.assertIn(self.portable_end(worker, call), ("cancelled", "slept"))
            self.assertEqual(worker.ask("echo", 1), 1)
            worker.to.shutdown(1)
            self.assertEqual(worker.wait(), -9)

    def portable_end(self, worker, call):
        worker.cancel(call)
        value = worker.receive()[2]
        return value["code"] if isinstance(value, dict) else value

    def test_two_thousand_random_cancels(self):
        """Exactly one terminal frame each; none for what was not cancelled; none that is wrong."""
        chance = random.Random(sys.version_info[1])
        with warm() as worker:
            done, tally = 0, {"cancelled": 0, "dropped": 0, "result": 0}
            live, marked = {}, set()
            while done < 2000 or live:
                while len(live) < 4 and done + len(live) < 2000:
                    target = chance.choice(("spin", "sleep", "echo"))
                    value = chance.choice((0, 0.0001, 0.001, 0.004))
                    call = worker.call(target, value)
                    live[call] = {"spin": "spun", "sleep": "slept", "echo": value}[target]
                for call in list(live):
                    if call not in marked and chance.random() < 0.5:
                        marked.add(call)
                        worker.cancel(call)
                        if chance.random() < 0.5:
                            worker.ring()
                if chance.random() < 0.3:
                    time.sleep(chance.random() * 0.004)
                kind, call, value = worker.receive()
                self.assertIn(call, live, "a second or an unknown answer: %r" % (value,))
                expected = live.pop(call)
                done += 1
                if kind == RESULT:
                    self.assertEqual(value, expected)
                    tally["result"] += 1
                else:
                    self.assertEqual(value["code"], "cancelled", value)
                    self.assertIn(call, marked, "cancelled, but nobody asked for it")
                    tally["cancelled" if value["started"] else "dropped"] += 1
            self.assertEqual(sum(tally.values()), 2000)
            self.assertGreater(min(tally.values()), 20, tally)
            self.assertTrue(worker.quiet())
            self.assertEqual(worker.ask("echo", "after"), "after")
            self.assertEqual(worker.shutdown(), 0)
            self.assertEqual(worker.output(), ("", ""))


def warm(**options):
    """A worker that has imported targets.py: a call that is cancelled while it imports has not started."""
    worker = Worker(**options)
    worker.ask("echo", 0)
    return worker


if __name__ == "__main__":
    unittest.main()
