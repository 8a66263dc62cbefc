// <snakebridge/convert.hpp> and the arguments of <snakebridge/operation.hpp>:
// exact both ways, or an error that names the place.
#include <snakebridge/convert.hpp>

#include <cmath>

#include <gtest/gtest.h>

#include <snakebridge/format.hpp>
#include <snakebridge/operation.hpp>

#include "tests/runtime/values/convert_fixture.hpp"

namespace snakebridge::testing {

namespace {

struct point {
  int x = 0;
  int y = 0;
  friend bool operator==(const point&, const point&) = default;
};

} // namespace

} // namespace snakebridge::testing

template <>
struct snakebridge::converter<snakebridge::testing::point> {
  using point = snakebridge::testing::point;
  static value to_value(const point& from) { return tuple{from.x, from.y}; }
  static result<point> from_value(const value& from) {
    return from.to<std::pair<int, int>>().transform([](const auto& both) {
      return point{both.first, both.second};
    });
  }
};

namespace snakebridge::testing {

TEST(Convert, GivenStandardTypesThenTheyGoThereAndBack) {
  expect_round_trip(true, true);
  expect_round_trip(std::int8_t{-128}, -128);
  expect_round_trip(std::uint32_t{4294967295U}, 4294967295);
  expect_round_trip(1.5F, 1.5);
  expect_round_trip(std::string{"text"}, "text");
  expect_round_trip(std::vector{1, 2}, list{1, 2});
  expect_round_trip(std::array<double, 2>{1, 2}, list{1.0, 2.0});
  expect_round_trip(std::vector<bool>{true, false}, list{true, false});
  expect_round_trip(std::tuple{1, std::string{"a"}}, tuple{1, "a"});
  expect_round_trip(std::pair{1, 2.5}, tuple{1, 2.5});
  expect_round_trip(std::map<int, bool>{{1, true}}, dict{{1, true}});
  expect_round_trip(std::unordered_map<std::string, int>{{"a", 1}},
                    dict{{"a", 1}});
  expect_round_trip(std::optional<int>{}, none);
  expect_round_trip(std::optional{5}, 5);
}

TEST(Convert, GivenNestedTypesThenTheyGoThereAndBack) {
  using nested = std::vector<std::map<std::string, std::optional<int>>>;
  expect_round_trip(nested{{{"a", 1}, {"b", {}}}, {}},
                    list{dict{{"a", 1}, {"b", none}}, dict{}});
  using keyed = std::map<std::pair<int, int>, std::vector<std::string>>;
  expect_round_trip(keyed{{{0, 1}, {"xy"}}}, dict{{tuple{0, 1}, list{"xy"}}});
}

TEST(Convert, GivenATypeOfTheUsersThenItJoinsEverywhere) {
  expect_round_trip(point{1, 2}, tuple{1, 2});
  expect_round_trip(std::vector{point{1, 2}}, list{tuple{1, 2}});
  EXPECT_EQ(refusal<std::vector<point>>(list{tuple{1, "y"}}),
            "at [0][1]: expected int, got str 'y'");
}

TEST(Convert, GivenANumberThenItConvertsOnlyExactly) {
  EXPECT_EQ(value{16}.as<double>(), 16.0);
  EXPECT_EQ(value{0.5}.as<float>(), 0.5F);
  EXPECT_EQ(refusal<double>(9007199254740993),
            "9007199254740993 is no exact float; cast<T>() takes it, "
            "with loss");
  EXPECT_EQ(refusal<double>(std::numeric_limits<std::int64_t>::max()),
            "9223372036854775807 is no exact float; cast<T>() takes it, "
            "with loss");
  EXPECT_EQ(refusal<float>(0.1),
            "0.1 is no exact 32 bit float; cast<T>() takes it, with loss");
  EXPECT_EQ(refusal<float>(1e300), "1e+300 is no exact 32 bit float");
  EXPECT_EQ(refusal<std::int8_t>(128), "128 is no exact 8 bit integer");
  EXPECT_EQ(refusal<unsigned>(-1), "-1 is no exact 32 bit integer");
  EXPECT_EQ(refusal<int>(1.0),
            "expected int, got float 1.0; cast<T>() takes it, with loss");
  EXPECT_EQ(refusal<int>(1.5), "expected int, got float 1.5");
  EXPECT_EQ(refusal<int>(true), "expected int, got bool True");
  EXPECT_EQ(refusal<bool>(1), "expected bool, got int 1");
  EXPECT_EQ(refusal<double>(true), "expected float, got bool True");
  EXPECT_EQ(refusal<double>("1"), "expected float, got str '1'");
}

TEST(Convert, GivenNanAndInfinityThenTheyAreFloatsOfAnySize) {
  EXPECT_TRUE(std::isnan(value{std::nan("")}.as<float>()));
  EXPECT_TRUE(std::isinf(value{-INFINITY}.as<float>()));
  EXPECT_TRUE(std::signbit(value{-0.0}.as<float>()));
}

TEST(Convert, GivenAnUnsignedBeyond64SignedBitsThenItIsALargeInt) {
  EXPECT_EQ(value{std::uint64_t{1} << 62U}, value{std::int64_t{1} << 62U});
  const value large{~std::uint64_t{0}};
  EXPECT_EQ(repr(large), "18446744073709551615");
  EXPECT_EQ(large.as<std::uint64_t>(), ~std::uint64_t{0});
  EXPECT_EQ(large.as<unsigned long long>(), ~0ULL);
  EXPECT_EQ(refusal<std::int64_t>(large),
            "18446744073709551615 is no exact 64 bit integer");
}

TEST(Convert, GivenNoneThenOnlyAnOptionalTakesIt) {
  EXPECT_EQ(refusal<int>(none), "expected int, got None");
  EXPECT_EQ(refusal<std::string>(none), "expected str, got None");
  EXPECT_EQ(refusal<std::vector<int>>(none), "expected list, got None");
  EXPECT_EQ(value{none}.as<std::optional<int>>(), std::nullopt);
  EXPECT_EQ(value{}.as<none_t>(), none);
  EXPECT_EQ(refusal<none_t>(0), "expected None, got int 0");
}

TEST(Convert, GivenTextAndBytesThenNeitherIsTheOther) {
  EXPECT_EQ(refusal<bytes>("text"), "expected bytes, got str 'text'");
  EXPECT_EQ(refusal<std::string>(bytes{"b"}), "expected str, got bytes b'b'");
  EXPECT_EQ(value{"x"}.as<std::string>(), "x");
}

TEST(Convert, GivenAListOrATupleThenSequencesTakeBoth) {
  EXPECT_EQ((value{tuple{1, 2}}.as<std::vector<int>>()), (std::vector{1, 2}));
  EXPECT_EQ((value{list{1, "a"}}.as<std::pair<int, std::string>>()),
            (std::pair{1, std::string{"a"}}));
  EXPECT_EQ(refusal<std::vector<int>>(dict{}), "expected list, got dict {}");
  EXPECT_EQ((refusal<std::pair<int, int>>(list{1})),
            "expected tuple of 2, got list [1]");
  EXPECT_EQ((refusal<std::array<int, 2>>(list{1})),
            "expected list of 2, got list [1]");
}

TEST(Convert, WhenSomethingInsideDoesNotConvertThenThePlaceIsNamed) {
  using rows = std::vector<std::map<std::string, double>>;
  EXPECT_EQ(refusal<rows>(list{dict{}, dict{}, dict{}, dict{{"when", "now"}}}),
            "at [3]['when']: expected float, got str 'now'");
  EXPECT_EQ(refusal<rows>(list{dict{{5, 1.0}}}),
            "at [0], key 5: expected str, got int 5");
  EXPECT_EQ(
    (refusal<std::tuple<int, std::vector<int>>>(tuple{1, list{1, 2, none}})),
    "at [1][2]: expected int, got None");
  EXPECT_EQ(
    (refusal<std::map<std::string, std::optional<int>>>(dict{{"a", 1.5}})),
    "at ['a']: expected int, got float 1.5");
}

TEST(Convert, WhenTheValueIsLargeThenTheMessageIsShort) {
  const auto message = refusal<int>(std::string(10'000, 'x'));
  EXPECT_LT(message.size(), 200u);
  EXPECT_EQ(message.substr(0, 30), "expected int, got str 'xxxxxxx");
}

TEST(Convert, GivenKeysThatBecomeOneThenTheFirstStays) {
  // A float key 1.5 and "1.5" are two keys; as strings only one converts.
  EXPECT_EQ((refusal<std::map<std::string, int>>(dict{{"1.5", 1}, {1.5, 2}})),
            "at key 1.5: expected str, got float 1.5");
}

TEST(Operation, GivenArgumentsThenTheyAreSortedIntoPlacesAndNames) {
  using namespace literals;
  operation asked;
  const std::map<std::string, int> named{{"a", 1}, {"b", 2}};
  snakebridge::detail::add_arguments(
    asked, 1, "two", "k"_a = 3.0, "n"_a = none,
    args_of(std::vector<std::string>{"/tmp", "x"}), kwargs_of(named), list{1});
  EXPECT_EQ(asked.positional,
            (std::vector<value>{1, "two", "/tmp", "x", list{1}}));
  EXPECT_EQ(asked.named, (std::vector<named_value>{
                           {"k", 3.0}, {"n", none}, {"a", 1}, {"b", 2}}));
}

TEST(Operation, GivenADictOfKeywordsThenItsKeysMustBeStr) {
  EXPECT_EQ(kwargs_of(dict{{"a", 1}}).items,
            (std::vector<named_value>{{"a", 1}}));
  EXPECT_THROW(kwargs_of(dict{{1, 1}}), exception);
}

TEST(Operation, WhenItIsDescribedThenItReadsAsInPython) {
  const value object = ref{.node = {},
                           .session = "a",
                           .interpreter = 1,
                           .epoch = 1,
                           .slot = 1,
                           .type_name = "pathlib.Path"};
  const auto of = [&](verb what, const char* name = "") {
    return describe(
      {.what = what, .module = "math", .name = name, .target = object});
  };
  EXPECT_EQ(of(verb::call, "sqrt"), "math.sqrt");
  EXPECT_EQ(of(verb::get, "pi"), "math.pi");
  EXPECT_EQ(of(verb::method, "exists"), "pathlib.Path.exists");
  EXPECT_EQ(of(verb::attribute, "name"), "pathlib.Path.name");
  EXPECT_EQ(of(verb::item), "pathlib.Path[]");
  EXPECT_EQ(of(verb::call_object), "pathlib.Path()");
  EXPECT_EQ(of(verb::repr), "repr(pathlib.Path)");
  EXPECT_EQ(of(verb::length), "len(pathlib.Path)");
  EXPECT_EQ(of(verb::evaluate, "1 + 1"), "eval");
  EXPECT_EQ(of(verb::helper, "my_helpers.process"), "my_helpers.process");
  EXPECT_EQ(of(verb::helpers, ""), "helpers");
  EXPECT_EQ(of(verb::execute, "pass"), "exec");
}

} // namespace snakebridge::testing
