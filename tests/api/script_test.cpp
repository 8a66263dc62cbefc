// Calls behave as if they stood in a script: they have a frame, their session
// is a module, packages bring their submodules.
#include <fstream>

#include "tests/api/python_fixture.hpp"
#include "tests/support/scratch_folder.hpp"

namespace snakebridge::testing {

using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;
using ::testing::StartsWith;

class AsFromAScript : public EachPlacement {
protected:
  void run(std::string_view code, const sb::dict& variables = {}) {
    or_throw(bridge.exec(code, variables));
  }
  std::string name() {
    return or_throw(bridge.eval("__name__")).as<std::string>();
  }
};
SNAKEBRIDGE_IN_BOTH_PLACEMENTS(AsFromAScript);

// What a library finds that looks at who called it.
constexpr auto look_back = R"(
    import sys
    def caller():
        frame = sys._getframe(1)
        return [frame.f_globals['__name__'], frame.f_locals is frame.f_globals]
    class thing:
        def __getattr__(self, name):
            if name.startswith('__'): raise AttributeError(name)
            return sys._getframe(1).f_globals['__name__']
        def __setattr__(self, name, item):
            seen.append(sys._getframe(1).f_globals['__name__'])
        def __getitem__(self, key):
            return sys._getframe(1).f_globals['__name__']
        def __setitem__(self, key, item):
            seen.append(sys._getframe(1).f_globals['__name__'])
        def __call__(self):
            return sys._getframe(1).f_globals['__name__']
        def __repr__(self):
            return sys._getframe(1).f_globals['__name__']
        __str__ = __repr__
        def __len__(self):
            return len(sys._getframe(1).f_globals['__name__'])
        def method(self):
            return sys._getframe(1).f_globals['__name__']
    seen = []
)";

TEST_P(AsFromAScript, GivenEachVerbThenItStandsInAFrameOfTheSession) {
  run(look_back);
  const auto mine = name();
  EXPECT_THAT(mine, MatchesRegex("__snakebridge_session_[0-9]+__"));
  const auto caller = or_throw(bridge.eval("caller"));
  EXPECT_EQ(bridge.call_object(caller), (sb::list{mine, true}));
  const auto thing = or_throw(bridge.eval("thing()"));
  EXPECT_EQ(bridge.method(thing, "method"), mine);
  EXPECT_EQ(bridge.attr(thing, "anything"), mine);
  EXPECT_EQ(bridge.item(thing, 1), mine);
  EXPECT_EQ(bridge.call_object(thing), mine);
  EXPECT_EQ(bridge.repr(thing), mine);
  EXPECT_EQ(bridge.str(thing), mine);
  EXPECT_EQ(bridge.len(thing), mine.size());
  EXPECT_TRUE(bridge.set_attr(thing, "x", 1));
  EXPECT_TRUE(bridge.set_item(thing, "x", 1));
  EXPECT_EQ(bridge.eval("seen"), (sb::list{mine, mine}));
}

TEST_P(AsFromAScript,
       GivenBuiltinsThatLookAtTheirCallerThenTheyFindTheSession) {
  run("answer = 42");
  EXPECT_EQ(or_throw(bridge.call("builtins", "globals"))["answer"], 42);
  EXPECT_EQ(or_throw(bridge.call("builtins", "locals"))["answer"], 42);
  EXPECT_EQ(or_throw(bridge.call("builtins", "vars"))["answer"], 42);
  EXPECT_THAT(
    or_throw(bridge.call("builtins", "dir")).as<std::vector<std::string>>(),
    ::testing::Contains("answer"));
  EXPECT_EQ(bridge.call("builtins", "eval", "answer + 1"), 43);
  EXPECT_EQ(bridge.eval("locals() is globals()"), true);
  EXPECT_EQ(bridge.call("operator", "is_",
                        or_throw(bridge.with({.leaves = sb::leaves::all_refs})
                                   .call("builtins", "locals")),
                        or_throw(bridge.with({.leaves = sb::leaves::all_refs})
                                   .call("builtins", "globals"))),
            true);
}

