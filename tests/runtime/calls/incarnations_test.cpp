// The lives of an interpreter: which refs are stale, and what its ends tell.
#include "runtime/calls/incarnations.hpp"

#include <gtest/gtest.h>

namespace snakebridge::testing {

namespace {

const error crash{errc::interpreter_died, "it crashed"};
const steady_clock::time_point noon{std::chrono::hours{12}};

} // namespace

TEST(Incarnations, GivenNoneThenAllRefsAreStale) {
  const incarnations none;
  EXPECT_EQ(none.epoch(), 0U);
  EXPECT_TRUE(none.is_over(1));
}

TEST(Incarnations, WhenOneDiesThenItsRefsAreStaleAndTheNextIsARestart) {
  incarnations lives;
  EXPECT_EQ(lives.begin(), 1U);
  EXPECT_FALSE(lives.is_over(1));
  EXPECT_TRUE(lives.is_over(2)) << "it is yet to come";
  lives.end(1);
  lives.die(crash, noon);
  EXPECT_TRUE(lives.is_over(1));
  EXPECT_EQ(lives.last_death(), crash);
  EXPECT_TRUE(lives.died_since(noon));
  EXPECT_FALSE(lives.died_since(noon + std::chrono::seconds{1}));
  EXPECT_EQ(lives.begin(), 2U);
  EXPECT_EQ(lives.deaths(), 1U);
  EXPECT_EQ(lives.restarts(), 1U);
}

TEST(Incarnations, WhenOneEndsAsAskedThenTheNextIsNoRestart) {
  incarnations lives;
  lives.begin();
  lives.end(1);
  lives.begin();
  EXPECT_EQ(lives.restarts(), 0U);
  EXPECT_FALSE(lives.last_death());
}

TEST(Incarnations, WhenASuccessorTakesOverThenTheLastOnesRefsAreStale) {
  incarnations lives;
  lives.begin();
  EXPECT_EQ(lives.begin_successor(), 2U);
  EXPECT_EQ(lives.epoch(), 1U) << "it does not serve yet";
  lives.replace(2);
  EXPECT_TRUE(lives.is_over(1));
  EXPECT_FALSE(lives.is_over(2));
  EXPECT_EQ(lives.replaced(), 1U);
  EXPECT_EQ(lives.begin(), 3U);
}

TEST(Incarnations, WhenASuccessorNeverServedThenItsNumberIsNotUsedAgain) {
  incarnations lives;
  lives.begin();
  EXPECT_EQ(lives.begin_successor(), 2U);
  lives.end(1);
  EXPECT_EQ(lives.begin(), 3U);
}

TEST(Incarnations, WhenDeathsAreForgottenThenOnlyLaterOnesAreNews) {
  incarnations lives;
  lives.begin();
  lives.die(crash, noon);
  EXPECT_TRUE(lives.has_died());
  lives.forget_deaths();
  EXPECT_FALSE(lives.has_died());
  lives.begin();
  EXPECT_EQ(lives.restarts(), 0U);
  lives.die(crash, noon);
  EXPECT_TRUE(lives.has_died());
  EXPECT_EQ(lives.deaths(), 2U);
}

} // namespace snakebridge::testing
