import unittest

import driver  # noqa: F401 (puts the runtime in the path)
from driver import ERROR, Worker


class Exports(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        with Worker(preload=["exposed", "evaluated"]) as worker:
            cls.exports = worker.ready["exports"]

    def test_names_kinds_and_targets(self):
        kinds = {name: (entry["kind"], entry["target"]) for name, entry in self.exports.items()}
        self.assertEqual(
            kinds,
            {
                "score": ("function", "exposed:score"),
                "slow score": ("async", "exposed:_slow"),
                "items": ("generator", "exposed:items"),
                "async_items": ("async-generator", "exposed:async_items"),
                "Counter": ("class", "exposed:Counter"),
                "part": ("function", "part"),
                "len": ("function", "builtins:len"),
                "sized": ("class", "collections.abc:Sized"),
                "typed": ("function", "evaluated:typed"),
            },
        )

    def test_parameters_as_text_that_nobody_evaluated(self):
        score = self.exports["score"]
        self.assertEqual(
            score["params"],
            [
                {"name": "text", "kind": "positional-only", "default": False, "annotation": "str"},
                {"name": "weight", "kind": "positional-or-keyword", "default": True, "annotation": "float"},
                {"name": "parts", "kind": "var-positional", "default": False, "annotation": "NoSuchName"},
                {"name": "exact", "kind": "keyword-only", "default": False, "annotation": "bool"},
                {"name": "rest", "kind": "var-keyword", "default": False},
            ],
        )
        self.assertEqual(score["returns"], "dict[str, list[int]]")
        self.assertEqual(score["doc"], "Score a text.\n\nIn detail.")

    def test_annotations_that_are_objects(self):
        typed = self.exports["typed"]
        annotations = [param["annotation"] for param in typed["params"]]
        self.assertEqual(annotations[0], "int")
        self.assertIn(annotations[1], ("Optional[str]", "Union[str, NoneType]", "str | None"))
        self.assertEqual(annotations[2:], ["Later", "evaluated.Odd", "evaluated.Row", "3"])
        self.assertEqual(typed["returns"], "Dict[str, int]")

    def test_a_class_with_its_public_methods(self):
        counter = self.exports["Counter"]
        self.assertEqual(counter["params"], [{"name": "start", "kind": "positional-or-keyword", "default": True, "annotation": "int"}])
        methods = counter["methods"]
        self.assertEqual(sorted(methods), ["add", "double", "later", "named"])
        self.assertEqual([param["name"] for param in methods["add"]["params"]], ["n"])
        self.assertEqual((methods["add"]["returns"], methods["later"]["kind"]), ("int", "async"))
        self.assertEqual([param["name"] for param in methods["named"]["params"]], ["name"])
        self.assertEqual([param["name"] for param in methods["double"]["params"]], ["x"])

    def test_none_when_nothing_is_exposed(self):
        with Worker() as worker:
            self.assertEqual(worker.ready["exports"], {})


class Names(unittest.TestCase):
    def test_are_targets(self):
        with Worker(preload=["exposed"]) as worker:
            self.assertEqual(worker.ask("exposed:score", "a", kwargs={"exact": True})["text"], "a")
            for name, args, value in (("slow score", ["b"], "b"), ("len", [[1, 2]], 2), ("part", [], "hidden")):
                with self.subTest(name):
                    self.assertEqual(self.named(worker, name, *args), (0x83, value))

    def test_an_unknown_one_suggests_what_is_close(self):
        with Worker(preload=["exposed"]) as worker:
            kind, report = self.named(worker, "scor")
            self.assertEqual((kind, report["code"], report["started"]), (ERROR, "target", False))
            self.assertIn("is it 'score'", report["message"])

    @staticmethod
    def named(worker, name, *args):
        worker.last += 1
        worker.send(0x02, worker.last, [[name, list(args), None], None])
        kind, _, value = worker.receive()
        return kind, value


class Strict(unittest.TestCase):
    def test_only_what_is_exposed_can_be_called(self):
        with Worker(preload=["exposed"], setup={"target": "hooked:prepare"}, strict=True) as worker:
            self.assertEqual(worker.ask("exposed:score", "a", kwargs={"exact": True})["text"], "a")
            # `hooked:prepare` was found before, for setup.
            for target in ("exposed:hidden", "os:getcwd", "builtins:eval", "hooked:prepare", "hooked:state", "a:b:c"):
                with self.subTest(target):
                    failed = worker.fails(target)
                    self.assertEqual((failed.code, failed.started), ("target", False))
                    self.assertIn("is not exposed (strict)", failed.report["message"])
            self.assertIn("is it 'exposed:score'", worker.fails("exposed:scores").report["message"])

    def test_what_is_exposed_after_ready_does_not_count(self):
        with Worker(preload=["exposed", "later"], strict=True) as worker:
            self.assertIsNone(worker.ask("later:expose_later"))
            self.assertEqual(worker.fails("exposed:hidden").code, "target")

    def test_sessions_of_exposed_classes_and_their_public_methods(self):
        with Worker(preload=["exposed"], strict=True) as worker:
            self.send_open(worker, "exposed:Counter", 5)
            self.assertEqual(worker.ask("add", 2, session="s"), 7)
            self.assertEqual(worker.fails("_secret", session="s").code, "target")
            self.assertEqual(worker.fails("__init__", session="s").code, "target")
            for target in ("exposed:score", "collections:Counter"):
                with self.subTest(target):
                    self.assertEqual(self.send_open(worker, target)[0], ERROR)

    def test_nothing_exposed_says_what_to_do(self):
        with Worker(strict=True) as worker:
            self.assertIn("preload or setup", worker.fails("os:getcwd").report["message"])

    @staticmethod
    def send_open(worker, target, *args):
        worker.last += 1
        worker.send(0x09, worker.last, [[target, list(args), None], {"session": "s"}])
        return worker.receive()[::2]


class Expose(unittest.TestCase):
    """In this process: nothing here needs a worker."""

    def setUp(self):
        from fireweed import _registry

        self.addCleanup(_registry._exposed.clear)
        self.addCleanup(_registry._targets.clear)

    def test_gives_the_object_back(self):
        from fireweed import expose

        def f():
            pass

        self.assertIs(expose(f), f)
        self.assertIs(expose(name="other")(f), f)

    def test_the_same_name_twice_is_refused_and_the_same_function_twice_is_not(self):
        from fireweed import expose

        def f():
            pass

        expose(expose(f))
        with self.assertRaisesRegex(ValueError, "'f' is .*f already"):
            expose(lambda: 1, name="f")

    def test_what_cannot_be_exposed(self):
        from fireweed import expose

        for wrong, error in ((3, TypeError), (Nameless(), ValueError)):
            with self.subTest(wrong), self.assertRaises(error):
                expose(wrong)
        for name in ("", "a:b", 3):
            with self.subTest(name), self.assertRaises(ValueError):
                expose(print, name=name)


class Nameless:
    def __call__(self):
        pass


if __name__ == "__main__":
    unittest.main()
