"""What calls leave behind in the process, by name: some of it is taken back at once, all of it is told.

`repair` runs after every call and costs a microsecond, `look` ten times a second at most. Both compare with the state of
the process when the worker was ready.
"""

import _signal as signal
import gc
import os
import sys
from _thread import _count

from . import _cancel, _coroutines, _process
from ._builtins import __builtins__

_getcwd, _listdir, _umask = os.getcwd, os.listdir, getattr(os, "umask", None)
_getprofile, _setprofile = sys.getprofile, sys.setprofile
_getrecursion, _setrecursion = sys.getrecursionlimit, sys.setrecursionlimit
_getswitch, _setswitch = sys.getswitchinterval, sys.setswitchinterval
_getsignal, _gc_enabled = signal.getsignal, gc.isenabled
_sigmask, _BLOCK, _UNBLOCK = (getattr(signal, name, None) for name in ("pthread_sigmask", "SIG_BLOCK", "SIG_UNBLOCK"))
_waitid = getattr(os, "waitid", None)
_WAIT = (os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT) if _waitid else ()
_EMFILE = 24
_environ, _modules = os.environ, sys.modules
_variables = getattr(_environ, "_data", _environ)

_SLOWEST_SWITCH = 0.1  # seconds; with a longer one the reader thread gets no turn while Python code runs
_BELL = (_cancel.DOORBELL,)
# Those that programs and libraries handle; to ask for all sixty-odd would cost more than it tells.
_SIGNALS = [
    getattr(signal, name)
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGCHLD", "SIGALRM", "SIGPIPE", "SIGABRT", "SIGSEGV")
    if hasattr(signal, name)
]


class Leftovers:
    """`own_threads` gives the number of threads that the runtime itself has."""

    def __init__(self, own_threads):
        self._own_threads = own_threads
        self._repaired = set()
        self._kept = dict(_modules)
        self._recursion, self._switch, self._gc = _getrecursion(), _getswitch(), _gc_enabled()
        self._signals = [_getsignal(number) for number in _SIGNALS]
        self._blocked = _blocked()
        self._cwd, self._variables, self._umask = _cwd(), dict(_variables), _read_umask()
        self._stdout, self._stderr = sys.stdout, sys.stderr
        self._threads, self._descriptors = _count() - own_threads(), _descriptors()

    def note(self, name):
        """Somebody else of the runtime took something back."""
        self._repaired.add(name)

    def repair(self):
        """Take back what would run in the runtime, or keep it from running."""
        note = self._repaired.add
        if _getprofile() is not None:
            _setprofile(None)
            note("profile")
        if _getrecursion() < self._recursion:
            _setrecursion(self._recursion)
            note("recursion-limit")
        if _getswitch() > _SLOWEST_SWITCH:
            _setswitch(self._switch)
            note("switch-interval")
        if _sigmask and _cancel.DOORBELL in _sigmask(_UNBLOCK, _BELL):
            note("signals")
        if _process.keep_stacks():
            note("signals")
        if sys.modules is not _modules or "fireweed" not in _modules or "sys" not in _modules:
            sys.modules = _modules
            _modules.update({name: module for name, module in self._kept.items() if name not in _modules})
            note("modules")

    def look(self):
        """The names of what is there and was not, in order."""
        found = set(self._repaired)
        threads = _count() - self._own_threads()
        if threads > self._threads:
            found.add("threads")
        # To read the mask is to set it for a moment, which another thread could notice.
        elif _read_umask() != self._umask:
            found.add("umask")
        if _has_children():
            found.add("children")
        if _descriptors() > self._descriptors:
            found.add("descriptors")
        if _cwd() != self._cwd:
            found.add("cwd")
        if os.environ is not _environ or _variables != self._variables:
            found.add("environ")
        if _blocked() != self._blocked or any(
            _getsignal(number) is not handler for number, handler in zip(_SIGNALS, self._signals)
        ):
            found.add("signals")
        if sys.stdout is not self._stdout or sys.stderr is not self._stderr:
            found.add("streams")
        if _gc_enabled() != self._gc:
            found.add("gc")
        if _getrecursion() != self._recursion:
            found.add("recursion-limit")
        if _getswitch() != self._switch:
            found.add("switch-interval")
        return sorted(found)


def _blocked():
    return _sigmask(_BLOCK, ()) if _sigmask else None


def _cwd():
    try:
        return _getcwd()
    except OSError:  # it was deleted
        return None


def _read_umask():
    if _umask is None:
        return None
    mask = _umask(0o77)
    _umask(mask)
    return mask


def _has_children():
    """Whether there are any, zombies included, without taking one from whoever waits for it."""
    if _waitid is None:
        return False
    try:
        _waitid(*_WAIT)
    except OSError:  # ECHILD
        return False
    return True


def _descriptors():
    try:
        return len(_listdir("/proc/self/fd")) - _coroutines.descriptors()
    except OSError as error:  # no /proc; or none is left to look with
        return float("inf") if error.errno == _EMFILE else 0
