"""Codec 1: JSON, lossless or refusing: a value is carried only when reading it back gives an equal one of the same type.

`json` alone would turn keys into text, subclasses into their base and 2**53 + 1 into something else on the other side.
One widening is allowed: a tuple goes out as an array, and so comes back as a list.
"""

import re
from json import JSONDecoder, JSONEncoder, encoder

from ._builtins import __builtins__
from ._errors import Refused, clip, type_name

_BIGGEST = 2**53 - 1  # the largest integer a double counts to, Number.MAX_SAFE_INTEGER
_SCALARS = frozenset((type(None), bool, int, float, str))
_ARRAYS = frozenset((list, tuple))
_CARRIED = _SCALARS | _ARRAYS | {dict}
_KEYS = frozenset((str,))

# Two surrogates in a row that are no character in Python are one in JavaScript.
surrogate_pair = re.compile("[\ud800-\udbff][\udc00-\udfff]").search


class Json:
    flags = 1
    name = "json"

    @staticmethod
    def decode(meta, buffers=()):
        if buffers:
            raise Refused("JSON has no buffers")
        try:
            return _decode(str(meta, "utf-8").strip(_SPACE))
        except (ValueError, RecursionError) as error:
            raise Refused("not the JSON this worker reads: %s" % error) from None

    @staticmethod
    def encode(value, name=None):
        """The pieces of the meta, and no buffers. `name` is what the path in a refusal starts with.

        Without one it is a message of our own, in which a text may look a little different on the other side.
        """
        try:
            text = _encode(value)
            exact = _is_exact(value)
        except (_Unknown, ValueError, TypeError, RecursionError):
            exact = False
        if exact:
            try:
                return (text.encode(),), ()
            except UnicodeEncodeError:  # a lone surrogate, which is legal in JSON only as an escape
                if name is None or not surrogate_pair(text):
                    return (_encode_ascii(value).encode(),), ()
        name = name or "message"
        raise Refused(_first_refusal(value, name) or "%s: changed while it was encoded" % name)


class _Unknown(Exception):
    pass


def _unknown(value):
    raise _Unknown


def _constant(text):
    raise ValueError("%s is not JSON" % text)


# The parts of `json` that are written in C, put together here: its classes belong to everybody.
_SPACE = " \t\n\r"
_scan = JSONDecoder(parse_constant=_constant).scan_once
_make = encoder.c_make_encoder


def _decode(text):
    try:
        value, end = _scan(text, 0)
    except StopIteration as stop:
        raise ValueError("no value at %s" % stop) from None
    if end != len(text):
        raise ValueError("more after the value, at %d" % end)
    return value


def _writer(quote, ascii):
    if _make is None:
        options = {"allow_nan": False, "separators": (",", ":"), "default": _unknown}
        return JSONEncoder(ensure_ascii=ascii, **options).encode
    join = "".join
    return lambda value: join(_make({}, _unknown, quote, None, ":", ",", False, False, False)(value, 0))


_encode = _writer(encoder.encode_basestring, False)
_encode_ascii = _writer(encoder.encode_basestring_ascii, True)


def _is_exact(value):
    """Whether `json` changed nothing in a value that it has just encoded (so which is neither cyclic nor endless).

    A container is looked at as a whole, by the set of its types: this keeps most of the loop in C.
    """
    todo = [(value,)]
    while todo:
        items = todo.pop()
        kinds = set(map(type, items))
        if not kinds <= _CARRIED:
            return False
        if int in kinds and not all(-_BIGGEST <= item <= _BIGGEST for item in items if type(item) is int):
            return False
        if kinds <= _SCALARS:
            continue
        for item in items:
            kind = type(item)
            if kind is dict:
                if not _KEYS.issuperset(map(type, item)):
                    return False
                todo.append(item.values())
            elif kind in _ARRAYS:
                todo.append(item)
    return True


def _first_refusal(value, name):
    """The first thing in reading order that JSON cannot carry, and why. Iterative: depth may be the reason."""
    open_ids = set()  # the containers between the root and here
    todo = [(value, name, 0)]
    while todo:
        item, path, depth = todo.pop()
        if depth is None:
            open_ids.discard(item)
            continue
        kind = type(item)
        if kind is int and not -_BIGGEST <= item <= _BIGGEST:
            return "%s: int beyond +-(2**53 - 1)" % path
        if kind is float and (item != item or item in (float("inf"), float("-inf"))):
            return "%s: float %s" % (path, item)
        if kind is str and surrogate_pair(item):
            return "%s: str with a high surrogate before a low one" % path
        if kind in _SCALARS:
            continue
        if kind not in _CARRIED:
            return "%s: %s" % (path, type_name(kind))
        if id(item) in open_ids:
            return "%s: %s that contains itself" % (path, type_name(kind))
        if depth >= 500:
            return "%s...: nested too deep" % path[:200]
        open_ids.add(id(item))
        todo.append((id(item), None, None))
        if kind is dict:
            for key in item:
                if type(key) is not str:
                    return "%s: key of type %s, only str is carried" % (path, type_name(type(key)))
                if surrogate_pair(key):
                    return "%s: key with a high surrogate before a low one" % path
            steps = [(child, "%s[%s]" % (path, _encode_ascii(clip(key, 80))), depth + 1) for key, child in item.items()]
        else:
            steps = [(child, "%s[%d]" % (path, i), depth + 1) for i, child in enumerate(item)]
        todo.extend(reversed(steps))
    return None
