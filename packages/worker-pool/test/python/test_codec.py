import unittest

from driver import Worker
from fireweed._errors import Refused
from fireweed._json import Json

BIG = 2**53 - 1



def encoded(value):
    pieces, buffers = Json.encode(value)
    assert not buffers
    return b"".join(pieces)


class Base(unittest.TestCase):
    def refused(self, value):
        with self.assertRaises(Refused) as caught:
            Json.encode(value, "result")
        return str(caught.exception)


class Carried(Base):
    def test_what_json_carries_comes_back_the_same(self):
        values = [None, True, False, 0, BIG, -BIG, 0.1, 5e-324, 1.7976931348623157e308, [], {}, ""]
        values += ["a\0\u20ac\U0001f600"]
        values += [{"__proto__": 1, "": [{"a": [1, 2.5, None, "x"]}]}, [1.0, 2], ["a\ud800b", {"\udfff": 1}]]
        for value in values:
            with self.subTest(value):
                back = Json.decode(encoded(value))
                self.assertEqual((type(back), back), (type(value), value))

    def test_minus_zero(self):
        self.assertEqual(str(Json.decode(encoded(-0.0))), "-0.0")

    def test_text_is_utf8_and_a_lone_surrogate_is_an_escape(self):
        self.assertEqual(encoded("\u20ac"), '"\u20ac"'.encode())
        self.assertEqual(encoded("\ud800"), b'"\\ud800"')

    def test_a_tuple_goes_out_as_an_array(self):
        self.assertEqual(encoded((1, (2,))), b"[1,[2]]")

    def test_a_shared_value_is_carried_twice(self):
        shared = [1]
        self.assertEqual(encoded([shared, shared]), b"[[1],[1]]")


class RefusedValues(Base):
    def test_each_with_path_and_type(self):
        from collections import OrderedDict, namedtuple
        from decimal import Decimal
        from enum import IntEnum

        Pair = namedtuple("Pair", "a b")
        Color = IntEnum("Color", "RED")
        cases = [
            ({"rows": [1, 2, 3, Decimal(1)]}, 'result["rows"][3]: decimal.Decimal'),
            (b"x", "result: bytes"),
            ([bytearray()], "result[0]: bytearray"),
            ([{1}], "result[0]: set"),
            (BIG + 1, "result: int beyond +-(2**53 - 1)"),
            ([1, -BIG - 1], "result[1]: int beyond"),
            ([1.5, "a", 10**5000], "result[2]: int beyond"),
            (float("nan"), "result: float nan"),
            ({"a": (0.5, float("-inf"))}, 'result["a"][1]: float -inf'),
            ({1: 2}, "result: key of type int"),
            ([{None: 2}], "result[0]: key of type NoneType"),
            ({"a": {(1,): 2}}, 'result["a"]: key of type tuple'),
            (OrderedDict(a=1), "result: collections.OrderedDict"),
            ([Color.RED], "result[0]:"),
            (type("Text", (str,), {})("x"), "Text"),
            ({type("Text", (str,), {})("x"): 1}, "key of type"),
            (Pair(1, 2), "Pair"),
            ([lambda: 1], "result[0]: function"),
            ([i for i in ()].__iter__(), "result: list_iterator"),
            (object, "result: type"),
            (1j, "result: complex"),
            ({'q"\n': [object()]}, 'result["q\\"\\n"][0]: object'),
        ]
        for value, start in cases:
            with self.subTest(start):
                self.assertIn(start, self.refused(value))

    def test_cycles_and_depth(self):
        cycle = []
        cycle.append({"a": cycle})
        self.assertIn('result[0]["a"]: list that contains itself', self.refused(cycle))
        deep = []
        for _ in range(100000):
            deep = [deep]
        self.assertIn("nested too deep", self.refused(deep))
        while deep:
            deep = deep.pop()

    def test_types_that_lie(self):
        class Meta(type):
            def __getattribute__(cls, name):
                raise RuntimeError

        class Liar(metaclass=Meta):
            def __getattribute__(self, name):
                raise RuntimeError

        self.assertIn("Liar", self.refused([Liar()]))

    def test_text_that_is_no_json(self):
        for text in (b"", b"nul", b"[1,]", b"NaN", b"[Infinity]", b"\xff", b"1 2", b"[" * 100000):
            with self.subTest(text[:20]):
                self.assertRaises(Refused, Json.decode, text)


class InAWorker(unittest.TestCase):
    def test_results_and_refusals(self):
        with Worker() as worker:
            deep = 1
            for _ in range(300):
                deep = [deep]
            for value in ("\ud800", {"a": "\u20ac" * 1000}, deep, [BIG, -BIG, 0.1]):
                self.assertEqual(worker.ask("echo", value), value)
            for source, message in (
                ("{'rows': [1, {2}]}", 'result["rows"][1]: set'),
                ("2**70", "result: int beyond +-(2**53 - 1)"),
                ("[i for i in ()], (i for i in ())", "result[1]: generator"),
                ("float('inf')", "result: float inf"),
            ):
                failed = worker.fails("evaluate", source)
                self.assertEqual((failed.code, failed.started, failed.report["message"]), ("encode", True, message))

    def test_large_values_both_ways(self):
        with Worker() as worker:
            text = "x" * 10_000_000
            self.assertEqual(worker.ask("echo", text), text)
            self.assertEqual(len(worker.ask("evaluate", "'y' * 30_000_000")), 30_000_000)

    def test_a_result_over_the_limit_is_refused_before_it_is_sent(self):
        with Worker(limits={"frame": 1000}) as worker:
            failed = worker.fails("evaluate", "'x' * 2000")
            self.assertEqual(failed.code, "encode")
            self.assertEqual(failed.report["message"], "result: 2002 bytes, the limit of a frame is 1000")
            self.assertEqual(worker.ask("echo", "y"), "y")


if __name__ == "__main__":
    unittest.main()
