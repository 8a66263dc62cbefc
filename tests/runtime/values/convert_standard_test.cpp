// The standard library's types as values, both ways: those of
// convert_containers.hpp, convert_chrono.hpp, and the rest of convert.hpp.
#include <snakebridge/convert.hpp>

#include <cmath>
#include <limits>
#include <memory>

#include <gtest/gtest.h>

#include <snakebridge/format.hpp>

#include "tests/runtime/values/convert_fixture.hpp"

namespace snakebridge::testing {

namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;
namespace chrono = std::chrono;

template <class T>
std::string refusal_of(const T& item) {
  try {
    const value made{item};
    return "became " + repr(made);
  } catch (const exception& refused) {
    EXPECT_EQ(refused.error().code(), errc::not_convertible);
    return refused.error().message();
  }
}

template <class D>
auto since_epoch(D duration) {
  return chrono::sys_time<D>{duration};
}

struct handle {
  std::unique_ptr<int> number;
};

} // namespace

} // namespace snakebridge::testing

template <>
struct snakebridge::converter<snakebridge::testing::handle> {
  using handle = snakebridge::testing::handle;
  static value to_value(const handle& item) { return *item.number; }
  static result<handle> from_value(const value& from) {
    return from.to<int>().transform(
      [](int number) { return handle{std::make_unique<int>(number)}; });
  }
};

