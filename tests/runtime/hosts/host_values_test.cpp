// Values through both hosts, there and back, exactly.
#include "tests/runtime/hosts/conformance.hpp"

#include <cmath>
#include <limits>

namespace snakebridge::testing {

namespace {

// Data of every kind, nested, with what is most easily lost at the edges.
std::vector<value> all_kinds() {
  using limits = std::numeric_limits<std::int64_t>;
  using real = std::numeric_limits<double>;
  return {
    none,
    true,
    false,
    0,
    -1,
    limits::min(),
    limits::max(),
    0.0,
    1.5,
    -1e300,
    real::denorm_min(),
    real::infinity(),
    -real::infinity(),
    "",
    "text",
    std::string{"a\0b", 3},
    "\u00e9\u20ac\U0001F40D",
    bytes{},
    bytes{std::string{"\0\xff\x80z", 4}},
    list{},
    tuple{},
    dict{},
    tuple{1},
    list{1, "two", 3.0, none, list{list{}}, tuple{true}},
    dict{{"key", 1},
         {2, "int"},
         {2.5, "float"},
         {none, "none"},
         {tuple{0, tuple{"n"}}, "tuple"},
         {bytes{"b"}, "bytes"},
         {false, dict{{"inner", list{dict{}}}}}},
  };
}

value nested(std::size_t depth, value inner) {
  for (std::size_t i = 0; i < depth; ++i)
    inner = list{std::move(inner)};
  return inner;
}

value nested_dicts(std::size_t depth, value inner) {
  for (std::size_t i = 0; i < depth; ++i)
    inner = dict{{"k", std::move(inner)}};
  return inner;
}

} // namespace

TEST_P(HostValues, WhenDataOfAnyKindGoesThereAndBackThenItIsTheSame) {
  for (const auto& each : all_kinds()) {
    const auto back = value_of(eval("x", "x"_a = each));
    EXPECT_EQ(back, each);
    EXPECT_EQ(back.kind(), each.kind());
    EXPECT_EQ(repr(back), repr(each)) << "1 == 1.0 == True hides a kind";
  }
}

TEST_P(HostValues, WhenDataArrivesThenPythonSeesItsOwnTypesAndRepr) {
  for (const auto& each : all_kinds()) {
    EXPECT_EQ(value_of(call("builtins", "repr", each)), value{repr(each)});
    const auto type = value_of(eval("type(x).__name__", "x"_a = each));
    EXPECT_EQ(type,
              (each.is_none() ? value{"NoneType"}
                              : value{std::string{to_string(each.kind())}}));
  }
}

TEST_P(HostValues, WhenPythonMakesTheValueThenItArrivesExactly) {
  const std::vector<std::pair<const char*, value>> rows{
    {"None", none},
    {"2**63 - 1", std::numeric_limits<std::int64_t>::max()},
    {"-2**63", std::numeric_limits<std::int64_t>::min()},
    {"float('-inf')", -std::numeric_limits<double>::infinity()},
    {"5e-324", std::numeric_limits<double>::denorm_min()},
    {"'\\0x\\U0001F40D'", std::string{"\0x\U0001F40D", 6}},
    {"b'\\xff\\0'", bytes{std::string{"\xff\0", 2}}},
    {"[(), [], {}]", list{tuple{}, list{}, dict{}}},
    {"{(1, 'a'): [True], None: 1.0}",
     dict{{tuple{1, "a"}, list{true}}, {none, 1.0}}},
  };
  for (const auto& [code, expected] : rows) {
    const auto got = value_of(eval(code));
    EXPECT_EQ(repr(got), repr(expected)) << code;
    EXPECT_EQ(got, expected) << code;
  }
}

TEST_P(HostValues, WhenNanAndMinusZeroCrossThenTheyStayWhatTheyAre) {
  const auto nan = value_of(eval("x", "x"_a = std::nan("")));
  EXPECT_TRUE(std::isnan(nan.as<double>()));
  const auto zero = value_of(eval("x", "x"_a = -0.0));
  EXPECT_TRUE(std::signbit(zero.as<double>()));
  EXPECT_TRUE(std::signbit(value_of(eval("-0.0")).as<double>()));
  EXPECT_EQ(value_of(eval("str(x)", "x"_a = -0.0)), value{"-0.0"});
}

TEST_P(HostValues, WhenADictCrossesThenItsOrderStays) {
  const auto made = value_of(eval("{i: None for i in (3, 1, 2)}"));
  EXPECT_EQ(repr(made), "{3: None, 1: None, 2: None}");
  EXPECT_EQ(value_of(call("builtins", "list", made)), (value{list{3, 1, 2}}));
}

TEST_P(HostValues, WhenAUserDictLooksLikeATagThenItStaysADict) {
  const value tagged = dict{{"__type__", "ref"}, {"slot", 1}};
  EXPECT_EQ(value_of(eval("x", "x"_a = tagged)), tagged);
}

TEST_P(HostValues, WhenTheDataIsLargeThenItCrosses) {
  const value text{std::string(1U << 20U, 'x')};
  EXPECT_EQ(value_of(eval("x", "x"_a = text)), text);
  const value data{bytes{std::string(1U << 20U, '\0')}};
  EXPECT_EQ(value_of(eval("x", "x"_a = data)), data);
  list many;
  for (int i = 0; i < 100'000; ++i)
    many.emplace_back(i / 3.0);
  const value floats{std::move(many)};
  EXPECT_EQ(value_of(eval("x", "x"_a = floats)), floats);
}

TEST_P(HostValues, GivenTheDeepestDataThenItCrosses) {
  const auto most = limits::value_depth_max;
  for (const auto& deepest :
       {nested(most, 1), nested_dicts(most, 1), nested(most - 1, list{})}) {
    EXPECT_EQ(value_of(eval("x", "x"_a = deepest)), deepest);
    EXPECT_EQ(value_of(call("copy", "copy", deepest)), deepest);
  }
}

TEST_P(HostValues, GivenDeeperDataThenItIsTooLargeBothWays) {
  const auto most = limits::value_depth_max;
  for (const auto& deeper :
       {nested(most + 1, 1), nested(most, list{}), nested_dicts(most + 1, 1)})
    EXPECT_EQ(code_of(eval("x", "x"_a = deeper)), errc::payload_too_large);
  exec("def nest(n):\n"
       "  x = []\n"
       "  for i in range(n - 1): x = [x]\n"
       "  return x");
  EXPECT_TRUE(eval("nest(200)"));
  EXPECT_EQ(code_of(eval("nest(201)")), errc::payload_too_large);
  EXPECT_EQ(value_of(eval("1")), value{1}) << "it can go on";
}

TEST_P(HostValues, WhenAResultIsTooDeepThenNoRefIsLeftBehind) {
  exec("deep = []\n"
       "for i in range(300): deep = [deep]");
  EXPECT_EQ(code_of(eval("[object(), {1: object()}, deep]")),
            errc::payload_too_large);
  EXPECT_EQ(live_objects(), 0u);
}

TEST_P(HostValues, WhenSomethingHasNoValueFormThenOnlyItIsARef) {
  exec("class number(int): pass\n"
       "class text(str): pass\n"
       "class table(dict): pass\n"
       "class row(list): pass\n"
       "def function(): pass");
  const std::vector<std::pair<const char*, const char*>> rows{
    {"number(5)", "__snakebridge_session_[0-9]+__.number"},
    {"text('x')", "__snakebridge_session_[0-9]+__.text"},
    {"table(a=1)", "__snakebridge_session_[0-9]+__.table"},
    {"row([1])", "__snakebridge_session_[0-9]+__.row"},
    {"object()", "object"},
    {"function", "function"},
    {"__import__('pathlib').Path('/')", "pathlib\\.(_local\\.)?PosixPath"},
    {"ValueError", "type"},
  };
  for (const auto& [code, type] : rows) {
    const auto got =
      value_of(eval("[1, {'a': (" + std::string{code} + ", 'x')}]"));
    EXPECT_EQ(got[0], value{1}) << code;
    const auto& leaf = got[1]["a"];
    EXPECT_EQ(leaf[1], value{"x"}) << code;
    ASSERT_TRUE(leaf[0].is_ref()) << code << ": " << got;
    EXPECT_THAT(leaf[0].as<ref>().type_name, ::testing::MatchesRegex(type))
      << code;
    EXPECT_EQ(value_of(eval("x", "x"_a = leaf[0])).kind(), kind::ref);
  }
  release_all();
}

TEST_P(HostValues, WhenARefIsMadeThenItSaysWhereItLives) {
  const auto made = value_of(eval("object()")).as<ref>();
  EXPECT_EQ(made.node, "");
  EXPECT_EQ(made.session, session->id());
  EXPECT_EQ(made.interpreter, 7u);
  EXPECT_EQ(made.epoch, 1u);
  EXPECT_GT(made.slot, 0u);
  release_all();
}

TEST_P(HostValues, WhenARefGoesBackThenPythonSeesTheObjectItself) {
  exec("kept = object()");
  const auto kept = value_of(eval("kept"));
  EXPECT_EQ(value_of(eval("x is kept", "x"_a = kept)), value{true});
  EXPECT_EQ(
    value_of(eval("x[0]['k'] is kept", "x"_a = list{dict{{"k", kept}}})),
    value{true});
  release_all();
}

TEST_P(HostValues, WhenARefIsAKeyThenPythonSeesTheObjectAsKey) {
  const auto key = value_of(eval("object()"));
  const auto back = value_of(eval("x[k] if k in x else None",
                                  "x"_a = dict{{key, "found"}}, "k"_a = key));
  EXPECT_EQ(back, value{"found"});
  release_all();
}

TEST_P(HostValues, WhenAContainerHoldsItselfThenItIsARefThere) {
  exec("loop = [1]\nloop.append(loop)");
  const auto got = value_of(eval("loop"));
  EXPECT_EQ(got[0], value{1});
  ASSERT_TRUE(got[1].is_ref());
  EXPECT_EQ(value_of(eval("x is loop", "x"_a = got[1])), value{true});
  exec("ring = {}\nring['self'] = (ring,)");
  const auto dict_in_itself = value_of(eval("ring"));
  EXPECT_EQ(dict_in_itself["self"][0].as<ref>().type_name, "dict");
  release_all();
}

TEST_P(HostValues, WhenAnObjectOccursTwiceThenItIsTheSameRef) {
  const auto got = value_of(eval("[o := object(), {'again': o}, object()]"));
  EXPECT_EQ(got[0], got[1]["again"]);
  EXPECT_NE(got[0], got[2]);
  EXPECT_EQ(live_objects(), 2u);
  release_all();
}

TEST_P(HostValues, WhenASharedListOccursTwiceThenItIsDataTwice) {
  const auto got = value_of(eval("[x, x]", "x"_a = list{1}));
  EXPECT_EQ(got, (value{list{list{1}, list{1}}}));
}

TEST_P(HostValues, GivenAKeyPythonCannotHashThenItRaisesTypeError) {
  const auto refused =
    raised_by(eval("x", "x"_a = dict{{list{1}, "unhashable"}}));
  EXPECT_EQ(refused.type, "TypeError");
  EXPECT_EQ(refused.message, "unhashable type: 'list'");
}

TEST_P(HostValues, GivenTextThatIsNoUtf8ThenItRaisesAndGoesOn) {
  const auto refused = raised_by(eval("x", "x"_a = "\xff"));
  EXPECT_EQ(refused.type, "UnicodeDecodeError");
  EXPECT_EQ(value_of(eval("1")), value{1});
}

INSTANTIATE_TEST_SUITE_P(Both, HostValues, both_placements, placement_name);

} // namespace snakebridge::testing
