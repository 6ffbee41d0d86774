"""What the process may use. Beyond it an allocation fails, so user code meets `MemoryError` and the worker lives on."""

import os

from ._builtins import __builtins__
from ._errors import Refused

try:
    from resource import RLIM_INFINITY, RLIMIT_DATA, getrlimit, setrlimit
except ImportError:  # Windows
    setrlimit = None

_RESERVE = 32 << 20  # bytes that the runtime may use beyond the limit, to tell of it and to go on
_limit = _ceiling = None
_inside = 0  # calls that run user code


def set_memory(limit):
    """Limit private memory, in bytes; not shared or mapped files, which `RLIMIT_AS` would count. Linux holds to it alone."""
    global _limit, _ceiling
    used = _data()
    if setrlimit is None or used is None:
        return
    if used >= limit:
        raise Refused("the memory limit is %d bytes, and the worker uses %d before its first call" % (limit, used))
    _, hard = getrlimit(RLIMIT_DATA)
    ceiling = limit + _RESERVE
    _ceiling = ceiling if hard == RLIM_INFINITY else min(ceiling, hard)
    _limit = min(limit, _ceiling)
    relax()


def enter():
    """In the main thread: user code begins."""
    global _inside
    if _limit is not None:
        _inside += 1
        _set(_limit)


def leave():
    """In the main thread: user code has ended."""
    global _inside
    if _limit is not None:
        _inside -= 1
        if _inside == 0:
            _set(_ceiling)


def relax():
    """Either thread: the runtime needs memory, and user code may have taken all of its own."""
    if _limit is not None:
        _set(_ceiling)


def again():
    """The same thread: it needs no more."""
    if _inside:
        _set(_limit)


def explain():
    """What to say of a `MemoryError` that says nothing itself."""
    return "" if _limit is None else "the worker's memory limit is %d bytes" % _limit


def _data():
    """Private memory as the limit counts it, in bytes; None where it cannot be told, and so not be limited."""
    try:
        with open("/proc/self/statm", "rb") as statm:
            return int(statm.read().split()[5]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return None


def _set(limit):
    try:
        setrlimit(RLIMIT_DATA, (limit, _ceiling))
    except (OSError, ValueError):  # user code has set a lower one
        pass
