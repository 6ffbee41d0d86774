"""Codec 0: pickle protocol 5, closed on both sides. What may pass, and as what, is in VALUES.md."""

import re
from _io import BytesIO
from _pickle import Pickler, Unpickler

from . import _ext, _opcodes
from ._builtins import __builtins__
from ._errors import NotLoaded, Refused, clip, type_name
from ._json import surrogate_pair

_ATOMS = frozenset((type(None), bool, int, float, str, bytes, bytearray))
_LISTS = frozenset((list, tuple))
_SETS = frozenset((set, frozenset))
_CYCLIC = _LISTS | _SETS | {dict}
_OWN = frozenset(_ext.FUNCTIONS.values())


class Pickle:
    flags = 0
    name = "pickle"

    @staticmethod
    def decode(meta, buffers=()):
        return _load(_Reader, meta, buffers)

    @staticmethod
    def outline(meta, buffers=()):
        """The value without what needs an extension, `None` in its place: what can be read before a class is there."""
        return _load(_Outline, meta, buffers)

    @staticmethod
    def encode(value, name="value"):
        """The pieces of the meta, and the buffers that go out of band. `name` is what the path in a refusal starts with."""
        pieces, buffers = [], []
        try:
            _Writer(_Sink(pieces), 5, buffer_callback=buffers.append).dump(value)
            if not (_may_hold_pair(pieces) and _holds_pair(value)):
                return pieces, [buffer.raw() for buffer in buffers]
        except MemoryError:
            raise
        except Exception:  # `__getattribute__` of a user's class among them
            pass
        raise Refused(_first_refusal(value, name))


def _load(reader, meta, buffers):
    _opcodes.check(meta)
    stream = BytesIO(meta)
    try:
        value = reader(stream, buffers=buffers).load()
    except RecursionError:
        raise Refused("nested too deep") from None
    except MemoryError:
        raise
    except Exception as error:  # every other error of the reader means that the bytes are not what they should be
        refusal = NotLoaded if type(error) is _ext.NotLoaded else Refused
        raise refusal("not a pickle this worker reads: %s: %s" % (type_name(type(error)), clip(str(error), 500))) from None
    if stream.tell() != len(meta):
        raise Refused("not a pickle this worker reads: bytes are left over")
    return value


class _Reader(Unpickler):
    def find_class(self, module, name):
        found = _ext.FUNCTIONS.get(name) if module == "fireweed._ext" else None
        if found is None:
            raise _ext.Unsupported("%s.%s is not allowed" % (module, name))
        return found


class _Outline(_Reader):
    def find_class(self, module, name):
        super().find_class(module, name)
        return _nothing


def _nothing(*_):
    return None


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


_pair_bytes = re.compile(b"\xed[\xa0-\xaf][\x80-\xbf]\xed[\xb0-\xbf]").search
_OF_BYTES = b"B\x8e\x96"  # the opcodes of bytes, whose payload is a piece of its own when it is large


def _may_hold_pair(pieces):
    before = b""
    for piece in pieces:
        if b"\xed" in piece and not (len(before) in (5, 9) and before[0] in _OF_BYTES) and _pair_bytes(piece):
            return True
        before = piece
    return False


def _holds_pair(value):
    return _walk(value, "", lambda item, kind, path, depth: kind is str and surrogate_pair(item) is not None) is not None


def _first_refusal(value, name):
    """Why a value is refused: the first thing in reading order that cannot pass."""
    return _walk(value, name, _refusal) or "%s: changed while it was encoded" % name


def _refusal(item, kind, path, depth):
    if kind is str and surrogate_pair(item):
        return "%s: str with a high surrogate before a low one" % path
    if kind in _ATOMS:
        return None
    if depth > 400:
        return "%s...: nested too deep" % path[:200]
    try:
        list(_children(item, kind, path))
    except Exception as error:
        reason = clip(str(error), 200) if type(error) in (_ext.Unsupported, _ext.NotLoaded) else type_name(type(error))
        return "%s: %s" % (path, type_name(kind)) + (" (%s)" % reason if reason else "")
    return None


def _walk(value, name, look):
    """What `look` finds first, in reading order. Iterative, since depth may be what is looked for; each object once."""
    seen, open_ids = set(), set()  # the latter: of what stands between the root and here
    todo = [(value, name, 0)]
    while todo:
        item, path, depth = todo.pop()
        if depth is None:
            open_ids.discard(id(item))
            continue
        kind = type(item)
        found = look(item, kind, path, depth)
        if not found and look is _refusal and id(item) in open_ids and kind not in _CYCLIC:
            found = "%s: %s that contains itself" % (path, type_name(kind))
        if found:
            return found
        if kind in _ATOMS or id(item) in seen:
            continue
        seen.add(id(item))
        open_ids.add(id(item))
        todo.append((item, path, None))
        todo.extend((child, where, depth + 1) for child, where in reversed(list(_children(item, kind, path))))
    return None


def _children(item, kind, path):
    if kind in _LISTS:
        return [(child, "%s[%d]" % (path, i)) for i, child in enumerate(item)]
    if kind in _SETS:
        return [(child, "%s{...}" % path) for child in item]
    if kind is dict:
        keys = [(key, "%s (a key)" % path) for key in item if type(key) is str or type(key) not in _ATOMS]
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
