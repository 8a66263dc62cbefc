// A pool is drained, resumed and resized while it runs.
#include "tests/api/gate.hpp"
#include "tests/api/python_fixture.hpp"
#include "tests/support/process_facts.hpp"

#include <fstream>
#include <future>

#include <signal.h>

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

TEST_F(PoolControl, WhenItIsDrainedThenItDoesNotShowAsReady) {
  ASSERT_TRUE(bridge.drain("default", 10s));
  ASSERT_TRUE(bridge.resize("default", 2)) << "drained as well";
  auto now = bridge.stats().pools.at(0);
  EXPECT_TRUE(now.drained);
  EXPECT_EQ(now.down, "");
  for (const auto& each : now.interpreters)
    EXPECT_FALSE(each.ready);
  ASSERT_TRUE(bridge.resume("default"));
  now = bridge.stats().pools.at(0);
  EXPECT_FALSE(now.drained);
  for (const auto& each : now.interpreters)
    EXPECT_TRUE(each.ready);
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
  ASSERT_TRUE(bridge.resize("default", 3));
  ASSERT_TRUE(bridge.call("math", "sqrt", 16)); // this thread's is the first
  auto other = bridge.open_session();
  const auto object = sb::or_throw(other.call("pathlib", "Path", "/tmp"));
  auto smaller = std::async(
    std::launch::async, [this] { return bridge.resize("default", 1, 60s); });
  // The last goes first; then it is the turn of the one in use.
  ASSERT_TRUE(eventually([this] { return size() == 2U; }));
  for (int i = 0; i < 100; ++i)
    ASSERT_EQ(other.method(object, "exists"), true) << "it is waited for";
  EXPECT_EQ(smaller.wait_for(0s), std::future_status::timeout);
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

TEST_F(PoolControl, WhenPatienceEndsThenCallsThatWaitAreToBeMadeAgain) {
  ASSERT_TRUE(bridge.resize("default", 2));
  ASSERT_TRUE(bridge.call("math", "sqrt", 16));
  const auto other = bridge.open_session();
  const auto object = sb::or_throw(other.call("pathlib", "Path", "/tmp"));
  gate here;
  const auto in_other = [](auto call) {
    return std::async(std::launch::async, std::move(call));
  };
  auto runs = in_other([&] { return other.eval(here.wait_here()); });
  ASSERT_TRUE(here.has_a_caller());
  auto waits = in_other([&] { return other.call("math", "sqrt", 16); });
  auto uses = in_other([&] { return other.method(object, "exists"); });
  ASSERT_TRUE(eventually([this] {
    const auto second = bridge.stats().pools.at(0).interpreters.at(1);
    return second.waiting + second.running == 3U;
  }));
  EXPECT_TRUE(bridge.resize("default", 1, 1ms));
  EXPECT_FALSE(runs.get());
  EXPECT_EQ(code_of(waits.get()), sb::errc::session_worker_unavailable);
  EXPECT_EQ(code_of(uses.get()), sb::errc::ref_stale);
  EXPECT_EQ(other.call("math", "sqrt", 16), 4.0);
}

// A pool that bears no death, whose new workers import a module of this test.
class Growing : public ::testing::Test {
protected:
  void write(const std::string& code) const {
    std::ofstream{folder / "newcomer.py"} << code << '\n';
  }
  sb::config wanted() const {
    write("pass");
    auto all = one_pool(sb::placement::worker, 1);
    all.pools[0].restart.intensity = 0;
    all.pools[0].preload = {"newcomer"};
    all.pools[0].env = {{"PYTHONPATH", (folder / ".").string()}};
    return all;
  }
  sb::pool_stats now() const { return bridge.stats().pools.at(0); }

  scratch_folder folder;
  sb::bridge bridge{wanted()};
};

TEST_F(Growing, WhenAWorkerDoesNotStartThenItSaysWhyAndThePoolIsAsItWas) {
  write("raise ImportError('not on this day')");
  const auto refused = error_of(bridge.resize("default", 3));
  EXPECT_EQ(refused.code(), sb::errc::environment_invalid);
  EXPECT_THAT(refused.message(), HasSubstr("not on this day"));
  EXPECT_EQ(now().down, "");
  EXPECT_EQ(now().interpreters.size(), 1U);
  EXPECT_EQ(now().restarts(), 0U);
  EXPECT_EQ(look_at_this_process().children, 1U);
  EXPECT_EQ(bridge.call("math", "sqrt", 16), 4.0);
  write("pass");
  EXPECT_TRUE(bridge.resize("default", 3));
  EXPECT_EQ(now().interpreters.size(), 3U);
  EXPECT_EQ(now().restarts(), 0U);
}

TEST_F(Growing, WhileAWorkerStartsThenItIsNotInService) {
  gate here;
  write(here.wait_here());
  auto larger =
    std::async(std::launch::async, [&] { return bridge.resize("default", 2); });
  ASSERT_TRUE(here.has_a_caller());
  EXPECT_EQ(now().interpreters.size(), 1U);
  here.open();
  EXPECT_TRUE(larger.get());
  EXPECT_TRUE(now().interpreters.at(1).ready);
}

TEST_F(Growing, WhenOneThatHasGrownDiesThenThatIsADeathAsAnyOther) {
  ASSERT_TRUE(bridge.resize("default", 2));
  ::kill(now().interpreters.at(1).pid, SIGKILL);
  EXPECT_TRUE(eventually([this] { return now().down != ""; }));
  for (const std::uint32_t size : {1U, 2U, 3U}) {
    const auto refused = error_of(bridge.resize("default", size));
    EXPECT_EQ(refused.code(), sb::errc::pool_down);
    EXPECT_THAT(refused.message(), HasSubstr("exceeds the intensity of 0"));
  }
}

TEST_F(PoolControl, WhenOneThatHasGrownDiesThenItIsReplaced) {
  ASSERT_TRUE(bridge.resize("default", 2));
  const auto second = [this] {
    return bridge.stats().pools.at(0).interpreters.at(1);
  };
  const auto before = second();
  ::kill(before.pid, SIGKILL);
  EXPECT_TRUE(eventually([&] { return second().epoch > before.epoch; }));
  EXPECT_TRUE(is_ready(bridge));
  EXPECT_EQ(second().restarts, 1U);
  EXPECT_TRUE(bridge.resize("default", 1)) << "and can be taken away";
  EXPECT_EQ(look_at_this_process().children, 1U);
}

// Between two turns nobody has it, and drain must not take that for the end.
TEST(PoolControlOfEmbedded, WhenItIsDrainedThenThreadsThatWaitCountToo) {
  const sb::bridge bridge{one_pool(sb::placement::embedded)};
  gate here;
  auto runs = std::async(std::launch::async,
                         [&] { return bridge.eval(here.wait_here()); });
  ASSERT_TRUE(here.has_a_caller());
  auto waits = std::async(std::launch::async,
                          [&] { return bridge.call("math", "sqrt", 16); });
  EXPECT_TRUE(eventually([&] { return first_of(bridge).running == 2U; }));
  here.open();
  EXPECT_TRUE(bridge.drain("default", 10s));
  EXPECT_TRUE(runs.get());
  EXPECT_EQ(waits.get(), 4.0);
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
