import os
import time
import unittest

from driver import PING, PONG, RESULT, Worker, until


class Vitals(unittest.TestCase):
    def test_they_are_told_at_the_start_and_when_asked(self):
        with Worker() as worker:
            self.assertTrue(worker.quiet())
            for vitals in (worker.report, self.pong(worker)):
                self.assertGreater(vitals["rss"], 1 << 20)
                self.assertGreater(vitals["cpu"], 0)
                self.assertGreaterEqual(vitals["threads"], 2)
            self.assertEqual(worker.report["dirty"], [])

    def test_memory_is_our_own(self):
        """And not that of the parent at the time of the start, as `ru_maxrss` is."""
        ballast = bytearray(os.urandom(1 << 20)) * 200
        with Worker() as worker:
            self.assertLess(self.pong(worker)["rss"], len(ballast) // 2)

    def test_a_report_comes_only_with_news_and_not_too_often(self):
        with Worker() as worker:
            # What the first calls take of memory is news, and may be told of by the second round.
            for _ in range(2):
                for _ in range(200):
                    worker.ask("operator:add", 1, 2)
                time.sleep(0.15)
            worker.ask("operator:add", 1, 2)
            self.assertTrue(worker.quiet())
            worker.report = None
            for _ in range(200):
                worker.ask("operator:add", 1, 2)
            time.sleep(0.15)
            worker.ask("operator:add", 1, 2)
            self.assertTrue(worker.quiet())
            self.assertIsNone(worker.report, "nothing was new")
            kinds = []
            for i in range(100):
                worker.call("evaluate", "os.environ.__setitem__('NEWS_%d', '')" % i)
            while kinds.count(RESULT) < 100:
                kinds.append(worker._receive(20)[0])
            self.assertLess(len(kinds) - 100, 100)

    def test_what_goes_away_is_not_left_behind(self):
        with Worker() as worker:
            worker.ask("evaluate", "seen.append(os.dup(1)); seen.append(os.getcwd()); os.chdir('/')")
            worker.ask("evaluate", "os.environ.__setitem__('A', 'b')")
            self.dirty(worker, ["cwd", "descriptors", "environ"])
            worker.ask("evaluate", "os.close(seen[0]); os.chdir(seen[1]); del os.environ['A']")
            self.dirty(worker, [])

    def test_what_the_runtime_opens_is_its_own(self):
        with Worker() as worker:
            worker.ask("later", 1)
            call = worker.call("sleep", 60)
            time.sleep(0.05)
            worker.cancel(call)
            worker.receive()
            time.sleep(0.15)
            worker.ask("echo", 1)
            self.assertTrue(worker.quiet())
            self.assertEqual(worker.report["dirty"], [])

    def dirty(self, worker, names):
        self.assertTrue(until(lambda: worker.ask("operator:add", 1, 2) and worker.report["dirty"] == names), worker.report)

    def pong(self, worker):
        worker.send(PING)
        return worker.expect(PONG)


class Stacks(unittest.TestCase):
    def test_they_are_written_while_c_code_holds_the_interpreter(self):
        with Worker() as worker:
            worker.call("deadlock")
            self.assertTrue(until(lambda: b"holding" in worker.printed))
            self.assertIn("in deadlock", self.stacks(worker))
            self.assertEqual(self.stacks(worker).count("in deadlock"), 2, "each is added to those before")

    def test_they_need_no_standard_error_and_are_no_output(self):
        with Worker() as worker:
            worker.ask("evaluate", "os.closerange(0, 3)")
            self.assertIn("in _read", self.stacks(worker))
            self.assertEqual(worker.ask("echo", 1), 1)
            self.assertEqual(bytes(worker.errors), b"")

    def test_a_handler_of_the_user_is_replaced_after_the_call(self):
        with Worker() as worker:
            worker.ask("evaluate", "[signal.signal(signal.SIGUSR2, echo)] and None")
            self.assertIn("in _read", self.stacks(worker))

    def stacks(self, worker):
        path = "/proc/%d/fd/%d" % (worker.hello["pid"], worker.hello["stacks"])
        self.assertTrue(os.readlink(path).startswith("/memfd:fireweed-stacks"))
        before = os.stat(path).st_size
        os.kill(worker.hello["pid"], 12)
        self.assertTrue(until(lambda: os.stat(path).st_size > before))
        time.sleep(0.05)
        with open(path) as file:
            return file.read()


if __name__ == "__main__":
    unittest.main()
