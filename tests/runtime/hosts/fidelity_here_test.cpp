// Values built in C++: Python sees what its own expression makes, and that
// expression comes here as the same value.
#include "tests/runtime/hosts/fidelity.hpp"

#include <cmath>
#include <regex>
#include <string>

namespace snakebridge::testing {

namespace {

struct row {
  value here;
  const char* there;
};

timezone fixed(std::int32_t seconds, std::optional<std::string> name = {}) {
  return {.key = {}, .offset = timedelta{0, seconds}, .name = std::move(name)};
}

timezone paris() {
  return {.key = "Europe/Paris", .offset = timedelta{0, 7'200}, .name = {}};
}

std::vector<row> numbers() {
  const auto infinity = HUGE_VAL;
  return {
    {integer{"18446744073709551616"}, "2**64"},
    {integer{"-9223372036854775809"}, "-2**63 - 1"},
    {~std::uint64_t{0}, "2**64 - 1"},
    {std::complex<double>{1, -2.5}, "1-2.5j"},
    {std::complex<double>{-0.0, std::nan("")}, "complex(-0.0, float('nan'))"},
    {std::complex<double>{infinity, -infinity}, "complex('inf-infj')"},
    {decimal{"1e3"}, "D('1E+3')"},
    {decimal{"-0.00"}, "D('-0.00')"},
    {decimal{"snan5"}, "D('sNaN5')"},
    {decimal{std::string(50, '7')}, "D('7' * 50)"},
    {value::of_type("numpy.float32", 0.5), "numpy.float32(0.5)"},
    {value::of_type("numpy.int8", -128), "numpy.int8(-128)"},
    {value::of_type("numpy.bool_", true), "numpy.bool_(True)"},
    {value::of_type("numpy.str_", "a"), "numpy.str_('a')"},
    {list{1.0, 2.5}, "[1.0, 2.5]"},
    {list{1, 2, integer{"18446744073709551616"}}, "[1, 2, 2**64]"},
    {list{1.0, value::of_type("numpy.float64", 2.0)},
     "[1.0, numpy.float64(2.0)]"},
    {list{1, true}, "[1, True]"},
  };
}

std::vector<row> others() {
  const date day{2024, 6, 1};
  return {
    {set{}, "set()"},
    {frozenset{}, "frozenset()"},
    {set{1}, "{1}"},
    {frozenset{tuple{1}}, "frozenset({(1,)})"},
    {dict{{frozenset{1}, set{2}}}, "{frozenset({1}): {2}}"},
    {day, "d.date(2024, 6, 1)"},
    {time{1, 2, 3, 4, 1, fixed(60)},
     "d.time(1, 2, 3, 4, d.timezone(d.timedelta(seconds=60)), fold=1)"},
    {datetime{day, {12}}, "d.datetime(2024, 6, 1, 12)"},
    {datetime{day, {12, 0, 0, 0, 0, timezone{}}},
     "d.datetime(2024, 6, 1, 12, tzinfo=d.timezone.utc)"},
    {datetime{day, {12, 0, 0, 0, 0, fixed(0, "UTC")}},
     "d.datetime(2024, 6, 1, 12, tzinfo=d.timezone(d.timedelta(), 'UTC'))"},
    {datetime{day, {12, 0, 0, 0, 1, paris()}},
     "d.datetime(2024, 6, 1, 12, tzinfo=Zone('Europe/Paris'), fold=1)"},
    {timedelta{-999'999'999}, "d.timedelta.min"},
    {timedelta{1, 2, 3}, "d.timedelta(1, 2, 3)"},
    {uuid::parse("00000000000000000000000000000005"), "uuid.UUID(int=5)"},
    {std::string{"a\0b", 3}, "'a\\0b'"},
    {"\xed\xa0\x80", "'\\ud800'"},
    {value::of_type("bytearray", bytes{"x"}), "bytearray(b'x')"},
    {std::filesystem::path{"/\xff"}, "os.fsdecode(b'/\\xff')"},
    {std::chrono::hours{36}, "d.timedelta(1, 43200)"},
    {std::chrono::sys_days{}, "d.datetime(1970, 1, 1, tzinfo=d.timezone.utc)"},
    {std::chrono::year_month_day{std::chrono::sys_days{}},
     "d.date(1970, 1, 1)"},
  };
}

} // namespace

class FidelityHere : public Fidelity {
protected:
  void SetUp() override {
    Fidelity::SetUp();
    exec("import datetime as d, os, uuid, numpy\n"
         "from decimal import Decimal as D\n"
         "from zoneinfo import ZoneInfo as Zone\n"
         "from fidelity import shown");
  }
  /// What NumPy 2 has renamed.
  static std::string of_numpy_2(const value& typed) {
    const auto name = typed.type_name();
    return name == "numpy.bool_" ? "numpy.bool" : name;
  }
  /// In a container NumPy 2 prints a number with its type: np.float64(2.0).
  static std::string as_numpy_1(const value& printed) {
    return std::regex_replace(printed.as<std::string>(),
                              std::regex{R"(np\.\w+\(([^()]*)\))"}, "$1");
  }

  void expect_same(const std::vector<row>& rows) {
    for (const auto& [here, there] : rows) {
      const std::string code{there};
      EXPECT_EQ(value_of(eval("shown(x)", "x"_a = here)),
                value_of(eval("shown(" + code + ")")))
        << here;
      const auto came = value_of(eval(code));
      EXPECT_EQ(repr(came), repr(here));
      EXPECT_EQ(came.kind(), here.kind()) << here;
      EXPECT_THAT(came.type_name(),
                  ::testing::AnyOf(here.type_name(), of_numpy_2(here)))
        << here;
      EXPECT_EQ(came.hash(), here.hash()) << here;
      if (!here.is_typed() || here.kind() == kind::bytes) {
        EXPECT_EQ(as_numpy_1(value_of(eval("repr(x)", "x"_a = here))),
                  repr(here));
      }
    }
  }
};

TEST_P(FidelityHere, GivenANumberThenPythonSeesItsOwn) {
  expect_same(numbers());
}

TEST_P(FidelityHere, GivenAnythingElseThenPythonSeesItsOwn) {
  expect_same(others());
}

TEST_P(FidelityHere, GivenAMemoryviewThenPythonSeesAReadOnlyOneOfItsCopy) {
  const auto here = value::of_type("memoryview", bytes{"ab"});
  EXPECT_EQ(value_of(eval("type(x) is memoryview and x.readonly and bytes(x)",
                          "x"_a = here)),
            value{bytes{"ab"}});
  const auto got = value_of(eval("memoryview(bytearray(b'ab'))"));
  EXPECT_EQ(got.type_name(), "memoryview");
  EXPECT_EQ(got.as<bytes>(), bytes{"ab"});
  EXPECT_EQ(repr(got), "b'ab'") << "Python's repr is an address";
}

TEST_P(FidelityHere, GivenAnAtomThenPythonSeesAStr) {
  EXPECT_EQ(value_of(eval("[x, type(x) is str]", "x"_a = atom{"ok"})),
            (value{list{"ok", true}}));
  EXPECT_EQ(value_of(eval("__import__('snakebridge').Atom('ok')")),
            value{atom{"ok"}});
  EXPECT_EQ(value_of(eval("__import__('snakebridge').Atom('other')")),
            value{"other"})
    << "not among the setting `atoms`";
}

TEST_P(FidelityHere, GivenWhatPythonCouldNotHaveThenItIsRefusedNotChanged) {
  const timezone nowhere{.key = {}, .offset = timedelta{1}, .name = {}};
  const std::vector<value> refused{
    date{2023, 2, 29},
    time{24},
    datetime{{0, 1, 1}, {}},
    time{1, 0, 0, 0, 0, nowhere},
    timedelta{0, 86'400},
    timedelta{1'000'000'000},
    value::of_type("numpy.int8", 300),
    value::of_type("numpy.float16", 0.1),
    value::of_type("numpy.int64", "5"),
    value::of_type("numpy.float32", 1),
    value::of_type("of.my.own", 5),
    value::of_type("enum:Enum", 1),
    value::of_type("uuid:SafeUUID", "perhaps"),
    value::of_type("uuid:UUID", 1),
    value::of_type("signal:Signals", 4711),
    value::of_type("signal:Signals", 1.5),
    value::of_type("bytearray", "text"),
    dict{{1, "int"}, {decimal{"1"}, "Decimal"}},
    dict{{"ok", 1}, {atom{"ok"}, 2}},
    set{1, decimal{"1.0"}},
    frozenset{"ok", atom{"ok"}},
  };
  for (const auto& each : refused) {
    EXPECT_EQ(code_of(eval("x", "x"_a = each)), errc::not_convertible) << each;
    EXPECT_EQ(code_of(eval("x", "x"_a = list{each})), errc::not_convertible);
  }
  EXPECT_EQ(value_of(eval("1")), value{1}) << "it can go on";
}

TEST_P(FidelityHere, GivenAMemberOfAnEnumThenItIsThatThere) {
  for (const auto& [told, shown] : std::vector<std::pair<value, const char*>>{
         {value::of_type("signal:Signals", 2), "<Signals.SIGINT: 2>"},
         {value::of_type("signal:Signals", "SIGINT"), "<Signals.SIGINT: 2>"},
         {value::of_type("uuid:SafeUUID", "unknown"),
          "<SafeUUID.unknown: None>"},
         {value::of_type("re:RegexFlag", 10), "re.IGNORECASE|re.MULTILINE"}})
    EXPECT_EQ(value_of(eval("repr(x)", "x"_a = told)), value{shown});
  const auto back = value_of(eval("__import__('uuid').SafeUUID.unknown"));
  EXPECT_EQ(*back.get_if<ref>()->base, value{"unknown"});
  const auto safe = value_of(eval("__import__('uuid').SafeUUID.safe"));
  EXPECT_EQ(*safe.get_if<ref>()->base, value{0});
}

TEST_P(FidelityHere, GivenAZoneNobodyKnowsThenPythonRaises) {
  const timezone unknown{.key = "Not/AZone", .offset = {}, .name = {}};
  const auto refused =
    raised_by(eval("x", "x"_a = time{1, 0, 0, 0, 0, unknown}));
  EXPECT_EQ(refused.type, "ZoneInfoNotFoundError");
}

TEST_P(FidelityHere, GivenANanThatIsAKeyThenAllOfThemCross) {
  const auto nan = std::nan("");
  dict many;
  for (int i = 0; i < 100; ++i)
    many.set(nan, i);
  EXPECT_EQ(value_of(eval("len(x)", "x"_a = many)), value{100});
  EXPECT_EQ(value_of(eval("x", "x"_a = many)).size(), 100U);
}

INSTANTIATE_TEST_SUITE_P(Both, FidelityHere, both_placements, placement_name);

} // namespace snakebridge::testing
