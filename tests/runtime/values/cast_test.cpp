// value::cast: like `as`, by choice with loss.
#include <snakebridge/value.hpp>

#include <array>
#include <cmath>
#include <complex>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/runtime/values/convert_fixture.hpp"

namespace snakebridge::testing {

namespace {

using std::optional;

/// An object of pandas, or of any other library.
value object_of(const char* type) {
  return ref{.node = {},
             .session = "a",
             .interpreter = 1,
             .epoch = 1,
             .slot = 7,
             .type_name = type};
}

constexpr std::string_view advice = "; cast<T>() takes it, with loss";

/// What refuses to be a T as it is says `cast` just where that takes it.
template <class... Ts>
void expect_advice_where_it_helps(const value& from) {
  const auto expect = [&]<class T>(std::type_identity<T>) {
    const auto cast = attempt([&] { return from.cast<T>(); });
    const auto told = refusal<T>(from);
    const bool helps = told != "converted" && cast.has_value();
    EXPECT_EQ(told.ends_with(advice), helps) << told;
    EXPECT_TRUE(cast || told != "converted") << from;
    const auto at = told.find(advice);
    EXPECT_TRUE(at == told.npos || at + advice.size() == told.size()) << told;
  };
  (expect(std::type_identity<Ts>{}), ...);
}

struct reading {
  std::optional<double> value;
  int count = 0;
};
SNAKEBRIDGE_FIELDS(reading, value, count);

/// A type of the user's own that asks `to` itself.
struct celsius {
  float degrees = 0;
};

} // namespace

} // namespace snakebridge::testing

template <>
struct snakebridge::converter<snakebridge::testing::celsius> {
  using celsius = snakebridge::testing::celsius;
  static result<celsius> from_value(const value& from) {
    return from.to<float>().transform([](float item) { return celsius{item}; });
  }
};

