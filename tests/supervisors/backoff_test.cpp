// How long a restart waits, without an actor.
#include "supervisors/backoff.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <random>

namespace snakebridge::testing {

using namespace std::chrono_literals;

namespace {

struct wait_row {
  unsigned before;
  double chance;
  std::chrono::milliseconds expected;
};

constexpr backoff plain{100ms, 1s, 0.0, 1s};
constexpr backoff jittery{100ms, 1s, 0.5, 1s};

class Waits : public ::testing::TestWithParam<wait_row> {};

const wait_row waits[] = {
  {0, 0.0, 100ms},
  {1, 0.0, 200ms},
  {2, 0.0, 400ms},
  {3, 0.0, 800ms},
  // The cap holds, however many there were.
  {4, 0.0, 1000ms},
  {5, 0.0, 1000ms},
  {31, 0.0, 1000ms},
  {64, 0.0, 1000ms},
  {std::numeric_limits<unsigned>::max(), 0.0, 1000ms},
  // Half of it at most is taken off by chance, below the cap and at it.
  {0, 1.0, 50ms},
  {0, 0.5, 75ms},
  {3, 1.0, 400ms},
  {9, 0.5, 750ms},
};

} // namespace

TEST_P(Waits, DoubleUpToTheCapLessTheJitter) {
  auto [before, chance, expected] = GetParam();
  EXPECT_EQ(wait_before_restart(jittery, before, chance), expected);
}

INSTANTIATE_TEST_SUITE_P(EachRow, Waits, ::testing::ValuesIn(waits));

TEST(Backoff, GivenNoJitterThenChanceChangesNothing) {
  for (auto chance : {0.0, 0.3, 1.0})
    EXPECT_EQ(wait_before_restart(plain, 2, chance), 400ms);
}

TEST(Backoff, GivenTheSameSeedThenTheSameWaitsAllOfThemWithinBounds) {
  const auto drawn = [](unsigned seed) {
    std::minstd_rand chances{seed};
    std::vector<std::chrono::milliseconds> all;
    for (auto i = 0U; i < 1000; ++i)
      all.push_back(wait_before_restart(
        jittery, i % 8, std::uniform_real_distribution{}(chances)));
    return all;
  };
  const auto once = drawn(7);
  EXPECT_EQ(once, drawn(7));
  EXPECT_NE(once, drawn(8));
  for (auto i = 0U; i < once.size(); ++i) {
    const auto longest = wait_before_restart(plain, i % 8, 0.0);
    EXPECT_LE(once[i], longest) << "wait " << i << " of seed 7";
    EXPECT_GE(once[i], longest / 2) << "wait " << i << " of seed 7";
  }
}

} // namespace snakebridge::testing
