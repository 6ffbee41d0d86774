"""Calls from Python to the functions that the parent has put under a name.

    user code -> CALLBACK -> parent -> CALLBACK_RESULT or CALLBACK_ERROR -> reader thread -> whoever waits

Each CALLBACK is answered once, unless its call ends first: then those who wait are told so here, and an answer that
comes later is dropped. An answer to an id that was never given out breaks the protocol.
"""

import sys
from _queue import SimpleQueue
from _thread import RLock

from . import CallbackError, _cancel, _frame, _lifeline
from ._builtins import __builtins__
from ._errors import Refused, plain, type_name

_LAST_ID = 0xFFFF_FFFF
_NO_NAMES = frozenset()

_port = None  # of this worker
_modules = sys.modules


def call_parent(name, *args, **kwargs):
    """Call the parent's function of that name, wait for its value, and return it.

    Any thread may call it, as long as the call that it works for runs; in a coroutine use `call_parent_async`. Keyword
    arguments reach the function as one object after the others. Raises `CallbackError`.
    """
    if _running_loop() is not None:
        raise CallbackError(name, "NoCall", "this would stop the event loop; use `await call_parent_async(...)` here")
    answers = SimpleQueue()
    port, call, key = _send(name, args, kwargs, answers.put)
    try:
        answer = answers.get()
        _cancel.check(call)
        return port.read(name, answer)
    finally:
        port.forget(key)


async def call_parent_async(name, *args, **kwargs):
    """`call_parent` for coroutines: `await call_parent_async("name", ...)` lets others run until the value is there."""
    import asyncio

    loop = asyncio.get_running_loop()
    answer = loop.create_future()

    def settle(value):
        if not answer.done():
            answer.set_result(value)

    def tell(value):
        try:
            loop.call_soon_threadsafe(settle, value)
        except RuntimeError:  # the loop is closed, and nobody waits
            pass

    port, call, key = _send(name, args, kwargs, tell)
    try:
        value = await answer
        _cancel.check(call)
        return port.read(name, value)
    finally:
        port.forget(key)


def _running_loop():
    """The loop that runs in this thread; without importing asyncio, which takes tens of milliseconds."""
    events = _modules.get("asyncio.events")
    return None if events is None else events._get_running_loop()


def _send(name, args, kwargs, tell):
    port = _port
    if port is None or _lifeline.is_fork():
        raise CallbackError(name, "NoCall", "this process is no worker of a pool")
    return (port, *port.send(name, args, kwargs, tell))


class Port:
    """The way out of one worker. `current()` gives the call that the caller works for, or None."""

    def __init__(self, wire, current):
        self._wire, self._current = wire, current
        self._names = _NO_NAMES
        self._waiting = {}  # id -> (call, tell)
        self._lock = RLock()  # reentrant, for signal handlers that call the parent
        self._last = 0
        self._wrapped = False

    def open(self, names):
        """From now on these names can be called."""
        global _port
        self._names = frozenset(names)
        _port = self

    # ---------------------------------------------------------------- any thread

    def send(self, name, args, kwargs, tell):
        """Send a CALLBACK. `tell` gets its answer, once at most, from another thread. Gives the call, and the id."""
        if type(name) is not str or name not in self._names:
            raise CallbackError(name, "UnknownCallback", _unknown(name, self._names))
        call = self._current()
        if call is None:
            raise CallbackError(name, "NoCall", "none runs that it could belong to, or several do (see asyncio.to_thread)")
        if _cancel.interrupts(call):  # the frame that it was sending would wait for us, and we for it
            raise CallbackError(name, "NoCall", "a signal handler has interrupted the runtime; call later, from what it interrupted")
        try:
            payload = call.codec.encode([name, list(args), kwargs or None, call.id], "callback")
        except Refused as error:
            text = str(error).replace("callback[1]", "args", 1).replace("callback[2]", "kwargs", 1)
            raise CallbackError(name, "InvalidArguments", text) from None
        size = _frame.size(*payload)
        if size > self._wire.limit:
            text = "%d bytes, the limit of a frame is %d" % (size, self._wire.limit)
            raise CallbackError(name, "InvalidArguments", text)
        return call, _cancel.shield(self._post, call, payload, tell)

    def read(self, name, answer):
        """The value of an answer."""
        if answer is None:
            raise CallbackError(name, "CallEnded", "the call that it belongs to is over or cancelled")
        kind, codec, payload = answer
        if payload[0] is None:
            raise MemoryError("no memory to receive the answer")
        try:
            value = codec.decode(*payload)
        except Refused as error:
            raise CallbackError(name, "InvalidResult", str(error)) from None
        if kind == _frame.CALLBACK_RESULT:
            return value
        fields = value if type(value) is dict else {}
        kind, message = fields.get("type"), fields.get("message")
        raise CallbackError(name, kind if type(kind) is str else "Error", message if type(message) is str else "")

    def forget(self, key):
        """Nobody waits for that answer any more."""
        self._waiting.pop(key, None)

    def _post(self, call, payload, tell):
        waiting, entry = self._waiting, (call, tell)
        with self._lock:
            while True:
                if self._last == _LAST_ID:
                    self._last, self._wrapped = 0, True
                self._last += 1
                key = self._last
                if waiting.setdefault(key, entry) is entry:
                    break
        if call.ended:
            tell(None)
        else:
            self._wire.send(_frame.CALLBACK, key, call.codec.flags, *payload)
        return key

    # ---------------------------------------------------------------- reader thread

    def answer(self, kind, codec, key, payload):
        """Hand an answer to the one who waits for it."""
        entry = self._waiting.pop(key, None)
        if entry is not None:
            entry[1]((kind, codec, payload))
        elif key == 0 or (key > self._last and not self._wrapped):
            raise _frame.Violation("an answer to callback %d, which was never made" % key)

    # ---------------------------------------------------------------- main thread or reader thread

    def end(self, call):
        """The call is over, or cancelled, and so are its callbacks: wake those who wait, whom a signal may not reach."""
        call.ended = True
        if self._waiting:
            for key, (owner, tell) in list(self._waiting.items()):
                if owner is call and self._waiting.pop(key, None) is not None:
                    tell(None)


def _unknown(name, names):
    if type(name) is not str:
        return "its name is of type %s" % type_name(type(name))
    if not names:
        return "the pool has no callbacks (option `callbacks`)"
    from difflib import get_close_matches

    close = get_close_matches(plain(name), names, 3)
    return "the pool has no callback of that name" + ("; is it %s?" % " or ".join(map(repr, close)) if close else "")
