// A worker dies: what its callers, its sessions and its pool hear of it.
// SUPERVISION 47 and 48 with real processes.
#include "tests/api/gate.hpp"
#include "tests/api/python_fixture.hpp"
#include "tests/support/scratch_folder.hpp"

#include <algorithm>
#include <csignal>
#include <fstream>
#include <future>
#include <thread>

namespace snakebridge::testing {

using ::testing::HasSubstr;

class Deaths : public InAWorker {
protected:
  explicit Deaths(sb::config wanted = one_pool(sb::placement::worker))
      : InAWorker{std::move(wanted)} {}

  /// Kills the worker from within a call; answers that call's error, when the
  /// bridge has forgotten it.
  sb::error die() {
    auto died = error_of(bridge.call("signal", "raise_signal", SIGKILL));
    EXPECT_TRUE(eventually([&] { return under_way() == 0; }));
    return died;
  }

  /// Calls in Python's hands and before.
  std::size_t under_way() {
    const auto now = first_of(bridge);
    return now.waiting + now.running;
  }

  /// A call on a thread of its own; back when the bridge has it.
  std::future<sb::result<sb::value>> start(const std::string& expression) {
    const auto before = under_way();
    auto started = std::async(std::launch::async, [this, expression] {
      return bridge.eval(expression);
    });
    EXPECT_TRUE(eventually([&] { return under_way() > before; }));
    return started;
  }
};

TEST_F(Deaths, WhenAWorkerIsKilledInACallThenThePostMortemTells) {
  const auto session = bridge.open_session({.id = "model"});
  const auto pid = first_of(bridge).pid;
  const auto failed = error_of(session.call("signal", "raise_signal", SIGKILL));
  EXPECT_EQ(failed.code(), sb::errc::interpreter_died);
  EXPECT_TRUE(failed.may_have_run());
  const auto* death = failed.post_mortem();
  ASSERT_NE(death, nullptr);
  EXPECT_EQ(death->signal, "SIGKILL");
  EXPECT_EQ(death->exit_status, std::nullopt);
  EXPECT_EQ(death->pid, pid);
  EXPECT_EQ(death->call, "signal.raise_signal");
  EXPECT_EQ(death->session, "model");
  EXPECT_EQ(death->epoch, 1U);
  EXPECT_THAT(failed.message(), HasSubstr("SIGKILL"));
}

// ORIGINAL P30
TEST_F(Deaths, WhenAnIdempotentCallIsLostThenItsSecondRunAnswers) {
  const scratch_folder folder;
  const auto once = bridge.with({.idempotent = true})
                      .eval("open(p, 'x') and __import__('os')._exit(1) "
                            "if not __import__('os').path.exists(p) else 5",
                            {{"p", (folder / "died").string()}});
  EXPECT_EQ(sb::or_throw(once), sb::value{5});
  EXPECT_EQ(first_of(bridge).deaths, 1U);
  const auto twice =
    error_of(bridge.with({.idempotent = true}).call("os", "_exit", 3));
  EXPECT_EQ(twice.code(), sb::errc::interpreter_died);
  EXPECT_TRUE(eventually([&] { return first_of(bridge).deaths == 3U; }));
}

TEST_F(Deaths, WhenAWorkerExitsInACallThenItsStatusIsTold) {
  const auto failed = error_of(bridge.call("os", "_exit", 3));
  EXPECT_EQ(failed.code(), sb::errc::interpreter_died);
  EXPECT_EQ(failed.post_mortem()->exit_status, 3);
  EXPECT_EQ(failed.post_mortem()->signal, "");
}

TEST_F(Deaths, WhenAWorkerCrashesThenItsLastOutputIsTold) {
  const auto failed = error_of(bridge.exec("print('before the end')\n"
                                           "import ctypes\n"
                                           "ctypes.string_at(0)"));
  EXPECT_EQ(failed.post_mortem()->signal, "SIGSEGV");
  EXPECT_THAT(failed.post_mortem()->log_lines,
              ::testing::Contains("before the end"));
}

TEST_F(Deaths, WhenAWorkerIsKilledFromOutsideThenItsCallAnswers) {
  gate here;
  auto waiting = start(here.wait_here());
  ASSERT_TRUE(here.has_a_caller());
  ::kill(first_of(bridge).pid, SIGKILL);
  EXPECT_EQ(code_of(waiting.get()), sb::errc::interpreter_died);
}

TEST_F(Deaths, WhenAWorkerDiesIdleThenTheNextCallFindsTheReplacement) {
  ::kill(first_of(bridge).pid, SIGKILL);
  ASSERT_TRUE(eventually([&] { return first_of(bridge).deaths == 1; }));
  EXPECT_EQ(bridge.call("math", "sqrt", 16), 4.0);
  EXPECT_EQ(first_of(bridge).epoch, 2U);
  EXPECT_EQ(bridge.stats().pools[0].restarts(), 1U);
}

// SUPERVISION 47
// ORIGINAL P12
TEST_F(Deaths, GivenCallsThatWaitThenTheyRunOnTheReplacementInOrder) {
  gate here;
  const scratch_folder folder;
  const auto order = (folder / "order").string();
  auto dying = start(here.wait_here() + " or __import__('os').kill("
                     + std::to_string(first_of(bridge).pid) + ", 9)");
  ASSERT_TRUE(here.has_a_caller());
  std::vector<std::future<sb::result<sb::value>>> unstarted;
  for (int i = 0; i < 10; ++i)
    unstarted.push_back(start("print(" + std::to_string(i) + ", file=open('"
                              + order + "', 'a'))"));
  here.open();
  EXPECT_EQ(code_of(dying.get()), sb::errc::interpreter_died);
  for (auto& each : unstarted)
    EXPECT_EQ(each.get(), sb::none);
  std::ifstream written{order};
  for (int i = 0, number = -1; i < 10; ++i) {
    written >> number;
    EXPECT_EQ(number, i);
  }
  EXPECT_EQ(first_of(bridge).epoch, 2U);
}

// SUPERVISION 48
TEST_F(Deaths, WhenItRestartsThenRefsAreStaleAndSessionsLiveOn) {
  const auto session = bridge.open_session({.id = "model"});
  const auto object = or_throw(session.call("builtins", "object"));
  const auto mine = or_throw(bridge.call("builtins", "object"));
  die();
  EXPECT_EQ(code_of(session.str(object)), sb::errc::ref_stale);
  EXPECT_THROW(or_throw(session.str(object)), sb::ref_not_found_error);
  EXPECT_EQ(session.release(object), false);
  EXPECT_EQ(code_of(session.str(mine)), sb::errc::ref_foreign);
  const auto again = or_throw(session.call("builtins", "object"));
  EXPECT_EQ(again.as<sb::ref>().epoch, object.as<sb::ref>().epoch + 1);
  EXPECT_EQ(again.as<sb::ref>().session, "model");
  EXPECT_TRUE(session.str(again));
  EXPECT_EQ(code_of(session.str(object)), sb::errc::ref_stale);
}

// ORIGINAL T7
TEST_F(Deaths, WhenASessionEndsAfterItsWorkerThenThatCostsNothing) {
  const auto session = bridge.open_session({.id = "model"});
  ASSERT_TRUE(session.call("builtins", "object"));
  ::kill(first_of(bridge).pid, SIGSTOP);
  ::kill(first_of(bridge).pid, SIGKILL);
  EXPECT_TRUE(bridge.release_session("model"));
  EXPECT_TRUE(is_empty(bridge));
  EXPECT_EQ(bridge.eval("1"), 1);
}

class FewRestarts : public Deaths {
protected:
  FewRestarts()
      : Deaths{[] {
          auto wanted = one_pool(sb::placement::worker);
          wanted.pools[0].restart = {.intensity = 1, .period = 1h};
          wanted.pools.push_back({.name = "other", .size = 1});
          return wanted;
        }()} {}
};

TEST_F(FewRestarts, WhenThereAreTooManyDeathsThenThePoolIsDownAndSaysWhy) {
  gate here;
  die();
  auto dying = start(here.wait_here() + " or __import__('os')._exit(7)");
  ASSERT_TRUE(here.has_a_caller());
  auto waits = start("1");
  here.open();
  EXPECT_EQ(code_of(dying.get()), sb::errc::interpreter_died);
  const auto refused = error_of(waits.get());
  EXPECT_EQ(refused.code(), sb::errc::pool_down);
  EXPECT_THAT(refused.message(), HasSubstr("pool 'default' is down"));
  EXPECT_THAT(refused.message(), HasSubstr("intensity of 1"));
  EXPECT_THAT(refused.message(),
              HasSubstr("ended with interpreter_died: interpreter 1 "
                        "(incarnation 2"));
  EXPECT_THAT(refused.message(), HasSubstr("exited with status 7"));
  EXPECT_EQ(code_of(bridge.eval("1")), sb::errc::pool_down);
  EXPECT_EQ(bridge.stats().pools[0].down, refused.message());
  EXPECT_EQ(bridge.with({.pool = "other"}).eval("1"), 1);
  EXPECT_EQ(bridge.stats().pools[1].down, "");
}

TEST_F(FewRestarts, WhenThePoolIsDownThenItIsResumed) {
  die();
  die();
  ASSERT_TRUE(
    eventually([&] { return !bridge.stats().pools[0].down.empty(); }));
  EXPECT_THAT(bridge.stats().pools[0].down, HasSubstr("bridge.resume"));
  ASSERT_TRUE(bridge.resume("default"));
  EXPECT_EQ(bridge.eval("1"), 1);
  EXPECT_EQ(bridge.stats().pools[0].down, "");
  // It bears as many deaths as before, and can be resumed again.
  die();
  EXPECT_EQ(bridge.eval("1"), 1);
  die();
  ASSERT_TRUE(
    eventually([&] { return !bridge.stats().pools[0].down.empty(); }));
  ASSERT_TRUE(bridge.resume("default"));
  EXPECT_EQ(bridge.eval("1"), 1);
}

TEST(RestartsByDefault, WhenEveryWorkerDiesAtOnceThenThePoolSurvives) {
  const sb::bridge bridge{one_pool(sb::placement::worker, 5)};
  const auto before = bridge.stats().pools[0];
  for (const auto& each : before.interpreters)
    ::kill(each.pid, SIGKILL);
  EXPECT_TRUE(eventually([&] {
    const auto now = bridge.stats().pools[0];
    return now.restarts() == 5
           && std::all_of(now.interpreters.begin(), now.interpreters.end(),
                          [](const auto& each) { return each.ready; });
  }));
  EXPECT_EQ(bridge.eval("1"), 1);
}

// Their own faulthandler is no reason for the program to hear less.
TEST_F(Deaths, GivenCodeThatUsesFaulthandlerThenTheStacksAreToldAllTheSame) {
  const scratch_folder folder;
  for (const auto* code :
       {"faulthandler.disable()", "faulthandler.enable(file)",
        "faulthandler.enable(file); faulthandler.disable()", "pass"}) {
    or_throw(bridge.exec("import faulthandler, signal\n"
                         "file = open(path, 'w')\n"
                         "def dies_here(): signal.raise_signal(11)\n",
                         {{"path", (folder / "stacks").string()}}));
    or_throw(bridge.exec(code));
    const auto failed = error_of(bridge.eval("dies_here()"));
    ASSERT_NE(failed.post_mortem(), nullptr) << code;
    EXPECT_EQ(failed.post_mortem()->signal, "SIGSEGV") << code;
    EXPECT_THAT(failed.post_mortem()->stacks, HasSubstr("in dies_here"))
      << code;
    // They are there once.
    const auto& stacks = failed.post_mortem()->stacks;
    EXPECT_EQ(stacks.find("in dies_here"), stacks.rfind("in dies_here"))
      << code;
  }
}

} // namespace snakebridge::testing