TEST_P(AsFromAScript, WhenACallHasRunThenTheNamespaceIsAsItWas) {
  run("x = 1");
  const auto before = or_throw(bridge.eval("sorted(globals())"));
  EXPECT_EQ(bridge.call("math", "sqrt", 16), 4.0);
  EXPECT_TRUE(bridge.method("a", "upper"));
  EXPECT_EQ(bridge.eval("sorted(globals())"), before);
}

TEST_P(AsFromAScript, WhenItRaisesThenTheFrameOfTheCallIsNotToldOf) {
  run("def f(): raise ValueError('no')");
  const auto failed = error_of(bridge.call_object(or_throw(bridge.eval("f"))));
  ASSERT_EQ(failed.python()->frames.size(), 1U);
  EXPECT_EQ(failed.python()->frames[0].function, "f");
  EXPECT_THAT(failed.python()->traceback, Not(HasSubstr("<call>")));
}

constexpr auto catch_warnings = R"(
    import warnings
    shown = []
    def note(message, category, filename, lineno, file=None, line=None):
        shown.append([str(message), category.__name__, filename])
    warnings.showwarning = note
)";

TEST_P(AsFromAScript, GivenADeprecationThenItIsShownOncePerTextAndSession) {
  run(catch_warnings);
  const auto warn = [&](const sb::caller& by, const char* text) {
    EXPECT_TRUE(by.call("warnings", "warn", text,
                        or_throw(by.get("builtins", "DeprecationWarning"))));
  };
  warn(bridge, "old");
  warn(bridge, "old");
  warn(bridge, "older");
  EXPECT_EQ(bridge.eval("shown"),
            (sb::list{sb::list{"old", "DeprecationWarning", "<call>"},
                      sb::list{"older", "DeprecationWarning", "<call>"}}));
  {
    const auto other = bridge.open_session();
    warn(other, "old");
    warn(other, "old");
  }
  EXPECT_EQ(bridge.eval("len(shown)"), 3);
}

TEST_P(AsFromAScript, GivenAWarningOfALibraryThenItIsShownOncePerText) {
  run(catch_warnings);
  // Of the code that calls, by its stacklevel, and of nobody.
  run("def old():\n"
      "  warnings.warn('first', stacklevel=2)\n"
      "  warnings.warn('second', DeprecationWarning, stacklevel=2)\n");
  const auto old = or_throw(bridge.eval("old"));
  EXPECT_TRUE(bridge.call_object(old));
  EXPECT_TRUE(bridge.call_object(old));
  EXPECT_EQ(bridge.eval("[each[:2] for each in shown]"),
            (sb::list{sb::list{"first", "UserWarning"},
                      sb::list{"second", "DeprecationWarning"}}));
}

TEST_P(AsFromAScript, GivenTheSessionThenItIsAModuleUntilItEnds) {
  std::string its_name;
  {
    const auto session = bridge.open_session();
    or_throw(session.exec("class point: pass\nkept = point()"));
    its_name = or_throw(session.eval("__name__")).as<std::string>();
    EXPECT_EQ(
      session.eval("__import__('sys').modules[__name__].point is point"), true);
    EXPECT_EQ(session.eval("__import__('importlib').import_module(__name__)"
                           ".kept is kept"),
              true);
  }
  EXPECT_TRUE(eventually([&] {
    return bridge.eval("n in __import__('sys').modules", {{"n", its_name}})
           == sb::value{false};
  }))
    << its_name;
}

TEST_P(AsFromAScript, GivenTwoSessionsThenTheyAreTwoModules) {
  const auto other = bridge.open_session();
  EXPECT_NE(or_throw(bridge.eval("__name__")),
            or_throw(other.eval("__name__")));
}

