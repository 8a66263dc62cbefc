// A pool is drained, resumed and resized while it runs.
#include "tests/api/gate.hpp"
#include "tests/api/python_fixture.hpp"
#include "tests/support/process_facts.hpp"

#include <future>

namespace snakebridge::testing {

using ::testing::HasSubstr;

class PoolControl : public ::testing::Test {
protected:
  std::size_t size() const {
    return bridge.stats().pools.at(0).interpreters.size();
  }
  std::future<sb::result<sb::value>> hold(const gate& here) const {
    return std::async(std::launch::async,
                      [this, &here] { return bridge.eval(here.wait_here()); });
  }

  sb::bridge bridge{one_pool(sb::placement::worker, 1)};
};

TEST_F(PoolControl, WhenItIsDrainedThenWhatRunsEndsAndNothingNewStarts) {
  gate here;
  auto runs = hold(here);
  ASSERT_TRUE(here.has_a_caller());
  EXPECT_EQ(code_of(bridge.drain("default", 1ms)), sb::errc::deadline_exceeded);
  const auto refused = error_of(bridge.call("math", "sqrt", 16));
  EXPECT_EQ(refused.code(), sb::errc::pool_down);
  EXPECT_THAT(refused.message(), HasSubstr("'default' is drained"));
  here.open();
  EXPECT_TRUE(bridge.drain("default", 10s));
  EXPECT_TRUE(runs.get());
  EXPECT_TRUE(bridge.resume("default"));
  EXPECT_EQ(bridge.call("math", "sqrt", 16), 4.0);
}

TEST_F(PoolControl, WhenItGrowsThenNewSessionsRunInTheNewOnes) {
  const auto mine = bridge.eval("__import__('os').getpid()");
  EXPECT_TRUE(bridge.resize("default", 3));
  EXPECT_EQ(size(), 3U);
  std::set<int> pids{mine->as<int>()};
  std::vector<sb::session> sessions;
  for (int i = 0; i < 2; ++i) {
    sessions.push_back(bridge.open_session());
    pids.insert(sessions.back().eval("__import__('os').getpid()")->as<int>());
  }
  EXPECT_EQ(pids.size(), 3U);
}

TEST_F(PoolControl, WhenItShrinksThenUnusedOnesEndAndUsedOnesAreWaitedFor) {
  ASSERT_TRUE(bridge.resize("default", 2));
  ASSERT_TRUE(bridge.call("math", "sqrt", 16)); // this thread's is the first
  auto other = bridge.open_session();
  const auto object = sb::or_throw(other.call("pathlib", "Path", "/tmp"));
  auto smaller = std::async(
    std::launch::async, [this] { return bridge.resize("default", 1, 20s); });
  EXPECT_EQ(other.method(object, "exists"), true) << "it is waited for";
  other = bridge.open_session(); // its last handle is gone
  EXPECT_TRUE(smaller.get());
  EXPECT_EQ(size(), 1U);
  EXPECT_EQ(look_at_this_process().children, 1U);
}

TEST_F(PoolControl, WhenPatienceEndsThenItsObjectsAreStaleAndTheSessionLives) {
  ASSERT_TRUE(bridge.resize("default", 2));
  ASSERT_TRUE(bridge.call("math", "sqrt", 16));
  const auto other = bridge.open_session();
  const auto object = sb::or_throw(other.call("pathlib", "Path", "/tmp"));
  EXPECT_TRUE(bridge.resize("default", 1, 1ms));
  EXPECT_EQ(code_of(other.method(object, "exists")), sb::errc::ref_stale);
  EXPECT_EQ(other.call("math", "sqrt", 16), 4.0) << "in another";
  ASSERT_TRUE(bridge.resize("default", 2)) << "and it may grow again";
  EXPECT_EQ(code_of(other.method(object, "exists")), sb::errc::ref_stale);
  EXPECT_EQ(size(), 2U);
}

TEST_F(PoolControl, GivenWhatIsOutOfBoundsThenItIsRefusedByName) {
  EXPECT_EQ(code_of(bridge.drain("gpu", 1s)), sb::errc::pool_unknown);
  EXPECT_EQ(code_of(bridge.resume("gpu")), sb::errc::pool_unknown);
  EXPECT_EQ(code_of(bridge.resize("gpu", 1)), sb::errc::pool_unknown);
  for (const std::uint32_t size : {0U, 65U})
    EXPECT_THAT(error_of(bridge.resize("default", size)).message(),
                HasSubstr("say 1 to 64"));
  const sb::bridge embedded{one_pool(sb::placement::embedded)};
  EXPECT_EQ(code_of(embedded.resize("default", 2)), sb::errc::config_invalid);
}

} // namespace snakebridge::testing
