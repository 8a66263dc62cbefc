// Markers and atoms by other settings than the default ones: through the
// writer itself, with a table of objects of those rules. (`conversion` of
// sb::config does not reach the hosts yet: then these belong to both hosts.)
#include "runtime/python/from_python.hpp"
#include "runtime/python/to_python.hpp"
#include "tests/runtime/hosts/conformance.hpp"

namespace snakebridge::testing {

namespace {

using detail = unserializable_detail;

// Python in this process, and values of it by rules of its own.
class Markers : public ::testing::Test {
protected:
  void SetUp() override {
    const auto started = start_python({}, python_role::embedded);
    ASSERT_TRUE(started) << started.error();
  }
  void TearDown() override { EXPECT_EQ(live.live, 0U); }

  value evaluated(const std::string& code, const conversion_config& rules,
                  leaves as = leaves::markers) {
    const gil_guard gil;
    object_table table{live, rules};
    py::dict space;
    space["__builtins__"] = py::module_::import("builtins");
    py::exec("class Shown:\n"
             "  def __init__(self, text): self.text = text\n"
             "  def __repr__(self): return self.text\n",
             space);
    value made;
    result_writer writer{table.of(1), as};
    const ref_origin origin;
    writer.write(py::eval(code, space), value_sink{made, origin});
    return made;
  }
  unserializable marker(const std::string& code,
                        const conversion_config& rules) {
    return evaluated(code, rules).as<unserializable>();
  }
  /// The repr that is told of an object with that one.
  std::string told(const std::string& text, std::size_t bytes_max = 500) {
    return marker(
             "Shown(" + repr(value{text}) + ")",
             {.detail = detail::repr_redacted, .repr_bytes_max = bytes_max})
      .repr.value_or("nothing");
  }
  std::string sent(const value& item, const conversion_config& rules) {
    const gil_guard gil;
    object_table table{live, rules};
    return py::repr(to_python(item, table.of(1), 0)).cast<std::string>();
  }

  object_counts live;
};

} // namespace

TEST_F(Markers, GivenADetailThenTheyTellThatMuch) {
  const auto* code = "Shown('a secret: x1y2')";
  EXPECT_EQ(marker(code, {.detail = detail::none}), unserializable{});
  const auto type = marker(code, {.detail = detail::type});
  EXPECT_TRUE(type.type.ends_with("Shown")) << type.type;
  EXPECT_EQ(type.repr, std::nullopt);
  EXPECT_EQ(marker(code, {.detail = detail::repr}).repr, "a secret: x1y2");
  EXPECT_EQ(marker(code, {.detail = detail::repr_redacted}).repr,
            "a secret: [REDACTED]");
}

TEST_F(Markers, GivenASecretThenItIsRedacted) {
  const std::pair<const char*, const char*> rows[] = {
    {"Authorization: Bearer abc.def-123=", "Authorization: Bearer [REDACTED]"},
    {"<key sk-abcdefgh12345678>", "<key [REDACTED]>"},
    {"Client(api_key='abc', n=1)", "Client(api_key=[REDACTED], n=1)"},
    {"{'api-key': \"abc\", 'n': 1}", "{'api-key': [REDACTED], 'n': 1}"},
    {"password: hunter2, user: x", "password: [REDACTED], user: x"},
    {"PASSWORD=hunter2", "PASSWORD=[REDACTED]"},
    {"access_token=abc)", "access_token=[REDACTED])"},
    {"P(password=\"it's mine\", n=1)", "P(password=[REDACTED], n=1)"},
    {R"(P(password='a\'b "c', n=1))", "P(password=[REDACTED], n=1)"},
    {"P(password=b'abc', n=1)", "P(password=[REDACTED], n=1)"},
    {"P(password='cut in the mid", "P(password=[REDACTED]"},
    {"nothing to hide: sk-short, bear er",
     "nothing to hide: sk-short, bear er"},
  };
  for (const auto& [text, redacted] : rows)
    EXPECT_EQ(told(text), redacted);
}

TEST_F(Markers, GivenALongReprThenItIsCutBetweenCharacters) {
  EXPECT_EQ(told("abcdef", 6), "abcdef");
  EXPECT_EQ(told("abcdefg", 6), "abcdef\u2026");
  EXPECT_EQ(told("ab\u20accd", 3), "ab\u2026");
  EXPECT_EQ(told("ab\u20accd", 4), "ab\u2026");
  EXPECT_EQ(told("ab\u20accd", 5), "ab\u20ac\u2026");
  EXPECT_EQ(told("abc", 0), "\u2026");
}

TEST_F(Markers, GivenALargeBoundThenAReprIsWholeUnlessItIsRedacted) {
  const auto* code = "Shown('x' * 100_000)";
  const auto length = [&](detail much) {
    return marker(code, {.detail = much, .repr_bytes_max = 200'000})
      .repr.value_or("")
      .size();
  };
  EXPECT_EQ(length(detail::repr), 100'000U);
  EXPECT_LT(length(detail::repr_redacted), 5'000U);
}

TEST_F(Markers, GivenALongSecretThenNoPartOfItIsShown) {
  const auto secret = std::string(100'000, 's');
  EXPECT_EQ(told("password='" + secret + "'"), "password=[REDACTED]");
  EXPECT_EQ(told("sk-" + secret), "[REDACTED]\u2026");
  EXPECT_EQ(told("Bearer " + secret), "Bearer [REDACTED]\u2026");
  EXPECT_EQ(told("password='secret'", 12), "password=[RE\u2026");
}

TEST_F(Markers, GivenAReprThatFailsThenOnlyTheTypeIsTold) {
  const auto made =
    marker("type('Bad', (), {'__repr__': lambda self: 1 / 0})()",
           {.detail = detail::repr});
  EXPECT_TRUE(made.type.ends_with("Bad")) << made.type;
  EXPECT_EQ(made.repr, std::nullopt);
}

TEST_F(Markers, GivenADictOfManyThenEachIsThere) {
  const auto many =
    evaluated("{object(): n for n in range(20000)}", {.detail = detail::none});
  EXPECT_EQ(many.size(), 20'000U);
}

TEST_F(Markers, GivenTheAtomSettingsThenAtomsCrossByThem) {
  const conversion_config as_class{.atom_class = true, .atoms = {"ok"}};
  EXPECT_EQ(sent(atom{"ok"}, {}), "'ok'");
  EXPECT_EQ(sent(atom{"ok"}, as_class), "Atom('ok')");
  const auto* code = "__import__('snakebridge').Atom('other')";
  EXPECT_EQ(evaluated(code, as_class), value{"other"});
  EXPECT_EQ(evaluated(code, {.atoms = {"other"}}), value{atom{"other"}});
  EXPECT_EQ(evaluated(code, {.atoms = {"*"}}), value{atom{"other"}});
  EXPECT_EQ(evaluated(code, {.atoms = {}}), value{"other"});
}

} // namespace snakebridge::testing
