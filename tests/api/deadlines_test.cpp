// Deadlines and bounds: nobody waits for ever, and every refusal has a name.
#include "tests/api/gate.hpp"
#include "tests/api/python_fixture.hpp"

#include <chrono>
#include <future>
#include <vector>

namespace snakebridge::testing {

class Deadlines : public InAWorker {
protected:
  Deadlines()
      : InAWorker{[] {
          auto wanted = one_pool(sb::placement::worker);
          wanted.pools[0].queue_max = 1;
          wanted.pools[0].cancel_grace = 20ms;
          return wanted;
        }()} {}

  /// A call that waits at `here` on a thread of its own.
  std::future<sb::result<sb::value>> hold(gate& here) {
    auto held = std::async(std::launch::async,
                           [&] { return bridge.eval(here.wait_here()); });
    EXPECT_TRUE(here.has_a_caller());
    return held;
  }
};

TEST_F(Deadlines, WhenPythonTakesTooLongThenTheCallerIsToldInTime) {
  const auto begun = std::chrono::steady_clock::now();
  EXPECT_EQ(code_of(bridge.with({.timeout = 50ms}).call("time", "sleep", 60)),
            sb::errc::deadline_exceeded);
  // A bound no machine misses; that it is soon is for the benchmarks.
  EXPECT_LT(std::chrono::steady_clock::now() - begun, 10s);
  EXPECT_EQ(bridge.call("math", "sqrt", 16), 4.0);
}

TEST_F(Deadlines, WhenPythonHasBegunThenTheErrorSaysSoAndTheWorkerGoesOn) {
  // Long enough that the worker has begun by then.
  const auto late =
    error_of(bridge.with({.timeout = 500ms}).call("time", "sleep", 60));
  EXPECT_EQ(late.code(), sb::errc::deadline_exceeded);
  EXPECT_TRUE(late.may_have_run());
  EXPECT_EQ(bridge.call("math", "sqrt", 16), 4.0);
  EXPECT_EQ(first_of(bridge).epoch, 1U);
}

TEST_F(Deadlines, WhenTimePassesInTheQueueThenTheCallHasNotRun) {
  gate here;
  auto held = hold(here);
  const auto late = error_of(bridge.with({.timeout = 20ms}).eval("1"));
  EXPECT_EQ(late.code(), sb::errc::deadline_exceeded);
  EXPECT_FALSE(late.may_have_run());
  here.open();
  EXPECT_EQ(held.get(), "");
  EXPECT_EQ(bridge.eval("1"), 1);
  EXPECT_EQ(first_of(bridge).epoch, 1U);
}

// ORIGINAL P13
TEST_F(Deadlines, WhenTheQueueIsFullThenTheNextCallIsOverloaded) {
  gate here;
  auto held = hold(here);
  std::vector<std::future<sb::result<sb::value>>> accepted;
  const auto under_way = [this] {
    const auto now = first_of(bridge);
    return now.waiting + now.running;
  };
  while (first_of(bridge).waiting < 1) {
    const auto before = under_way();
    ASSERT_LT(before, 100U);
    accepted.push_back(
      std::async(std::launch::async, [this] { return bridge.eval("1"); }));
    ASSERT_TRUE(eventually([&] { return under_way() > before; }));
  }
  const auto refused = error_of(bridge.eval("1"));
  EXPECT_EQ(refused.code(), sb::errc::overloaded);
  EXPECT_FALSE(refused.may_have_run());
  here.open();
  EXPECT_EQ(held.get(), "");
  for (auto& each : accepted)
    EXPECT_EQ(each.get(), 1);
  EXPECT_EQ(bridge.eval("1"), 1);
}

TEST_F(Deadlines, WhenTheBridgeHasATimeoutThenCallsHaveItUnasked) {
  auto wanted = one_pool(sb::placement::worker);
  wanted.timeout = 30ms;
  const sb::bridge impatient{wanted};
  EXPECT_EQ(code_of(impatient.call("time", "sleep", 60)),
            sb::errc::deadline_exceeded);
  EXPECT_EQ(impatient.with({.timeout = 1min}).eval("1"), 1);
}

// In this process a call cannot be left alone: it is told afterwards.
TEST(EmbeddedDeadlines, WhenPythonTakesTooLongThenTheErrorSaysItHasRun) {
  const sb::bridge bridge{one_pool(sb::placement::embedded)};
  // Long enough that it has begun by then.
  const auto late =
    error_of(bridge.with({.timeout = 300ms}).call("time", "sleep", 0.6));
  EXPECT_EQ(late.code(), sb::errc::deadline_exceeded);
  EXPECT_TRUE(late.may_have_run());
  EXPECT_EQ(bridge.eval("1"), 1);
}

TEST(EmbeddedDeadlines, WhenTimePassesInTheQueueThenTheCallHasNotRun) {
  const sb::bridge bridge{one_pool(sb::placement::embedded)};
  gate here;
  auto held = std::async(std::launch::async,
                         [&] { return bridge.eval(here.wait_here()); });
  ASSERT_TRUE(here.has_a_caller());
  const auto late = error_of(bridge.with({.timeout = 5ms}).eval("1"));
  EXPECT_EQ(late.code(), sb::errc::deadline_exceeded);
  EXPECT_FALSE(late.may_have_run());
  here.open();
  EXPECT_EQ(held.get(), "");
}

} // namespace snakebridge::testing
