"""What the process says of itself: memory, processor time, threads; and what calls left behind, told when it changes."""

import os
import time
from _thread import _count

from . import _leftovers, _wire
from ._builtins import __builtins__

_INTERVAL = 0.1  # seconds between two reports, at least
_STEP = 256 * 1024  # a change of memory that is worth telling, in bytes

_pread, _cpu = getattr(os, "pread", None), time.process_time
_page = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096
_statm = None  # /proc/self/statm, kept open: `ru_maxrss` would be the parent's, inherited over exec


def prepare():
    """Before any user code of a worker; once more in a copy of the process that becomes a worker itself."""
    global _statm
    _wire.release(_statm)
    try:
        _statm = _wire.claim(os.open("/proc/self/statm", os.O_RDONLY))
    except OSError:
        _statm = None


def pulse():
    try:
        rss = int(_pread(_statm, 64, 0).split()[1]) * _page
    except (OSError, TypeError, IndexError, ValueError):  # no /proc, or user code closed the descriptor
        rss = None
    return {"rss": rss, "cpu": round(_cpu(), 3), "threads": _count() + 1}


class Reporter:
    """Decides after each call whether there is something to report."""

    def __init__(self, own_threads):
        leftovers = _leftovers.Leftovers(own_threads)
        self.note, self.repair, self._look = leftovers.note, leftovers.repair, leftovers.look
        self._next = 0
        self._last = {"rss": 0, "threads": 0, "dirty": []}

    def due(self, now, idle):
        """The same after a call, and not too often. `now` is the monotonic time; `idle` says that no other call runs."""
        if now < self._next:
            return None
        self._next = now + _INTERVAL
        return self.changes(idle)

    def changes(self, idle=True):
        """The meta of a REPORT frame, or None: nothing new. What calls that still run have opened is not left behind."""
        report, last = pulse(), self._last
        report["dirty"] = self._look() if idle else last["dirty"]
        near = report["rss"] is None or abs(report["rss"] - last["rss"]) < _STEP
        if near and report["threads"] == last["threads"] and report["dirty"] == last["dirty"]:
            return None
        self._last = dict(report, rss=report["rss"] or 0)
        return report

