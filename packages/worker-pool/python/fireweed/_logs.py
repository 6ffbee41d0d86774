"""What user code logs, warns of and loses in threads and finalizers, as LOG frames.

    logging, warnings, sys.unraisablehook, threading.excepthook -> records -> log thread -> fd 4

Whoever logs only appends to a bounded list: it never waits for the parent, and what does not fit is counted and told.
The log thread sends; the main thread does so itself before it answers a call, so that what a call logs comes before its
answer.
"""

import logging
import sys
import threading
from _thread import allocate_lock, get_ident
from collections import deque

from . import Cancelled, _cancel, _frame, _lifeline, _wire
from ._builtins import __builtins__
from ._errors import clip, plain, printed, type_name

_MOST, _MOST_TEXT, _TEXT, _NAME = 4096, 4 << 20, 64 * 1024, 1000  # records, and characters: of all, of one, of a name

_getMessage = logging.LogRecord.getMessage


class Logs:
    """`send(kind, id, value)` writes a JSON frame; `current()` gives the call that the caller works for, or None."""

    def __init__(self, send, current):
        self._send, self._current = send, current
        self._records, self._size, self._dropped = deque(), 0, 0
        self._inside = set()  # threads that are making a record
        self._sending, self._wake = allocate_lock(), allocate_lock()
        self._wake.acquire()

    def install(self, level):
        """Listen from `level` on. Python's own default, WARNING, is left to stand unless less is asked for."""
        _cancel.start_thread(self._run)
        root = logging.getLogger()
        handler = _Handler(self, level)
        root.addHandler(handler)
        if level < root.level:
            root.setLevel(level)
        _keep(root, handler)
        if level <= logging.WARNING:
            logging.captureWarnings(True)
        self._unraisable, sys.unraisablehook = sys.unraisablehook, self._on_unraisable
        self._thread_died, threading.excepthook = threading.excepthook, self._on_thread_death

    # ---------------------------------------------------------------- any thread

    def add(self, level, logger, text):
        """Add a record. Never blocks and never raises; `text()` may run user code."""
        thread = get_ident()
        if thread in self._inside:  # a `__str__` that logs
            return
        try:
            self._inside.add(thread)
            try:
                message = clip(plain(text()), _TEXT)
            except Cancelled:
                raise
            except BaseException as error:
                message = "<unprintable: %s>" % type_name(type(error))
            call = self._current()
            record = (level, logger, message, None if call is None else call.id)
        finally:
            self._inside.discard(thread)
        _cancel.shield(self._append, record)

    def report(self, logger, text, error):
        """Add an error of the runtime's own knowledge, with the exception behind it, if there is one."""
        self.add(logging.ERROR, logger, lambda: _with_error(text, error))

    def _append(self, record):
        if len(self._records) >= _MOST or self._size + len(record[2]) > _MOST_TEXT:
            self._dropped += 1
            return
        self._size += len(record[2])
        self._records.append(record)
        try:
            self._wake.release()
        except RuntimeError:  # it is awake
            pass

    def _on_unraisable(self, event):
        if _lifeline.is_fork():
            return self._unraisable(event)
        error, place = event.exc_value, event.err_msg or "Exception ignored in"
        where = event.object
        name = getattr(where, "__qualname__", None) if type(where) in _FUNCTIONS else None
        shown = name if type(name) is str else type_name(type(where))
        text = "%s: %s" % (place, shown)
        self.report("fireweed.unraisable", text, error)

    def _on_thread_death(self, event):
        if _lifeline.is_fork():
            return self._thread_died(event)
        if event.exc_type is SystemExit:  # ends the thread, as it should
            return
        thread, error = event.thread, event.exc_value

        def text():  # the name may be a property of a subclass, which may raise
            return _with_error("Exception in thread %s" % ("?" if thread is None else thread.name), error)

        self.add(logging.ERROR, "fireweed.thread", text)

    # ---------------------------------------------------------------- log thread, or whoever ends a call

    def flush(self, timeout=-1):
        """Send what waits. The main thread's, outside of user code. Waits so many seconds for its turn. Raises `Closed`."""
        if self._records or self._inside or self._sending.locked():
            self._inside.discard(get_ident())  # a cancellation may have struck before it was taken out
            self._drain(timeout)

    def _drain(self, timeout=-1):
        if not self._sending.acquire(True, timeout):
            return
        try:
            while self._records:
                level, logger, message, call = self._records.popleft()
                self._size -= len(message)
                self._tell(level, logger, message, call)
            self._size = 0  # threads that count at once may miscount
            dropped, self._dropped = self._dropped, 0
            if dropped:
                self._tell(logging.WARNING, "fireweed.logs", "%d records were dropped" % dropped, None)
        finally:
            self._sending.release()

    def _tell(self, level, logger, message, call):
        self._send(_frame.LOG, 0, {"level": level, "logger": logger, "message": message, "call": call})

    def _run(self):
        try:
            while True:
                self._wake.acquire()
                self._drain()
        except _wire.Closed:
            pass  # the reader thread ends the process


class _Handler(logging.Handler):
    def __init__(self, logs, level):
        logging.Handler.__init__(self, level)
        self._logs = logs

    def handle(self, record):
        """Without the lock of `Handler`: a `__str__` that takes its time must not hold up other threads."""
        if not self.filter(record):
            return False
        if _lifeline.is_fork():
            if logging.lastResort is not None and record.levelno >= logging.lastResort.level:
                logging.lastResort.handle(record)
        else:
            level = record.levelno if type(record.levelno) is int else logging.ERROR
            name = clip(record.name, _NAME) if type(record.name) is str else "?"
            self._logs.add(level, name, lambda: _text(record))
        return True


def _text(record):
    text = plain(_getMessage(record))
    error = record.exc_info[1] if type(record.exc_info) is tuple else None
    if error is not None:
        text = _with_error(text, error)
    elif record.exc_text:
        text = "%s\n%s" % (text, record.exc_text)
    return "%s\n%s" % (text, record.stack_info) if record.stack_info else text


def _with_error(text, error):
    return text if error is None else "%s\n%s" % (clip(text, _TEXT // 2), printed(error))


def _keep(root, handler):
    """Let the handler outlive whoever configures logging, and not count for `basicConfig`, which would do nothing."""
    remove, basic_config = root.removeHandler, logging.basicConfig

    def remove_handler(other):
        if other is not handler:
            remove(other)

    def configure(**options):
        if handler not in root.handlers:
            return basic_config(**options)
        root.handlers.remove(handler)
        try:
            basic_config(**options)
        finally:
            root.handlers.append(handler)

    root.removeHandler, logging.basicConfig = remove_handler, configure


_FUNCTIONS = (type(_keep), type(_Handler.handle), type(len), type(Logs(None, None).flush))
