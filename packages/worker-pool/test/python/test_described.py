import unittest

import driver  # noqa: F401 (puts the runtime in the path)
from driver import Worker


def describe(*names):
    targets = ["described:" + name for name in names]
    with Worker(preload=["described"], describe=targets) as worker:
        return {target.partition(":")[2]: entry for target, entry in worker.ready["described"].items()}


class Described(unittest.TestCase):
    def test_functions_have_their_signatures_and_nothing_is_exposed(self):
        with Worker(preload=["described"], describe=["described:score"]) as worker:
            self.assertEqual(worker.ready["exports"], {})
            self.assertEqual(
                worker.ready["described"],
                {
                    "described:score": {
                        "kind": "function",
                        "params": [
                            {"name": "rows", "kind": "positional-or-keyword", "default": False, "annotation": "List[dict]"},
                            {"name": "weight", "kind": "positional-or-keyword", "default": True, "annotation": "float"},
                            {"name": "exact", "kind": "keyword-only", "default": True, "annotation": "bool"},
                        ],
                        "returns": "float",
                        "doc": "The sum of the rows' values.",
                    }
                },
            )

    def test_kinds(self):
        names = ["score", "slow", "walk", "awalk", "Index", "limit"]
        kinds = ["function", "async", "generator", "async-generator", "class", "value"]
        entries = describe(*names)
        self.assertEqual([entries[name]["kind"] for name in names], kinds)
        self.assertEqual(entries["limit"]["type"], "int")

    def test_what_is_not_there_says_what_is_close(self):
        entries = describe("scores", "Index.serch", "zzzzzz")
        self.assertEqual(entries["scores"], {"kind": "absent", "close": ["score"]})
        self.assertEqual((entries["Index.serch"]["kind"], entries["Index.serch"]["close"][0]), ("absent", "search"))
        self.assertEqual(entries["zzzzzz"], {"kind": "absent", "close": []})

    def test_methods_without_their_object(self):
        entries = describe("Index.search", "Index.split", "Index.kind", "Index.size", "Index.each")
        params = {name: [param["name"] for param in entry["params"]] for name, entry in entries.items()}
        self.assertEqual(
            params,
            {"Index.search": ["text", "limit"], "Index.split": ["text"], "Index.kind": [], "Index.size": [], "Index.each": []},
        )
        self.assertEqual((entries["Index.size"]["kind"], entries["Index.each"]["kind"]), ("async", "generator"))

    def test_what_only_a_call_can_tell_is_left_out(self):
        # A property, a wrapper that binds in its own way, what is set or declared or computed for each object.
        self.assertEqual(describe("Index.count", "Index.cached", "Index.upper", "Index.names", "Open.anything"), {})

    def test_a_built_in_one_takes_what_it_takes(self):
        with Worker(describe=["math:hypot", "collections:Counter.most_common", "json:dumps", "nowhere:f"]) as worker:
            described = worker.ready["described"]
        self.assertEqual([param["name"] for param in described["collections:Counter.most_common"]["params"]], ["n"])
        self.assertIn("math:hypot", described)
        self.assertNotIn("nowhere:f", described)

    def test_nobody_is_asked_unless_something_is_described(self):
        with Worker() as worker:
            self.assertNotIn("described", worker.ready)


if __name__ == "__main__":
    unittest.main()
