"""The two byte streams: descriptors out of harm's way, one reader, and one writer that any thread may use."""

import os
from _thread import allocate_lock
from collections import deque

from . import _frame, _limits
from ._builtins import __builtins__

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

_read, _write, _open, _close = os.read, os.write, os.open, os.close
_CHUNK = 64 * 1024
_FLOOR = 200  # no user code counts that far
_DEVNULL, _RDONLY = os.devnull, os.O_RDONLY


def claim(fd):
    """Move a descriptor to 200 or above, where no user code closes it by counting, and keep it from sub-processes."""
    for floor in (_FLOOR, 60, 30, 12) if fcntl else ():
        try:
            moved = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, floor)
        except OSError as error:
            if error.errno == 9:  # EBADF
                raise
            continue  # above `ulimit -n`
        _close(fd)
        return moved
    os.set_inheritable(fd, False)
    return fd


def aloft(make):
    """Run `make`, which opens descriptors that cannot be moved: meanwhile all below 200 are taken."""
    taken = []
    try:
        while fcntl and (not taken or taken[-1] < _FLOOR):
            taken.append(_open(_DEVNULL, _RDONLY))
    except OSError:  # above `ulimit -n`
        while taken:
            _close(taken.pop())
    try:
        return make()
    finally:
        while taken:
            _close(taken.pop())


def release(fd):
    """Close a descriptor that may be None, or closed by user code already."""
    if fd is not None:
        try:
            _close(fd)
        except OSError:
            pass


class Closed(Exception):
    """The parent's end is closed."""


class Wire:
    def __init__(self, read_fd, write_fd, kinds=_frame.TO_WORKER):
        self.limit = _frame.LIMIT
        self._kinds = kinds  # that may be received
        self._read_fd, self._write_fd = read_fd, write_fd
        self._data, self._at = b"", 0  # received, and how much of it is parsed
        self._outbox, self._lock = deque(), allocate_lock()

    def receive(self):
        """The next frame as `(kind, flags, id, meta, buffers)`; a meta of None was there, but did not fit into memory.

        One thread only. Raises `Closed` or `Violation`.
        """
        while len(self._data) - self._at < _frame.SIZE:
            self._data = self._data[self._at :] + self._more(_CHUNK)
            self._at = 0
        kind, flags, call_id, meta_len, nbuf, length = _frame.parse(self._data, self._at, self.limit, self._kinds)
        start = self._at + _frame.SIZE
        body = self._data[start : start + length]
        self._at = start + len(body)
        if len(body) < length:
            body = self._rest(body, length)
        if body is None:
            return kind, flags, call_id, None, ()
        return (kind, flags, call_id, *_frame.split(body, meta_len, nbuf))

    def fileno(self):
        return self._read_fd

    def has_more(self):
        """Whether something was received that `receive` has not given yet."""
        return self._at < len(self._data)

    def _rest(self, body, length):
        missing = length - len(body)
        try:
            body = bytearray(body)  # grows as bytes come, so that a header alone costs nothing
            while missing:
                data = self._more(min(missing, 1 << 20))
                missing -= len(data)
                body += data
        except MemoryError:
            body = data = None
            while missing:
                missing -= len(self._more(min(missing, _CHUNK)))
        return body

    def send(self, kind, call_id, flags, pieces=(), buffers=()):
        """Queue a frame and write what is queued, unless another thread is writing already: then that one does it too.

        So the reader never waits behind a large result, and frames never mix. Raises `Closed`.
        """
        self._outbox.append(_frame.encode(kind, call_id, flags, pieces, buffers))
        # A thread that finds the lock taken may leave: its owner looks at the outbox again after the release.
        while self._outbox and self._lock.acquire(False):
            self._drain()

    def deliver(self, kind, call_id, flags, pieces=(), buffers=()):
        """As `send`, but return only when the frame is written, whoever writes it: should the process die in what comes next, the parent
        knows what came before.
        """
        self._outbox.append(_frame.encode(kind, call_id, flags, pieces, buffers))
        while self._outbox:
            if self._lock.acquire():
                self._drain()

    def finish(self, timeout):
        """Wait until all that was sent is written (seconds), then keep the lock: nothing follows."""
        if self._lock.acquire(True, timeout):
            while self._outbox:
                self._put(self._outbox.popleft())

    def abandon(self):
        """Close the descriptors in a forked child, which has no business here; once, as it may fork, too."""
        for fd in (self._read_fd, self._write_fd):
            if fd >= 0:
                _close(fd)
        self._read_fd = self._write_fd = -1

    def _drain(self):
        try:
            while self._outbox:
                self._put(self._outbox.popleft())
        finally:
            self._lock.release()

    def _put(self, parts):
        try:
            for part in parts:
                done, size = 0, len(part)
                while done < size:
                    done += _write(self._write_fd, memoryview(part)[done:] if done else part)
        except OSError as error:
            raise Closed("cannot write: %s" % error) from None

    def _more(self, size):
        try:
            try:
                data = _read(self._read_fd, size)
            except MemoryError:
                _limits.relax()
                data = _read(self._read_fd, size)
            _limits.relax()
        except OSError as error:
            raise Closed("cannot read: %s" % error) from None
        if not data:
            raise Closed("end of stream")
        return data
