// The breaker's states, over times the test gives.
#include "actors/circuit_breaker.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace snakebridge::testing {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

class CircuitBreaker : public ::testing::Test {
protected:
  using time_point = circuit_breaker::time_point;
  using outcome = circuit_breaker::outcome;

  time_point at(std::chrono::milliseconds when) const { return start + when; }
  void crash(std::chrono::milliseconds when) {
    breaker.record({}, outcome::crashed, at(when));
  }
  bool admits(std::chrono::milliseconds when) {
    return breaker.admit(at(when)).has_value();
  }

  const time_point start{1h};
  circuit_breaker breaker{"default",
                          {.failures = 3, .period = 10s, .open = 5s}};
};

TEST_F(CircuitBreaker, GivenFewerCrashesThenItIsClosed) {
  crash(0ms);
  crash(1s);
  EXPECT_EQ(breaker.state(at(1s)), circuit_state::closed);
  EXPECT_TRUE(admits(1s));
}

// ORIGINAL P29
TEST_F(CircuitBreaker, WhenCrashesComeWithinThePeriodThenItRefusesByName) {
  for (const auto when : {0ms, 1'000ms, 10'000ms}) // just within
    crash(when);
  EXPECT_EQ(breaker.state(at(10s)), circuit_state::open);
  const auto refused = breaker.admit(at(12s));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), errc::pool_down);
  EXPECT_THAT(refused.error().message(), HasSubstr("pool 'default'"));
  EXPECT_THAT(refused.error().message(), HasSubstr("in 3000 ms"));
}

TEST_F(CircuitBreaker, WhenCrashesAreSpreadPastThePeriodThenItStaysClosed) {
  for (int i = 0; i < 20; ++i)
    crash(i * 5'001ms);
  EXPECT_EQ(breaker.state(at(100s)), circuit_state::closed);
}

// ORIGINAL P29
TEST_F(CircuitBreaker, WhenItsTimeHasComeThenOneCallMayTry) {
  for (int i = 0; i < 3; ++i)
    crash(0ms);
  EXPECT_FALSE(admits(4'999ms));
  EXPECT_EQ(breaker.state(at(5s)), circuit_state::half_open);
  const auto probe = breaker.admit(at(5s));
  ASSERT_TRUE(probe);
  EXPECT_TRUE(probe->probes);
  EXPECT_FALSE(admits(6s)) << "one, and no other";
  breaker.record(*probe, outcome::worked, at(7s));
  EXPECT_EQ(breaker.state(at(7s)), circuit_state::closed);
  crash(8s);
  EXPECT_TRUE(admits(8s)) << "it counts anew";
}

// ORIGINAL P29
TEST_F(CircuitBreaker, WhenTheOneThatTriesCrashesThenItIsOpenAgain) {
  for (int i = 0; i < 3; ++i)
    crash(0ms);
  const auto probe = breaker.admit(at(5s));
  ASSERT_TRUE(probe);
  breaker.record(*probe, outcome::crashed, at(6s));
  EXPECT_FALSE(admits(10'999ms));
  EXPECT_TRUE(admits(11s));
}

// A call that never ran (a stale ref, a full queue) closed the circuit.
TEST_F(CircuitBreaker, WhenTheOneThatTriesNeverRanThenTheNextMayTry) {
  for (int i = 0; i < 3; ++i)
    crash(0ms);
  const auto probe = breaker.admit(at(5s));
  ASSERT_TRUE(probe);
  breaker.record(*probe, outcome::untried, at(6s));
  EXPECT_EQ(breaker.state(at(6s)), circuit_state::half_open);
  const auto next = breaker.admit(at(6s));
  ASSERT_TRUE(next);
  EXPECT_TRUE(next->probes);
}

TEST_F(CircuitBreaker, GivenCallsThatWereUnderWayThenTheyDoNotOpenItLonger) {
  for (int i = 0; i < 3; ++i)
    crash(0ms);
  crash(4s);
  breaker.record({}, outcome::worked, at(4s));
  EXPECT_FALSE(admits(4s));
  EXPECT_TRUE(admits(5s));
}

TEST_F(CircuitBreaker, GivenNoLimitThenItNeverOpens) {
  circuit_breaker off{"default", {}};
  for (int i = 0; i < 100; ++i)
    off.record({}, outcome::crashed, start);
  EXPECT_TRUE(off.admit(start));
  EXPECT_EQ(off.state(start), circuit_state::closed);
}

} // namespace snakebridge::testing
