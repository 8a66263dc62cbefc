"""codegen/'s Python: what stubs, docstrings and the run time tell, put together.
No library is needed, nor typeshed: the stubs are written here."""
import json
import pathlib
import sys
import tempfile
import textwrap
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "codegen"), str(pathlib.Path(__file__).parent)]

import docstrings
import model
import runtime
import stubs


class Folder(unittest.TestCase):
    """Files of a made-up environment."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = pathlib.Path(folder.name)

    def write(self, name, text):
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text), encoding="utf-8")

    def stubs(self, version=(3, 11, 2)):
        return stubs.Stubs([self.path], version)

    def type(self, text, module="a"):
        there = self.stubs()
        return stubs.Reader(there, there.module(module)).text(text)

    def model(self, *described, failed=()):
        return model.Model({"path": [str(self.path)], "version": [3, 11, 2],
                            "platform": "linux"},
                           [json.loads(json.dumps(each))
                            for each in described], failed).answered()


def described(name, *symbols):
    return {"module": name, "doc": "", "version": "1", "package": False,
            "all": None, "symbols": list(symbols)}


def function(name, *parameters, **more):
    return {"name": name, "kind": "function", "doc": None,
            "signature": {"parameters": list(parameters)}, **more}


def parameter(name, kind="positional", **more):
    return {"name": name, "kind": kind, **more}


class OwnStubs(Folder):
    def test_win_over_all_others_and_tell_docs(self):
        self.write("a.pyi", "def f(x: int) -> int: ...")
        self.write("typings/a.pyi", '''
            def f(x: str) -> str:
                "Only this says so."
            ''')
        told = described("a", function("f", parameter("x")))
        made = model.Model({"path": [str(self.path)], "version": [3, 11, 2],
                            "platform": "linux"}, [told],
                           own=[self.path / "typings"]).answered()
        found, = made["modules"][0]["symbols"]
        self.assertEqual(found["overloads"][0]["returns"], "str")
        self.assertEqual(found["doc"], "Only this says so.")


class Types(Folder):
    def test_of_typing_and_builtins_have_short_names(self):
        self.write("a.pyi", "import typing\nfrom typing import List as L\n")
        self.assertEqual(self.type("int"), "int")
        self.assertEqual(self.type("typing.Optional[str]"),
                         ["union", "str", "None"])
        self.assertEqual(self.type("list[int] | None"),
                         ["union", ["list", "int"], "None"])
        self.assertEqual(self.type("typing.Dict[str, float]"),
                         ["dict", "str", "float"])
        self.assertEqual(self.type("tuple[int, ...]"),
                         ["tuple", "int", "..."])
        self.assertEqual(self.type("typing.Literal['a', None]"),
                         ["union", ["literal", "a"], "None"])
        self.assertEqual(self.type("typing.Callable[[int], str]"), "Callable")

    def test_aliases_are_expanded_and_type_variables_are_their_bounds(self):
        self.write("a.pyi", """
            from typing import TypeVar, Union
            from b import Path
            T = TypeVar("T")
            B = TypeVar("B", bound=int)
            C = TypeVar("C", str, bytes)
            Both = Union[int, "Later"]
            Later = str
            """)
        self.write("b.pyi", "class Path: ...\n")
        self.assertEqual(self.type("Both"), ["union", "int", "str"])
        self.assertEqual(self.type("T"), "Any")
        self.assertEqual(self.type("B"), "int")
        self.assertEqual(self.type("C"), ["union", "str", "bytes"])
        self.assertEqual(self.type("Path"), "b.Path")

    def test_an_alias_of_itself_ends(self):
        self.write("a.pyi", """
            from typing import Union
            Tree = Union[int, "list[Tree]", "dict[str, Tree]"]
            """)
        self.assertEqual(self.type("Tree"),
                         ["union", "int", ["list", "Any"],
                          ["dict", "str", "Any"]])

    def test_what_stands_under_a_version_is_of_that_version(self):
        self.write("a.pyi", """
            import sys
            if sys.version_info >= (3, 12):
                X = int
            else:
                X = str
            """)
        self.assertEqual(self.type("X"), "str")

    def test_names_come_through_imports_and_stars(self):
        self.write("a/__init__.pyi", "from .b import *\nfrom . import b as c\n")
        self.write("a/b.pyi", "class Shelf:\n    class Board: ...\n")
        self.assertEqual(self.type("Shelf"), "a.b.Shelf")
        self.assertEqual(self.type("c.Shelf.Board"), "a.b.Shelf.Board")

    def test_stubs_of_their_own_package_win(self):
        self.write("a-stubs/__init__.pyi", "X = int\n")
        self.write("a/__init__.pyi", "X = str\n")
        self.assertEqual(self.type("X"), "int")

    def test_a_file_that_is_no_python_tells_nothing(self):
        self.write("a.pyi", "def (:\n")
        self.assertIsNone(self.stubs().module("a"))


class Docstrings(unittest.TestCase):
    def test_words_are_types(self):
        for text, told in (
                ("int", "int"), ("int, optional", "int"),
                ("float, default=1.0", "float"),
                ("{'a', 'b'}, default='a'", ["literal", "a", "b"]),
                ("int or None", ["union", "int", "None"]),
                ("array-like of shape (n_samples, n_features)",
                 "numpy.ArrayLike"),
                ("{array-like, sparse matrix} of shape (n, m)",
                 ["union", "numpy.ArrayLike", "scipy.sparse.spmatrix"]),
                ("ndarray of shape (n,) or (n, m)", "numpy.ndarray"),
                ("list of str", ["list", "str"]),
                ("tuple of int", ["tuple", "int", "..."]),
                ("callable", "Callable"), ("a mystery of sorts", None)):
            with self.subTest(text=text):
                self.assertEqual(docstrings.of_text(text), told)

    def test_first_lines_of_c_functions_are_signatures(self):
        told = docstrings.written_signature(
            "f", "f(x, /, out=None, *, where=True[, casting])\n\nDoes it.")
        self.assertEqual(
            [(each["name"], each["kind"], "default" in each)
             for each in told["parameters"]],
            [("x", "positional_only", False), ("out", "positional", True),
             ("where", "keyword", True), ("casting", "keyword", False)])
        self.assertIsNone(docstrings.written_signature("g", "f(x)"))


class Merge(Folder):
    def only(self, manifest):
        return manifest["modules"][0]["symbols"][0]

    def test_names_and_defaults_are_the_run_times_types_the_stubs(self):
        self.write("a.pyi", "def f(x: int, y: str = ...) -> float: ...\n")
        told = self.only(self.model(described("a", function(
            "f", parameter("x"), parameter("y", default="'q'")))))
        self.assertEqual(told["tier"], "stub")
        self.assertEqual(told["overloads"], [{"parameters": [
            {"name": "x", "kind": "positional", "type": "int"},
            {"name": "y", "kind": "positional", "type": "str",
             "default": "'q'"}], "returns": "float"}])

    def test_a_keyword_that_is_not_there_is_dropped_and_told(self):
        self.write("a.pyi", "def f(x: int, *, gone: str = ...) -> None: ...\n")
        manifest = self.model(described("a", function("f", parameter("x"))))
        self.assertEqual([each["name"] for each in self.only(manifest)[
            "overloads"][0]["parameters"]], ["x"])
        self.assertEqual(manifest["notes"], [{
            "symbol": "a.f", "what": "dropped", "reason":
            "the stub's parameter 'gone' is not there at run time"}])

    def test_one_that_a_stub_calls_otherwise_is_that_at_its_place(self):
        self.write("a.pyi", "def f(__value: int) -> None: ...\n")
        told = self.only(self.model(described("a", function(
            "f", parameter("x", "positional_only")))))
        self.assertEqual(told["overloads"][0]["parameters"], [
            {"name": "x", "kind": "positional_only", "type": "int"}])

    def test_overloads_stay_apart(self):
        self.write("a.pyi", """
            from typing import overload
            @overload
            def f(x: int) -> int: ...
            @overload
            def f(x: str) -> str: ...
            """)
        told = self.only(self.model(described("a", function(
            "f", parameter("x")))))
        self.assertEqual([each["returns"] for each in told["overloads"]],
                         ["int", "str"])

    def test_then_an_annotation_then_a_docstring_then_a_default(self):
        doc = ("Does it.\n\nParameters\n----------\nb : int\n    One.\n\n"
               "Returns\n-------\nstr\n    Another.\n")
        told = self.only(self.model(described("a", function(
            "f", parameter("a", annotation="bytes"), parameter("b"),
            parameter("c", default="1.0", default_type="builtins.float"),
            parameter("d"), doc=doc))))
        types = [each["type"]
                 for each in told["overloads"][0]["parameters"]]
        if docstrings.docstring_parser is None:
            self.assertEqual(types, ["bytes", None, "float", None])
        else:
            self.assertEqual(types, ["bytes", "int", "float", None])
            self.assertEqual(told["overloads"][0]["returns"], "str")

    def test_of_which_nothing_is_known_takes_anything(self):
        told = self.only(self.model(described("a", {
            "name": "f", "kind": "function", "doc": None,
            "signature": None})))
        self.assertEqual(told["tier"], "variadic")
        self.assertEqual([each["kind"] for each in
                          told["overloads"][0]["parameters"]],
                         ["rest", "more"])

    def test_what_is_seen_twice_is_defined_at_its_shortest_path(self):
        inner = function("f", home="a.b.c:f")
        manifest = self.model(described("a.b", inner), described("a", inner),
                              described("a.b.c", inner))
        kinds = {each["name"]: each["symbols"][0]["kind"]
                 for each in manifest["modules"]}
        self.assertEqual(kinds, {"a": "function", "a.b": "reexport",
                                 "a.b.c": "reexport"})

    def test_a_module_that_cannot_be_imported_is_its_stub_and_a_reason(self):
        self.write("a.pyi", "def f(x: int) -> str: ...\nclass C:\n"
                            "    def g(self) -> int: ...\n")
        manifest = self.model(failed={"a": "SystemExit: 3"})
        module = manifest["modules"][0]
        self.assertEqual(module["tier"], "static")
        self.assertEqual(module["reason"], "SystemExit: 3")
        self.assertEqual([each["name"] for each in module["symbols"]],
                         ["C", "f"])
        self.assertIn({"symbol": "a", "what": "hole",
                       "reason": "SystemExit: 3"}, manifest["notes"])


class RunTime(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        told = json.loads(runtime.describe("inventory"))
        cls.symbols = {each["name"]: each for each in told["symbols"]}

    def members(self, name):
        return {each["name"]: each for each in self.symbols[name]["members"]}

    def test_kinds(self):
        kinds = {name: self.symbols[name]["kind"] for name in (
            "LIMIT", "Place", "Missing", "Item", "total", "T")}
        self.assertEqual(kinds, {
            "LIMIT": "constant", "Place": "enum", "Missing": "exception",
            "Item": "class", "total": "function", "T": "alias"})

    def test_what_is_imported_is_not_its_own(self):
        self.assertNotIn("datetime", self.symbols)
        self.assertNotIn("Any", self.symbols)

    def test_members_have_kinds_and_owners(self):
        item, tool = self.members("Item"), self.members("Tool")
        self.assertEqual(item["price"]["kind"], "property")
        self.assertTrue(item["price"]["settable"])
        self.assertFalse(item["label"]["settable"])
        self.assertEqual(item["kind"]["value"], "'plain'")
        self.assertEqual(tool["raised"]["owner"], "inventory.Item")
        self.assertEqual(tool["nickname"]["owner"], "inventory.Named")
        store = self.members("Store")
        self.assertEqual(store["open"]["kind"], "classmethod")
        self.assertEqual(store["version"]["kind"], "staticmethod")

    def test_signatures_have_defaults_and_annotations(self):
        self.assertEqual(
            self.symbols["shift"]["signature"]["parameters"][1],
            {"name": "y", "kind": "positional_only", "default": "0",
             "default_type": "builtins.int", "annotation": "builtins.int"})

    def test_the_code_shows_what_it_returns(self):
        def nothing():
            print()

        def chained(self):
            return self

        def texts(flag):
            if flag:
                return "a"
            return "b"

        def unknown(x):
            return x
        self.assertEqual(runtime.shown_by_code(nothing), "None")
        self.assertEqual(runtime.shown_by_code(chained), "Self")
        self.assertEqual(runtime.shown_by_code(texts), "str")
        self.assertIsNone(runtime.shown_by_code(unknown))

    def test_async_ones_are_told(self):
        self.assertTrue(self.symbols["refresh"]["async"])
        self.assertTrue(self.symbols["ticks"]["async_generator"])


if __name__ == "__main__":
    unittest.main()
