// Two pools with two versions of Python in one bridge. SNAKEBRIDGE_OTHER_PYTHON
// names the other one, whose worker is built (tests/cli/test_versions.py).
#include <cstdlib>
#include <optional>

#include "runtime/python/python_version.hpp"
#include "tests/api/python_fixture.hpp"

namespace snakebridge::testing {

class TwoVersions : public ::testing::Test {
protected:
  void SetUp() override {
    const char* const named = std::getenv("SNAKEBRIDGE_OTHER_PYTHON");
    if (named == nullptr)
      GTEST_SKIP() << "SNAKEBRIDGE_OTHER_PYTHON names no other Python";
    auto wanted = one_pool(placement::worker);
    wanted.pools.push_back({.name = "other", .size = 1, .python = named});
    wanted.pools.push_back(
      {.name = "embedded", .placement = placement::embedded});
    bridge.emplace(std::move(wanted));
    other.emplace(bridge->with({.pool = "other"}));
  }
  void TearDown() override {
    if (bridge) {
      EXPECT_TRUE(bridge->release_auto_session());
      EXPECT_TRUE(is_empty(*bridge));
    }
  }

  // With the day it was built on: two may be of one number.
  static constexpr auto* version = "__import__('sys').version";

  std::optional<sb::bridge> bridge;
  std::optional<sb::caller> other;
};

TEST_F(TwoVersions, WhenBothAreUsedAtOnceThenEachIsItsOwn) {
  const auto ours = or_throw(bridge->eval(version));
  EXPECT_THAT(ours.as<std::string>(),
              ::testing::StartsWith(std::string{built_for_python} + '.'));
  EXPECT_EQ(bridge->with({.pool = "embedded"}).eval(version), ours);
  const auto theirs = or_throw(other->eval(version));
  EXPECT_NE(theirs, ours);
  // Values go from one to the other as they are.
  const auto told = or_throw(other->eval(
    "[None, True, -2**70, 1.5, 2+3j, 'ä\\U0001f40d', b'\\x00', (1,), "
    "{('k', 2): {3}}, frozenset({4}), __import__('datetime').date("
    "2024, 2, 29), __import__('decimal').Decimal('1.10')]"));
  EXPECT_EQ(bridge->call("builtins", "repr", told),
            other->call("builtins", "repr", told));
  EXPECT_EQ(other->call("copy", "copy", told), told);
}

TEST_F(TwoVersions, WhenTheOtherDiesThenItComesBackAsItWas) {
  const auto before = or_throw(other->eval(version));
  const auto pid = or_throw(other->call("os", "getpid")).as<std::int64_t>();
  ASSERT_NE(or_throw(bridge->call("os", "getpid")).as<std::int64_t>(), pid);
  const auto died = error_of(other->call("os", "abort"));
  EXPECT_EQ(died.code(), errc::interpreter_died);
  EXPECT_EQ(other->eval(version), before);
  EXPECT_NE(or_throw(other->call("os", "getpid")).as<std::int64_t>(), pid);
}

TEST_F(TwoVersions, WhenOneCallsTheOtherThenValuesAndErrorsComeThrough) {
  const sb::callback ask{
    [this](const std::string& code) { return bridge->eval(code); }};
  const auto asked = or_throw(other->eval("lambda ask, code: ask(code)"));
  EXPECT_EQ(other->call_object(asked.as<sb::ref>(), ask, "2 ** 65"),
            or_throw(bridge->eval("2 ** 65")));
  const auto failed =
    error_of(other->call_object(asked.as<sb::ref>(), ask, "[].pop()"));
  EXPECT_THAT(failed.message(), ::testing::HasSubstr("pop from empty list"));
}

} // namespace snakebridge::testing
