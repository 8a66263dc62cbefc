// How many restarts are too many: SUPERVISION.md scenarios 19 to 21 and 23,
// without an actor.
#include "supervisors/restart_window.hpp"

#include <gtest/gtest.h>

namespace snakebridge::testing {

using namespace std::chrono_literals;

namespace {
constexpr restart_window::time_point start{};
}

// SUPERVISION 19
TEST(RestartWindow, WhenThereIsOneMoreThanTheIntensityThenItGivesUp) {
  restart_window window{3, 5s};
  EXPECT_TRUE(window.add(start));
  EXPECT_TRUE(window.add(start + 1s));
  EXPECT_TRUE(window.add(start + 2s));
  EXPECT_FALSE(window.add(start + 3s));
  EXPECT_EQ(window.count(), 4u);
}

// SUPERVISION 20
TEST(RestartWindow, WhenTheyAreSpreadPastThePeriodThenItNeverGivesUp) {
  restart_window window{3, 5s};
  for (auto i = 0; i < 1000; ++i)
    EXPECT_TRUE(window.add(start + i * 1667ms)) << "restart " << i;
}

// SUPERVISION 21
TEST(RestartWindow, WhenARestartIsExactlyAPeriodAgoThenItCounts) {
  restart_window window{1, 5s};
  EXPECT_TRUE(window.add(start));
  EXPECT_FALSE(window.add(start + 5s));
}

// SUPERVISION 21
TEST(RestartWindow, WhenARestartIsATickOlderThanThePeriodThenItDoesNot) {
  restart_window window{1, 5s};
  EXPECT_TRUE(window.add(start));
  EXPECT_TRUE(window.add(start + 5s + 1ns));
  EXPECT_EQ(window.count(), 1u);
}

// SUPERVISION 23
TEST(RestartWindow, GivenAnIntensityOfZeroThenTheFirstIsTooMany) {
  restart_window window{0, 5s};
  EXPECT_FALSE(window.add(start));
}

TEST(RestartWindow, WhenItIsExceededAgainAndAgainThenItDoesNotGrow) {
  restart_window window{2, 5s};
  for (auto i = 0; i < 100; ++i)
    window.add(start);
  EXPECT_EQ(window.count(), 3u);
}

} // namespace snakebridge::testing
