// The bridge itself: how it starts, what it tells, and that it leaves nothing.
#include "tests/api/gate.hpp"
#include "tests/api/python_fixture.hpp"
#include "tests/support/process_facts.hpp"

#include <future>
#include <optional>
#include <thread>

#include <unistd.h>

namespace snakebridge::testing {

using ::testing::HasSubstr;

TEST(Bridge, WhenItStartsThenItsPartsAreKnown) {
  auto wanted = one_pool(sb::placement::worker, 2);
  wanted.pools.push_back(
    {.name = "near", .placement = sb::placement::embedded});
  const auto started = sb::bridge::start(wanted);
  ASSERT_TRUE(started) << started.error();
  const sb::bridge& bridge = **started;
  EXPECT_EQ(bridge.pools(), (std::vector<std::string>{"default", "near"}));
  const auto now = bridge.stats();
  EXPECT_EQ(now.sessions, 0U);
  ASSERT_EQ(now.pools.size(), 2U);
  EXPECT_EQ(now.pools[0].interpreters.size(), 2U);
  EXPECT_EQ(now.pools[0].placement, sb::placement::worker);
  EXPECT_EQ(now.pools[1].interpreters.size(), 1U);
  for (const auto& pool : now.pools)
    for (const auto& each : pool.interpreters) {
      EXPECT_TRUE(each.ready);
      EXPECT_EQ(each.epoch, 1U);
      EXPECT_EQ(each.deaths, 0U);
    }
  EXPECT_NE(now.pools[0].interpreters[0].pid, ::getpid());
  EXPECT_EQ(now.pools[1].interpreters[0].pid, ::getpid());
}

TEST(Bridge, WhenCallsAreMadeThenTheyAreCounted) {
  const sb::bridge bridge{one_pool(sb::placement::worker)};
  const auto before = first_of(bridge).calls;
  for (int i = 0; i < 5; ++i)
    ASSERT_TRUE(bridge.call("builtins", "object"));
  EXPECT_EQ(first_of(bridge).calls, before + 5);
  EXPECT_EQ(bridge.stats().live_objects(), 5U);
  EXPECT_EQ(bridge.stats().sessions, 1U);
}

TEST(Bridge, GivenAVersionThenAllNameTheSame) {
  EXPECT_EQ(sb::bridge::version(), sb::version());
  EXPECT_THAT(std::string{sb::version()},
              ::testing::MatchesRegex("[0-9]+\\.[0-9]+\\.[0-9]+"));
}

// ORIGINAL P26
TEST(Bridge, WhenTheConfigurationIsWrongThenStartSaysSo) {
  auto nowhere = one_pool(sb::placement::worker);
  nowhere.pools[0].python = "/no/such/venv";
  EXPECT_EQ(code_of(sb::bridge::start(nowhere)), sb::errc::environment_invalid);
  auto workerless = one_pool(sb::placement::worker);
  workerless.worker = "/no/such/worker";
  EXPECT_EQ(code_of(sb::bridge::start(workerless)), sb::errc::startup_failed);
  EXPECT_EQ(code_of(sb::bridge::start({.pools = {{.name = ""}}})),
            sb::errc::config_invalid);
  EXPECT_THROW(sb::bridge{workerless}, sb::exception);
}

// A program that is no worker never says it is ready.
TEST(Bridge, WhenTheWorkerIsNoneThenStartSaysHowItEnded) {
  auto wanted = one_pool(sb::placement::worker);
  wanted.worker = "/bin/false";
  const auto failed = error_of(sb::bridge::start(wanted));
  EXPECT_EQ(failed.code(), sb::errc::startup_failed);
  EXPECT_THAT(failed.message(), HasSubstr("exited with status 1"));
}

TEST(Bridge, GivenTwoInOneProcessThenEachHasItsOwn) {
  const sb::bridge one{one_pool(sb::placement::worker)};
  const sb::bridge two{one_pool(sb::placement::embedded)};
  const sb::bridge three{one_pool(sb::placement::embedded)};
  EXPECT_NE(one.call("os", "getpid"), two.call("os", "getpid"));
  const auto mine = or_throw(one.call("builtins", "object"));
  EXPECT_NE(one.current_session(), two.current_session());
  EXPECT_EQ(one.stats().live_objects(), 1U);
  EXPECT_EQ(two.stats().live_objects(), 0U);
  EXPECT_FALSE(two.str(mine));
  ASSERT_TRUE(two.exec("x = 2"));
  ASSERT_TRUE(three.exec("x = 3"));
  EXPECT_EQ(two.eval("x"), 2);
  {
    const sb::session_scope in{one.open_session({.id = "scoped"})};
    EXPECT_NE(two.current_session(), "scoped") << "a scope is of one bridge";
  }
  EXPECT_EQ(one.release_session("scoped"), 0U);
}

// Its thread took Python's only thread state with it, and the next aborted.
TEST(Bridge, WhenAnEmbeddedOneEndsUncalledThenTheNextStarts) {
  for (int i = 0; i < 3; ++i)
    ASSERT_TRUE(sb::bridge::start(one_pool(sb::placement::embedded)));
  const sb::bridge bridge{one_pool(sb::placement::embedded)};
  EXPECT_EQ(bridge.eval("1"), 1);
}

class BridgeLife : public ::testing::TestWithParam<sb::placement> {};
SNAKEBRIDGE_IN_BOTH_PLACEMENTS(BridgeLife);

// ORIGINAL P2
TEST_P(BridgeLife, WhenItIsBuiltFiftyTimesThenNothingIsLeftOfThem) {
  const auto live_once = [] {
    const sb::bridge bridge{one_pool(GetParam())};
    ASSERT_TRUE(bridge.call("builtins", "object"));
    std::thread{[&] { EXPECT_EQ(bridge.eval("1"), 1); }}.join();
    ASSERT_TRUE(bridge.open_session().call("builtins", "object"));
  };
  // The first makes what stays: Python in this process, the log.
  live_once();
  // A host's thread is told to be gone a moment before it is.
  auto before = look_at_this_process();
  EXPECT_TRUE(eventually([&] {
    before = look_at_this_process();
    return before.threads == own_threads;
  }))
    << before;
  const auto rss_bytes = rss_bytes_of_this_process();
  for (int i = 0; i < 50; ++i)
    live_once();
  EXPECT_TRUE(eventually([&] { return look_at_this_process() == before; }))
    << look_at_this_process() << "; before: " << before;
  if (rss_is_ours) {
    EXPECT_LE(rss_bytes_of_this_process(), rss_bytes + (std::size_t{8} << 20U));
  }
}

// SUPERVISION 52
TEST_P(BridgeLife, WhenItEndsThenItsObjectsAreFreedBefore) {
  const scratch_folder folder;
  const auto log = (folder / "ended").string();
  {
    const sb::bridge bridge{one_pool(GetParam())};
    const auto session = bridge.open_session();
    ASSERT_TRUE(session.exec("class thing:\n"
                             "  def __del__(self):\n"
                             "    open(path, 'a').write('x')\n",
                             {{"path", log}}));
    for (int i = 0; i < 3; ++i)
      ASSERT_TRUE(session.eval("thing()"));
  }
  EXPECT_EQ(std::filesystem::file_size(log), 3U);
}

TEST_P(BridgeLife, WhenItEndsThenWhatIsLeftOfItRefusesCalls) {
  std::optional<sb::bridge> bridge{one_pool(GetParam())};
  const auto session = bridge->open_session({.id = "model"});
  const auto object = or_throw(session.call("builtins", "object"));
  const sb::caller later = bridge->with({.timeout = 1s});
  bridge.reset();
  EXPECT_FALSE(session.eval("1"));
  EXPECT_FALSE(session.str(object));
  const auto refused = error_of(later.eval("1"));
  EXPECT_EQ(refused.code(), sb::errc::shutting_down);
  EXPECT_THROW(later.current_session(), sb::exception);
}

TEST(BridgeEnd, WhenCallsAreUnderWayThenEachIsAnswered) {
  auto wanted = one_pool(sb::placement::worker);
  wanted.pools[0].stop_timeout = 20ms;
  std::optional<sb::bridge> bridge{wanted};
  gate here;
  const auto start = [&](std::string expression) {
    return std::async(std::launch::async,
                      [through = bridge->with({}), expression] {
                        return through.eval(expression);
                      });
  };
  auto runs = start(here.wait_here());
  ASSERT_TRUE(here.has_a_caller());
  std::vector<std::future<sb::result<sb::value>>> waiting;
  for (int i = 0; i < 8; ++i)
    waiting.push_back(start("1"));
  ASSERT_TRUE(eventually([&] {
    const auto now = first_of(*bridge);
    return now.waiting + now.running == 9;
  }));
  bridge.reset();
  // What was handed over is withdrawn with its session, what runs interrupted.
  using ::testing::AnyOf;
  EXPECT_THAT(code_of(runs.get()),
              AnyOf(sb::errc::session_closed, sb::errc::interpreter_died));
  for (auto& each : waiting)
    EXPECT_THAT(code_of(each.get()),
                AnyOf(sb::errc::session_closed, sb::errc::shutting_down));
}

} // namespace snakebridge::testing
