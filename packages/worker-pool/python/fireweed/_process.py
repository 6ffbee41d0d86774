"""The process around the calls: what it says of itself, its standard streams, and copies of it that user code forks."""

import faulthandler
import os
import sys
from _signal import SIG_IGN, SIGINT, signal
from _thread import _count

from . import __version__, _cancel, _frame, _lifeline, _wire

_exit, _pread, _exc_info, _excepthook = os._exit, getattr(os, "pread", None), sys.exc_info, sys.excepthook
_stdout, _stderr = sys.stdout, sys.stderr
_page = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096
_statm = None  # /proc/self/statm, kept open: `ru_maxrss` would be the parent's, inherited over exec


def prepare():
    """Before any user code of a worker; once more in a copy of the process that becomes a worker itself."""
    global _statm
    for stream in (_stdout, _stderr):
        try:  # what is printed is a log line at once, and printing never fails for its text
            stream.reconfigure(encoding="utf-8", errors="backslashreplace", line_buffering=True)
        except (AttributeError, ValueError):  # None, or put there by a sitecustomize
            pass
    faulthandler.enable(2)
    if not _cancel.PORTABLE:
        signal(SIGINT, SIG_IGN)  # Ctrl-C is the parent's business
    if _statm is not None:
        os.close(_statm)
    try:
        _statm = _wire.claim(os.open("/proc/self/statm", os.O_RDONLY))
    except OSError:
        pass


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
    }


def vitals():
    try:
        rss = int(_pread(_statm, 64, 0).split()[1]) * _page
    except (OSError, TypeError, IndexError, ValueError):  # no /proc, or user code closed the descriptor
        rss = None
    return {"rss": rss, "threads": _count() + 1}


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
