"""The parent goes away: worker and grandchild must follow, whatever state they are in."""

import os
import signal
import time
import unittest

from driver import Worker, alive, until

SOON = 5  # seconds


class ParentGone(unittest.TestCase):
    def doomed(self, worker, state):
        """A worker in that state, with a child of its own in its group."""
        child = worker.ask("grandchild")
        self.assertTrue(alive(child))
        self.addCleanup(_kill, child)
        if state == "spin":
            worker.call("spin", 600)
        elif state == "sleep":
            worker.call("sleep", 600)
        elif state == "gil":
            worker.call("hold_gil", 600)
            self.assertTrue(until(lambda: b"holding" in worker.printed))
        elif state == "pow":
            worker.call("evaluate", "7 ** 300_000_000 and None")
            time.sleep(0.1)
        elif state == "stopped":
            os.kill(worker.pid, signal.SIGSTOP)
        return child

    def check(self, state, leave, path):
        with self.subTest(state=state, by=path), Worker() as worker:
            child = self.doomed(worker, state)
            leave(worker)
            self.assertEqual(worker.wait(SOON), -signal.SIGKILL)
            self.assertTrue(until(lambda: not alive(child), SOON), "the grandchild lives on")

    def test_the_lifeline_takes_the_group_in_every_state(self):
        for state in ("idle", "spin", "sleep", "gil", "pow", "stopped"):
            self.check(state, lambda worker: worker.life.close(), "lifeline")

    def test_the_end_of_the_frames_takes_the_group_while_python_runs(self):
        for state in ("idle", "spin", "sleep"):
            self.check(state, lambda worker: worker.to.close(), "frames")

    def test_where_there_is_no_lifeline_the_end_of_the_frames_takes_the_group(self):
        with Worker(env={"FIREWEED_PORTABLE": "1"}) as worker:
            child = self.doomed(worker, "idle")
            worker.life.close()
            os.kill(worker.pid, signal.SIGUSR1)  # nor a doorbell
            self.assertEqual(worker.ask("evaluate", "1 + 1"), 2)
            worker.to.close()
            self.assertEqual(worker.wait(SOON), -signal.SIGKILL)
            self.assertTrue(until(lambda: not alive(child), SOON))

    def test_nobody_reads_the_answers(self):
        def leave(worker):
            worker.out.close()
            worker.call("echo", 1)

        self.check("idle", leave, "answers")

    def test_all_at_once_as_when_the_parent_is_killed(self):
        def leave(worker):
            for end in (worker.to, worker.out, worker.life):
                end.close()

        for state in ("idle", "gil", "stopped"):
            self.check(state, leave, "all")

    def test_a_lifeline_that_was_cut_before_it_was_armed(self):
        with Worker(init=False) as worker:
            worker.life.close()
            self.assertEqual(worker.wait(SOON), -signal.SIGKILL)

    def test_the_end_of_the_frames_before_init(self):
        with Worker(init=False) as worker:
            worker.to.close()
            self.assertEqual(worker.wait(SOON), -signal.SIGKILL)

    def test_a_silent_lifeline_never_fires(self):
        with Worker() as worker:
            for i in range(2000):
                self.assertEqual(worker.ask("echo", i), i)
            text = "x" * 20_000_000
            self.assertEqual(worker.ask("echo", text), text)

    def test_a_group_of_its_own(self):
        with Worker() as worker:
            self.assertEqual(worker.ask("os:getpgrp"), worker.pid)
            self.assertNotEqual(os.getpgrp(), worker.pid)

    def test_a_copy_cannot_kill_the_worker(self):
        """A fork that outlives its call sees the end of everything, and does nothing about it."""
        with Worker() as worker:
            for how in ("return", "raise", "exit", "grandchild"):
                worker.ask("reap", worker.ask("fork", how))
            self.assertEqual(worker.ask("os:getpid"), worker.pid)


def _kill(pid):
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


if __name__ == "__main__":
    unittest.main()