TEST_P(AsFromAScript, GivenClassesOfExecThenTheyArePickledAndCopied) {
  run(R"(
    import copy, enum, pickle
    from collections import namedtuple
    from dataclasses import dataclass
    @dataclass
    class point:
        x: int
        y: int = 2
    class colour(enum.Enum):
        red = 1
    pair = namedtuple('pair', 'a b')
    def double(x): return 2 * x
  )");
  EXPECT_EQ(bridge.eval("pickle.loads(pickle.dumps(point(1))) == point(1)"),
            true);
  EXPECT_EQ(bridge.eval("copy.deepcopy([point(3)])[0].x"), 3);
  EXPECT_EQ(bridge.eval("pickle.loads(pickle.dumps(colour.red)) is colour.red"),
            true);
  EXPECT_EQ(bridge.eval("pickle.loads(pickle.dumps(pair(1, 2))) == pair(1, 2)"),
            true);
  EXPECT_EQ(bridge.eval("pickle.loads(pickle.dumps(double)) is double"), true);
}

TEST_P(AsFromAScript, GivenTextAnnotationsThenTheyAreFoundInTheSession) {
  run(R"(
    from __future__ import annotations
    import typing
    from dataclasses import dataclass, fields, InitVar
    class unit: pass
    @dataclass
    class length:
        of: unit
        scale: InitVar[int] = 1
        count: typing.ClassVar[int] = 5
        def __post_init__(self, scale): self.scaled = scale
    def measure(what: length) -> unit: pass
  )");
  EXPECT_EQ(bridge.eval("[each.name for each in fields(length)]"),
            sb::list{"of"});
  EXPECT_EQ(bridge.eval("length(unit(), 3).scaled"), 3);
  EXPECT_EQ(bridge.eval("typing.get_type_hints(measure) == "
                        "{'what': length, 'return': unit}"),
            true);
  EXPECT_EQ(bridge.eval("typing.get_type_hints(length)['of'] is unit"), true);
}

TEST_P(AsFromAScript, GivenAFutureStatementThenTheNextCodeDoesNotHaveIt) {
  run("from __future__ import annotations\ndef f(x: int): pass");
  run("def g(x: int): pass");
  EXPECT_EQ(bridge.eval("f.__annotations__['x']"), "int");
  EXPECT_EQ(bridge.eval("g.__annotations__['x'] is int"), true);
}

TEST_P(AsFromAScript, GivenItsNameThenMockReplacesWhatIsInIt) {
  run("from unittest import mock\n"
      "def rate(): return 1\n"
      "def price(): return 10 * rate()\n");
  EXPECT_EQ(bridge.eval("mock.patch(__name__ + '.rate', lambda: 7).__enter__()"
                        " and price()"),
            70);
  run("mock.patch.stopall()");
}

TEST_P(AsFromAScript, GivenCodeOfExecThenInspectFindsItsSource) {
  run("first = 1\n"
      "class early:\n"
      "    a = 1\n");
  run("import inspect\n"
      "\n"
      "def f(x):\n"
      "    return x + 1\n"
      "\n"
      "class late:\n"
      "    class inner:\n"
      "        b = 2\n"
      "    def method(self):\n"
      "        return 3\n");
  EXPECT_EQ(bridge.eval("inspect.getsource(f)"),
            "def f(x):\n    return x + 1\n");
  EXPECT_EQ(bridge.eval("inspect.getsource(early)"),
            "class early:\n    a = 1\n");
  EXPECT_EQ(bridge.eval("inspect.getsource(late.inner)"),
            "    class inner:\n        b = 2\n");
  EXPECT_EQ(bridge.eval("inspect.getsource(late.method)"),
            "    def method(self):\n        return 3\n");
}

TEST_P(AsFromAScript, GivenCodeThatRaisesThenItsLinesAreShown) {
  run("def f(x):\n"
      "    return 1 / x  # never of nothing\n");
  const auto failed = error_of(bridge.eval("f(0) + len('of eval')"));
  EXPECT_THAT(failed.python()->traceback,
              AllOf(HasSubstr("return 1 / x  # never of nothing"),
                    HasSubstr("f(0) + len('of eval')"),
                    EndsWith("ZeroDivisionError: division by zero\n")));
  const auto here = error_of(bridge.exec("x = 5\nx.nothing"));
  EXPECT_THAT(here.python()->traceback, HasSubstr("\n    x.nothing\n"));
  EXPECT_EQ(here.python()->frames.back().line, 2U);
}

