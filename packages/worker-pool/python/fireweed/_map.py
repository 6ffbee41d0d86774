"""Maps: a function that is called with one item after another, for one CALL. The results go back in lists."""

from . import _cancel, _coroutines, _frame, _stream
from ._apply import apply_calls, apply_items
from ._builtins import __builtins__
from ._errors import Refused

MODES = {"items": apply_items, "calls": apply_calls}

_odd = frozenset((_coroutines.Coroutine, *_stream.GENERATORS))


class Map:
    """`results` has those that are there: the item that is at work, or has failed, is the one after them."""

    __slots__ = ("_apply", "_work", "results")

    def __init__(self, mode):
        self._apply = MODES[mode]
        self._work = None
        self.results = []

    def begin(self, function, items, kwargs):
        """Go on until the end, which is None, or until a function gives a coroutine or a generator, which is that."""
        self._work = (function, iter(items), kwargs)
        return self.advance()

    def advance(self):
        return self._apply(*self._work, self.results, _odd)


@_cancel.own
async def finish(call, value):
    """On an event loop: await what the function has given, then go on, one item after the other."""
    mapped = call.map
    while value is not None:
        if type(value) is not _coroutines.Coroutine:
            raise _stream.Mismatch(_stream.NOT_A_STREAM)
        if call.cancelled:
            value.close()
        _cancel.check(call)
        mapped.results.append(await value)
        value = _cancel.enter(call, mapped.advance)


def lists(results, codec, limit):
    """The payloads of lists that have all results, in order, as few as fit into frames. Raises at the first that cannot be sent alone."""
    try:
        payload = codec.encode(results, "results")
        fits = _frame.size(*payload) <= limit
    except (Refused, MemoryError):
        fits = False
    if fits:
        yield payload
    elif len(results) > 1:
        half = len(results) // 2
        yield from lists(results[:half], codec, limit)
        yield from lists(results[half:], codec, limit)
    else:
        size = _frame.size(*codec.encode(results[0], "result"))
        raise Refused("result: %d bytes, the limit of a frame is %d" % (size, limit))
