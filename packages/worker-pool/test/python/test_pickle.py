"""Codec 0: what VALUES.md lists goes through unchanged, and nothing else goes through, or runs."""

import array
import collections
import dataclasses
import datetime
import decimal
import enum
import fractions
import pathlib
import pickle
import struct
import sys
import tracemalloc
import unittest
import uuid
import zoneinfo

from driver import CALL, ERROR, HEADER, REPORT, RESULT, Worker
from fireweed import _ext, _frame
from fireweed._errors import Refused
from fireweed._pickle5 import Pickle


class Colour(enum.Enum):
    RED = 1


class Rights(enum.Flag):
    READ = 1
    WRITE = 2


@dataclasses.dataclass
class Point:
    x: int
    y: list
    note: str = "n"


@dataclasses.dataclass(frozen=True)
class Slotted:
    __slots__ = ("a",)
    a: int


Pair = collections.namedtuple("Pair", "left right")

VALUES = [
    None, True, False, 0, -1, 255, 256, 65535, 65536, 2**31, -(2**31), 2**53 + 1, 2**70, -(2**70), 1.5, 5e-324, float("inf"), -0.0,
    "", "a\ud800b", "\u20ac" * 300, b"", b"x" * 70_000, bytearray(b"y"), [], [1, [2]], (), (1,), (1, (2, 3)), tuple(range(9)),
    {}, {"a": 1, "__proto__": 2}, {1: 2, (3,): [4], None: 5}, set(), {1, "two"}, frozenset([3]),
    datetime.datetime(2020, 1, 2, 3, 4, 5, 6, fold=1),
    datetime.datetime(2020, 1, 2, tzinfo=datetime.timezone.utc),
    datetime.datetime(2020, 1, 2, tzinfo=datetime.timezone(datetime.timedelta(seconds=-3601, microseconds=5))),
    datetime.date(1, 1, 1), datetime.time(23, 59, 59, 999999), datetime.timedelta(-1, 2, 3),
    decimal.Decimal("1.10"), decimal.Decimal("-Infinity"), fractions.Fraction(-1, 3), complex(1, -0.0), uuid.uuid4(),
    pathlib.Path("/tmp/x"), pathlib.PurePosixPath("a"), pathlib.PureWindowsPath("c:/x"), range(1, 9, 2), slice(1, None, [2]),
    Colour.RED, Rights.READ, Rights.READ | Rights.WRITE, Point(1, [2]), Slotted(3), Pair(1, [2]),
    collections.OrderedDict([("b", 1), ("a", 2)]), collections.defaultdict(list, {1: [2]}), collections.defaultdict(None, {1: 2}),
    collections.Counter("aab"), collections.deque([1, 2], 3), array.array("d", [1.5, 2.5]), array.array("B"),
]  # fmt: skip


def peak(run):
    """The most memory that it takes at a time, in bytes."""
    tracemalloc.start()
    try:
        run()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def through(value):
    pieces, buffers = Pickle.encode(value)
    return Pickle.decode(b"".join(pieces), [memoryview(bytes(buffer)) for buffer in buffers])


class RoundTrip(unittest.TestCase):
    def test_same_type_and_equal_value(self):
        for value in VALUES:
            with self.subTest(repr(value)[:60]):
                back = through(value)
                self.assertIs(type(back), type(value))
                self.assertEqual(back, value)
                self.assertEqual(repr(back), repr(value))

    def test_nan_and_zones(self):
        self.assertEqual(repr(through(float("nan"))), "nan")
        try:
            berlin = zoneinfo.ZoneInfo("Europe/Berlin")
        except zoneinfo.ZoneInfoNotFoundError:  # no time zones on this machine
            return
        moment = datetime.datetime(2020, 7, 1, tzinfo=berlin)
        self.assertEqual(through(moment).tzinfo, berlin)

    def test_cycles_and_shared_references(self):
        loop = []
        loop.append(loop)
        back = through(loop)
        self.assertIs(back[0], back)
        shared = {"a": 1}
        first, second = through([shared, shared])
        self.assertIs(first, second)

    def test_a_memoryview_arrives_as_one_of_its_own(self):
        self.assertEqual(bytes(through(memoryview(b"abc"))), b"abc")

    def test_arrays_go_out_of_band(self):
        pieces, buffers = Pickle.encode([array.array("d", range(10_000))])
        self.assertLess(sum(map(len, pieces)), 200)
        self.assertEqual([buffer.nbytes for buffer in buffers], [80_000])

    def test_large_bytes_are_not_copied(self):
        big = bytes(1_000_000)
        self.assertTrue(any(piece is big for piece in Pickle.encode([big])[0]))


