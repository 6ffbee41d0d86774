"""Codec 0: pickle protocol 5, closed on both sides. What may pass, and as what, is in VALUES.md."""

import io
from _pickle import Pickler, Unpickler

from . import _ext
from ._errors import Refused, clip, type_name

_ATOMS = frozenset((type(None), bool, int, float, str, bytes, bytearray))
_LISTS = frozenset((list, tuple))
_SETS = frozenset((set, frozenset))
_OWN = frozenset(_ext.FUNCTIONS.values())


class Pickle:
    flags = 0
    name = "pickle"

    @staticmethod
    def decode(meta, buffers=()):
        stream = io.BytesIO(meta)
        try:
            value = _Reader(stream, buffers=buffers).load()
        except RecursionError:
            raise Refused("nested too deep") from None
        except Exception as error:  # every error of the reader means that the bytes are not what they should be
            raise Refused("not a pickle this worker reads: %s: %s" % (type_name(type(error)), clip(str(error), 500))) from None
        if stream.tell() != len(meta):
            raise Refused("not a pickle this worker reads: bytes are left over")
        return value

    @staticmethod
    def encode(value, name="value"):
        """The pieces of the meta, and the buffers that go out of band. `name` is what the path in a refusal starts with."""
        pieces, buffers = [], []
        try:
            _Writer(_Sink(pieces), 5, buffer_callback=buffers.append).dump(value)
            return pieces, [buffer.raw() for buffer in buffers]
        except MemoryError:
            raise
        except Exception:  # `__getattribute__` of a user's class among them
            raise Refused(_first_refusal(value, name)) from None


class _Reader(Unpickler):
    def find_class(self, module, name):
        found = _ext.FUNCTIONS.get(name) if module == "fireweed._ext" else None
        if found is None:
            raise _ext.Unsupported("%s.%s is not allowed" % (module, name))
        return found


class _Writer(Pickler):
    def reducer_override(self, o):
        if type(o) is _FUNCTION and o in _OWN:
            return NotImplemented  # as a global, by name
        return _ext.reduce(o)


_FUNCTION = type(_ext.reduce)


class _Sink:
    """A file that keeps what is written as it came: a large `bytes` is not copied."""

    __slots__ = ("write",)

    def __init__(self, pieces):
        self.write = pieces.append


def _first_refusal(value, name):
    """Why a value is refused: the first thing in reading order that cannot pass. Iterative: depth may be the reason."""
    seen = set()
    todo = [(value, name, 0)]
    while todo:
        item, path, depth = todo.pop()
        kind = type(item)
        if kind in _ATOMS or id(item) in seen:
            continue
        seen.add(id(item))
        if depth > 400:
            return "%s...: nested too deep" % path[:200]
        try:
            steps = list(_children(item, kind, path))
        except Exception as error:
            reason = clip(str(error), 200) if type(error) is _ext.Unsupported else type_name(type(error))
            return "%s: %s" % (path, type_name(kind)) + (" (%s)" % reason if reason else "")
        todo.extend((child, where, depth + 1) for child, where in reversed(steps))
    return "%s: changed while it was encoded" % name


def _children(item, kind, path):
    if kind in _LISTS:
        return [(child, "%s[%d]" % (path, i)) for i, child in enumerate(item)]
    if kind in _SETS:
        return [(child, "%s{...}" % path) for child in item]
    if kind is dict:
        keys = [(key, "%s (a key)" % path) for key in item if type(key) not in _ATOMS]
        return keys + [(child, "%s[%s]" % (path, clip(repr(key), 80) if type(key) in _ATOMS else "...")) for key, child in item.items()]
    function, args = _ext.reduce(item)
    if function is _ext.dataclass:
        return [(child, "%s.%s" % (path, field)) for field, child in args[2].items()]
    if function is _ext.namedtuple:
        return [(child, "%s.%s" % (path, field)) for field, child in zip(args[2], args[3])]
    if function is _ext.deque:
        return [(child, "%s[%d]" % (path, i)) for i, child in enumerate(args[0])]
    if function in (_ext.ordereddict, _ext.defaultdict, _ext.counter):
        return [(child, "%s[...]" % path) for pair in args[-1] for child in pair]
    if function in (_ext.slice, _ext.enum):
        return [(child, path) for child in args[-3:]]
    return []