namespace snakebridge::testing {

TEST(ConvertStandard, GivenRowsThenTheyAreLists) {
  expect_round_trip(std::deque{1, 2}, list{1, 2});
  expect_round_trip(std::list<std::string>{"a", "b"}, list{"a", "b"});
  expect_round_trip(std::deque<std::list<int>>{{1}, {}}, list{list{1}, list{}});
  EXPECT_EQ((value{tuple{1, 2}}.as<std::deque<int>>()), (std::deque{1, 2}));
  EXPECT_EQ(refusal<std::list<int>>(set{1}), "expected list, got set {1}");
  EXPECT_EQ(refusal<std::deque<int>>(list{1, 2.5}),
            "at [1]: expected int, got float 2.5");
}

TEST(ConvertStandard, GivenSetsThenTheyAreSetsAndComeFromFrozensetsToo) {
  expect_round_trip(std::set{3, 1, 2}, set{1, 2, 3});
  expect_round_trip(std::unordered_set<std::string>{"a"}, set{"a"});
  expect_round_trip(std::set<std::pair<int, bool>>{{1, true}},
                    set{tuple{1, true}});
  EXPECT_EQ((value{frozenset{1, 2}}.as<std::set<int>>()), (std::set{1, 2}));
  EXPECT_EQ(refusal<std::set<int>>(list{1}), "expected set, got list [1]");
  EXPECT_EQ(refusal<std::unordered_set<int>>(set{1, "a"}),
            "at item 'a': expected int, got str 'a'");
}

TEST(ConvertStandard, WhenTwoKeysWouldBeOneThenNoneIsLost) {
  const auto nan = std::nan("");
  EXPECT_EQ((refusal<std::map<double, int>>(dict{{1.0, 1}, {nan, 2}})),
            "at key nan: it is no other key than one before it");
  EXPECT_EQ(refusal<std::set<double>>(set{1.0, nan}),
            "at item nan: it is no other key than one before it");
  using either = std::variant<int, double>;
  EXPECT_EQ(refusal_of(std::set<either>{1, 1.0}),
            "this is no set: some of its items are equal in Python");
  EXPECT_EQ(refusal_of(std::map<either, int>{{1, 1}, {1.0, 2}}),
            "this is no dict: some of its keys are equal in Python");
}

TEST(ConvertStandard, GivenAComplexThenItIsExactOrRefused) {
  using namespace std::complex_literals;
  expect_round_trip(1.0 + 2i, value{std::complex<double>{1, 2}});
  expect_round_trip(std::complex<float>{1.5F, -0.5F},
                    value{std::complex<double>{1.5, -0.5}});
  EXPECT_EQ(value{5}.as<std::complex<double>>(), 5.0 + 0i);
  EXPECT_EQ(value{0.5}.as<std::complex<float>>(), (std::complex{0.5F}));
  EXPECT_EQ(refusal<std::complex<float>>(0.1 + 1i),
            "(0.1+1j) is no exact complex; cast<T>() takes it, with loss");
  EXPECT_EQ(refusal<std::complex<double>>(9007199254740993),
            "expected complex, got int 9007199254740993; cast<T>() takes it, "
            "with loss");
  EXPECT_EQ(refusal<std::complex<double>>(true),
            "expected complex, got bool True");
  EXPECT_EQ(refusal<double>(1i), "expected float, got complex 1j");
}

TEST(ConvertStandard, GivenAVariantThenTheValuesOwnKindComesFirst) {
  using numbers = std::variant<double, int>;
  EXPECT_EQ(value{5}.as<numbers>(), numbers{5});
  EXPECT_EQ(value{5.0}.as<numbers>(), numbers{5.0});
  // No alternative is of its kind: the first it converts to.
  using wide = std::variant<double, std::string>;
  EXPECT_EQ(value{5}.as<wide>(), wide{5.0});
  EXPECT_EQ(value{"x"}.as<wide>(), wide{"x"});
  EXPECT_EQ(refusal<wide>(list{1}), "expected one of 2 types, got list [1]");
  using narrow = std::variant<std::int8_t, std::int64_t>;
  EXPECT_EQ(value{300}.as<narrow>(), narrow{std::int64_t{300}});
  using maybe = std::variant<std::monostate, int, std::vector<int>>;
  expect_round_trip(maybe{}, none);
  expect_round_trip(maybe{std::vector{1}}, list{1});
  EXPECT_EQ(refusal<std::monostate>(0), "expected None, got int 0");
}

TEST(ConvertStandard, GivenAVariantOfWhatOnlyMovesThenItIsMoved) {
  using either = std::variant<std::string, handle>;
  EXPECT_EQ(*std::get<handle>(value{5}.as<either>()).number, 5);
  using converted = std::variant<handle, std::vector<int>>;
  EXPECT_EQ(*std::get<handle>(value{6}.as<converted>()).number, 6);
}

TEST(ConvertStandard, GivenOptionalsInsideThenNoneIsAnEmptyOne) {
  using rows = std::vector<std::optional<std::vector<std::optional<int>>>>;
  expect_round_trip(rows{{}, {{1, {}}}}, list{none, list{1, none}});
  using twice = std::optional<std::optional<int>>;
  EXPECT_EQ(value{none}.as<twice>(), twice{}) << "the outer one is empty";
  EXPECT_EQ(value{twice{std::optional<int>{}}}, value{none});
  EXPECT_EQ(refusal<rows>(list{none, list{1, "x"}}),
            "at [1][1]: expected int, got str 'x'");
}

TEST(ConvertStandard, GivenADurationThenItIsATimedelta) {
  expect_round_trip(0us, timedelta{});
  expect_round_trip(chrono::microseconds{-1}, timedelta{-1, 86'399, 999'999});
  expect_round_trip(1'500ms, timedelta{0, 1, 500'000});
  expect_round_trip(36h, timedelta{1, 43'200, 0});
  expect_round_trip(chrono::days{-3}, timedelta{-3});
  expect_round_trip(chrono::microseconds::max(),
                    timedelta{106'751'991, 14'454, 775'807});
  expect_round_trip(chrono::microseconds::min(),
                    timedelta{-106'751'992, 71'945, 224'192});
  expect_round_trip(2'000ns, timedelta{0, 0, 2});
  EXPECT_EQ(refusal_of(1ns), "this is no timedelta of whole microseconds");
  EXPECT_EQ(refusal_of(chrono::hours::max()),
            "this is no timedelta of whole microseconds");
  const value second_and_half{timedelta{0, 1, 500'000}};
  EXPECT_EQ(refusal<chrono::seconds>(second_and_half),
            "datetime.timedelta(seconds=1, microseconds=500000) is no exact "
            "duration of that unit");
  EXPECT_EQ((refusal<chrono::duration<unsigned>>(timedelta{-1})),
            "datetime.timedelta(days=-1) is no exact duration of that unit");
  EXPECT_EQ((refusal<chrono::duration<std::int8_t>>(timedelta{0, 128})),
            "datetime.timedelta(seconds=128) is no exact duration of that "
            "unit");
  EXPECT_EQ(refusal<chrono::nanoseconds>(timedelta{999'999}),
            "datetime.timedelta(days=999999) is no exact duration of that "
            "unit");
  EXPECT_EQ(refusal<chrono::hours>(timedelta{999'999'999}),
            "datetime.timedelta(days=999999999) is no exact duration of 64 "
            "bits");
  EXPECT_EQ(refusal<chrono::seconds>(1), "expected timedelta, got int 1");
}

TEST(ConvertStandard, GivenADayThenItIsADate) {
  using namespace chrono;
  expect_round_trip(2024y / February / 29, date{2024, 2, 29});
  expect_round_trip(1y / 1 / 1, date{1, 1, 1});
  expect_round_trip(9999y / 12 / 31, date{9999, 12, 31});
  for (const auto& each : {2023y / February / 29, 0y / 1 / 1, 10'000y / 1 / 1})
    EXPECT_EQ(refusal_of(year_month_day{each}),
              "this is no date of the years 1 to 9999");
  EXPECT_EQ(refusal<year_month_day>(datetime{{2024, 1, 1}, {}}),
            "expected date, got datetime datetime.datetime(2024, 1, 1, 0, 0)");
}

TEST(ConvertStandard, GivenATimeOfDayThenItIsATimeWithoutAZone) {
  const auto of_day = [](auto duration) { return chrono::hh_mm_ss{duration}; };
  EXPECT_EQ(repr(value{of_day(13h + 5min + 7us)}),
            "datetime.time(13, 5, 0, 7)");
  using in_ms = chrono::hh_mm_ss<chrono::milliseconds>;
  const value late{time{23, 59, 59, 999'000}};
  EXPECT_EQ(late.as<in_ms>().to_duration(), 86'399'999ms);
  using in_minutes = chrono::hh_mm_ss<chrono::minutes>;
  EXPECT_NE(refusal<in_minutes>(late), "converted");
  EXPECT_EQ(refusal_of(of_day(24h)), "this is no time of a day");
  EXPECT_EQ(refusal_of(of_day(-1us)), "this is no time of a day");
  EXPECT_EQ(refusal<in_ms>(time{1, 0, 0, 0, 0, timezone{}}),
            "expected time without a zone, got time "
            "datetime.time(1, 0, tzinfo=datetime.timezone.utc)");
}

TEST(ConvertStandard, GivenATimePointThenItIsADatetime) {
  using chrono::sys_days;
  const auto moment = sys_days{2024y / 2 / 29} + 12h + 1us;
  expect_round_trip(moment,
                    datetime{{2024, 2, 29}, {12, 0, 0, 1, 0, timezone{}}});
  expect_round_trip(since_epoch(chrono::seconds{-1}),
                    datetime{{1969, 12, 31}, {23, 59, 59, 0, 0, timezone{}}});
  expect_round_trip(sys_days{1y / 1 / 1},
                    datetime{{1, 1, 1}, {0, 0, 0, 0, 0, timezone{}}});
  const chrono::local_time<chrono::minutes> local{chrono::minutes{61}};
  expect_round_trip(local, datetime{{1970, 1, 1}, {1, 1}});
  // Any known offset will do, and one without an offset will not.
  const timezone east{.key = {}, .offset = timedelta{0, 3'600}, .name = {}};
  const datetime there{{1970, 1, 1}, {1, 0, 0, 0, 0, east}};
  EXPECT_EQ(value{there}.as<chrono::sys_seconds>(), since_epoch(0s));
  const datetime naive{{1970, 1, 1}, {}};
  EXPECT_EQ(refusal<chrono::sys_seconds>(naive),
            "expected datetime with a known offset, got datetime "
            "datetime.datetime(1970, 1, 1, 0, 0)");
  EXPECT_NE(refusal<chrono::local_seconds>(there), "converted");
  const timezone unknown{.key = "Europe/Paris", .offset = {}, .name = {}};
  const datetime paris{{1970, 1, 1}, {1, 0, 0, 0, 0, unknown}};
  EXPECT_NE(refusal<chrono::sys_seconds>(paris), "converted");
  EXPECT_NE(refusal<chrono::local_seconds>(paris), "converted");
  EXPECT_EQ(refusal_of(sys_days{10'000y / 1 / 1}),
            "this is no datetime of the years 1 to 9999");
  EXPECT_EQ(refusal_of(sys_days{0y / 12 / 31}),
            "this is no datetime of the years 1 to 9999");
}

TEST(ConvertStandard, GivenAPathThenAnyBytesGoThereAndBack) {
  using std::filesystem::path;
  expect_round_trip(path{"/tmp/x"}, "/tmp/x");
  expect_round_trip(path{"/\u20ac"}, "/\u20ac");
  expect_round_trip(path{}, "");
  // As os.fsdecode(b"/\xff\xe2\x82") gives it.
  expect_round_trip(path{"/\xff\xe2\x82"}, "/\xed\xb3\xbf\xed\xb3\xa2\xed\xb2"
                                           "\x82");
  EXPECT_EQ(repr(value{path{"\x80"}}), R"('\udc80')");
  // A surrogate in UTF-8's form is three bytes that are no UTF-8.
  expect_round_trip(path{"\xed\xa0\x80"},
                    "\xed\xb3\xad\xed\xb2\xa0\xed\xb2\x80");
  EXPECT_EQ(refusal<path>("\xed\xa0\x80"), R"('\ud800' is no exact path)");
  EXPECT_EQ(refusal<path>(5), "expected str of a path, got int 5");
  EXPECT_EQ(refusal<path>(bytes{"/tmp"}),
            "expected str of a path, got bytes b'/tmp'");
}

TEST(ConvertStandard, GivenTypedScalarsThenTheyConvertAsTheirPlainOnes) {
  const auto real = value::of_type("numpy.float32", 0.5);
  EXPECT_EQ(real.as<float>(), 0.5F);
  EXPECT_EQ(value::of_type("numpy.int8", 5).as<int>(), 5);
  EXPECT_EQ(value::of_type("bytearray", bytes{"x"}).as<bytes>(), bytes{"x"});
  EXPECT_TRUE(real.is_typed());
  EXPECT_EQ(real.type_name(), "numpy.float32");
  EXPECT_EQ(real.kind(), kind::floating);
  EXPECT_EQ(real.plain(), value{0.5});
  EXPECT_FALSE(real.plain().is_typed());
  EXPECT_EQ(real, value{0.5});
  EXPECT_EQ(real.hash(), value{0.5}.hash());
  EXPECT_EQ(value::of_type("bytearray", bytes{"it's"}).size(), 4U);
  EXPECT_EQ(repr(value::of_type("bytearray", bytes{"it's"})),
            R"(bytearray(b"it\'s"))");
  EXPECT_EQ(value{5}.type_name(), "int");
  EXPECT_EQ(value{}.type_name(), "None");
}

} // namespace snakebridge::testing
