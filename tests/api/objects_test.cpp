// Objects of real Python, in both placements.
#include "tests/api/gate.hpp"
#include "tests/api/python_fixture.hpp"

#include <sstream>
#include <thread>
#include <type_traits>
#include <unordered_map>
#include <vector>

#include <snakebridge/format.hpp>

namespace snakebridge::testing {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

namespace {

struct sale {
  std::string region;
  int qty = 0;
  bool operator==(const sale&) const = default;
};
SNAKEBRIDGE_FIELDS(sale, region, qty);

template <class T, class U>
concept assignable_by_name = requires(T& named, U item) {
  named = item;
};
template <class T, class U>
concept assignable_at_once = requires(T&& made, U item) {
  std::move(made) = item;
};

} // namespace

static_assert(std::is_nothrow_move_constructible_v<sb::object>);
static_assert(std::copyable<sb::object>);
static_assert(!assignable_by_name<sb::accessor, int>);
static_assert(assignable_at_once<sb::accessor, int>);
static_assert(assignable_by_name<sb::accessor, const sb::accessor&>);
static_assert(!std::convertible_to<sb::object, bool>);

class Objects : public EachPlacement {
protected:
  /// What that expression is.
  sb::object eval(const std::string& code) {
    return bridge.adopt(
      or_throw(bridge.with({.leaves = sb::leaves::all_refs}).eval(code)));
  }
  void exec(const std::string& code) { or_throw(bridge.exec(code)); }
  std::uint64_t live() const { return bridge.stats().live_objects(); }
  bool nothing_lives() {
    return eventually([&] { return live() == 0; });
  }
};
SNAKEBRIDGE_IN_BOTH_PLACEMENTS(Objects);

// --- Calls, attributes, items ------------------------------------------------

TEST_P(Objects, GivenAModuleThenItsFunctionsAreCalled) {
  sb::object math = bridge.import("math");
  EXPECT_EQ(math.attr("sqrt")(16).as<double>(), 4.0);
  EXPECT_EQ(math.attr("pi").as<double>(), 3.141592653589793);
  EXPECT_EQ(
    bridge.import("os.path").attr("join")("/tmp", "x").as<std::string>(),
    "/tmp/x");
  EXPECT_EQ(bridge.import("builtins")
              .attr("round")(3.14159, "ndigits"_a = 2)
              .as<double>(),
            3.14);
  EXPECT_EQ(bridge.import("builtins")
              .attr("dict")(sb::kwargs_of(std::map<std::string, int>{{"a", 1}}))
              .as<sb::value>(),
            (sb::dict{{"a", 1}}));
}

TEST_P(Objects, GivenAModuleThatIsMissingThenItThrows) {
  try {
    static_cast<void>(bridge.import("no_such_module"));
    FAIL();
  } catch (const sb::python_exception& raised) {
    EXPECT_TRUE(raised.error().is("ModuleNotFoundError"));
  }
}

TEST_P(Objects, GivenAnAccessorThenItReadsAnewEachTime) {
  exec("class Box: pass\nbox = Box(); box.x = 1");
  const auto box = eval("box");
  const auto x = box.attr("x");
  EXPECT_EQ(x.as<int>(), 1);
  exec("box.x = 2");
  EXPECT_EQ(x.as<int>(), 2);
  box.attr("x") = 3;
  EXPECT_EQ(x.as<int>(), 3);
  EXPECT_EQ(bridge.eval("box.x"), 3);
}

TEST_P(Objects, GivenAnAccessorThatOutlivesItsObjectThenItKeepsThat) {
  const auto name = [&] {
    return eval("type('T', (), {'n': 'here'})()").attr("n");
  }();
  EXPECT_EQ(name.as<std::string>(), "here");
}

TEST_P(Objects, GivenAccessorsThenTheyStoreOnAssignment) {
  auto d = eval("{'a': 1}");
  d["b"] = 2;
  d["c"] = d["a"]; // copies of accessors store
  d["list"] = sb::list{1, 2};
  d["list"][0] = "first";
  EXPECT_EQ(
    d.as<sb::value>(),
    (sb::dict{{"a", 1}, {"b", 2}, {"c", 1}, {"list", sb::list{"first", 2}}}));
  auto c = d["c"];
  c = d["b"];
  EXPECT_EQ(d["c"].as<int>(), 2);
  d["c"] += 40;
  d["c"] -= 2;
  d["c"] *= 3;
  EXPECT_EQ(d["c"].as<int>(), 120);
  sb::del(d["c"]);
  EXPECT_FALSE(d.contains("c"));
  exec("class Box: pass\nbox = Box(); box.inner = Box()");
  auto box = eval("box");
  box.attr("inner.x") = 5;
  EXPECT_EQ(bridge.eval("box.inner.x"), 5);
  sb::del(box.attr("inner").attr("x"));
  EXPECT_EQ(bridge.eval("hasattr(box.inner, 'x')"), false);
}

TEST_P(Objects, GivenAChainThenItGoesInOneMessage) {
  exec(
    "class Box: pass\nbox = Box(); box.inner = {'k': [10, lambda x: x + 1]}");
  const auto box = eval("box");
  const auto before = bridge.stats().pools.at(0).interpreters.at(0).calls;
  EXPECT_EQ(box.attr("inner")["k"][1](41).as<int>(), 42);
  EXPECT_EQ(bridge.stats().pools.at(0).interpreters.at(0).calls, before + 1);
}

TEST_P(Objects, GivenSlicesThenPythonGetsThem) {
  exec("class Seen:\n  def __getitem__(self, key): return repr(key)\n");
  const auto seen = eval("Seen()");
  EXPECT_EQ(seen[sb::slice(1, sb::none)].as<std::string>(),
            "slice(1, None, None)");
  EXPECT_EQ(seen[sb::slice(5)].as<std::string>(), "slice(None, 5, None)");
  EXPECT_EQ(seen[sb::slice(0, 10, 2)].as<std::string>(), "slice(0, 10, 2)");
  EXPECT_EQ(seen[sb::ellipsis].as<std::string>(), "Ellipsis");
  EXPECT_EQ((seen[{0, sb::slice(0, 10, 2)}].as<std::string>()),
            "(0, slice(0, 10, 2))");
  EXPECT_EQ(eval("[0, 1, 2, 3]")[sb::slice(1, -1)].as<sb::value>(),
            (sb::list{1, 2}));
  const sb::value made = sb::slice(1, "b");
  EXPECT_EQ(repr(made), "slice(1, 'b', None)");
  EXPECT_EQ(made, sb::value{sb::slice(1, "b")});
  EXPECT_NE(made, sb::value{sb::slice(2, "b")});
}

// --- Operators ---------------------------------------------------------------

TEST_P(Objects, GivenOperatorsThenTheyArePythons) {
  const auto six = eval("[6]")[0], four = eval("[4]")[0];
  EXPECT_EQ((six + four).as<int>(), 10);
  EXPECT_EQ((six - 1).as<int>(), 5);
  EXPECT_EQ((10 - six).as<int>(), 4);
  EXPECT_EQ((six * 2).as<int>(), 12);
  EXPECT_EQ((six / four).as<double>(), 1.5);
  EXPECT_EQ((six % 4).as<int>(), 2);
  EXPECT_EQ((six & 3).as<int>(), 2);
  EXPECT_EQ((six | 1).as<int>(), 7);
  EXPECT_EQ((six ^ 2).as<int>(), 4);
  EXPECT_EQ((six << 1).as<int>(), 12);
  EXPECT_EQ((six >> 1).as<int>(), 3);
  EXPECT_EQ(sb::pow(six, 2).as<int>(), 36);
  EXPECT_EQ(sb::floordiv(six, 4).as<int>(), 1);
  EXPECT_EQ((-six).as<int>(), -6);
  EXPECT_EQ((+six).as<int>(), 6);
  EXPECT_EQ((~six).as<int>(), -7);
  auto list = eval("[1]");
  const auto same = list;
  list += sb::list{2};
  EXPECT_EQ(same.as<sb::value>(), (sb::list{1, 2})); // in place
}

TEST_P(Objects, GivenComparisonsThenAllSixAreThereBothWays) {
  const auto two = eval("[2]")[0], three = eval("[3]")[0];
  EXPECT_TRUE(two == 2);
  EXPECT_TRUE(2 == two);
  EXPECT_TRUE(two != three);
  EXPECT_TRUE(two < three);
  EXPECT_TRUE(two <= 2);
  EXPECT_TRUE(1 <= two);
  EXPECT_TRUE(three > two);
  EXPECT_TRUE(3 >= three);
  EXPECT_FALSE(two == three);
  EXPECT_FALSE(two == "two");
}

TEST_P(Objects, GivenAnOperatorThatAnswersNoTruthThenThatIsTheAnswer) {
  exec(
    "class Each:\n"
    "  def __init__(self, *items): self.items = items\n"
    "  def __gt__(self, other): return Each(*(i > other for i in self.items))\n"
    "  def __matmul__(self, other): return 'matmul'\n"
    "  def __radd__(self, other): return f'{other} + each'\n");
  const auto each = eval("Each(1, 5)");
  EXPECT_EQ((each > 3).attr("items").as<sb::value>(), (sb::tuple{false, true}));
  EXPECT_EQ(sb::matmul(each, 1).as<std::string>(), "matmul");
  EXPECT_EQ((1 + each).as<std::string>(), "1 + each");
}

TEST_P(Objects, GivenTruthSizeAndIdentityThenTheyArePythons) {
  EXPECT_TRUE(eval("[0]"));
  EXPECT_FALSE(eval("[]"));
  EXPECT_TRUE(!eval("[]"));
  EXPECT_EQ(sb::len(eval("[1, 2]")), 2U);
  EXPECT_TRUE(eval("[1, 2]").contains(2));
  EXPECT_FALSE(eval("[1, 2]").contains(3));
  exec("a = []; b = []");
  const auto a = eval("a"), also_a = eval("a"), b = eval("b");
  EXPECT_TRUE(sb::is(a, also_a));
  EXPECT_FALSE(sb::is(a, b));
  EXPECT_TRUE(a == b);
  EXPECT_TRUE(sb::is(eval("[None]")[0], sb::object{}));
  EXPECT_TRUE(eval("[None]")[0].is_none());
  EXPECT_EQ(a.type_name(), "list");
}

TEST_P(Objects, GivenTwoAttributesThenTheLeftIsReadFirstAndOnce) {
  exec("class Seen:\n"
       "  def __init__(self): self.log = []\n"
       "  def __getattr__(self, name):\n"
       "    self.log.append(name)\n"
       "    return [name]\n");
  const auto seen = eval("Seen()");
  EXPECT_EQ((seen.attr("a") + seen.attr("b")).as<sb::value>(),
            (sb::list{"a", "b"}));
  EXPECT_FALSE(sb::is(seen.attr("c"), seen.attr("d")));
  EXPECT_EQ(seen.attr("log").as<sb::value>(), (sb::list{"a", "b", "c", "d"}));
}

TEST_P(Objects, GivenNumbersThenIdentityLooksAtTheirTypesToo) {
  const auto nan = bridge.import("math").attr("nan");
  const sb::object itself = nan;
  EXPECT_TRUE(sb::is(itself, itself));
  EXPECT_FALSE(sb::is(eval("[1]")[0], eval("[1.0]")[0]));
  EXPECT_FALSE(sb::is(eval("[1]")[0], eval("[True]")[0]));
}

TEST_P(Objects, GivenWhatIsItselfThenItsTruthIsPythons) {
  for (const auto* code :
       {"None", "False", "True", "0", "5", "0.0", "-0.0", "0.5", "float('nan')",
        "''", "'0'", "b''", "b'0'", "10 ** 30"})
    EXPECT_EQ(
      static_cast<bool>(sb::object{eval("[" + std::string{code} + "]")[0]}),
      bridge.eval("bool(" + std::string{code} + ")"))
      << code;
}

TEST_P(Objects, GivenWhatCannotBeComparedThenPythonRaises) {
  EXPECT_THROW(static_cast<void>(eval("[1]") < eval("{}")),
               sb::python_exception);
}

// --- Values ------------------------------------------------------------------

TEST_P(Objects, GivenConversionsThenTheyAreExactOrByChoiceWithLoss) {
  EXPECT_EQ(eval("{'a': [1, 2]}").as<sb::value>(),
            (sb::dict{{"a", sb::list{1, 2}}}));
  EXPECT_EQ((eval("{'a': 1.5}").as<std::map<std::string, double>>()),
            (std::map<std::string, double>{{"a", 1.5}}));
  EXPECT_EQ(eval("[2.5]").to<int>().error().code(), sb::errc::not_convertible);
  EXPECT_EQ(eval("[3.0]")[0].cast<int>(), 3);
  EXPECT_EQ(eval("__import__('collections').Counter('aab')").cast<sb::value>(),
            (sb::dict{{"a", 2}, {"b", 1}}));
  EXPECT_TRUE(eval("object()").as<sb::ref>().slot > 0);
}

TEST_P(Objects, GivenRowsThenStructsAreMadeOfThem) {
  exec("import collections\n"
       "Row = collections.namedtuple('Row', 'region qty')\n"
       "rows = [Row('north', 1), Row('south', 2)]");
  std::vector<sale> all;
  for (const sb::object row : eval("rows"))
    all.push_back(row.as<sale>());
  EXPECT_THAT(all, ElementsAre(sale{"north", 1}, sale{"south", 2}));
  EXPECT_EQ(eval("rows").as<std::vector<sale>>(), all);
  using named_sales = std::unordered_map<std::string, sale>;
  EXPECT_EQ(eval("{'n': rows[0]}").as<named_sales>(),
            (named_sales{{"n", all[0]}}));
  using numbered_sale = std::pair<int, sale>;
  EXPECT_EQ(eval("(7, rows[1])").as<numbered_sale>(),
            (numbered_sale{7, all[1]}));
}

TEST_P(Objects, GivenAnyIterableThenItsItemsAreObjects) {
  std::vector<int> seen;
  for (const sb::object each : eval("range(5)"))
    seen.push_back(each.as<int>());
  EXPECT_THAT(seen, ElementsAre(0, 1, 2, 3, 4));
  exec("class Box:\n  def __init__(self, x): self.x = x\n");
  int sum = 0;
  for (const sb::object box : eval("[Box(i) for i in range(100)]"))
    sum += box.attr("x").as<int>();
  EXPECT_EQ(sum, 4950);
  for (const sb::object box : eval("[Box(i) for i in range(100)]"))
    if (box.attr("x") == 5)
      break;
  EXPECT_THROW(
    {
      for (const sb::object each : eval("(1 / x for x in [1, 0])"))
        static_cast<void>(each);
    },
    sb::python_exception);
  EXPECT_THROW(eval("[5]")[0].begin(), sb::exception);
}

TEST_P(Objects, GivenAnObjectThenItPrintsAsPythonDoes) {
  std::ostringstream out;
  out << eval("__import__('pathlib').Path('/tmp')");
  EXPECT_EQ(out.str(), "/tmp");
  EXPECT_EQ(eval("['x']").repr(), "['x']");
  EXPECT_EQ(fmt::format("{}", eval("[1]")), "[1]");
}

TEST_P(Objects, GivenObjectsAsArgumentsAndInContainersThenTheyAreThemselves) {
  exec("def same(a, b): return a is b\n"
       "def first_of(d): return d['k'][0]");
  const auto same = eval("same"), thing = eval("object()");
  EXPECT_TRUE(same(thing, thing));
  EXPECT_TRUE(
    sb::is(eval("first_of")(sb::dict{{"k", sb::list{thing}}}), thing));
  EXPECT_EQ(bridge.call("builtins", "repr", eval("[1]")), "[1]");
  auto kept = eval("[]");
  kept.attr("append")(thing);
  EXPECT_TRUE(sb::is(kept[0], thing));
  EXPECT_TRUE(kept.contains(thing));
}

// --- Their life --------------------------------------------------------------

TEST_P(Objects, WhenTheLastCopyGoesThenTheObjectIsFreed) {
  {
    const auto thing = eval("object()");
    const auto copy = thing; // NOLINT: two owners
    EXPECT_EQ(live(), 1U);
    const sb::value as_value = copy;
    const auto again = or_throw(as_value.to<sb::object>());
    EXPECT_TRUE(sb::is(thing, again));
  }
  EXPECT_TRUE(nothing_lives());
}

TEST_P(Objects, GivenAValueOfAnObjectThenItKeepsThat) {
  sb::value kept = sb::list{eval("[7]")};
  or_throw(bridge.call("gc", "collect"));
  EXPECT_EQ(bridge.item(kept[0], 0), 7);
  kept = sb::none;
  EXPECT_TRUE(nothing_lives());
}

TEST_P(Objects, WhenOneSlotIsAdoptedTwiceThenTheyShareIt) {
  const auto name = or_throw(bridge.eval("object()")).as<sb::ref>();
  {
    const auto one = bridge.adopt(name);
    {
      const auto two = bridge.adopt(name);
      EXPECT_TRUE(sb::is(one, two));
    }
    EXPECT_TRUE(bridge.repr(name));
    EXPECT_EQ(live(), 1U);
  }
  EXPECT_TRUE(nothing_lives());
}

TEST_P(Objects, GivenTenThousandTemporariesThenNothingIsLeft) {
  exec("def make(): return object()");
  const auto make = eval("make");
  for (int i = 0; i < 10'000; ++i)
    static_cast<void>(make());
  EXPECT_TRUE(eventually([&] { return live() == 1; }));
}

TEST_P(Objects, GivenASessionOfFewRefsThenTemporariesDoNotPushOthersOut) {
  const auto small = bridge.open_session({.id = "small", .max_refs = 16});
  const auto list = small.import("builtins").attr("list");
  const sb::object first = list();
  for (int i = 0; i < 500; ++i)
    static_cast<void>(list());
  EXPECT_EQ(sb::len(first), 0U);
}

// What a look at one makes in Python is somebody's.
TEST_P(Objects, WhenValuesAreAskedForThenNothingIsLeft) {
  exec("class Box: pass\n"
       "class Text(str): pass\n"
       "class Named:\n"
       "  def __str__(self): return Text('named')\n"
       "  __repr__ = __str__\n"
       "box = Box(); box.x = Box(); boxes = [Box(), {'k': Box()}, Box()]");
  const auto box = eval("box"), boxes = eval("boxes"), named = eval("Named()");
  for (int i = 0; i < 20; ++i) {
    EXPECT_FALSE(box.to<double>());
    EXPECT_FALSE(box.attr("x").to<double>());
    EXPECT_FALSE(box.is_none());
    EXPECT_FALSE(box.attr("x").is_none());
    EXPECT_EQ(boxes.as<sb::value>().size(), 3U);
    EXPECT_EQ(named.str(), "named");
    EXPECT_EQ(named.repr(), "named");
  }
  EXPECT_TRUE(eventually([&] { return live() == 3; })) << live();
  const auto kept = boxes.as<sb::value>();
  or_throw(bridge.call("gc", "collect"));
  EXPECT_TRUE(or_throw(bridge.repr(kept[1]["k"])).find("Box") > 0);
}

TEST_P(Objects, WhenItIsFreedOnAnotherThreadThenItIsFreed) {
  auto thing = std::make_optional(eval("object()"));
  std::thread{[mine = std::move(*thing)]() mutable {
    EXPECT_EQ(mine.type_name(), "object");
    EXPECT_TRUE(mine);
    const auto gone = std::move(mine);
  }}.join();
  thing.reset();
  EXPECT_TRUE(nothing_lives());
}

TEST_P(Objects, GivenARefScopeThenObjectsAreTheirOwners) {
  std::optional<sb::object> outlives;
  {
    const sb::ref_scope scope{bridge};
    outlives = bridge.import("builtins").attr("list")();
    or_throw(bridge.eval("object()"));
  }
  EXPECT_EQ(sb::len(*outlives), 0U);
}

TEST_P(Objects, WhenTheSessionEndsThenItsObjectsHave) {
  std::optional<sb::object> left;
  {
    const auto inside = bridge.open_session({.id = "inside"});
    left = inside.import("builtins").attr("list")();
    EXPECT_EQ(sb::len(*left), 0U);
  }
  EXPECT_TRUE(eventually([&] {
    const auto late = sb::attempt([&] { return sb::len(*left); });
    return !late && late.error().code() == sb::errc::session_closed;
  }));
  left.reset();
}

TEST(ObjectsAlone, GivenAllowedModulesThenImportTakesThoseAlone) {
  auto wanted = one_pool(sb::placement::worker);
  wanted.pools.front().limits.importable = {"math"};
  const sb::bridge bridge{wanted};
  EXPECT_EQ(bridge.import("math").attr("sqrt")(16).as<double>(), 4.0);
  EXPECT_THROW(static_cast<void>(bridge.import("os")), sb::exception);
}

TEST(ObjectsAlone, WhenTheBridgeHasEndedThenTheyAreSafe) {
  std::optional<sb::object> left;
  sb::value kept;
  {
    const sb::bridge bridge{one_pool(sb::placement::worker)};
    left = bridge.import("builtins").attr("list")();
    kept = *left;
  }
  const auto late = sb::attempt([&] { return sb::len(*left); });
  EXPECT_THAT(late.error().code(), ::testing::AnyOf(sb::errc::shutting_down,
                                                    sb::errc::session_closed));
  left.reset();
  kept = sb::none;
}

TEST_P(Objects, GivenAnEmptyObjectThenItIsNone) {
  const sb::object none;
  EXPECT_TRUE(none.is_none());
  EXPECT_EQ(none.as<sb::value>(), sb::value{});
  EXPECT_EQ(bridge.call("builtins", "repr", none), "None");
  EXPECT_THROW(none.attr("x").as<int>(), sb::invalid_ref_error);
  EXPECT_FALSE(none);
  EXPECT_EQ(none.str(), "None");
  const auto three = eval("[3]")[0];
  const sb::object itself = three;
  EXPECT_FALSE(none == itself);
  EXPECT_TRUE(itself != none);
}

TEST_P(Objects, GivenACallbackThenItTakesAndAnswersObjects) {
  exec("def apply(f, x): return f(x)");
  const auto apply = eval("apply");
  const auto doubled =
    apply(sb::callback([](sb::object list) { return list * 2; }), eval("[1]"));
  EXPECT_EQ(doubled.as<sb::value>(), (sb::list{1, 1}));
}

// --- Errors ------------------------------------------------------------------

TEST_P(Objects, WhenAChainFailsThenTheErrorNamesIt) {
  const auto d = eval("{'x': [1]}");
  const auto failed = sb::attempt([&] { return d["x"].attr("sum")(); });
  ASSERT_EQ(code_of(failed), sb::errc::python_raised);
  EXPECT_TRUE(failed.error().is("AttributeError"));
  EXPECT_THAT(failed.error().message(), HasSubstr("dict['x'].sum()"));
}

} // namespace snakebridge::testing
