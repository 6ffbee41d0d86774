"""Writes vectors.json: pickles made by real Pythons, each with the expression that was pickled and the opcodes in it.

    python vectors.py 3.9 3.11 3.13 > vectors.json     # runs itself with python3.9, python3.11, python3.13 of pyenv
"""

import glob
import json
import os
import pickle
import pickletools
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "..", "python"))

EXPRESSIONS = [
    "None", "True", "False", "0", "255", "256", "65535", "65536", "-1", "2**31 - 1", "-(2**31)", "2**31", "2**53 - 1", "-(2**53) + 1",
    "2**53", "2**64 - 1", "2**70", "-(2**70)", "1 << 2100", "1.5", "-0.0", "float('inf')", "float('nan')", "5e-324", "2.0**53",
    "''", "'a'", "'h\\xe9'", "'\\u20ac\\U0001f600'", "'a\\ud800b'", "'\\udfff'", "'\\ufffd'", "'x' * 300", "'\\0'",
    "b''", "b'abc'", "b'x' * 300", "bytearray(b'yz')",
    "[]", "[1]", "[1, 'two', None]", "list(range(1100))", "[[], [[]]]", "()", "(1,)", "(1, 2)", "(1, 2, 3)", "(1, 2, 3, 4)", "((), ((),))",
    "{}", "{'a': 1}", "{'a': 1, 'b': [2]}", "{'__proto__': 1, 'constructor': 2, 'toString': 3}", "{1: 2}", "{1: 2, 'a': 3}",
    "{'a': 1, None: 2}", "{(1, 2): 3}", "{**{str(i): i for i in range(1100)}, 7: 8}", "{'k': {}, 'l': {1: {}}}", "[{}, 1]",
    "set()", "{1}", "frozenset()", "frozenset([1])", "shared()", "cycle()", "dict_cycle()", "map_cycle()", "tuple_cycle()",
    "datetime.datetime(2020, 1, 2, 3, 4, 5, 6, fold=1)", "datetime.datetime(1, 1, 1, tzinfo=datetime.timezone.utc)",
    "datetime.datetime(2020, 1, 2, tzinfo=datetime.timezone(datetime.timedelta(seconds=-3601, microseconds=5)))",
    "datetime.datetime(2020, 1, 2, tzinfo=zoneinfo.ZoneInfo('UTC'))",
    "datetime.date(1, 2, 3)", "datetime.time(23, 59, 58, 7)", "datetime.timedelta(-1, 2, 3)", "decimal.Decimal('1.10')",
    "fractions.Fraction(-1, 3)", "complex(1, -0.0)", "uuid.UUID('01234567-89ab-cdef-0123-456789abcdef')",
    "pathlib.PurePosixPath('/tmp/x')", "range(1, 9, 2)", "slice(1, None, 'x')", "Colour.RED", "Rights(3)", "Point(1, [2])", "Pair(1, [2])",
    "collections.OrderedDict([('b', 1), (2, 3)])", "collections.defaultdict(list, {1: [2]})", "collections.Counter('aab')",
    "collections.deque([1, 2], 3)", "collections.deque()", "array.array('d', [1.5, -2.5])", "array.array('B', b'abc')", "array.array('q')",
    "memoryview(b'abc')", "[datetime.date(1, 2, 3), datetime.date(1, 2, 4)]", "Ndarray('<f4', (2, 2), 'F', 16)", "Ndarray('<i8', (), 'C', 8)",
]  # fmt: skip

# Opcodes that Python reads but its pickler does not write in protocol 5, assembled by hand and read back by Python here.
RAW = {
    "[1, 2] by LIST": b"(K\x01K\x02l.",
    "{'a': 1} by DICT": b"(\x8c\x01aK\x01d.",
    "{1: 2} by DICT": b"(K\x01K\x02d.",
    "[1] by APPEND": b"]K\x01a.",
    "[1, 1] by BINPUT": b"]q\x00(K\x01q\x01h\x01e.",
    "[1, 1] by LONG_BINPUT": b"](K\x01r\x00\x00\x00\x00j\x00\x00\x00\x00e.",
    "'abc' by BINUNICODE8": b"\x8d\x03\0\0\0\0\0\0\0abc.",
    "b'abc' by BINBYTES8": b"\x8e\x03\0\0\0\0\0\0\0abc.",
    "1 by POP": b"K\x01K\x020.",
    "1 by POP of a mark": b"K\x01(0.",
    "1 by POP_MARK": b"K\x01(K\x02K\x031.",
    "-1 by LONG1": b"\x8a\x01\xff.",
    "0 by LONG1": b"\x8a\x00.",
    "[] by FRAME": b"\x95\x02\0\0\0\0\0\0\0].",
}


