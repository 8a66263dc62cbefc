// What holds for an interpreter of this process alone: threads take turns, and
// its events come from here.
#include "tests/api/gate.hpp"
#include "tests/api/python_fixture.hpp"

#include <atomic>
#include <future>
#include <mutex>
#include <optional>
#include <vector>

namespace snakebridge::testing {

using ::testing::HasSubstr;

class InThisProcess : public ::testing::Test {
protected:
  /// The first that says so, once it has come; a test fails without it.
  sb::interpreter_event event(sb::event_kind what,
                              const std::string& says = {}) {
    sb::interpreter_event found;
    EXPECT_TRUE(eventually([&] {
      const std::lock_guard lock{mutex_};
      for (const auto& each : events_)
        if (each.what == what && each.message.find(says) != std::string::npos) {
          found = each;
          return true;
        }
      return false;
    }));
    return found;
  }
  sb::config listening() {
    auto wanted = one_pool(sb::placement::embedded);
    wanted.on_event = [this](const sb::interpreter_event& happened) {
      const std::lock_guard lock{mutex_};
      events_.push_back(happened);
    };
    return wanted;
  }

private:
  std::mutex mutex_;
  std::vector<sb::interpreter_event> events_;
};

TEST_F(InThisProcess, WhenItIsReadyThenThatIsAnEvent) {
  const sb::bridge bridge{listening()};
  const auto told = event(sb::event_kind::ready);
  EXPECT_EQ(told.pool, "default");
  EXPECT_EQ(told.pid, ::getpid());
  EXPECT_EQ(told.epoch, 1U);
}

TEST_F(InThisProcess, WhenACallTakesLongThenItIsReportedWithItsPythonLine) {
  auto wanted = listening();
  wanted.pools.front().stall_report = 50ms;
  const sb::bridge bridge{std::move(wanted)};
  const auto session = bridge.open_session({.id = "mine"});
  gate here;
  ASSERT_TRUE(session.exec("def waits():\n  return " + here.wait_here()));
  auto answer =
    std::async(std::launch::async, [&] { return session.eval("waits()"); });
  ASSERT_TRUE(here.has_a_caller());
  // What prepares it may stall, too.
  const auto told = event(sb::event_kind::stalled, "running eval");
  EXPECT_THAT(told.message, HasSubstr("line 2 in waits"));
  EXPECT_THAT(told.stacks, HasSubstr("Current thread"));
  EXPECT_EQ(told.session, "mine");
  here.open();
  EXPECT_EQ(answer.get(), "");
}

// It was interrupted again as soon as one that had been interrupted before.
TEST_F(InThisProcess, WhenOneAfterAnotherIsLateThenEachMayCleanUp) {
  auto wanted = one_pool(sb::placement::embedded);
  wanted.pools.front().cancel_grace = 10s;
  const sb::bridge bridge{std::move(wanted)};
  const auto session = bridge.open_session();
  ASSERT_TRUE(session.exec("import time\n"
                           "def late():\n"
                           "  while True: time.sleep(0.001)\n"
                           "def clean_up():\n"
                           "  global is_clean\n"
                           "  try: late()\n"
                           "  finally:\n"
                           "    for _ in range(200): time.sleep(0.001)\n"
                           "    is_clean = True\n"));
  for (const auto* code : {"late()", "clean_up()"})
    EXPECT_EQ(code_of(session.with({.timeout = 50ms}).eval(code)),
              sb::errc::deadline_exceeded);
  EXPECT_EQ(session.eval("is_clean"), true);
}

// SUPERVISION 33, as the bridge ends.
TEST_F(InThisProcess, WhenTheBridgeEndsWithACallStuckThenItDoesNotWaitForIt) {
  auto wanted = one_pool(sb::placement::embedded);
  wanted.pools.front().stop_timeout = 100ms;
  std::optional<sb::bridge> bridge{std::move(wanted)};
  std::future<sb::result<sb::value>> stuck;
  gate here; // opens before `stuck` waits for its thread
  stuck = std::async(std::launch::async, [calls = bridge->open_session(),
                                          code = here.wait_here_in_c()] {
    return calls.eval(code);
  });
  ASSERT_TRUE(here.has_a_caller());
  bridge.reset();
  EXPECT_EQ(stuck.wait_for(0s), std::future_status::timeout);
  here.open();
  EXPECT_EQ(code_of(stuck.get()), sb::errc::session_closed);
}

TEST_F(InThisProcess, GivenAThreadThatCallsWithoutAPauseThenOthersGetATurn) {
  const sb::bridge bridge{one_pool(sb::placement::embedded)};
  std::atomic<bool> enough = false;
  std::atomic<std::uint64_t> calls = 0;
  auto busy = std::async(std::launch::async, [&] {
    for (; !enough; ++calls)
      EXPECT_TRUE(bridge.eval("sum(range(2_000))"));
  });
  ASSERT_TRUE(eventually([&] { return calls > 0; }));
  for (int i = 0; i < 100; ++i)
    EXPECT_EQ(bridge.with({.timeout = 10s}).eval("6 * 7"), 42);
  enough = true;
  busy.get();
}

TEST_F(InThisProcess, GivenSettingsOfWorkersThenTheyAreRefusedByName) {
  const auto refusal_of = [](auto change) {
    auto wanted = one_pool(sb::placement::embedded);
    change(wanted.pools.front());
    return error_of(sb::bridge::start(std::move(wanted)));
  };
  for (const auto& why :
       {refusal_of([](auto& pool) {
          pool.env = {{"A", "b"}};
        }),
        refusal_of([](auto& pool) { pool.pass_env = {"A"}; }),
        refusal_of([](auto& pool) { pool.stall_kill = 1s; })}) {
    EXPECT_EQ(why.code(), sb::errc::config_invalid);
    EXPECT_THAT(why.message(), HasSubstr("for workers only"));
  }
}

} // namespace snakebridge::testing
