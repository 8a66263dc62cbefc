// Whatever a bridge did and however it ended, the system has back what it had:
// processes, threads, descriptors, memory.
#include "tests/api/gate.hpp"
#include "tests/api/python_fixture.hpp"
#include "tests/support/process_facts.hpp"

#include <chrono>
#include <csignal>
#include <future>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <unistd.h>

namespace snakebridge::testing {

namespace {

// A variable all processes of these tests have.
constexpr const char* mark = "SNAKEBRIDGE_NOTHING_LEFT";

sb::pool_config marked(const std::string& name, std::uint32_t size = 1) {
  return {.name = name,
          .size = size,
          .env = {{mark, std::to_string(::getpid())}},
          .stop_timeout = 100ms};
}

/// Workers, and what they started.
std::size_t processes() {
  return processes_with(mark, std::to_string(::getpid()));
}

} // namespace

class NothingLeft : public ::testing::Test {
protected:
  NothingLeft() {
    // What is made once and stays: the log, the locale.
    EXPECT_TRUE(sb::bridge::start({.pools = {marked("default")}}));
    // A host's thread is told to be gone a moment before it is.
    EXPECT_TRUE(eventually([&] {
      before = look_at_this_process();
      return before.threads == own_threads && before.children == 0;
    }))
      << before;
  }

  void expect_nothing_left() const {
    EXPECT_TRUE(eventually([] { return processes() == 0; }))
      << processes() << " processes live on";
    EXPECT_TRUE(eventually([&] { return look_at_this_process() == before; }))
      << look_at_this_process() << "; before: " << before;
  }

  process_facts before;
};

// ORIGINAL P26
TEST_F(NothingLeft, WhenTheSecondPoolCannotStartThenTheFirstIsGone) {
  for (const bool is_missing : {true, false}) {
    auto good = marked("default", 2), bad = marked("bad");
    if (is_missing)
      bad.python = "/no/such/venv";
    else
      bad.start_timeout = 1ms;
    EXPECT_EQ(code_of(sb::bridge::start({.pools = {good, bad}})),
              is_missing ? sb::errc::environment_invalid
                         : sb::errc::startup_failed);
    expect_nothing_left();
  }
  // And the same process may try again.
  EXPECT_TRUE(sb::bridge::start({.pools = {marked("default")}}));
}

// In turn, each of the six would take its time to stop after the other.
TEST_F(NothingLeft, WhenEveryWorkerIsStuckThenTheStopIsBounded) {
  constexpr auto slow = 2s;
  auto one = marked("default", 3), two = marked("other", 3);
  one.stop_timeout = two.stop_timeout = slow;
  std::optional<sb::bridge> bridge{sb::config{.pools = {one, two}}};
  std::vector<std::future<sb::result<void>>> stuck;
  for (const char* pool : {"default", "other"})
    for (const char* code :
         {"while True: pass", "sum(range(10**15))",
          "import signal, subprocess\n"
          "subprocess.Popen(['sh', '-c', 'sleep 1000 & sleep 1000'])\n"
          "signal.pause()"})
      stuck.push_back(
        std::async(std::launch::async, [through = bridge->with({.pool = pool}),
                                        code] { return through.exec(code); }));
  ASSERT_TRUE(eventually([&] {
    std::size_t running = 0;
    for (const auto& pool : bridge->stats().pools)
      for (const auto& each : pool.interpreters)
        running += each.running > 0 ? 1 : 0;
    return running == stuck.size() && processes() == 6 + 2 * 3;
  }));
  const auto begun = std::chrono::steady_clock::now();
  bridge.reset();
  EXPECT_LT(std::chrono::steady_clock::now() - begun, 4 * slow);
  // What heeds an interruption ends with its session, the others are killed.
  for (auto& each : stuck)
    EXPECT_THAT(
      code_of(each.get()),
      ::testing::AnyOf(sb::errc::session_closed, sb::errc::interpreter_died));
  expect_nothing_left();
}

// ORIGINAL P7, P8
TEST_F(NothingLeft, WhenTheBridgeEndsThenWhatItsPythonStartedEndsToo) {
  {
    const sb::bridge bridge{sb::config{.pools = {marked("default")}}};
    ASSERT_TRUE(bridge.exec(
      "import signal, subprocess\n"
      "deaf = lambda: signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
      "subprocess.Popen(['sh', '-c', 'sleep 1000 & sleep 1000'],\n"
      "                 preexec_fn=deaf)"));
    ASSERT_TRUE(eventually([] { return processes() == 4; }));
  }
  expect_nothing_left();
}

TEST_F(NothingLeft, WhenWorkersDieThenEachIsReaped) {
  auto wanted = marked("default", 2);
  wanted.restart = {.intensity = 100, .period = 1s};
  {
    const sb::bridge bridge{sb::config{.pools = {wanted}}};
    auto calm = look_at_this_process();
    ASSERT_TRUE(eventually([&] { // what its start opened for a moment is gone
      const auto before = std::exchange(calm, look_at_this_process());
      return before == calm;
    }));
    EXPECT_EQ(calm.children, 2U);
    for (const char* death :
         {"__import__('os')._exit(0)", "__import__('os').abort()",
          "__import__('os').kill(__import__('os').getpid(), 9)"})
      EXPECT_EQ(code_of(bridge.eval(death)), sb::errc::interpreter_died);
    ASSERT_TRUE(is_ready(bridge));
    EXPECT_TRUE(eventually([&] { return look_at_this_process() == calm; }))
      << look_at_this_process() << "; before: " << calm;
  }
  expect_nothing_left();
}

TEST_F(NothingLeft, WhenAThousandSessionsComeAndGoThenNothingStays) {
  const sb::bridge bridge{sb::config{.pools = {marked("default")}}};
  const auto come_and_go = [&] {
    for (int i = 0; i < 500; ++i)
      ASSERT_TRUE(bridge.open_session().call("builtins", "object"));
    ASSERT_TRUE(is_empty(bridge));
  };
  come_and_go();
  const auto calm = look_at_this_process();
  const auto rss_bytes = rss_bytes_of_this_process();
  come_and_go();
  EXPECT_EQ(look_at_this_process(), calm);
  if (rss_is_ours) {
    EXPECT_LE(rss_bytes_of_this_process(), rss_bytes + (std::size_t{8} << 20U));
  }
}

} // namespace snakebridge::testing
