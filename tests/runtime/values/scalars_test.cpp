// <snakebridge/scalars.hpp> and <snakebridge/calendar.hpp>: what they accept,
// refuse and call equal. What Python makes of them: fidelity_test.cpp.
#include <snakebridge/calendar.hpp>
#include <snakebridge/scalars.hpp>

#include <gtest/gtest.h>

#include <snakebridge/value.hpp>

namespace snakebridge::testing {

namespace {

using namespace std::chrono_literals;
using std::chrono::microseconds;

timezone zone_info(const char* key, timedelta offset) {
  return {.key = key, .offset = offset, .name = {}};
}

timezone fixed(std::int32_t seconds, std::int32_t microseconds = 0) {
  return {.key = {},
          .offset =
            timedelta{seconds < 0 ? -1 : 0,
                      seconds < 0 ? 86'400 + seconds : seconds, microseconds},
          .name = {}};
}

template <class T>
bool refused(const char* text) {
  try {
    if constexpr (std::is_same_v<T, uuid>)
      static_cast<void>(uuid::parse(text));
    else
      static_cast<void>(decimal{text});
    return false;
  } catch (const exception& refusal) {
    return refusal.error().code() == errc::not_convertible;
  }
}

} // namespace

// The right side was printed by python3.11: str(Decimal(left)).
TEST(Decimal, GivenATextThenItIsKeptAsPythonPrintsIt) {
  const std::pair<const char*, const char*> rows[] = {
    {"1.50", "1.50"},
    {"+1.5", "1.5"},
    {"007", "7"},
    {"-00", "-0"},
    {".5", "0.5"},
    {"5.", "5"},
    {"1e3", "1E+3"},
    {"1.5e3", "1.5E+3"},
    {"1E-3", "0.001"},
    {"0.0000001", "1E-7"},
    {"0.000001", "0.000001"},
    {"123E-9", "1.23E-7"},
    {"123E-8", "0.00000123"},
    {"0E+3", "0E+3"},
    {"0E-7", "0E-7"},
    {"0.00", "0.00"},
    {"-1.230E-2", "-0.01230"},
    {"inf", "Infinity"},
    {"-INFINITY", "-Infinity"},
    {"nan", "NaN"},
    {"-nan007", "-NaN7"},
    {"NaN0", "NaN"},
    {"snan12", "sNaN12"},
    {"1E+999999999999999999", "1E+999999999999999999"},
  };
  for (const auto& [text, printed] : rows) {
    EXPECT_EQ(decimal{text}.text(), printed) << text;
    EXPECT_EQ(decimal{printed}.text(), printed);
    EXPECT_EQ(repr(value{decimal{text}}),
              "Decimal('" + std::string{printed} + "')");
  }
  EXPECT_EQ(decimal{}.text(), "0");
}

TEST(Decimal, GivenWhatPythonRefusesThenItIsNotConvertible) {
  for (const auto* text :
       {"", "+", "-", ".", "e5", "1e", "1e+", "1.2.3", "1 ", " 1", "1_0", "0x1",
        "--1", "nanx", "infin", "1e5.5", "1e+-5", "1e9999999999999999999"}) {
    EXPECT_TRUE(refused<decimal>(text)) << text;
    EXPECT_FALSE(decimal::valid(text)) << text;
  }
}

TEST(Decimal, GivenTheSameNumberThenTheyAreEqualWithEqualHashes) {
  const std::pair<const char*, const char*> equal[] = {
    {"1", "1.00"},
    {"100", "1E+2"},
    {"0", "-0E+5"},
    {"-5", "-5.0"},
    {"Infinity", "Infinity"}};
  for (const auto& [left, right] : equal) {
    EXPECT_EQ(decimal{left}, decimal{right});
    EXPECT_EQ(value{decimal{left}}.hash(), value{decimal{right}}.hash());
  }
  EXPECT_NE(decimal{"1"}, decimal{"-1"});
  EXPECT_NE(decimal{"1"}, decimal{"10"});
  EXPECT_NE(decimal{"Infinity"}, decimal{"-Infinity"});
  EXPECT_NE(decimal{"NaN"}, decimal{"NaN"});
  EXPECT_NE(value{decimal{"1"}}, value{1}) << "unlike in Python";
}

TEST(Uuid, GivenDigitsThenItPrintsThemWithHyphens) {
  const auto* text = "12345678-9abc-def0-1234-56789abcdef0";
  EXPECT_EQ(uuid::parse(text).to_string(), text);
  EXPECT_EQ(uuid::parse("123456789ABCDEF0123456789ABCDEF0").to_string(), text);
  EXPECT_EQ(repr(value{uuid::parse(text)}),
            "UUID('12345678-9abc-def0-1234-56789abcdef0')");
  auto safe = uuid::parse(text);
  safe.is_safe = uuid::safety::safe;
  EXPECT_EQ(safe, uuid::parse(text)) << "as in Python";
}

TEST(Uuid, GivenAnythingElseThenItIsNotConvertible) {
  for (const auto* text :
       {"", "-", "1234", "12345678-9abc-def0-1234-56789abcdef",
        "12345678-9abc-def0-1234-56789abcdef01",
        "12345678-9abc-def0-1234-56789abcdefg",
        "{12345678-9abc-def0-1234-56789abcdef0}"})
    EXPECT_TRUE(refused<uuid>(text)) << text;
}

TEST(Calendar, GivenFieldsThenTheyAreValidAsInPython) {
  EXPECT_TRUE((date{2024, 2, 29}.valid()));
  for (const auto& each :
       {date{2023, 2, 29}, date{0, 1, 1}, date{10'000, 1, 1}, date{2024, 0, 1},
        date{2024, 13, 1}, date{2024, 1, 0}, date{2024, 4, 31}})
    EXPECT_FALSE(each.valid()) << repr(value{each});
  EXPECT_TRUE((time{23, 59, 59, 999'999, 1, {}}.valid()));
  for (const auto& each : {time{24}, time{0, 60}, time{0, 0, 60},
                           time{0, 0, 0, 1'000'000}, time{0, 0, 0, 0, 2}})
    EXPECT_FALSE(each.valid()) << repr(value{each});
  EXPECT_TRUE((timedelta{999'999'999, 86'399, 999'999}.valid()));
  EXPECT_TRUE((timedelta{-999'999'999, 0, 0}.valid()));
  for (const auto& each :
       {timedelta{1'000'000'000}, timedelta{-1'000'000'000},
        timedelta{0, 86'400}, timedelta{0, -1}, timedelta{0, 0, 1'000'000},
        timedelta{std::numeric_limits<std::int32_t>::min()}})
    EXPECT_FALSE(each.valid()) << repr(value{each});
}

TEST(Calendar, GivenAZoneThenItsOffsetIsWithinADay) {
  EXPECT_TRUE(timezone{}.valid()) << "UTC";
  EXPECT_TRUE(fixed(86'399, 999'999).valid());
  EXPECT_TRUE(fixed(-86'399, 1).valid());
  EXPECT_TRUE((timezone{.key = "Europe/Paris", .offset = {}}.valid()));
  for (const auto& each :
       {timezone{.offset = timedelta{1}}, timezone{.offset = timedelta{-1}},
        timezone{.offset = timedelta{0, 86'400}},
        timezone{.key = "Europe/Paris", .offset = timedelta{}, .name = "CET"},
        timezone{.offset_of_other_fold = timedelta{}}})
    EXPECT_FALSE(each.valid());
}

TEST(Calendar, GivenADurationOf64BitsThenItGoesThereAndBack) {
  for (const auto each :
       {microseconds::min(), microseconds::max(), 0us, -1us, 1us, -1'000'000us,
        microseconds{-86'400'000'001}, microseconds::min() + 1us}) {
    const auto made = timedelta::of(each);
    EXPECT_TRUE(made.valid()) << each.count();
    EXPECT_EQ(made.duration(), each);
  }
  EXPECT_EQ((timedelta{999'999'999, 0, 0}.duration()), std::nullopt);
  EXPECT_EQ((timedelta{-999'999'999, 0, 0}.duration()), std::nullopt);
}

TEST(Calendar, GivenAwareMomentsThenTheMomentCounts) {
  const date day{2024, 6, 1};
  const datetime utc{day, {10, 0, 0, 0, 0, timezone{}}};
  const datetime east{day, {12, 0, 0, 0, 0, fixed(7'200)}};
  const datetime naive{day, {10}};
  EXPECT_EQ(utc, east);
  EXPECT_EQ(value{utc}.hash(), value{east}.hash());
  EXPECT_NE(utc, naive);
  EXPECT_NE(value{utc}, value{day});
  EXPECT_EQ((datetime{day, {10, 0, 0, 0, 1}}), naive) << "whatever the fold";
  // Python compares times without the microseconds of their offsets.
  EXPECT_EQ((time{12, 0, 0, 0, 0, fixed(3'600, 7)}),
            (time{11, 0, 0, 0, 0, timezone{}}));
}

TEST(Calendar, GivenAMomentTwiceThenItEqualsOnlyThoseOfItsOwnZone) {
  const date day{2024, 10, 27};
  auto summer = zone_info("Europe/Paris", {0, 7'200});
  auto winter = zone_info("Europe/Paris", {0, 3'600});
  summer.offset_of_other_fold = winter.offset;
  winter.offset_of_other_fold = summer.offset;
  const datetime first{day, {2, 30, 0, 0, 0, summer}};
  const datetime second{day, {2, 30, 0, 0, 1, winter}};
  EXPECT_EQ(first, second) << "as in Python";
  EXPECT_EQ(value{first}.hash(), value{second}.hash());
  EXPECT_NE(first, (datetime{day, {0, 30, 0, 0, 0, timezone{}}}));
  EXPECT_NE(second, (datetime{day, {1, 30, 0, 0, 0, timezone{}}}));
}

} // namespace snakebridge::testing
