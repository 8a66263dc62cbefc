// What the log tells where it is told to tell more.
#include "tests/api/python_fixture.hpp"
#include "tests/support/logged.hpp"

#include <csignal>

namespace snakebridge::testing {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

namespace {

sb::config verbose(bool is_verbose, sb::placement where) {
  auto wanted = one_pool(where);
  wanted.verbose = is_verbose;
  return wanted;
}

} // namespace

class Verbose : public ::testing::TestWithParam<sb::placement> {
protected:
  /// Starts, fails in a call and ends.
  static void fail_once(sb::config wanted) {
    const sb::bridge bridge{std::move(wanted)};
    EXPECT_TRUE(bridge.call("math", "sqrt", 16));
    EXPECT_FALSE(bridge.call("math", "sqrt", -1));
  }

  const logged log;
};
SNAKEBRIDGE_IN_BOTH_PLACEMENTS(Verbose);

TEST_P(Verbose, GivenItThenStartsEndsAndFailedCallsAreToldOf) {
  fail_once(verbose(true, GetParam()));
  const auto lines = log.lines("debug");
  EXPECT_THAT(lines, Contains(HasSubstr("interpreter 1 of pool 'default' is "
                                        "ready")));
  EXPECT_THAT(lines, Contains("the bridge has started; its pools: default"));
  EXPECT_THAT(lines, Contains("the bridge has stopped; its pools: default"));
  EXPECT_THAT(lines, Contains(AllOf(HasSubstr("math.sqrt in session 'auto_"),
                                    HasSubstr("failed after"),
                                    HasSubstr("ValueError: "))));
  EXPECT_THAT(lines, Not(Contains(HasSubstr("returned"))));
}

TEST_P(Verbose, GivenNoneThenNothingIs) {
  fail_once(verbose(false, GetParam()));
  EXPECT_THAT(log.text(), IsEmpty());
}

TEST_P(Verbose, GivenAListenerThenItHearsAsMuchAsBefore) {
  std::atomic<int> calls = 0, failed = 0;
  auto wanted = verbose(true, GetParam());
  wanted.on_event = [&](const sb::interpreter_event& told) {
    calls += told.what == sb::event_kind::call_start;
    failed += told.what == sb::event_kind::call_exception;
  };
  fail_once(wanted);
  EXPECT_EQ(calls, 2);
  EXPECT_EQ(failed, 1);
  EXPECT_THAT(log.lines("debug"), Contains(HasSubstr("failed after")));
}

TEST(VerboseWorkers, WhenOneIsKilledThenThatIsToldOf) {
  const logged log;
  {
    const sb::bridge bridge{verbose(true, sb::placement::worker)};
    ::kill(first_of(bridge).pid, SIGKILL);
    EXPECT_TRUE(eventually([&] { return first_of(bridge).epoch == 2; }));
  }
  EXPECT_THAT(log.lines("debug"), Contains(HasSubstr("killed by SIGKILL")));
}

// How sessions that end are told of: at their level, with their objects.
class SessionCleanup : public ::testing::TestWithParam<sb::placement> {
protected:
  /// A session ends with two objects, one by its name with one, one with none.
  static void end_sessions(sb::config wanted) {
    const sb::bridge bridge{std::move(wanted)};
    {
      const auto two = bridge.open_session({.id = "two"});
      EXPECT_TRUE(two.call("builtins", "object"));
      EXPECT_TRUE(two.call("builtins", "object"));
      const auto none = bridge.open_session({.id = "none"});
      EXPECT_TRUE(none.eval("1"));
    }
    const auto one = bridge.open_session({.id = "one"});
    EXPECT_TRUE(one.call("builtins", "object"));
    EXPECT_EQ(bridge.release_session("one"), 1U);
    EXPECT_TRUE(is_empty(bridge));
  }

  static std::vector<std::string> both() {
    return {"session 'one' has ended; objects released: 1",
            "session 'two' has ended; objects released: 2"};
  }
  std::vector<std::string> told(const std::string& level) const {
    auto lines = log.lines(level);
    std::erase_if(lines, [](const std::string& line) {
      return !line.starts_with("session '");
    });
    std::sort(lines.begin(), lines.end());
    return lines;
  }

  const logged log;
};
SNAKEBRIDGE_IN_BOTH_PLACEMENTS(SessionCleanup);

TEST_P(SessionCleanup, GivenALevelThenItIsToldOfAtThat) {
  for (const auto& [level, word] :
       {std::pair{sb::log_level::info, "info"},
        std::pair{sb::log_level::warning, "warning"},
        std::pair{sb::log_level::error, "error"}}) {
    const logged one;
    auto wanted = one_pool(GetParam());
    wanted.session_cleanup_log_level = level;
    end_sessions(wanted);
    EXPECT_THAT(one.lines(word), ::testing::UnorderedElementsAreArray(both()));
  }
}

TEST_P(SessionCleanup, GivenDebugThenItIsToldOfOnlyWhereTheLogTellsOfThat) {
  auto wanted = one_pool(GetParam());
  wanted.session_cleanup_log_level = sb::log_level::debug;
  end_sessions(wanted);
  EXPECT_THAT(log.text(), IsEmpty());
  spdlog::get("snakebridge")->set_level(spdlog::level::debug);
  end_sessions(wanted);
  EXPECT_EQ(told("debug"), both());
}

TEST_P(SessionCleanup, GivenNoLevelThenItIsToldOfOnlyByAVerboseLog) {
  end_sessions(verbose(false, GetParam()));
  EXPECT_THAT(log.text(), IsEmpty());
  end_sessions(verbose(true, GetParam()));
  EXPECT_EQ(told("debug"), both());
}

} // namespace snakebridge::testing
