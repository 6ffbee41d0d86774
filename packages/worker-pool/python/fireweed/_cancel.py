"""Cancellation: a CANCEL frame marks its call, then a signal makes the main thread look.

The mark is the only truth. The signal (SIGUSR1, from the reader thread or from the parent) is a doorbell that carries
nothing, so a late one finds no mark and does nothing.

`Cancelled` is raised only at or below `enter`, whose caller catches everything; so it can never strike the runtime.
"""

import _signal as signal  # the module without its enums, which cost microseconds a look
import os
import time
from _thread import get_ident, interrupt_main

from . import Cancelled

# Where there is no SIGUSR1 (or when asked to behave as there), the simulated SIGINT of the interpreter takes its part:
# it reaches Python code, but interrupts no system call.
PORTABLE = not hasattr(signal, "pthread_kill") or os.environ.get("FIREWEED_PORTABLE") == "1"
DOORBELL = signal.SIGINT if PORTABLE else signal.SIGUSR1

_sleep = time.sleep
_getsignal, _signal = signal.getsignal, signal.signal
_pthread_kill = getattr(signal, "pthread_kill", None)


class Call:
    """One CALL, OPEN or CLOSE between its arrival and its terminal frame."""

    __slots__ = ("arrived", "began", "body", "cancelled", "codec", "id", "interrupt", "kind", "started")

    def __init__(self, kind, call_id, codec, body, arrived):
        self.kind, self.id, self.codec, self.body, self.arrived = kind, call_id, codec, body, arrived
        self.began = None
        self.started = False  # the user's function was entered
        self.cancelled = False  # the mark; set by the reader thread
        self.interrupt = None  # the `Cancelled` raised for it: one only, so that clean-up is not disturbed


class Doorbell:
    """`running` is the call that the main thread executes, or None."""

    def __init__(self):
        self.running = None
        self._main = get_ident()
        self._handler = self._answer

    def install(self):
        """In the main thread, at the start and after each call: user code may have replaced the handler."""
        if _getsignal(DOORBELL) is not self._handler:
            _signal(DOORBELL, self._handler)

    def ring(self):
        if PORTABLE:
            interrupt_main()
        else:
            _pthread_kill(self._main, DOORBELL)

    def _answer(self, _signum, frame):
        call = self.running
        if call is None or not _in_user_code(frame) or not _is_lost(call.interrupt):
            return
        for _ in range(5):
            if call.cancelled:
                break
            # The parent rang before the reader thread could read the frame: main may hold the GIL for seconds (a
            # regular expression), and only lets go of it here.
            _sleep(0.002)
        if call.cancelled:
            _raise(call)


def enter(call, function, *args):
    """Run `function` where `Cancelled` may strike. A mark made before this frame existed is seen by the test."""
    if call.cancelled:
        _raise(call)
    return function(*args)


def _raise(call):
    call.interrupt = Cancelled("the call was cancelled")
    raise call.interrupt


_enter_code = enter.__code__


def _in_user_code(frame):
    while frame is not None:
        if frame.f_code is _enter_code:
            return True
        frame = frame.f_back
    return False


def _is_lost(interrupt):
    """Whether no `Cancelled` has reached user code yet.

    Some functions in C forget an exception that strikes within them (opening a file is one, and so is an import): then
    its traceback ends in this module, and the next ring raises it anew.
    """
    traceback = None if interrupt is None else interrupt.__traceback__
    while traceback is not None:
        if traceback.tb_frame.f_globals is not _here:
            return False
        traceback = traceback.tb_next
    return True


_here = globals()
