// A program that is run to be asked something, and what it answers in time.
#include "runtime/base/asked_program.hpp"

#include <cerrno>
#include <csignal>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "tests/support/eventually.hpp"

namespace snakebridge::testing {

namespace {

constexpr std::size_t plenty = 1'000;

asked_program shell(const std::string& script) {
  return asked_program::start({"sh", "-c", script}).value();
}

steady_clock::time_point in_time() {
  return steady_clock::now() + patience;
}

} // namespace

TEST(AskedProgram, GivenAnAnswerThenItIsReadWithoutInputAndErrors) {
  auto asked = shell("cat; echo told; echo lost >&2");
  EXPECT_EQ(asked.read(plenty, in_time()), "told\n");
  EXPECT_TRUE(asked.ends_well(in_time()));
}

TEST(AskedProgram, WhenItFailsThenItDoesNotEndWell) {
  auto asked = shell("echo told; exit 3");
  EXPECT_EQ(asked.read(plenty, in_time()), "told\n");
  EXPECT_FALSE(asked.ends_well(in_time()));
}

TEST(AskedProgram, WhenItClosesItsOutputAndLivesOnThenItIsEnded) {
  auto asked = shell("echo $$; exec >&-; kill -STOP $$");
  const auto told = asked.read(plenty, in_time());
  ASSERT_TRUE(told);
  EXPECT_FALSE(asked.ends_well(steady_clock::now()));
  { const auto gone = std::move(asked); }
  EXPECT_NE(::kill(std::stoi(*told), 0), 0);
  EXPECT_EQ(errno, ESRCH);
}

TEST(AskedProgram, WhenItSaysNothingThenThereIsNoAnswerInTime) {
  const auto asked = shell("kill -STOP $$");
  EXPECT_EQ(asked.read(plenty, steady_clock::now()), std::nullopt);
}

TEST(AskedProgram, WhenItSaysMoreThanThatThenThereIsNoAnswer) {
  const auto asked = shell("yes");
  EXPECT_EQ(asked.read(plenty, in_time()), std::nullopt);
}

TEST(AskedProgram, GivenNoneOfThatNameThenItIsNotStarted) {
  const auto none = asked_program::start({"/no/such/program"});
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error(), ENOENT);
}

} // namespace snakebridge::testing
