// Calls that would rather run elsewhere, or be refused, than wait for their
// session's interpreter.
#include "tests/api/gate.hpp"
#include "tests/api/python_fixture.hpp"

#include <csignal>
#include <future>
#include <optional>

namespace snakebridge::testing {

class FailFast : public InAWorker {
protected:
  FailFast()
      : InAWorker{[] {
          auto wanted = one_pool(sb::placement::worker);
          // One that dies is not replaced while the test lasts.
          wanted.pools[0].restart.backoff = 1h;
          wanted.pools[0].restart.backoff_max = 1h;
          return wanted;
        }()} {}

  sb::result<sb::value> call_at_once() {
    return bridge.with({.affinity = sb::affinity::strict_fail_fast}).eval("1");
  }
};

TEST_F(FailFast, WhenTheInterpreterRunsACallThenItIsBusy) {
  gate here;
  auto held = std::async(std::launch::async,
                         [&] { return bridge.eval(here.wait_here()); });
  ASSERT_TRUE(here.has_a_caller());
  EXPECT_EQ(code_of(call_at_once()), sb::errc::worker_busy);
  here.open();
  EXPECT_EQ(held.get(), "");
  EXPECT_EQ(call_at_once(), 1);
}

TEST_F(FailFast, WhenTheInterpreterIsBeingReplacedThenItIsUnavailable) {
  EXPECT_EQ(code_of(bridge.call("os", "_exit", 1)), sb::errc::interpreter_died);
  ASSERT_TRUE(eventually([&] { return !first_of(bridge).ready; }));
  EXPECT_EQ(code_of(call_at_once()), sb::errc::session_worker_unavailable);
}

class Hinted : public InAWorker {
protected:
  Hinted()
      : InAWorker{[] {
          auto wanted = one_pool(sb::placement::worker, 2);
          wanted.pools[0].affinity = sb::affinity::hint;
          wanted.pools[0].restart.backoff = 1h; // as above
          wanted.pools[0].restart.backoff_max = 1h;
          return wanted;
        }()} {}

  std::future<sb::result<sb::value>> start(std::string code) {
    return std::async(std::launch::async, [this, code = std::move(code)] {
      return session->call("builtins", "eval", code, sb::dict{});
    });
  }
  // Both run a call, and one more waits for the session's own interpreter.
  void SetUp() override {
    in_own = start(own.wait_here());
    ASSERT_TRUE(own.has_a_caller());
    in_other = start(other.wait_here());
    ASSERT_TRUE(other.has_a_caller());
    waits = start("__import__('os').getpid()");
    ASSERT_TRUE(eventually([&] { return first_of(bridge).waiting == 1; }));
    pid_of_other = bridge.stats().pools.at(0).interpreters.at(1).pid;
  }
  void TearDown() override {
    session.reset();
    InAWorker::TearDown();
  }

  std::optional<sb::session> session = bridge.open_session();
  gate own, other;
  std::future<sb::result<sb::value>> in_own, in_other, waits;
  int pid_of_other = 0;
};

TEST_F(Hinted, WhenAnotherIsFreeFirstThenItRunsWhatWaits) {
  other.open();
  EXPECT_EQ(waits.get(), pid_of_other);
  EXPECT_EQ(in_other.get(), "");
  EXPECT_EQ(first_of(bridge).running, 1U);
  own.open();
  EXPECT_EQ(in_own.get(), "");
}

TEST_F(Hinted, WhenThePoolGrowsThenTheNewOneRunsWhatWaits) {
  ASSERT_TRUE(bridge.resize("default", 3));
  EXPECT_EQ(waits.get(), bridge.stats().pools.at(0).interpreters.at(2).pid);
  own.open();
  other.open();
  EXPECT_EQ(in_own.get(), "");
  EXPECT_EQ(in_other.get(), "");
}

TEST_F(Hinted, WhenTheOwnDiesThenAnotherRunsWhatWaits) {
  ::kill(first_of(bridge).pid, SIGKILL);
  EXPECT_EQ(code_of(in_own.get()), sb::errc::interpreter_died);
  other.open();
  EXPECT_EQ(waits.get(), pid_of_other);
  EXPECT_EQ(in_other.get(), "");
}

class HintedAlone : public InAWorker {
protected:
  HintedAlone()
      : InAWorker{[] {
          auto wanted = one_pool(sb::placement::worker);
          wanted.pools[0].affinity = sb::affinity::hint;
          return wanted;
        }()} {}
};

TEST_F(HintedAlone, WhenThePoolGrowsThenTheNewOneRunsWhatWaits) {
  gate here;
  auto held = std::async(std::launch::async,
                         [&] { return bridge.eval(here.wait_here()); });
  ASSERT_TRUE(here.has_a_caller());
  auto waits =
    std::async(std::launch::async, [&] { return bridge.call("os", "getpid"); });
  ASSERT_TRUE(eventually([&] { return first_of(bridge).waiting == 1; }));
  ASSERT_TRUE(bridge.resize("default", 2));
  EXPECT_EQ(waits.get(), bridge.stats().pools.at(0).interpreters.at(1).pid);
  here.open();
  EXPECT_EQ(held.get(), "");
}

} // namespace snakebridge::testing
