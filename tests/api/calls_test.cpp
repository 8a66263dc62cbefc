// What a program can ask of Python, line by line as API.md has it.
#include "tests/api/python_fixture.hpp"

#include <map>
#include <vector>

namespace snakebridge::testing {

class Calls : public EachPlacement {};
SNAKEBRIDGE_IN_BOTH_PLACEMENTS(Calls);

TEST_P(Calls, WhenAFunctionIsCalledThenItsResultIsAValue) {
  const auto root = or_throw(bridge.call("math", "sqrt", 16));
  EXPECT_EQ(root.kind(), sb::kind::floating);
  EXPECT_EQ(root.as<double>(), 4.0);
}

TEST_P(Calls, WhenAKeywordIsGivenThenPythonGetsItByName) {
  EXPECT_EQ(bridge.call("builtins", "round", 3.14159, "ndigits"_a = 2), 3.14);
  const sb::value digits = 1;
  EXPECT_EQ(bridge.call("builtins", "round", 3.14159, "ndigits"_a = digits),
            3.1);
}

TEST_P(Calls, WhenArgumentsAreUnpackedThenPythonGetsEachOfThem) {
  const std::map<std::string, int> map;
  EXPECT_EQ(bridge.call("os.path", "join",
                        sb::args_of(std::vector{"/tmp", "x"}),
                        sb::kwargs_of(map)),
            "/tmp/x");
  EXPECT_EQ(bridge.call("builtins", "dict", sb::kwargs_of(sb::dict{{"a", 1}}),
                        sb::kwargs_of(std::map<std::string, int>{{"b", 2}})),
            (sb::dict{{"a", 1}, {"b", 2}}));
}

TEST_P(Calls, GivenAnyNumberOfArgumentsThenPythonGetsThemInOrder) {
  std::vector<std::string> parts;
  std::string joined = "/tmp";
  for (int count = 0; count <= 9; ++count) {
    EXPECT_EQ(bridge.call("os.path", "join", "/tmp", sb::args_of(parts)),
              joined);
    parts.push_back(std::to_string(count));
    joined += "/" + parts.back();
  }
}

TEST_P(Calls, WhenAKeywordComesTwiceThenPythonsOwnErrorTells) {
  const auto twice = error_of(
    bridge.call("builtins", "round", 2.5, "ndigits"_a = 1, "ndigits"_a = 2));
  EXPECT_EQ(twice.python()->type, "TypeError");
}

TEST_P(Calls, WhenUnpackedKeywordsAreNoStringsThenTheyAreRefusedHere) {
  EXPECT_THROW(sb::kwargs_of(sb::dict{{1, 2}}), sb::exception);
}

TEST_P(Calls, WhenAFunctionIsDottedThenItIsFoundInItsClass) {
  EXPECT_EQ(bridge.call("builtins", "dict.fromkeys", sb::list{1, 2}, 0),
            (sb::dict{{1, 0}, {2, 0}}));
  EXPECT_EQ(bridge.call("datetime", "datetime.fromisoformat", "2024-01-02"),
            (sb::datetime{.date = {2024, 1, 2}, .time = {}}));
}

TEST_P(Calls, WhenAModuleAttributeIsReadThenItIsItsValue) {
  EXPECT_EQ(bridge.get("math", "pi"), 3.141592653589793);
  EXPECT_EQ(bridge.get("os", "path.sep"), "/");
}

TEST_P(Calls, GivenAnObjectThenItsMethodsAndAttributesAreThere) {
  const sb::ref object = path();
  // As Python 3.13 says, or those before it.
  EXPECT_THAT(object.type_name, ::testing::AnyOf("pathlib.PosixPath",
                                                 "pathlib._local.PosixPath"));
  EXPECT_EQ(bridge.method(object, "exists"), true);
  EXPECT_EQ(bridge.attr(object, "name"), "tmp");
  EXPECT_EQ(
    bridge.method(object, "with_name", "x")
      .and_then([&](const sb::value& other) { return bridge.str(other); }),
    "/x");
}

TEST_P(Calls, GivenAnObjectThenItsAttributesCanBeSet) {
  const auto object =
    or_throw(bridge.call("types", "SimpleNamespace", "x"_a = 0));
  EXPECT_TRUE(bridge.set_attr(object, "x", 1));
  EXPECT_EQ(bridge.attr(object, "x"), 1);
  // An object as the value of another's attribute stays that object.
  EXPECT_TRUE(bridge.set_attr(object, "self", object));
  EXPECT_EQ(bridge.attr(object, "self.self.x"), 1);
  EXPECT_TRUE(bridge.set_attr(object, "self", sb::none));
}

TEST_P(Calls, GivenAContainerThenItsItemsAreReadAndSet) {
  const auto object = or_throw(bridge.call("collections", "OrderedDict"));
  EXPECT_TRUE(bridge.set_item(object, "key", 1));
  EXPECT_EQ(bridge.item(object, "key"), 1);
  EXPECT_EQ(bridge.len(object), 1U);
  const auto missing = error_of(bridge.item(object, "other"));
  EXPECT_EQ(missing.python()->type, "KeyError");
}

TEST_P(Calls, GivenAFunctionObjectThenItCanBeCalled) {
  const auto function = or_throw(bridge.get("operator", "sub"));
  EXPECT_EQ(bridge.call_object(function, 5, 3), 2);
  EXPECT_EQ(bridge.call("functools", "reduce", function, sb::list{9, 4, 3}), 2);
}

TEST_P(Calls, GivenAnObjectThenItPrintsAsInPython) {
  EXPECT_EQ(bridge.repr(path()), "PosixPath('/tmp')");
  EXPECT_EQ(bridge.str(path()), "/tmp");
}

TEST_P(Calls, WhenAnExpressionIsEvaluatedThenItsVariablesAreItsOwn) {
  EXPECT_EQ(bridge.eval("x * 2", {{"x", 21}}), 42);
  EXPECT_EQ(error_of(bridge.eval("x")).python()->type, "NameError");
}

TEST_P(Calls, WhenStatementsRunThenTheSessionKeepsWhatTheyDefine) {
  ASSERT_TRUE(bridge.exec("def f(): ..."));
  EXPECT_EQ(bridge.eval("f()"), sb::none);
  ASSERT_TRUE(bridge.exec("y = x + 1", {{"x", 1}}));
  EXPECT_EQ(bridge.eval("x + y"), 3);
  EXPECT_EQ(error_of(bridge.open_session().eval("y")).python()->type,
            "NameError");
}

TEST_P(Calls, WhenASessionIsAskedThenItHasTheSameFunctions) {
  const auto session = bridge.open_session();
  EXPECT_EQ(session.call("math", "sqrt", 16), 4.0);
  EXPECT_EQ(session.get("math", "tau"), 6.283185307179586);
  const auto object = or_throw(session.call("types", "SimpleNamespace"));
  EXPECT_TRUE(session.set_attr(object, "x", 1));
  EXPECT_EQ(session.attr(object, "x"), 1);
  EXPECT_EQ(session.repr(object), "namespace(x=1)");
  EXPECT_EQ(session.release(object), true);
}

// Too deep a result is an error, and what it made on the way is undone.
// SUPERVISION 51
// ORIGINAL T21
TEST_P(Calls, WhenAResultIsTooDeepThenNothingOfItStays) {
  ASSERT_TRUE(bridge.exec("deep = []\n"
                          "for i in range(300): deep = [deep, object()]"));
  EXPECT_EQ(code_of(bridge.eval("deep")), sb::errc::payload_too_large);
  EXPECT_EQ(bridge.stats().live_objects(), 0U);
}

} // namespace snakebridge::testing
