"""Streams: the items of a generator, or of any other iterator, as far as the parent has asked for them.

The next item is asked for only when it may be sent, so nobody computes what nobody may want.
"""

from _queue import Empty, SimpleQueue

from . import _cancel, _coroutines, _frame
from ._builtins import __builtins__
from ._errors import Refused, type_name


def _generate():
    yield


async def _generate_async():
    yield


GENERATORS = (type(_generate()), type(_generate_async()))
_stop_value = StopIteration.__dict__["value"].__get__


class Mismatch(Exception):
    """A stream was asked of a function that gives none, or a value of one that gives a stream."""


NOT_A_STREAM = "it returned a generator, and was not called as a stream"


def is_async(cls):
    return hasattr(cls, "__anext__")


def expect(value):
    """What a call that is a stream must return."""
    cls = type(value)
    if not hasattr(cls, "__next__") and not hasattr(cls, "__anext__"):
        raise Mismatch("it was called as a stream, and returned %s, which is no iterator" % type_name(cls))
    return value


class Stream:
    """What stands between a generator and the parent. `credit` is how many items may be sent; the main thread's alone."""

    __slots__ = ("_grants", "_loop", "_waiter", "_wire", "call", "credit")

    def __init__(self, call, credit, wire):
        self.call, self.credit, self._wire = call, credit, wire
        self._grants = SimpleQueue()
        self._loop = self._waiter = None

    def grant(self, count):
        """In the reader thread: so many more. 0 only wakes who waits."""
        self._grants.put(count)
        if self._loop is not None:
            _coroutines.wake(self._loop, self._wake)

    def send(self, item):
        """Send one item. The credit must be there."""
        call, wire = self.call, self._wire
        payload = call.codec.encode(item, "item")
        size = _frame.size(*payload)
        if size > wire.limit:
            raise Refused("item: %d bytes, the limit of a frame is %d" % (size, wire.limit))
        self.credit -= 1
        wire.send(_frame.ITEM, call.id, call.codec.flags, *payload)

    def wait(self):
        """Wait for credit, or for the end of the call."""
        while self.credit == 0 and not self.call.cancelled:
            self.credit += self._grants.get()

    @_cancel.own
    async def wait_async(self):
        self._loop = _coroutines.loop()
        while self.credit == 0:
            try:
                self.credit += self._grants.get_nowait()
            except Empty:
                self._waiter = self._loop.create_future()
                await self._waiter

    def _wake(self):
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


def drain(stream, iterator):
    """Send all items; what a generator returns is the result."""
    call, shield, wait, send = stream.call, _cancel.shield, stream.wait, stream.send
    try:
        while True:
            if stream.credit == 0:
                shield(wait)
            _cancel.stop_cancelled(call)
            try:
                item = next(iterator)
            except StopIteration as stop:
                return _stop_value(stop)
            shield(send, item)
    finally:
        close = getattr(type(iterator), "close", None)
        if close is not None:
            close(iterator)


@_cancel.own
async def drain_async(stream, iterator):
    """The same on an event loop, for both kinds of iterators."""
    call, shield, send, cls = stream.call, _cancel.shield, stream.send, type(iterator)
    step, close = getattr(cls, "__anext__", None), getattr(cls, "aclose", None)
    try:
        while True:
            if stream.credit == 0:
                await stream.wait_async()
            _cancel.stop_cancelled(call)
            try:
                item = _cancel.enter(call, next, iterator) if step is None else await step(iterator)
            except StopIteration as stop:
                return _stop_value(stop)
            except StopAsyncIteration:
                return None
            shield(send, item)
    finally:
        if close is not None:
            await close(iterator)
        elif step is None and hasattr(cls, "close"):
            cls.close(iterator)
