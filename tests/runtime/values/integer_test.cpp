// <snakebridge/integer.hpp>: Python's int of any size.
#include <snakebridge/integer.hpp>

#include <cmath>
#include <limits>
#include <sstream>

#include <gtest/gtest.h>

#include <snakebridge/value.hpp>

namespace snakebridge::testing {

namespace {

using signed_limits = std::numeric_limits<std::int64_t>;
using unsigned_limits = std::numeric_limits<std::uint64_t>;

// In order; one on each side of each border.
constexpr const char* in_order[] = {"-340282366920938463463374607431768211457",
                                    "-340282366920938463463374607431768211456",
                                    "-18446744073709551617",
                                    "-18446744073709551616",
                                    "-9223372036854775809",
                                    "-9223372036854775808",
                                    "-9223372036854775807",
                                    "-4294967296",
                                    "-32769",
                                    "-32768",
                                    "-257",
                                    "-256",
                                    "-129",
                                    "-128",
                                    "-127",
                                    "-2",
                                    "-1",
                                    "0",
                                    "1",
                                    "127",
                                    "128",
                                    "255",
                                    "256",
                                    "32767",
                                    "32768",
                                    "65535",
                                    "65536",
                                    "9223372036854775807",
                                    "9223372036854775808",
                                    "18446744073709551615",
                                    "18446744073709551616",
                                    "340282366920938463463374607431768211455",
                                    "340282366920938463463374607431768211456"};

} // namespace

TEST(Integer, GivenDigitsThenItPrintsTheSame) {
  for (const auto* digits : in_order) {
    EXPECT_EQ(integer{digits}.to_string(), digits);
    std::ostringstream out;
    out << integer{digits};
    EXPECT_EQ(out.str(), digits);
    EXPECT_EQ(repr(value{integer{digits}}), digits);
  }
  const auto googol = "1" + std::string(400, '0');
  EXPECT_EQ(integer{googol}.to_string(), googol);
}

TEST(Integer, GivenOtherFormsOfDigitsThenTheyAreTheSameNumber) {
  EXPECT_EQ(integer{"+5"}, integer{5});
  EXPECT_EQ(integer{"-0"}, integer{0});
  EXPECT_EQ(integer{"000123"}, integer{123});
  EXPECT_EQ(integer{"-00018446744073709551616"},
            integer{"-18446744073709551616"});
  EXPECT_EQ(integer{}.to_string(), "0");
}

TEST(Integer, GivenWhatIsNoNumberThenItIsNotConvertible) {
  for (const auto* text : {"", "+", "-", "--1", "+-1", "1 ", " 1", "1_000",
                           "0x10", "1.0", "1e3", "one", "\xd9\xa3"})
    try {
      const integer made{text};
      ADD_FAILURE() << text << " became " << made;
    } catch (const exception& refused) {
      EXPECT_EQ(refused.error().code(), errc::not_convertible) << text;
    }
}

TEST(Integer, GivenAnOrderThenComparingFindsIt) {
  for (std::size_t i = 0; i < std::size(in_order); ++i)
    for (std::size_t k = 0; k < std::size(in_order); ++k) {
      const integer left{in_order[i]}, right{in_order[k]};
      EXPECT_EQ(left <=> right, i <=> k) << left << " and " << right;
      EXPECT_EQ(left == right, i == k) << left << " and " << right;
    }
}

TEST(Integer, GivenABorderOf64BitsThenItFitsOrNot) {
  EXPECT_EQ(integer{"-9223372036854775808"}.to_int64(), signed_limits::min());
  EXPECT_EQ(integer{"9223372036854775807"}.to_int64(), signed_limits::max());
  EXPECT_EQ(integer{"-9223372036854775809"}.to_int64(), std::nullopt);
  EXPECT_EQ(integer{"9223372036854775808"}.to_int64(), std::nullopt);
  EXPECT_EQ(integer{"18446744073709551615"}.to_uint64(),
            unsigned_limits::max());
  EXPECT_EQ(integer{"18446744073709551616"}.to_uint64(), std::nullopt);
  EXPECT_EQ(integer{-1}.to_uint64(), std::nullopt);
  EXPECT_EQ(integer{signed_limits::min()}.to_string(), "-9223372036854775808");
  EXPECT_EQ(integer{unsigned_limits::max()}.to_string(),
            "18446744073709551615");
  EXPECT_EQ(integer{std::int8_t{-128}}.to_int64(), -128);
  EXPECT_EQ(integer{std::uint8_t{255}}.to_int64(), 255);
}

TEST(Integer, GivenADoubleThenItConvertsOnlyExactly) {
  EXPECT_EQ(integer{0}.to_double(), 0.0);
  EXPECT_EQ(integer{"9007199254740992"}.to_double(), 0x1p53);
  EXPECT_EQ(integer{"9007199254740993"}.to_double(), std::nullopt);
  EXPECT_EQ(integer{"-9223372036854775808"}.to_double(), -0x1p63);
  EXPECT_EQ(integer{"18446744073709551616"}.to_double(), 0x1p64);
  EXPECT_EQ(integer{"18446744073709551617"}.to_double(), std::nullopt);
  const auto most = std::numeric_limits<double>::max();
  EXPECT_EQ(integer::from_double(most).to_double(), most);
  EXPECT_EQ(integer::from_double(-most).to_double(), -most);
  // 2**1024 is no double, nor is anything far beyond.
  std::string beyond(129, '\0');
  beyond.back() = '\1';
  EXPECT_EQ(integer::from_bytes(beyond).to_double(), std::nullopt);
  EXPECT_EQ(integer{std::string(400, '9')}.to_double(), std::nullopt);
}

TEST(Integer, GivenBytesThenTheyAreTheFewestOfTwosComplement) {
  using namespace std::string_literals;
  const std::pair<const char*, std::string> rows[] = {
    {"0", "\0"s},          {"1", "\1"s},       {"-1", "\xff"s},
    {"127", "\x7f"s},      {"128", "\x80\0"s}, {"-128", "\x80"s},
    {"-129", "\x7f\xff"s}, {"256", "\0\1"s},   {"-256", "\0\xff"s},
    {"-32768", "\0\x80"s}};
  for (const auto& [digits, bytes] : rows) {
    EXPECT_EQ(integer{digits}.bytes(), bytes) << digits;
    EXPECT_EQ(integer::from_bytes(bytes), integer{digits});
    const auto sign = integer{digits}.negative() ? '\xff' : '\0';
    EXPECT_EQ(integer::from_bytes(bytes + std::string(20, sign)),
              integer{digits})
      << "and with spare bytes";
  }
  EXPECT_EQ(integer::from_bytes(""), integer{0});
}

TEST(Integer, GivenAnyThenAValueHoldsItTheSmallWayWhereItFits) {
  const value small{integer{"-9223372036854775808"}};
  EXPECT_NE(small.get_if<std::int64_t>(), nullptr);
  EXPECT_EQ(small.get_if<integer>(), nullptr);
  const value large{integer{"9223372036854775808"}};
  EXPECT_EQ(large.get_if<std::int64_t>(), nullptr);
  EXPECT_NE(large.get_if<integer>(), nullptr);
  EXPECT_EQ(large.kind(), kind::integer);
  EXPECT_EQ(large, value{0x1p63});
  EXPECT_EQ(large.hash(), value{0x1p63}.hash());
  EXPECT_NE(large, value{0x1p64});
  EXPECT_EQ(large.as<integer>(), integer{"9223372036854775808"});
  EXPECT_EQ(large.as<double>(), 0x1p63);
}

} // namespace snakebridge::testing
