// Values there and back through a real interpreter (T30 of the original).
#include "tests/api/python_fixture.hpp"

#include <cmath>
#include <limits>
#include <map>
#include <optional>
#include <sstream>
#include <vector>

#include <snakebridge/format.hpp>

namespace snakebridge::testing {

class RoundTrips : public EachPlacement {
protected:
  /// What comes back when Python is given `sent` and hands it on.
  sb::value back(sb::value sent) {
    return or_throw(bridge.eval("x", {{"x", std::move(sent)}}));
  }
  /// Python's own repr of what it is given.
  std::string seen(sb::value sent) {
    return or_throw(bridge.call("builtins", "repr", std::move(sent)))
      .as<std::string>();
  }
};
SNAKEBRIDGE_IN_BOTH_PLACEMENTS(RoundTrips);

// ORIGINAL T30, P39
TEST_P(RoundTrips, GivenAnyKindOfValueThenItComesBackAsThatKind) {
  for (const sb::value& sent :
       {sb::value{}, sb::value{true}, sb::value{5}, sb::value{5.0},
        sb::value{"text"}, sb::value{sb::bytes{"\x00\x01"}},
        sb::value{sb::list{1, "two", 3.0, nullptr}},
        sb::value{sb::tuple{1, sb::list{2}}},
        sb::value{sb::dict{{"key", 1}, {sb::tuple{0, 1}, "xy"}}}}) {
    const auto got = back(sent);
    EXPECT_EQ(got.kind(), sent.kind()) << sent;
    EXPECT_EQ(got, sent);
  }
}

TEST_P(RoundTrips, GivenAnyValueThenItPrintsAsPythonPrintsIt) {
  for (const sb::value& sent :
       {sb::value{}, sb::value{false}, sb::value{-1}, sb::value{1e300},
        sb::value{0.1}, sb::value{"it's \n\t\xc3\xa9"},
        sb::value{sb::bytes{"a'\xff"}}, sb::value{sb::tuple{1}},
        sb::value{sb::dict{{"key", sb::list{}}, {2, sb::tuple{}}}}}) {
    std::ostringstream printed;
    printed << sent;
    EXPECT_EQ(printed.str(), seen(sent));
    EXPECT_EQ(fmt::format("{}", sent), seen(sent));
  }
}

// ORIGINAL P39
TEST_P(RoundTrips, GivenTheLimitsOfNumbersThenTheyAreExact) {
  using int64 = std::numeric_limits<std::int64_t>;
  EXPECT_EQ(seen(int64::max()), "9223372036854775807");
  EXPECT_EQ(back(int64::min()).as<std::int64_t>(), int64::min());
  EXPECT_EQ(back(0.1).as<double>(), 0.1);
  const auto infinity = std::numeric_limits<double>::infinity();
  EXPECT_EQ(back(-infinity).as<double>(), -infinity);
  EXPECT_TRUE(std::isnan(back(std::nan("")).as<double>()));
  EXPECT_TRUE(std::signbit(back(-0.0).as<double>()));
}

TEST_P(RoundTrips, GivenTextOfAllKindsThenItIsExact) {
  using namespace std::string_view_literals;
  EXPECT_EQ(back("a\0b"sv), "a\0b"sv);
  EXPECT_EQ(or_throw(bridge.call("builtins", "len", "\xf0\x9f\x90\x8d")), 1);
}

TEST_P(RoundTrips, GivenNestedTypesThenTheyConvertBothWays) {
  using table = std::vector<std::map<std::string, std::optional<int>>>;
  const table sent{{{"a", 1}, {"b", std::nullopt}}, {}};
  EXPECT_EQ(back(sent).as<table>(), sent);
  EXPECT_EQ(seen(sent), "[{'a': 1, 'b': None}, {}]");
}

TEST_P(RoundTrips, WhenAnotherTypeIsAskedForThenTheErrorNamesThePlace) {
  const auto got = back(sb::list{sb::dict{{"when", "now"}}});
  const auto wrong =
    error_of(got.to<std::vector<std::map<std::string, double>>>());
  EXPECT_EQ(wrong.code(), sb::errc::not_convertible);
  EXPECT_THAT(wrong.message(), ::testing::HasSubstr("[0]['when']"));
  EXPECT_THROW(got.as<int>(), sb::exception);
}

TEST_P(RoundTrips, WhenThereIsNoValueFormThenTheLeafAloneIsARef) {
  const auto mixed = or_throw(
    bridge.eval("[1, {'at': __import__('pathlib').Path('/tmp')}, 2 ** 64]"));
  EXPECT_EQ(mixed[0], 1);
  EXPECT_TRUE(mixed[1]["at"].is_ref());
  EXPECT_EQ(bridge.str(mixed[1]["at"]), "/tmp");
  EXPECT_EQ(mixed[2], sb::integer{"18446744073709551616"});
}

// T20
// ORIGINAL T20
TEST_P(RoundTrips, WhenAnObjectComesTwiceThenItIsTheSameRef) {
  const auto both = or_throw(bridge.eval("(lambda x: [x, x])(object())"));
  EXPECT_EQ(both[0].as<sb::ref>(), both[1].as<sb::ref>());
  EXPECT_EQ(bridge.stats().live_objects(), 1U);
}

// T19
// ORIGINAL T19
TEST_P(RoundTrips, WhenAListHoldsItselfThenTheCycleIsARef) {
  ASSERT_TRUE(bridge.exec("a = [1]; a.append(a)"));
  const auto cycle = or_throw(bridge.eval("a"));
  EXPECT_EQ(cycle[0], 1);
  EXPECT_TRUE(cycle[1].is_ref());
  EXPECT_EQ(bridge.len(cycle[1]), 2U);
}

TEST_P(RoundTrips, WhenARefIsSentInsideContainersThenPythonGetsTheObject) {
  const auto object = path();
  EXPECT_EQ(seen(sb::list{sb::dict{{"at", object}}}),
            "[{'at': PosixPath('/tmp')}]");
  EXPECT_EQ(back(object).as<sb::ref>().type_name, object.type_name);
}

} // namespace snakebridge::testing
