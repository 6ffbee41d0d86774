"""Cancellation: a CANCEL frame marks its call, then a signal makes the main thread look.

The mark is the only truth. The signal (SIGUSR1, from the reader thread or from the parent) is a doorbell that carries
nothing, so a late one finds no mark and does nothing.

`Cancelled` is raised only at or below `enter`, whose caller catches everything, and not below `shield`, which user code
reaches by calling the runtime; so it can never strike the runtime. A call on an event loop is cancelled as its task; the
signal is for one that does not let go of the loop.
"""

import _signal as signal  # the module without its enums, which cost microseconds a look
import os
import sys
import time
from _contextvars import ContextVar
from _thread import allocate_lock, get_ident, interrupt_main, start_new_thread

from . import Cancelled
from ._builtins import __builtins__

# Where there is no SIGUSR1 (or when asked to behave as there), the simulated SIGINT of the interpreter takes its part:
# it reaches Python code, but interrupts no system call.
PORTABLE = not hasattr(signal, "pthread_kill") or os.environ.get("FIREWEED_PORTABLE") == "1"
DOORBELL = signal.SIGINT if PORTABLE else signal.SIGUSR1

current = ContextVar("fireweed.call", default=None)
"""The call that the running code belongs to, also in the tasks that it started."""

_IMPORT = 0.3
"""Seconds for which an import is let go on: one that is cut short can leave a package that no later import mends."""

_PAUSES = (0.002, 0.005, 0.02, 0.1)  # seconds; the last again and again

_main = get_ident()
_sleep, _now, _exc_info, _getframe = time.sleep, time.monotonic, sys.exc_info, sys._getframe
_context = BaseException.__dict__["__context__"].__get__
_getsignal, _signal = signal.getsignal, signal.signal
_sigmask = getattr(signal, "pthread_sigmask", None)
_pthread_kill = getattr(signal, "pthread_kill", None)


class Call:
    """One CALL, OPEN or CLOSE between its arrival and its terminal frame."""

    __slots__ = (
        *("arrived", "began", "cancelled", "codec", "ended", "id", "interrupted", "kind"),
        *("held", "map", "payload", "restores", "started", "stream", "taken", "takes", "task", "trace"),
    )

    def __init__(self, kind, call_id, codec, payload, arrived):
        self.kind, self.id, self.codec, self.payload, self.arrived = kind, call_id, codec, payload, arrived
        self.began = None
        self.started = False  # the user's function was entered
        self.cancelled = False  # the mark; set by the reader thread
        self.ended = False  # it may call the parent no more
        self.interrupted = False  # that was done
        self.held = None  # since when it is let import, though it is cancelled
        self.stream = None
        self.map = None  # with this it is one call of its function for each argument
        self.trace = None  # the traceparent that came with it
        self.restores = False  # its first argument is a snapshot, to make the session from
        self.takes = False  # a snapshot of its session is due when it has returned
        self.taken = None  # that one, and None; or None, and why there is none
        self.task = None  # the asyncio task that runs it, if one does


class Doorbell:
    """`running` is the call that the main thread executes, or None."""

    def __init__(self):
        self.running = None
        self._handler = self._answer
        self._helpers = {}  # call -> whether the thread that insists on its end still runs

    def install(self):
        """In the main thread, at the start and after each call: user code may have replaced the handler; whether it had."""
        if _getsignal(DOORBELL) is self._handler:
            return False
        _signal(DOORBELL, self._handler)
        return True

    def helpers(self):
        """The threads that insist now; one that has just ended counts once more, since the interpreter may still count it."""
        known = list(self._helpers.items())
        for call, runs in known:
            if not runs:
                del self._helpers[call]
        return len(known)

    def cancel(self, call):
        """In the reader thread: mark the running call, and make the main thread look."""
        call.cancelled = True
        if call.task is None:
            self._ring()
        self._helpers[call] = True
        try:
            start_new_thread(self._insist, (call,))
        except RuntimeError:  # no more threads: the parent's doorbell remains
            self._helpers[call] = False

    def _insist(self, call):
        # A signal that comes between the interpreter's last look and the system call does not end that system call; and
        # what is raised in a finalizer, or swallowed, comes to nothing.
        pauses = iter(_PAUSES)
        pause = next(pauses)
        while True:
            _sleep(pause)
            if self.running is not call or (call.interrupted and call.task is not None):
                break
            self._ring()
            pause = next(pauses, pause)
        self._helpers[call] = False

    def _ring(self):
        if PORTABLE:
            interrupt_main()
        else:
            _pthread_kill(_main, DOORBELL)

    def _answer(self, _signum, frame):
        call = self.running or current.get()
        if call is None or not _in_user_code(call, frame):
            return
        if call.interrupted and (call.task is not None or _is_handled()):
            return
        for _ in range(5):
            if call.cancelled:
                break
            # The parent rang before the reader thread could read the frame: main may hold the GIL for seconds (a
            # regular expression), and only lets go of it here.
            _sleep(0.002)
        if call.cancelled and _imports(frame):
            if call.held is None:
                call.held = _now()
            if _now() < call.held + _IMPORT:
                return  # who insists rings again
        stop_cancelled(call)


def _is_handled():
    """Whether the running code cleans up after a `Cancelled`: in a `finally`, an `except` or an `__exit__`."""
    error = _exc_info()[1]
    for _ in range(100):
        if error is None:
            return False
        if type(error) is Cancelled:
            return True
        error = _context(error)
    return True


def _imports(frame):
    """Whether the running user code imports."""
    while frame is not None and frame.f_code is not _enter_code:
        if frame.f_code.co_filename == "<frozen importlib._bootstrap>":
            return True
        frame = frame.f_back
    return False


def start_thread(function):
    """Start a thread of the runtime's own, which the doorbell is not for. It runs when this returns."""
    runs = allocate_lock()
    runs.acquire()

    def main():
        if _sigmask is not None:
            _sigmask(signal.SIG_BLOCK, (DOORBELL,))
        runs.release()
        function()

    start_new_thread(main, ())
    runs.acquire()


def enter(call, function, *args):
    """Run `function` where `Cancelled` may strike. A mark made before this frame existed is seen by the test."""
    stop_cancelled(call)
    current.set(call)
    return function(*args)


def check(call):
    """In user code, right after something that `Cancelled` could not strike: raise it if it is due in this thread."""
    if not call.interrupted and get_ident() == _main:
        stop_cancelled(call)


def stop_cancelled(call):
    """In the main thread: the call ends here if it was cancelled, whether it knows or not."""
    if call.cancelled:
        call.interrupted = True
        raise Cancelled("the call was cancelled")


def interrupts(call):
    """Whether whoever asks is a signal handler of the user that has interrupted the runtime, which then cannot be called."""
    return get_ident() == _main and not _in_user_code(call, _getframe(1))


def shield(function, *args):
    """Run a part of the runtime that user code has called, where `Cancelled` must not strike; it comes soon after."""
    return function(*args)


def own(coroutine_function):
    """Mark a coroutine of the runtime: what runs in it alone is no user code."""
    _own.add(coroutine_function.__code__)
    return coroutine_function


_enter_code, _shield_code, _own = enter.__code__, shield.__code__, set()
_ASYNC = 0x80 | 0x200  # CO_COROUTINE, CO_ASYNC_GENERATOR


def _in_user_code(call, frame):
    while frame is not None:
        code = frame.f_code
        if code is _enter_code:
            return True
        if code is _shield_code:
            return False
        # A step of a task; between two of them is the event loop, which would lose the task.
        if code.co_flags & _ASYNC and code not in _own:
            return current.get() is call
        frame = frame.f_back
    return False