class Refusals(unittest.TestCase):
    def test_each_names_the_type_and_the_path(self):
        deep = []
        for _ in range(100_000):
            deep = [deep]
        local = enum.Enum("Local", "A").A
        extra = Point(1, [])
        extra.more = 1
        lying = type("Lying", (), {"__class__": property(lambda self: int), "__reduce_ex__": lambda self, _: 1 / 0})()
        for value, wanted in [
            (print, "result: builtin_function_or_method"),
            ([1, {"a": [lambda: 1]}], "result[1]['a'][0]: function"),
            (Point(1, [object()]), "result.y[0]: object"),
            (Pair(1, {2: sys}), "result.right[2]: module"),
            ({"k": (i for i in ())}, "result['k']: generator"),
            ({frozenset([Ellipsis])}, "ellipsis"),
            (Colour, "result: enum.Enum"),  # EnumMeta, or EnumType
            (local, "is not a loaded Enum"),
            (extra, "more, which is no field of it"),
            (collections.defaultdict(lambda: 1), "factory"),
            (lying, "Lying"),
            (deep, "nested too deep"),
            (ValueError("x"), "result: ValueError"),
            ({"k": ["a\ud800\udc00"]}, "result['k'][0]: str with a high surrogate"),
            ({"\udbff\udfff": 1}, "(a key): str with a high surrogate"),
            (type("Text", (str,), {})("x"), "Text"),
            (datetime.datetime(2020, 1, 1, tzinfo=type("Zone", (datetime.tzinfo,), {})()), "a zone of type Zone"),
        ]:
            with self.subTest(wanted), self.assertRaises(Refused) as caught:
                Pickle.encode(value, "result")
            self.assertIn(wanted, str(caught.exception)[-300:])

    def test_nothing_that_comes_in_runs(self):
        class Evil:
            def __reduce__(self):
                return exec, ("raise SystemExit('it ran')",)

        attacks = [
            pickle.dumps(Evil(), 5),
            b"\x80\x05cos\nsystem\n(S'id'\ntR.",
            b"\x80\x04\x8c\x08builtins\x8c\x04eval\x93\x8c\x011\x85R.",
            b"\x80\x04\x8c\rfireweed._ext\x8c\x03sys\x93.",
            b"\x80\x04\x8c\rfireweed._ext\x8c\x06_class\x93.",
            b"\x80\x04\x8c\x0dfireweed._ext\x8c\rdatetime.date\x93.",
            b"(i__main__\nWorker\n.",
            b"\x82\x01.",
            b"Ppersistent\n.",
            pickle.dumps(1, 5) + b"more",
            pickle.dumps([1, 2], 5)[:-2],
            b"\x80\x05\x97.",
            b"",
        ]
        for data in attacks:
            with self.subTest(data[:40]):
                self.assertRaises(Refused, Pickle.decode, data)

    def test_a_far_place_in_the_memo_takes_no_memory(self):
        puts = (b"r\xff\xff\xff\x05", b"p99999999\n", b"p 9_9_9_9_9_9_9_9\n")
        leads = (b"N", b"X\x80\x00\x00\x00" + b"pr\xff\xff" * 32, b"\x8c\x05prprp", b"Kr", b"Mrp", b"Jrrrr", b"Gprprprpr", b"C\x02rp", b"\x8a\x02pr")
        for put in puts:
            for lead in leads:
                data = b"\x80\x05" + lead + put + b"."
                for meta in (data, memoryview(data)):
                    with self.subTest(put=put, lead=lead):
                        self.assertLess(peak(lambda: self.assertRaises(Refused, Pickle.decode, meta)), 100_000)

    def test_a_false_length_takes_no_memory(self):
        claims = [op + (1 << 30).to_bytes(size, "little") + b"abc" for op, size in self.COUNTED]
        framed = [b"\x95" + len(claim).to_bytes(8, "little") + claim for claim in claims]
        for claim in (*claims, *framed):
            for lead in (b"", b"\x8c\x04none0", b"X\x80\x00\x00\x00" + b"B\x8e\x96\x00" * 32):
                data = b"\x80\x05" + lead + claim + b"."
                for meta in (data, memoryview(data)):
                    with self.subTest(claim=claim, lead=lead):
                        self.assertLess(peak(lambda: self.assertRaises(Refused, Pickle.decode, meta)), 100_000)

    COUNTED = ((b"B", 4), (b"X", 4), (b"\x8b", 4), (b"\x8d", 8), (b"\x8e", 8), (b"\x95", 8), (b"\x96", 8))

    def test_nothing_hides_behind_the_end_of_a_frame(self):
        # CPython skips what is left of a frame when an argument goes on beyond it. Here it takes `zeros` for the argument and comes to
        # `hidden`, which is part of a text for a reader who skips nothing.
        zeros = bytes(8)
        for hidden in (b"Nr\xff\xff\xff\x05.", b"Np99999999\n.", b"\x8e\xff\xff\xff\x3f\x00\x00\x00\x00."):
            rest = zeros[:4] + hidden
            text = b"\x8c" + bytes((len(hidden) + 5,)) + zeros[:5] + hidden
            cases = [(b"X" + (len(rest) - 2).to_bytes(2, "little"), rest), (b"G" + zeros[:7], zeros[:1] + text)]
            for inside, outside in cases:
                data = b"\x80\x05\x95" + len(inside).to_bytes(8, "little") + inside + outside
                with self.subTest(data):
                    self.assertLess(peak(lambda: self.assertRaises(Refused, Pickle.decode, data)), 100_000)

    def test_frames_hold_whole_opcodes_and_no_frames(self):
        def framed(data):
            return b"\x95" + len(data).to_bytes(8, "little") + data

        text, end = b"X\x02\x00\x00\x00pr", b"."
        for data in (framed(text) + end, framed(text + end), framed(b"") + framed(text) + end, framed(text[:5]) + text[5:] + end, text + end):
            self.assertEqual(Pickle.decode(b"\x80\x05" + data), "pr")
        for data in (*(framed(text[:n]) + text[n:] + end for n in (1, 2, 3, 4, 6)), framed(framed(text) + b"0N") + end, framed(text + end)[:-1]):
            with self.subTest(data):
                self.assertRaises(Refused, Pickle.decode, b"\x80\x05" + data)

    def test_no_memory_is_not_a_wrong_pickle(self):
        def exhausted(*_):
            raise MemoryError

        self.addCleanup(_ext.FUNCTIONS.__setitem__, "path", _ext.FUNCTIONS["path"])
        _ext.FUNCTIONS["path"] = exhausted
        self.assertRaises(MemoryError, Pickle.decode, b"\x80\x05\x8c\rfireweed._ext\x8c\x04path\x93\x8c\x01x\x85R.")

    def test_bytes_of_every_length_and_what_looks_like_them(self):
        for size in (0, 1, 255, 256, 257, 65_535, 65_536, 100_000):
            for value in (b"B\x8e\x96rp" * size, bytearray(b"\x96" * size), "B\xff\xff\xff\xff" * size):
                with self.subTest(size=size, kind=type(value)):
                    self.assertEqual(through([value, value]), [value, value])

    def test_opcodes_are_told_from_what_looks_like_them(self):
        looks_like_puts = ["p999999\nr\x7f\x7f\x7f\x7f" * 9, "r" * 31, "r" * 32, b"p" * 300, int.from_bytes(b"rp" * 99, "little"), 0x72, 0x7272, 0x72727272]
        for value in VALUES:
            with self.subTest(value):
                self.assertIsInstance(through([looks_like_puts, value]), list)
        self.assertEqual(through(looks_like_puts * 600), looks_like_puts * 600)

    def test_a_class_that_is_not_loaded_is_not_imported(self):
        sys.modules.pop("antigravity", None)
        name = b"\x80\x05\x8c\rfireweed._ext\x8c\x04enum\x93(\x8c\x0bantigravity\x8c\x01XNK\x01tR."
        self.assertRaises(Refused, Pickle.decode, name)
        self.assertNotIn("antigravity", sys.modules)


