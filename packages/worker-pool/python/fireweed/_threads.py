"""Whether a process may be forked. A fork copies the thread that calls it and no other: a lock that one of the others holds is
then held for ever, so a process with threads must not be copied."""

import os
import sys
import time
from _signal import SIGKILL
from _thread import _count

from ._builtins import __builtins__

_fork, _exit, _kill, _waitpid, _WNOHANG = os.fork, os._exit, os.kill, os.waitpid, os.WNOHANG
_listdir, _sleep = os.listdir, time.sleep
_PATIENCE = 500  # steps of 10 ms


def count():
    """The threads that the system knows of, those of C libraries included."""
    return len(_listdir("/proc/self/task"))


def settle():
    """Let C libraries end the threads that they start again when they are needed.

    One that minds forks ends its threads when it is told of one (OpenBLAS, so numpy, does): so make a copy that ends at
    once, of a process that has no thread of Python's.
    """
    if count() == 1 or _count() > 0:
        return
    pid = _fork()
    if pid == 0:
        _exit(0)
    for _ in range(_PATIENCE):
        if _waitpid(pid, _WNOHANG)[0] == pid:
            return
        _sleep(0.01)
    _kill(pid, SIGKILL)
    _waitpid(pid, 0)


def names():
    """The names of Python's own threads beside the main one."""
    threading = sys.modules.get("threading")
    if threading is None:
        return []
    return [str(thread.name) for thread in threading.enumerate() if thread is not threading.main_thread()]
