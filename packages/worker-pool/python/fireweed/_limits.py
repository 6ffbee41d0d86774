"""What the process may use. Beyond it an allocation fails, so user code meets `MemoryError` and the worker lives on."""

import os

from ._errors import Refused

try:
    from resource import RLIM_INFINITY, RLIMIT_DATA, getrlimit, setrlimit
except ImportError:  # Windows
    setrlimit = None

_RESERVE = 32 << 20  # bytes for the runtime to tell of it with, when user code has used up its share
_limit = None
_relaxed = False


def set_memory(limit):
    """Limit private memory, in bytes; not shared or mapped files, which `RLIMIT_AS` would count. Linux holds to it alone."""
    global _limit
    used = _data()
    if setrlimit is None or used is None:
        return
    if used >= limit:
        raise Refused("the memory limit is %d bytes, and the worker uses %d before its first call" % (limit, used))
    _, hard = getrlimit(RLIMIT_DATA)
    ceiling = limit + _RESERVE
    if hard != RLIM_INFINITY:
        ceiling = min(ceiling, hard)
    _limit = min(limit, ceiling)
    setrlimit(RLIMIT_DATA, (_limit, ceiling))


def relax():
    """Either thread, when it has met `MemoryError`: from here to `restore` the runtime may use its reserve."""
    global _relaxed
    if _limit is not None:
        _relaxed = True
        _set_soft(getrlimit(RLIMIT_DATA)[1])


def restore():
    """In the main thread, before the next call."""
    global _relaxed
    if _relaxed:
        _relaxed = False
        _set_soft(_limit)


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


def _set_soft(limit):
    setrlimit(RLIMIT_DATA, (limit, getrlimit(RLIMIT_DATA)[1]))
