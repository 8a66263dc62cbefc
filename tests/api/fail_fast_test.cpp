// Calls that would rather be refused than wait for their session's interpreter.
#include "tests/api/gate.hpp"
#include "tests/api/python_fixture.hpp"

#include <future>

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

} // namespace snakebridge::testing
