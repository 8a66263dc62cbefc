// Values print as Python's repr. The right side of every row was printed by
// python3.11.
#include <snakebridge/value.hpp>

#include <cmath>
#include <limits>
#include <sstream>

#include <gtest/gtest.h>

#include <snakebridge/format.hpp>

namespace snakebridge::testing {

namespace {

using namespace std::string_literals;
using real = std::numeric_limits<double>;

struct row {
  value item;
  const char* python;
};

void expect_printed(const std::vector<row>& rows) {
  for (const auto& [item, python] : rows)
    EXPECT_EQ(repr(item), python);
}

} // namespace

TEST(Repr, GivenScalarsThenTheyPrintAsInPython) {
  expect_printed({
    {none, "None"},
    {true, "True"},
    {false, "False"},
    {0, "0"},
    {-5, "-5"},
    {std::numeric_limits<std::int64_t>::min(), "-9223372036854775808"},
  });
}

TEST(Repr, GivenFloatsThenTheyAreTheShortestThatReadBackTheSame) {
  expect_printed({
    {0.0, "0.0"},
    {-0.0, "-0.0"},
    {1.0, "1.0"},
    {100.0, "100.0"},
    {1e5, "100000.0"},
    {0.1, "0.1"},
    {1.0 / 3, "0.3333333333333333"},
    {12345678.9, "12345678.9"},
    {1e15, "1000000000000000.0"},
    {9007199254740993.0, "9007199254740992.0"},
    {1e16, "1e+16"},
    {1e17, "1e+17"},
    {123456789012345680.0, "1.2345678901234568e+17"},
    {1e22, "1e+22"},
    {1e23, "1e+23"},
    {1e100, "1e+100"},
    {0.0001, "0.0001"},
    {0.0001234, "0.0001234"},
    {0.00001, "1e-05"},
    {1.5e-300, "1.5e-300"},
    {real::denorm_min(), "5e-324"},
    {real::max(), "1.7976931348623157e+308"},
    {real::infinity(), "inf"},
    {-real::infinity(), "-inf"},
    {std::nan(""), "nan"},
  });
}

TEST(Repr, GivenTextThenItsQuotesAndEscapesArePythons) {
  expect_printed({
    {"", "''"},
    {"it's", R"("it's")"},
    {"say \"hi\"", R"('say "hi"')"},
    {"both ' and \"", R"('both \' and "')"},
    {"a\tb\nc\rd", R"('a\tb\nc\rd')"},
    {"\\", R"('\\')"},
    {"\0\x1b\x7f"s, R"('\x00\x1b\x7f')"},
    {"\u00e9\u20ac\U0001F40D", "'\u00e9\u20ac\U0001F40D'"},
  });
}

TEST(Repr, GivenCharactersThatDoNotPrintThenTheyAreEscaped) {
  expect_printed({
    {"\xc2\x80\xc2\x9f\u00a0\u00ad", R"('\x80\x9f\xa0\xad')"},
    {"\u200b\u2028\ufeff", R"('\u200b\u2028\ufeff')"},
    {"\ue000\U000e0001", R"('\ue000\U000e0001')"},
    {"\u3000\u2003", R"('\u3000\u2003')"},
    {"\U0010fffd", R"('\U0010fffd')"},
    {"a\u200bb", R"('a\u200bb')"},
  });
}

TEST(Repr, GivenTextThatIsNoUtf8ThenItIsEscapedAndNoCrash) {
  EXPECT_EQ(repr("\xff"), R"('\xff')");
  EXPECT_EQ(repr("\xe2\x82"), R"('\xe2\x82')");
  EXPECT_EQ(repr("\xe2\x82z"), R"('\xe2\x82z')");
}

TEST(Repr, GivenBytesThenAllBeyondAsciiIsEscaped) {
  expect_printed({
    {bytes{}, "b''"},
    {bytes{"it's"}, R"(b"it's")"},
    {bytes{"\""}, R"(b'"')"},
    {bytes{"both ' \""}, R"(b'both \' "')"},
    {bytes{"\0\xff\n\t\r\\ ~\x7f"s}, R"(b'\x00\xff\n\t\r\\ ~\x7f')"},
  });
}

TEST(Repr, GivenContainersThenTheyPrintAsInPython) {
  expect_printed({
    {list{}, "[]"},
    {list{1, "two", 3.0, none}, "[1, 'two', 3.0, None]"},
    {tuple{}, "()"},
    {tuple{1}, "(1,)"},
    {tuple{1, tuple{2}}, "(1, (2,))"},
    {dict{}, "{}"},
    {dict{{"a", list{1}}, {tuple{0, 1}, true}}, "{'a': [1], (0, 1): True}"},
  });
}

TEST(Repr, GivenARefThenItSaysWhatItNames) {
  const ref name{.node = {},
                 .session = "a",
                 .interpreter = 1,
                 .epoch = 1,
                 .slot = 7,
                 .type_name = "pathlib.PosixPath"};
  EXPECT_EQ(repr(name), "<ref pathlib.PosixPath 7 of session 'a'>");
  EXPECT_EQ(fmt::format("{}", name), repr(name));
}

TEST(Repr, WhenItIsPrintedByFmtOrAStreamThenItIsTheSame) {
  const value item = list{"x", 1.5};
  std::ostringstream out;
  out << item;
  EXPECT_EQ(out.str(), "['x', 1.5]");
  EXPECT_EQ(fmt::format("{} {:>4}", item, value{1}), "['x', 1.5]    1");
}

TEST(Repr, GivenABoundThenItIsCutBetweenCharacters) {
  EXPECT_EQ(repr_short("short"), "'short'");
  EXPECT_EQ(repr_short(std::string(100, 'x'), 10), "'xxxxxxxxx\u2026");
  std::string euros;
  for (int i = 0; i < 100; ++i)
    euros += "\u20ac";
  for (std::size_t most = 1; most < 20; ++most) {
    auto cut = repr_short(euros, most);
    EXPECT_LE(cut.size(), most + 3);
    EXPECT_TRUE(cut.ends_with("\u2026"));
    EXPECT_EQ((cut.size() - 1) % 3, 0u) << "inside a character: " << cut;
  }
}

TEST(Repr, GivenAHugeListThenAShortReprOnlyLooksAtItsStart) {
  const value huge{list(1'000'000, value{1})};
  for (int i = 0; i < 10'000; ++i)
    EXPECT_LT(repr_short(huge).size(), 100u);
}

} // namespace snakebridge::testing