class Ndarray:
    """Stands for what numpy would send: dtype, shape, order and the number of bytes, or dtype and bytes."""

    def __init__(self, *args):
        self.args = args

    def __repr__(self):
        return "%s%r" % (type(self).__name__, self.args)


class Scalar(Ndarray):
    pass


def make(expression):
    import array, collections, dataclasses, datetime, decimal, enum, fractions, pathlib, types, uuid, zoneinfo  # noqa: E401

    module = types.ModuleType("shapes")
    sys.modules["shapes"] = module
    exec(
        "import collections, dataclasses, enum\n"
        "class Colour(enum.Enum):\n  RED = 1\n"
        "class Rights(enum.Flag):\n  READ = 1\n  WRITE = 2\n"
        "@dataclasses.dataclass\nclass Point:\n  x: int\n  y: list\n"
        "Pair = collections.namedtuple('Pair', 'left right', module='shapes')\n",
        module.__dict__,
    )

    def shared():
        inner = [1]
        return [inner, inner, {"a": inner}, (inner,)]

    def cycle():
        outer = [1]
        outer.append(outer)
        return outer

    def dict_cycle():
        outer = {"a": 1}
        outer["self"] = [outer]
        return outer

    def map_cycle():
        outer = {}
        outer.update({1: outer, "in a tuple": (outer,), "same": outer})
        return [outer, outer]

    def tuple_cycle():
        inner = []
        outer = (inner,)
        inner.append(outer)
        return outer

    return eval(expression, {**module.__dict__, **locals(), "Ndarray": Ndarray, "Scalar": Scalar})


def dump(value):
    from fireweed import _ext
    from fireweed._pickle5 import Pickle

    if isinstance(value, Scalar):
        original, _ext.reduce = _ext.reduce, lambda o: (_ext.scalar, o.args)
    elif isinstance(value, Ndarray):
        dtype, shape, order, size = value.args
        data = pickle.PickleBuffer(bytes(range(size)))
        original, _ext.reduce = _ext.reduce, lambda o: (_ext.ndarray, (dtype, shape, order, data))
    else:
        pieces, buffers = Pickle.encode(value)
        return b"".join(pieces), buffers
    try:
        pieces, buffers = Pickle.encode(value)
        return b"".join(pieces), buffers
    finally:
        _ext.reduce = original


def vectors():
    for expression in EXPRESSIONS:
        try:
            meta, buffers = dump(make(expression))
        except Exception as error:
            sys.exit("%s: %r" % (expression, error))
        yield expression, meta, [bytes(buffer) for buffer in buffers]
    for name, tail in RAW.items():
        meta = b"\x80\x05" + tail
        assert pickle.loads(meta) == eval(name.split(" by ")[0]), name
        yield name, meta, []


def main():
    if len(sys.argv) == 1:
        for name, meta, buffers in vectors():
            opcodes = sorted({op.name for op, _, _ in pickletools.genops(meta)})
            print(json.dumps({"python": name, "hex": meta.hex(), "buffers": [b.hex() for b in buffers], "opcodes": opcodes}))
        return
    merged = {}
    for version in sys.argv[1:]:
        python = sorted(glob.glob(os.path.expanduser("~/.pyenv/versions/%s.*/bin/python" % version)))[0]
        for line in subprocess.check_output([python, os.path.abspath(__file__)], text=True).splitlines():
            vector = json.loads(line)
            merged.setdefault((vector["python"], vector["hex"]), {**vector, "versions": []})["versions"].append(version)
    print("[\n" + ",\n".join(json.dumps(vector) for vector in merged.values()) + "\n]")


if __name__ == "__main__":
    main()
