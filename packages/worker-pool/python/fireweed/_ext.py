"""What pickle has no opcode for, as functions of plain arguments: the extensions of VALUES.md, both ways.

The functions below are the only globals that a pickle may name. They make values and run nothing of the user's: a class is
looked up among the modules that are loaded, never imported, and its instances are filled without `__init__`.

`REDUCERS` and `reduce` are the other direction: the same function and its arguments, for a value.
"""

import builtins
import collections
import enum as _enum
import sys
from array import array as _Array
from pickle import PickleBuffer

from ._builtins import __builtins__

_FACTORIES = {t.__name__: t for t in (list, dict, set, int, str, float, tuple, bool, bytes, frozenset)}
_PATHS = ("PosixPath", "PurePosixPath", "WindowsPath", "PureWindowsPath")
_CODES = frozenset("bBhHiIlLqQfd")


class Unsupported(Exception):
    """The value has no extension, or what it refers to is not here."""


class NotLoaded(Unsupported):
    """The class that a value names is in no module that is loaded so far."""


def _class(module, qualname, holds, what):
    found = sys.modules.get(module)
    for name in qualname.split("."):
        found = getattr(found, name, None)
    if not isinstance(found, type) or not holds(found):
        raise NotLoaded("%s.%s is not a loaded %s" % (module, qualname, what))
    return found


def _is_dataclass(cls):
    # One that extends a builtin type, such as list, holds more than its fields.
    return "__dataclass_fields__" in cls.__dict__ and all(base is object or base.__flags__ & 1 << 9 for base in cls.__mro__)


def _is_named_tuple(cls):
    return issubclass(cls, tuple) and type(cls.__dict__.get("_fields")) is tuple


# -------------------------------------------------------------------- to Python


def _offset(seconds, zone):
    import datetime as module

    if zone is not None:
        import zoneinfo

        return zoneinfo.ZoneInfo(zone)
    return None if seconds is None else module.timezone(module.timedelta(seconds=seconds))


def datetime(year, month, day, hour, minute, second, microsecond, fold, offset, zone):
    import datetime as module

    tz = _offset(offset, zone)
    return module.datetime(year, month, day, hour, minute, second, microsecond, tz, fold=fold)


def date(year, month, day):
    import datetime as module

    return module.date(year, month, day)


def time(hour, minute, second, microsecond, fold, offset, zone):
    import datetime as module

    return module.time(hour, minute, second, microsecond, _offset(offset, zone), fold=fold)


def timedelta(days, seconds, microseconds):
    import datetime as module

    return module.timedelta(days, seconds, microseconds)


def decimal(text):
    import decimal as module

    return module.Decimal(text)


def fraction(numerator, denominator):
    import fractions

    return fractions.Fraction(numerator, denominator)


def complex(real, imaginary):
    return builtins.complex(real, imaginary)


def uuid(data):
    import uuid as module

    return module.UUID(bytes=data)


def path(kind, text):
    import pathlib

    if kind not in _PATHS:
        raise Unsupported("%s is no class of paths" % kind)
    return getattr(pathlib, kind)(text)


def range(start, stop, step):
    return builtins.range(start, stop, step)


def slice(start, stop, step):
    return builtins.slice(start, stop, step)


def enum(module, qualname, name, value):
    cls = _class(module, qualname, lambda found: issubclass(found, _enum.Enum), "Enum")
    if name is not None and name in cls.__members__:
        return cls.__members__[name]
    member = cls._value2member_map_.get(value)
    return cls(value) if member is None and issubclass(cls, _enum.Flag) else _present(member, qualname)


def _present(member, qualname):
    if member is None:
        raise Unsupported("%s has no such member" % qualname)
    return member


def dataclass(module, qualname, fields):
    cls = _class(module, qualname, _is_dataclass, "dataclass")
    instance = object.__new__(cls)
    for name, value in fields.items():
        if name not in cls.__dataclass_fields__:
            raise Unsupported("%s has no field %s" % (qualname, name))
        object.__setattr__(instance, name, value)
    return instance


