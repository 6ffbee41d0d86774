"""The process around the calls: who it is, its standard streams, its stacks, and copies of it that user code forks."""

import _signal
import faulthandler
import os
import sys
from _signal import SIG_DFL, SIG_IGN, SIGINT, getsignal, signal

from . import __version__, _cancel, _frame, _lifeline, _wire
from ._builtins import __builtins__

try:
    from fcntl import F_SETFL, fcntl
except ImportError:  # Windows
    pass

_exit, _exc_info, _excepthook = os._exit, sys.exc_info, sys.excepthook
_register, _unregister = getattr(faulthandler, "register", None), getattr(faulthandler, "unregister", None)
_stdout, _stderr = sys.stdout, sys.stderr
_STACKS = getattr(_signal, "SIGUSR2", None)
_crashes = None  # where the stack of a crash is written
_stacks = None  # a file in memory, read by the parent as /proc/<pid>/fd/<this>


def prepare():
    """Before any user code of a worker; once more in a copy of the process that becomes a worker itself."""
    global _crashes
    for stream in (_stdout, _stderr):
        try:  # what is printed is a log line at once, and printing never fails for its text
            stream.reconfigure(encoding="utf-8", errors="backslashreplace", line_buffering=True)
        except (AttributeError, ValueError):  # None, or put there by a sitecustomize
            pass
    try:
        # Not to 2 itself, which user code may close or make another file.
        crashes, _crashes = _crashes, _wire.claim(os.dup(2))
        faulthandler.enable(_crashes)
        _wire.release(crashes)
    except OSError:  # there is no standard error
        pass
    if _cancel.PORTABLE:
        if hasattr(_signal, "SIGUSR1"):
            signal(_signal.SIGUSR1, SIG_IGN)  # a doorbell that nobody hears must not end us
    else:
        signal(SIGINT, SIG_IGN)  # Ctrl-C is the parent's business
        _offer_stacks()


def _offer_stacks():
    """Linux: SIGUSR2 writes the stacks of all threads to a file in memory, even while C code holds the interpreter.

    Standard error would be the wrong place: user code may have closed it, and a writer blocks when its pipe is full.
    """
    global _stacks
    stacks, _stacks = _stacks, None
    try:
        fd = _wire.claim(os.memfd_create("fireweed-stacks"))
        fcntl(fd, F_SETFL, os.O_APPEND)
    except (AttributeError, OSError):
        return
    _stacks = fd
    _listen()
    _wire.release(stacks)


def _listen():
    signal(_STACKS, SIG_DFL)
    _unregister(_STACKS)
    _register(_STACKS, _stacks, True)


def keep_stacks():
    """Whether user code had put a handler of its own in the place of ours, which is back then."""
    if _stacks is None or getsignal(_STACKS) is SIG_DFL:
        return False
    _listen()
    return True


def hello(token, codecs):
    return {
        "proto": _frame.PROTO,
        "runtime": __version__,
        "python": list(sys.version_info[:3]),
        "impl": sys.implementation.name,
        "exe": sys.executable or "",
        "pid": _lifeline.PID,
        "ppid": os.getppid(),
        "platform": sys.platform,
        "token": token,
        "codecs": codecs,
        "stacks": _stacks,
    }


def flush():
    for stream in (sys.stdout, sys.stderr, _stdout, _stderr):
        try:
            stream.flush()
        except BaseException:  # closed, replaced or None
            pass


def leave_fork():
    """A copy of the worker has come back from user code: it ends here as a program would, and touches no frame."""
    error = _exc_info()[1]
    if error is None:
        status = 0
    elif issubclass(type(error), SystemExit):
        code = SystemExit.__dict__["code"].__get__(error)
        status = code & 0xFF if type(code) is int else int(code is not None)
    else:
        status = 1
        try:
            _excepthook(type(error), error, error.__traceback__)
        except BaseException:
            pass
    flush()
    _exit(status)
