"""Reads pickles that TypeScript wrote, with an Unpickler that knows `fireweed._ext` and nothing else, written apart from the package's own.

One JSON object a line: {"meta": hex, "buffers": [hex], "expression": text or null}. One answer a line: {"repr": text} of what was read, or with
an expression {"read": repr, "made": repr} of both, or {"error": text}. {"canon": true} asks for the canonical form of values.ts instead.
"""

import array
import collections
import datetime
import decimal
import fractions
import io
import json
import pathlib
import pickle
import struct
import sys
import uuid

import vectors


def zone(offset, name):
    if name is not None:
        import zoneinfo

        return zoneinfo.ZoneInfo(name)
    return None if offset is None else datetime.timezone(datetime.timedelta(seconds=offset))


def find(module, qualname):
    found = sys.modules[module]
    for part in qualname.split("."):
        found = getattr(found, part)
    return found


def make_array(code, count, buffer):
    made = array.array(code, bytes(buffer))
    assert len(made) == count
    return made


EXTENSIONS = {
    "datetime": lambda y, mo, d, h, mi, s, us, fold, off, key: datetime.datetime(y, mo, d, h, mi, s, us, zone(off, key), fold=fold),
    "date": datetime.date,
    "time": lambda h, mi, s, us, fold, off, key: datetime.time(h, mi, s, us, zone(off, key), fold=fold),
    "timedelta": datetime.timedelta,
    "decimal": decimal.Decimal,
    "fraction": fractions.Fraction,
    "complex": complex,
    "uuid": lambda data: uuid.UUID(bytes=data),
    "path": lambda kind, text: getattr(pathlib, kind)(text),
    "range": range,
    "slice": slice,
    "enum": lambda module, qualname, name, value: find(module, qualname)(value),
    "dataclass": lambda module, qualname, fields: find(module, qualname)(**fields),
    "namedtuple": lambda module, qualname, names, values: find(module, qualname)(**dict(zip(names, values))),
    "ordereddict": collections.OrderedDict,
    "defaultdict": lambda name, pairs: collections.defaultdict(name and getattr(__builtins__, name), pairs),
    "counter": lambda pairs: collections.Counter(dict(pairs)),
    "deque": collections.deque,
    "array": make_array,
    "ndarray": lambda dtype, shape, order, data: vectors.Ndarray(dtype, shape, order, len(data)),
    "scalar": lambda dtype, data: vectors.Scalar(dtype, data),
}


class Reader(pickle.Unpickler):
    def find_class(self, module, name):
        assert module == "fireweed._ext", module
        return EXTENSIONS[name]


def canon(value):
    kind = type(value)
    if value is None or kind is bool:
        return value
    if kind is int:
        return ["int", str(value)]
    if kind is float:
        return ["float", "nan" if value != value else struct.pack(">d", value).hex()]
    if kind is str:
        return ["str", value.encode("utf-16-be", "surrogatepass").hex()]
    if kind in (bytes, bytearray):
        return [kind.__name__, value.hex()]
    if kind in (list, tuple):
        return [kind.__name__, *map(canon, value)]
    if kind is dict:
        return ["dict", *sorted(([canon(k), canon(v)] for k, v in value.items()), key=json.dumps)]
    if kind in (set, frozenset):
        return [kind.__name__, *sorted(map(canon, value), key=json.dumps)]
    return ["repr", repr(value)]


def answer(request):
    try:
        meta = io.BytesIO(bytes.fromhex(request["meta"]))
        value = Reader(meta, buffers=[bytes.fromhex(b) for b in request["buffers"]]).load()
        assert not meta.read(1), "bytes are left over"
        if request.get("canon"):
            return {"canon": canon(value)}
        if request.get("depth"):
            depth = 0
            while value:
                value, depth = value[0], depth + 1
            return {"repr": str(depth)}
        if request.get("expression") is None:
            return {"repr": repr(value)}
        made = vectors.make(request["expression"])
        return {"read": "%s %r" % (type(value).__name__, value), "made": "%s %r" % (type(made).__name__, made)}
    except Exception as error:
        return {"error": repr(error)}


with open(sys.argv[1], encoding="utf-8") as requests:
    for line in requests:
        print(json.dumps(answer(json.loads(line))))