namespace snakebridge::testing {

TEST(Cast, GivenANumberThenItIsRoundedToTheTypeAskedFor) {
  EXPECT_EQ(value{0.1}.cast<float>(), 0.1F);
  EXPECT_EQ(value{3.0}.cast<int>(), 3);
  EXPECT_EQ(value{-3.0}.cast<std::int8_t>(), -3);
  EXPECT_EQ(value{1e18}.cast<std::int64_t>(), 1'000'000'000'000'000'000);
  EXPECT_EQ(value{std::int64_t{9007199254740993}}.cast<double>(),
            9007199254740992.0);
  EXPECT_EQ(value{integer{"100000000000000000000000"}}.cast<double>(), 1e23);
  EXPECT_EQ(value{decimal{"1.25"}}.cast<double>(), 1.25);
  EXPECT_EQ((value{list{0.1, 1}}.cast<std::vector<float>>()),
            (std::vector{0.1F, 1.0F}));
}

TEST(Cast, GivenWhatIsNoSuchNumberThenItIsRefused) {
  EXPECT_THROW(value{2.5}.cast<int>(), exception);
  EXPECT_THROW(value{300.0}.cast<std::int8_t>(), exception);
  EXPECT_THROW(value{300}.cast<std::int8_t>(), exception);
  EXPECT_THROW(value{1e300}.cast<float>(), exception);
  EXPECT_THROW(value{std::nan("")}.cast<int>(), exception);
  EXPECT_THROW(value{HUGE_VAL}.cast<int>(), exception);
  EXPECT_THROW(value{"3"}.cast<int>(), exception);
  EXPECT_THROW(value{true}.cast<int>(), exception);
}

TEST(Cast, GivenWhatIsNotThereThenTheOptionalIsEmpty) {
  for (const auto& each : {value{}, value{std::nan("")},
                           object_of("pandas._libs.tslibs.nattype.NaTType"),
                           object_of("pandas._libs.missing.NAType")}) {
    EXPECT_FALSE(each.cast<optional<double>>()) << each;
    EXPECT_FALSE(each.cast<optional<std::string>>()) << each;
  }
  const auto cast =
    value{dict{{"a", list{1.5, std::nan("")}}}}
      .cast<std::map<std::string, std::vector<optional<double>>>>();
  EXPECT_EQ(cast.at("a")[0], 1.5);
  EXPECT_FALSE(cast.at("a")[1]);
  EXPECT_THROW(object_of("other.NAType").cast<optional<double>>(), exception);
}

TEST(Cast, WhenItHasEndedThenToConvertIsExactAgain) {
  EXPECT_FALSE(value{0.1}.to<float>());
  EXPECT_EQ(value{0.1}.cast<float>(), 0.1F);
  EXPECT_FALSE(value{0.1}.to<float>());
  EXPECT_THROW(value{"x"}.cast<float>(), exception);
  EXPECT_FALSE(value{0.1}.to<float>());
  EXPECT_TRUE(value{std::nan("")}.as<optional<double>>());
}

// Found infinite: a Decimal too small for a double, too large or signalling.
TEST(Cast, GivenADecimalThenItIsTheNearestFloat) {
  EXPECT_EQ(value{decimal{"0.1"}}.cast<double>(), 0.1);
  EXPECT_EQ(value{decimal{"0.1"}}.cast<float>(), 0.1F);
  EXPECT_EQ(value{decimal{"-1E+3"}}.cast<double>(), -1000.0);
  EXPECT_EQ(value{decimal{"1E-400"}}.cast<double>(), 0.0);
  EXPECT_TRUE(std::signbit(value{decimal{"-1E-400"}}.cast<double>()));
  EXPECT_EQ(value{decimal{"0E-400"}}.cast<double>(), 0.0);
  EXPECT_EQ(value{decimal{"-Infinity"}}.cast<double>(), -HUGE_VAL);
  EXPECT_TRUE(std::isnan(value{decimal{"NaN12"}}.cast<double>()));
  EXPECT_FALSE(value{decimal{"NaN"}}.cast<optional<double>>());
  EXPECT_THROW(value{decimal{"1E+400"}}.cast<double>(), exception);
  EXPECT_THROW(value{decimal{"1E+300"}}.cast<float>(), exception);
  EXPECT_THROW(value{decimal{"sNaN"}}.cast<double>(), exception);
  EXPECT_THROW(value{decimal{"3"}}.cast<int>(), exception);
}

TEST(Cast, GivenABigIntThenItIsTheNearestFloatOrRefused) {
  const auto digits = "1" + std::string(308, '0');
  EXPECT_EQ(value{integer{digits}}.cast<double>(), 1e308);
  EXPECT_EQ(value{integer{"-" + digits}}.cast<double>(), -1e308);
  EXPECT_THROW((value{integer{digits + "00"}}.cast<double>()), exception);
  EXPECT_THROW(value{integer{digits}}.cast<float>(), exception);
  EXPECT_EQ(value{16777217}.cast<float>(), 16777216.0F);
}

TEST(Cast, GivenAWholeFloatThenItIsAnIntOfItsRange) {
  EXPECT_EQ(value{-0.0}.cast<int>(), 0);
  EXPECT_EQ(value{255.0}.cast<std::uint8_t>(), 255);
  EXPECT_EQ(value{18446744073709549568.0}.cast<std::uint64_t>(),
            18446744073709549568U);
  EXPECT_EQ(value{1e30}.cast<integer>(),
            integer{"1000000000000000019884624838656"});
  EXPECT_THROW(value{-1.0}.cast<unsigned>(), exception);
  EXPECT_THROW(value{256.0}.cast<std::uint8_t>(), exception);
  EXPECT_THROW(value{9223372036854775808.0}.cast<std::int64_t>(), exception);
  EXPECT_THROW(value{18446744073709551616.0}.cast<std::uint64_t>(), exception);
}

TEST(Cast, GivenNumbersAtAnyDepthThenAllAreCast) {
  EXPECT_EQ((value{tuple{1.0, 0.1, none}}
               .cast<std::tuple<int, float, optional<int>>>()),
            (std::tuple{1, 0.1F, optional<int>{}}));
  EXPECT_EQ((value{dict{{1.0, set{2.0}}}}.cast<std::map<int, std::set<int>>>()),
            (std::map<int, std::set<int>>{{1, {2}}}));
  const auto read =
    value{list{dict{{"value", std::nan("")}, {"count", 3.0}}, tuple{0.5, 4.0}}}
      .cast<std::vector<reading>>();
  EXPECT_FALSE(read[0].value);
  EXPECT_EQ(read[0].count, 3);
  EXPECT_EQ(read[1].value, 0.5);
  EXPECT_EQ(read[1].count, 4);
  EXPECT_EQ((value{std::complex<double>{0.1, 2}}.cast<std::complex<float>>()),
            (std::complex{0.1F, 2.0F}));
}

TEST(Cast, GivenAValueOfATypeThenItIsCastAsItsKind) {
  const auto nan = value::of_type("numpy.float32", std::nan(""));
  EXPECT_FALSE(nan.cast<optional<float>>());
  EXPECT_EQ(value::of_type("numpy.float64", 3.0).cast<int>(), 3);
  EXPECT_EQ(value::of_type("numpy.str_", "text").cast<std::string>(), "text");
}

TEST(Cast, WhenOneFailsInsideAnotherThenItEndsWithItself) {
  EXPECT_THROW(value{"x"}.cast<float>(), exception);
  const auto inner = [] {
    const detail::loss_allowed here;
    EXPECT_THROW(value{"x"}.cast<float>(), exception);
    return value{0.1}.to<float>().has_value();
  };
  EXPECT_TRUE(inner());
  EXPECT_FALSE(value{0.1}.to<float>());
}

TEST(Cast, GivenARefusalThenCastIsNamedJustWhereItTakesTheValue) {
  const value all[] = {true,
                       3,
                       300,
                       -1,
                       3.0,
                       300.0,
                       -1.0,
                       2.5,
                       0.1,
                       1e300,
                       std::nan(""),
                       HUGE_VAL,
                       none,
                       "x",
                       integer{"9007199254740993"},
                       integer{"1" + std::string(400, '0')},
                       decimal{"0.1"},
                       decimal{"NaN"},
                       decimal{"sNaN"},
                       decimal{"1E+400"},
                       std::complex<double>{0.1, 0},
                       list{1.0, 2.5},
                       list{1.0, 2.0},
                       list{std::nan(""), 1},
                       tuple{1.0, "x"},
                       tuple{0.1, 1.0},
                       dict{{"value", std::nan("")}, {"count", 1.0}},
                       dict{{"value", 0.5}, {"count", 1.5}},
                       dict{{1.0, 0.1}},
                       set{1.0, 2.0},
                       object_of("pandas._libs.missing.NAType"),
                       object_of("numpy.ndarray"),
                       value::of_type("numpy.float32", 0.5)};
  for (const auto& each : all)
    expect_advice_where_it_helps<
      int, std::int8_t, std::uint64_t, integer, float, double, bool,
      std::string, optional<int>, optional<float>, optional<std::string>,
      std::complex<float>, std::vector<int>, std::vector<float>,
      std::vector<optional<int>>, std::array<double, 2>, std::tuple<int, int>,
      std::pair<float, int>, std::map<int, float>, std::set<int>,
      std::variant<int, std::string>, std::variant<bool, float>, reading,
      std::optional<reading>, celsius, std::vector<celsius>, value>(each);
}

TEST(Cast, GivenARefusalThenItIsNamedWhereItHelps) {
  EXPECT_EQ(refusal<std::vector<float>>(list{0.1}),
            "at [0]: 0.1 is no exact 32 bit float; cast<T>() takes it, with "
            "loss");
  EXPECT_EQ(refusal<std::vector<int>>(list{1.0}),
            "at [0]: expected int, got float 1.0; cast<T>() takes it, with "
            "loss");
  EXPECT_EQ(refusal<int>(1.5), "expected int, got float 1.5");
  EXPECT_EQ(refusal<int>("x"), "expected int, got str 'x'");
  EXPECT_THAT(refusal<std::vector<double>>(object_of("numpy.ndarray")),
              ::testing::HasSubstr("sb::leaves::plain"));
}

} // namespace snakebridge::testing
