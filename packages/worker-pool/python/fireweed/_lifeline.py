"""Who dies with whom: the worker and all it started form a process group, which ends when the parent does."""

import _signal as signal
import os
import sys

from ._builtins import __builtins__

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

PID = os.getpid()  # of the worker; another in a copy of it
_getpid, _exit = os.getpid, os._exit
_killpg = getattr(os, "killpg", None)
_leader = False
_PORTABLE = os.environ.get("FIREWEED_PORTABLE") == "1"  # asked to do only what works everywhere


def lead_group():
    """From here on this process is the worker: it becomes the leader of a process group, unless it is already."""
    global PID, _leader
    PID = _getpid()
    if hasattr(os, "setpgid"):
        if os.getpgid(0) != PID:
            try:
                os.setpgid(0, 0)
            except OSError:  # stays in the parent's group, which must then never be killed
                pass
        _leader = os.getpgid(0) == PID


def arm(fd, number=signal.SIGKILL):
    """Linux: ask the kernel to send a signal to the group as soon as the parent's end of `fd` closes.

    This needs no running interpreter: it works with the GIL held by C code, and on a stopped process. Nobody ever
    writes to the lifeline, so the first thing that happens on it is its end.
    """
    if not hasattr(fcntl, "F_SETSIG") or not sys.platform.startswith("linux") or _PORTABLE:
        return
    fcntl.fcntl(fd, fcntl.F_SETSIG, number)
    fcntl.fcntl(fd, fcntl.F_SETOWN, -PID if _leader else PID)
    fcntl.fcntl(fd, fcntl.F_SETFL, fcntl.fcntl(fd, fcntl.F_GETFL) | os.O_ASYNC | os.O_NONBLOCK)
    try:
        closed = os.read(fd, 1) == b""  # between our start and now
    except OSError:
        closed = False
    if closed and number == signal.SIGKILL:
        die()


def die():
    """The parent is gone: end the group. A forked child ends itself alone."""
    if _leader and _getpid() == PID:
        try:
            _killpg(PID, signal.SIGKILL)
        except OSError:
            pass
    _exit(70)


def is_fork():
    """Whether this process is a copy that user code made of the worker."""
    return _getpid() != PID