def namedtuple(module, qualname, names, values):
    cls = _class(module, qualname, _is_named_tuple, "named tuple")
    if cls._fields != tuple(names):
        raise Unsupported("%s has other fields now" % qualname)
    return tuple.__new__(cls, values)


def ordereddict(pairs):
    return collections.OrderedDict(pairs)


def defaultdict(factory, pairs):
    return collections.defaultdict(None if factory is None else _FACTORIES[factory], pairs)


def counter(pairs):
    result = collections.Counter()
    dict.update(result, pairs)
    return result


def deque(members, maxlen):
    return collections.deque(members, maxlen)


def array(code, length, buffer):
    result = _Array(code)
    result.frombytes(buffer)
    if len(result) != length:
        raise Unsupported("an array of %d, not %d" % (len(result), length))
    return result


def _numpy():
    try:
        import numpy
    except ImportError:
        raise Unsupported("numpy is not installed here") from None
    return numpy


def ndarray(dtype, shape, order, buffer):
    # A small frame is `bytes`: without the copy, whether an array may be written to would depend on its size.
    data = bytearray(buffer) if getattr(buffer, "readonly", True) else buffer
    return _numpy().frombuffer(data, dtype).reshape(tuple(shape), order=order)


def scalar(dtype, data):
    return _numpy().frombuffer(data, dtype)[0]


def memoryview(data):
    return builtins.memoryview(data)


FUNCTIONS = {
    f.__name__: f
    for f in (
        datetime, date, time, timedelta, decimal, fraction, complex, uuid, path, range, slice, enum, dataclass, namedtuple,
        ordereddict, defaultdict, counter, deque, array, ndarray, scalar, memoryview,
    )  # fmt: skip
}  # fmt: skip


# -------------------------------------------------------------------- from Python


def _zone(o):
    """Offset in seconds, and the key of a `ZoneInfo`. Only zones of the library are asked: another runs code of the user."""
    tz = o.tzinfo
    if tz is None:
        return None, None
    kind = type(tz)
    key = getattr(tz, "key", None) if kind.__module__ == "zoneinfo" else None
    if key is None and (kind.__module__, kind.__name__) != ("datetime", "timezone"):
        raise Unsupported("a zone of type %s; use datetime.timezone or zoneinfo" % kind.__qualname__)
    offset = o.utcoffset()
    seconds = None if offset is None else offset.total_seconds()
    return int(seconds) if seconds is not None and seconds == int(seconds) else seconds, key


def _of_datetime(o):
    return datetime, (o.year, o.month, o.day, o.hour, o.minute, o.second, o.microsecond, o.fold, *_zone(o))


def _of_time(o):
    return time, (o.hour, o.minute, o.second, o.microsecond, o.fold, *_zone(o))


def _of_defaultdict(o):
    factory = o.default_factory
    if factory is not None and _FACTORIES.get(getattr(factory, "__name__", None)) is not factory:
        raise Unsupported("a defaultdict whose factory is no builtin type")
    return defaultdict, (None if factory is None else factory.__name__, list(o.items()))


def _of_array(o):
    if o.typecode not in _CODES:
        raise Unsupported("an array of type code %r" % o.typecode)
    return array, (o.typecode, len(o), PickleBuffer(o))


def _of_enum(cls, o):
    module, qualname = cls.__module__, cls.__qualname__
    _class(module, qualname, lambda found: found is cls, "Enum")
    name = o._name_
    return enum, (module, qualname, name if name in cls.__members__ else None, o._value_)


def _of_dataclass(cls, o):
    module, qualname = cls.__module__, cls.__qualname__
    _class(module, qualname, lambda found: found is cls, "dataclass")
    names = cls.__dataclass_fields__
    extra = [name for name in getattr(o, "__dict__", ()) if name not in names]
    if extra:
        raise Unsupported("a %s with %s, which is no field of it" % (qualname, extra[0]))
    kept = [name for name, field in names.items() if field._field_type.name == "_FIELD"]
    return dataclass, (module, qualname, {name: object.__getattribute__(o, name) for name in kept})