TEST_P(AsFromAScript, GivenALambdaOfEvalThenItsLineIsShownLater) {
  const auto failing = or_throw(bridge.eval("lambda: [] [3]"));
  EXPECT_THAT(error_of(bridge.call_object(failing)).python()->traceback,
              HasSubstr("lambda: [] [3]"));
}

TEST_P(AsFromAScript,
       GivenManySourcesThenTheLastAreKeptAndTheSessionsEndFreesThem) {
  constexpr auto count_of_sources =
    "len([each for each in __import__('linecache').cache if "
    "each.startswith(('<exec ', '<eval '))])";
  {
    const auto session = bridge.open_session();
    const std::string padding(20'000, '#');
    for (int i = 0; i < 300; ++i)
      or_throw(session.exec("x = " + std::to_string(i) + " " + padding));
    // 4 MiB of them.
    EXPECT_LT(or_throw(session.eval(count_of_sources)).as<int>(), 215);
    EXPECT_GT(or_throw(session.eval(count_of_sources)).as<int>(), 200);
  }
  EXPECT_TRUE(eventually(
    [&] { return or_throw(bridge.eval(count_of_sources)).as<int>() <= 1; }));
}

TEST_P(AsFromAScript, GivenManyExpressionsThenWhatExecDefinedIsKept) {
  run("def f(x):\n    return x\n");
  for (int i = 0; i < 1'005; ++i)
    ASSERT_EQ(bridge.eval("f(" + std::to_string(i) + ")"), i);
  EXPECT_EQ(bridge.eval("__import__('inspect').getsource(f)"),
            "def f(x):\n    return x\n");
}

// str.splitlines() would find more lines than Python does.
TEST_P(AsFromAScript, GivenOtherEndsOfLinesThenTheyAreText) {
  run("    s = 'a\u2028    b'\n    t = 'c\x0c    d'\n");
  EXPECT_EQ(bridge.eval("[s, t]"), (sb::list{"a\u2028    b", "c\x0c    d"}));
  run("def g():\n    '\x0c \x1c'\n    return 1/0\n");
  EXPECT_EQ(bridge.eval("__import__('inspect').getsource(g)"),
            "def g():\n    '\x0c \x1c'\n    return 1/0\n");
  EXPECT_THAT(error_of(bridge.eval("g()")).python()->traceback,
              HasSubstr("\n    return 1/0\n"));
  run("x = 1\r\ny = 2\rz = 3");
  EXPECT_EQ(bridge.eval("[x, y, z]"), (sb::list{1, 2, 3}));
}

TEST_P(AsFromAScript, GivenCodeThatDoesNotCompileThenNoFrameIsTold) {
  const auto failed = error_of(bridge.exec("x = = 1"));
  EXPECT_EQ(failed.python()->type, "SyntaxError");
  EXPECT_TRUE(failed.python()->frames.empty());
  EXPECT_THAT(failed.python()->traceback, StartsWith("  File \"<exec "));
}

TEST_P(AsFromAScript, GivenAnErrorOfTheSessionThenItPrintsAsInAScript) {
  const auto failed = error_of(bridge.exec("class mine(ValueError): pass\n"
                                           "raise mine('so')"));
  EXPECT_THAT(failed.python()->traceback, EndsWith("\nmine: so\n"));
}

// The class is raised from C, where none of its objects can be made.
TEST_P(AsFromAScript, GivenAnExceptionThatCannotBeMadeThenWhyIsTold) {
  const auto failed = error_of(bridge.exec(R"(
    import ctypes
    class needs(Exception):
        def __init__(self, first, second): pass
    set_string = ctypes.pythonapi.PyErr_SetString
    set_string.argtypes = [ctypes.py_object, ctypes.c_char_p]
    set_string(needs, b"x")
  )"));
  EXPECT_EQ(failed.python()->type, "TypeError");
  EXPECT_THAT(failed.message(), HasSubstr("missing 1 required"));
  EXPECT_EQ(bridge.eval("1 + 1"), 2);
}

TEST_P(AsFromAScript, GivenAPickleOfAnotherSessionThenItIsSaidWhyItIsNone) {
  const auto other = bridge.open_session();
  or_throw(other.exec("import pickle\nclass C: pass\n"));
  const auto data = or_throw(other.eval("pickle.dumps(C())"));
  or_throw(bridge.release_session(other.id()));
  const auto failed = error_of(bridge.call("pickle", "loads", data));
  EXPECT_TRUE(failed.is("ModuleNotFoundError"));
  EXPECT_THAT(failed.message(), HasSubstr("their own session"));
}

TEST_P(AsFromAScript, GivenTheSameExpressionOftenThenItIsOneSource) {
  const auto file =
    or_throw(bridge.eval("(lambda: 1).__code__.co_filename")).as<std::string>();
  EXPECT_THAT(file, StartsWith("<eval "));
  EXPECT_EQ(bridge.eval("(lambda: 1).__code__.co_filename"), file);
}

TEST_P(AsFromAScript, GivenIndentedCodeThenItIsTakenAsItIsMeant) {
  EXPECT_TRUE(bridge.exec(R"(
      def f():
          return """a
      b"""
      y = f()
  )"));
  EXPECT_EQ(bridge.eval("y"), "a\nb");
  EXPECT_EQ(bridge.eval("\n    1 + 1\n  "), 2);
  EXPECT_TRUE(bridge.exec("\tz = 3\n\tw = z"));
  EXPECT_EQ(error_of(bridge.exec("  a = 1\n b = 2")).python()->type,
            "IndentationError");
}

TEST_P(AsFromAScript, GivenAwaitAtTheTopThenItIsSaidWhatToDo) {
  for (const auto* code :
       {"await x", "[i async for i in x]", "async with x: pass"}) {
    const auto failed = error_of(bridge.exec(code));
    EXPECT_EQ(failed.python()->type, "SyntaxError") << code;
    EXPECT_THAT(failed.message(), HasSubstr("asyncio.run()")) << code;
  }
  EXPECT_THAT(error_of(bridge.eval("await x")).message(),
              HasSubstr("asyncio.run()"));
  // Mistakes of other kinds keep their words.
  EXPECT_THAT(
    error_of(bridge.exec("return 1")).message(),
    AllOf(HasSubstr("'return' outside function"), Not(HasSubstr("asyncio"))));
}

TEST_P(AsFromAScript, GivenVariablesWithoutNamesThenTheyAreRefused) {
  const auto evaluated = error_of(bridge.eval("1", {{1, 2}}));
  EXPECT_EQ(evaluated.code(), sb::errc::not_convertible);
  EXPECT_THAT(evaluated.message(), HasSubstr("expected str, got int 1"));
  EXPECT_EQ(code_of(bridge.exec("x = 1", {{sb::tuple{}, 2}})),
            sb::errc::not_convertible);
}

TEST_P(AsFromAScript, GivenAPackageThenItsSubmodulesAreImportedOnTheWay) {
  run("import sys\n"
      "for each in [name for name in sys.modules if name.startswith('xml')]:\n"
      "  del sys.modules[each]\n");
  EXPECT_EQ(bridge.call("xml", "etree.ElementTree.iselement", 1), false);
  EXPECT_EQ(bridge.get("xml", "dom.minidom.__name__"), "xml.dom.minidom");
}

TEST_P(AsFromAScript, WhenAModuleIsReplacedThenTheNextCallFindsTheNewOne) {
  run("import sys, types\n"
      "def put(answer):\n"
      "  made = types.ModuleType('of_a_test')\n"
      "  made.f = lambda: answer\n"
      "  sys.modules['of_a_test'] = made\n"
      "put(1)\n");
  EXPECT_EQ(bridge.call("of_a_test", "f"), 1);
  EXPECT_EQ(bridge.call("of_a_test", "f"), 1);
  run("put(2)");
  EXPECT_EQ(bridge.call("of_a_test", "f"), 2);
  run("sys.modules['of_a_test'] = None");
  EXPECT_EQ(error_of(bridge.call("of_a_test", "f")).python()->type,
            "ModuleNotFoundError");
  run("del sys.modules['of_a_test']");
  EXPECT_EQ(error_of(bridge.call("of_a_test", "f")).python()->type,
            "ModuleNotFoundError");
}

TEST_P(AsFromAScript, GivenNoSuchSubmoduleThenTheAttributeIsMissing) {
  const auto missing = error_of(bridge.get("xml", "nothing"));
  EXPECT_EQ(missing.python()->type, "AttributeError");
  EXPECT_THAT(missing.message(), HasSubstr("'xml' has no attribute 'nothing'"));
  // What is no package has none.
  EXPECT_EQ(error_of(bridge.get("math", "nothing")).python()->type,
            "AttributeError");
}

TEST_P(AsFromAScript, GivenASubmoduleThatFailsThenItsOwnErrorIsTold) {
  const scratch_folder folder;
  std::filesystem::create_directory(folder / "half");
  std::ofstream{folder / "half/__init__.py"};
  std::ofstream{folder / "half/broken.py"} << "import not_there\n";
  EXPECT_TRUE(bridge.call("sys", "path.insert", 0, folder.path()));
  const auto failed = error_of(bridge.get("half", "broken.x"));
  EXPECT_THAT(failed.message(), HasSubstr("No module named 'not_there'"));
  EXPECT_TRUE(bridge.call("sys", "path.remove", folder.path()));
}

TEST_P(AsFromAScript,
       GivenNoSuchModuleThenThePoolItsPythonAndTheWayOutAreNamed) {
  const auto missing = error_of(bridge.call("not_there_at_all", "f"));
  EXPECT_TRUE(missing.is("ModuleNotFoundError"));
  EXPECT_EQ(missing.python()->message, "No module named 'not_there_at_all'");
  EXPECT_THAT(missing.message(),
              AllOf(HasSubstr("No module named 'not_there_at_all'"),
                    HasSubstr("pool 'default' runs the Python '"),
                    HasSubstr("python3"), HasSubstr("`path`")));
}

TEST_P(AsFromAScript, GivenAPathThenModulesAreFoundThereFirst) {
  const scratch_folder folder;
  std::ofstream{folder / "of_ours.py"} << "where = __file__\n";
  auto wanted = one_pool(GetParam());
  wanted.pools[0].path = {folder.path()};
  wanted.pools[0].preload = {"of_ours"};
  const sb::bridge with_path{wanted};
  EXPECT_EQ(with_path.get("of_ours", "where"),
            (folder / "of_ours.py").string());
  EXPECT_EQ(with_path.eval("__import__('sys').path[0]"),
            folder.path().string());
}

TEST_P(AsFromAScript, GivenAnErrorThenItIsKnownByItsBases) {
  const auto failed = error_of(bridge.call("json", "loads", "{"));
  EXPECT_TRUE(failed.is("json.decoder.JSONDecodeError"));
  EXPECT_TRUE(failed.is("json.JSONDecodeError"));
  EXPECT_TRUE(failed.is("ValueError"));
  EXPECT_TRUE(failed.is("builtins.Exception"));
  EXPECT_FALSE(failed.is("JSONDecodeError"));
  EXPECT_FALSE(failed.is("KeyError"));
  EXPECT_FALSE(failed.is("decoder.JSONDecodeError"));
  EXPECT_FALSE(failed.is(""));
  EXPECT_FALSE(error_of(bridge.eval("1", {{1, 2}})).is("Exception"));
}

} // namespace snakebridge::testing
