"""Linux: the processes that are left when one between them and us is gone, which are ours to adopt and to end."""

import os
import sys

from ._builtins import __builtins__

try:
    from _ctypes import call_function, dlopen, dlsym  # the core of ctypes, without its machinery

    _prctl = dlsym(dlopen(None, 0), "prctl")
except (ImportError, OSError):
    _prctl = None

_PR_SET_CHILD_SUBREAPER = 36

_getpid, _listdir, _open = os.getpid, os.listdir, open


def adopt():
    """From here on an orphan below this process becomes its child. A fork does not pass this on. False where it cannot be had."""
    return sys.platform.startswith("linux") and _prctl is not None and call_function(_prctl, (_PR_SET_CHILD_SUBREAPER, 1)) == 0


def children():
    """The children of this process, which has one thread; also those that are dead and not waited for."""
    pid = _getpid()
    try:
        with _open("/proc/self/task/%d/children" % pid, "rb") as file:
            return [int(word) for word in file.read().split()]
    except OSError:  # a kernel without that list
        return [int(name) for name in _listdir("/proc") if name.isdigit() and _parent(name) == pid]


def _parent(pid):
    try:
        with _open("/proc/%s/stat" % pid, "rb") as file:
            return int(file.read().rpartition(b")")[2].split()[1])
    except (OSError, IndexError, ValueError):  # gone
        return None