def _of_named_tuple(cls, o):
    module, qualname = cls.__module__, cls.__qualname__
    _class(module, qualname, lambda found: found is cls, "named tuple")
    return namedtuple, (module, qualname, tuple(cls._fields), tuple(o))


def _of_ndarray(numpy, o):
    if o.dtype.hasobject or o.dtype.names is not None:
        raise Unsupported("an ndarray of dtype %s" % o.dtype)
    fortran = o.flags.f_contiguous and not o.flags.c_contiguous
    whole = o if fortran or o.flags.c_contiguous else numpy.ascontiguousarray(o)
    # As bytes: a buffer of a date, say, has a format that the buffer protocol cannot name.
    flat = whole.ravel(order="F" if fortran else "C").view("u1") if whole.size else numpy.empty(0, "u1")
    return ndarray, (o.dtype.str, tuple(o.shape), "F" if fortran else "C", PickleBuffer(flat))


def _of_scalar(o):
    if o.dtype.hasobject or o.dtype.names is not None:
        raise Unsupported("a scalar of dtype %s" % o.dtype)
    if o.dtype.kind in "SU" and o[-1:] in (b"\0", "\0"):
        raise Unsupported("a text that ends in a zero, which numpy drops")
    return scalar, (o.reshape(1).dtype.str, o.tobytes())  # empty text has a dtype of size 0, but bytes


_BY_NAME = {
    ("datetime", "datetime"): _of_datetime,
    ("datetime", "date"): lambda o: (date, (o.year, o.month, o.day)),
    ("datetime", "time"): _of_time,
    ("datetime", "timedelta"): lambda o: (timedelta, (o.days, o.seconds, o.microseconds)),
    ("decimal", "Decimal"): lambda o: (decimal, (str(o),)),
    ("fractions", "Fraction"): lambda o: (fraction, (o.numerator, o.denominator)),
    ("builtins", "complex"): lambda o: (complex, (o.real, o.imag)),
    ("uuid", "UUID"): lambda o: (uuid, (o.bytes,)),
    ("builtins", "range"): lambda o: (range, (o.start, o.stop, o.step)),
    ("builtins", "slice"): lambda o: (slice, (o.start, o.stop, o.step)),
    ("builtins", "memoryview"): lambda o: (memoryview, (o.tobytes(),)),
    ("collections", "OrderedDict"): lambda o: (ordereddict, (list(o.items()),)),
    ("collections", "defaultdict"): _of_defaultdict,
    ("collections", "Counter"): lambda o: (counter, (list(o.items()),)),
    ("collections", "deque"): lambda o: (deque, (list(o), o.maxlen)),
    ("array", "array"): _of_array,
}


def reduce(o):
    """The function and the arguments that make `o` again. Raises `Unsupported`. Asks the type alone, which cannot lie."""
    cls = type(o)
    reducer = _reducers.get(cls)
    if reducer is None:
        reducer = _reducers[cls] = _find(cls)
    return reducer(o)


_reducers = {}


def _find(cls):
    named = _BY_NAME.get((cls.__module__, cls.__qualname__))
    if named is not None and _is_original(cls):
        return named
    if cls.__module__.split(".")[0] == "pathlib" and cls.__name__ in _PATHS and _is_original(cls, "pathlib"):
        return lambda o: (path, (cls.__name__, str(o)))
    if issubclass(cls, _enum.Enum):
        return lambda o: _of_enum(cls, o)
    if _is_named_tuple(cls):
        return lambda o: _of_named_tuple(cls, o)
    numpy = sys.modules.get("numpy")
    if numpy is not None and cls is getattr(numpy, "ndarray", None):
        return lambda o: _of_ndarray(numpy, o)
    if numpy is not None and issubclass(cls, numpy.generic):
        return _of_scalar
    if _is_dataclass(cls):
        return lambda o: _of_dataclass(cls, o)
    return _none


def _none(_):
    raise Unsupported("")


def _is_original(cls, module=None):
    """Whether the class is the library's own and not one of the same name."""
    return getattr(sys.modules.get(module or cls.__module__), cls.__name__, None) is cls
