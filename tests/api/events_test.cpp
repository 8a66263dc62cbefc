// Each call's start, stop and exception, as the program hears of them, in both
// placements.
#include <mutex>

#include "tests/api/gate.hpp"
#include "tests/api/python_fixture.hpp"

namespace snakebridge::testing {

using ::testing::HasSubstr;

class Events : public ::testing::TestWithParam<sb::placement> {
protected:
  void TearDown() override {
    ASSERT_TRUE(bridge.release_auto_session());
    EXPECT_TRUE(is_empty(bridge));
  }

  sb::config listening() {
    auto wanted = one_pool(GetParam());
    wanted.on_event = [this](const sb::interpreter_event& event) {
      if (event.what < sb::event_kind::call_start)
        return;
      const std::lock_guard lock{mutex_};
      told_.push_back(event);
    };
    return wanted;
  }

  std::vector<sb::interpreter_event> told() {
    const std::lock_guard lock{mutex_};
    return told_;
  }

  std::mutex mutex_;
  std::vector<sb::interpreter_event> told_;
  sb::bridge bridge{listening()};
};
SNAKEBRIDGE_IN_BOTH_PLACEMENTS(Events);

TEST_P(Events, WhenACallReturnsThenItsStartAndStopAreTold) {
  EXPECT_EQ(bridge.call("math", "sqrt", 16), 4.0);
  const auto all = told();
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0].what, sb::event_kind::call_start);
  EXPECT_EQ(all[1].what, sb::event_kind::call_stop);
  for (const auto& each : all) {
    EXPECT_EQ(each.module, "math");
    EXPECT_EQ(each.function, "sqrt");
    EXPECT_EQ(each.call, "math.sqrt");
    EXPECT_EQ(each.pool, "default");
    EXPECT_EQ(each.session, bridge.current_session());
  }
  EXPECT_EQ(all[0].interpreter, 0U);
  EXPECT_EQ(all[1].interpreter, 1U);
  EXPECT_GT(all[1].ran, 0ns);
  EXPECT_GE(all[1].queued, 0ns);
  const bool is_sent = GetParam() == sb::placement::worker;
  EXPECT_EQ(all[1].request_bytes > 0, is_sent);
  EXPECT_EQ(all[1].reply_bytes > 0, is_sent);
  EXPECT_FALSE(all[1].failure);
}

TEST_P(Events, WhenACallFailsThenItsExceptionIsTold) {
  EXPECT_FALSE(bridge.call("math", "sqrt", -1));
  EXPECT_FALSE(bridge.call("no_such_module", "f"));
  const auto all = told();
  ASSERT_EQ(all.size(), 4U);
  for (const auto at : {1U, 3U}) {
    EXPECT_EQ(all[at].what, sb::event_kind::call_exception);
    ASSERT_TRUE(all[at].failure);
  }
  EXPECT_TRUE(all[1].failure->is("ValueError"));
  EXPECT_TRUE(all[3].failure->is("ModuleNotFoundError"));
  EXPECT_THAT(all[3].message, HasSubstr("no_such_module"));
}

TEST_P(Events, WhenACallTakesLongThenItIsTheTimeItRan) {
  or_throw(bridge.call("time", "sleep", 0.05));
  auto slow = bridge.async().call("time", "sleep", 0.05);
  or_throw(slow.get());
  or_throw(bridge.call("asyncio", "sleep", 0.05));
  const auto all = told();
  ASSERT_EQ(all.size(), 6U);
  for (const auto& each : all)
    if (each.what == sb::event_kind::call_stop) {
      EXPECT_GE(each.ran, 50ms) << each.message;
    }
}

TEST_P(Events, WhenACallWaitsInLineThenThatIsNotTheTimeItRan) {
  gate here;
  auto first = bridge.async().eval(here.wait_here());
  ASSERT_TRUE(here.has_a_caller());
  auto second = bridge.async().call("math", "sqrt", 4);
  EXPECT_FALSE(second.wait_for(50ms));
  here.open();
  or_throw(second.get());
  or_throw(first.get());
  for (const auto& each : told())
    if (each.what == sb::event_kind::call_stop && each.function == "sqrt") {
      EXPECT_GE(each.queued, 50ms) << each.message;
    }
}

TEST_P(Events, WhenACallIsGivenUpThenThatIsItsException) {
  EXPECT_FALSE(
    bridge.with({.timeout = 50ms})
      .exec("import time\nfor _ in range(10_000): time.sleep(0.001)"));
  const auto all = told();
  ASSERT_EQ(all.size(), 2U);
  ASSERT_EQ(all[1].what, sb::event_kind::call_exception);
  EXPECT_EQ(all[1].failure->code(), sb::errc::deadline_exceeded);
}

TEST_P(Events, WhenACallIsRefusedThenThatIsItsException) {
  const auto made = or_throw(bridge.call("builtins", "object"));
  auto gone = made.as<sb::ref>();
  gone.interpreter = 99;
  EXPECT_FALSE(bridge.str(gone));
  const auto all = told();
  ASSERT_EQ(all.size() % 2, 0U); // each start has its end
  EXPECT_EQ(all.back().what, all.size() == 2 ? sb::event_kind::call_stop
                                             : sb::event_kind::call_exception);
}

TEST_P(Events, GivenAStreamThenItIsToldOnce) {
  int count = 0;
  for (const auto& each : bridge.stream("builtins", "range", 5'000))
    count += each ? 1 : 0;
  EXPECT_EQ(count, 5'000);
  EXPECT_EQ(told().size(), 2U);
}

} // namespace snakebridge::testing
