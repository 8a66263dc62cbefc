// value::cast: like `as`, by choice with loss.
#include <map>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <snakebridge/value.hpp>

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

template <class T>
std::string refusal(const value& from) {
  const auto made = from.to<T>();
  return made ? "accepted" : made.error().message();
}

} // namespace

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