class OverTheWire(unittest.TestCase):
    def call(self, worker, call_id, value, buffers=()):
        for part in _frame.encode(CALL, call_id, 0, [value], [memoryview(buffer) for buffer in buffers]):
            worker.raw(part)

    def answer(self, worker):
        magic, kind, flags, call_id, meta_len, nbuf, _, body_len = HEADER.unpack(worker._take(24, 20))
        body = worker._take(body_len, 20)
        if kind == REPORT:
            return self.answer(worker)
        meta, buffers = _frame.split(body, meta_len, nbuf)
        return kind, flags, call_id, meta, buffers

    def test_a_call_and_its_result_with_buffers_both_ways(self):
        with Worker() as worker:
            pieces, buffers = Pickle.encode((("targets:echo", [array.array("d", [1, 2, 3]), (b"x", {1})], None), None))
            self.call(worker, 7, b"".join(pieces), [bytes(buffer) for buffer in buffers])
            kind, flags, call_id, meta, buffers = self.answer(worker)
            self.assertEqual((kind, flags, call_id), (RESULT, 0, 7))
            self.assertEqual(len(buffers), 1)
            self.assertIn("array('d', [1.0, 2.0, 3.0])", repr(Pickle.decode(bytes(meta), buffers)))

    def test_arguments_of_a_class_that_comes_with_the_target(self):
        with Worker() as worker:
            point = b"\x8c\x0dfireweed._ext\x8c\x09dataclass\x93(\x8c\x04late\x8c\x06Parcel}\x8c\x06weightK\x07stR"
            call = lambda target: b"\x80\x05\x8c%c%s](%seN\x87N\x86." % (len(target), target, point)  # noqa: E731
            self.call(worker, 1, call(b"math:sqrt"))
            self.assertIn(b"late.Parcel is not a loaded dataclass", bytes(self.answer(worker)[3]))
            self.call(worker, 2, call(b"late:weigh"))
            kind, _, _, meta, _ = self.answer(worker)
            self.assertEqual((kind, Pickle.decode(bytes(meta))), (RESULT, 7))
            self.call(worker, 3, call(b"late:missing"))
            self.assertIn(b'"target"', bytes(self.answer(worker)[3]))
            self.call(worker, 4, call(b"no_such_module:missing"))
            self.assertIn(b'"target"', bytes(self.answer(worker)[3]))

    def test_what_cannot_be_read_or_sent_is_one_error_and_the_worker_goes_on(self):
        with Worker() as worker:
            self.call(worker, 1, b"\x80\x05cos\nsystem\n.")
            kind, flags, call_id, meta, _ = self.answer(worker)
            self.assertEqual((kind, flags, call_id), (ERROR, 1, 1))
            self.assertIn(b'"decode"', bytes(meta))
            self.call(worker, 2, pickle.dumps((("builtins:object", [], None), None), 5))
            self.assertIn(b'"encode"', bytes(self.answer(worker)[3]))
            self.assertEqual(worker.ask("math:sqrt", 16), 4.0)

    def test_a_table_of_buffers_that_lies_is_fatal(self):
        with Worker() as worker:
            body = b"N." + bytes(6) + struct.pack("<Q", 2**62) + bytes(8)
            worker.raw(HEADER.pack(0x5746, CALL, 0, 1, 2, 1, 0, len(body)) + body)
            self.assertEqual(worker.receive()[0], 0x8B)


if __name__ == "__main__":
    unittest.main()
