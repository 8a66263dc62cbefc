// The original's own storm with its numbers: eight workers, sixteen callers,
// two workers killed at a time, thirty times.
#include <atomic>
#include <csignal>
#include <random>
#include <set>

#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runtime/base/descriptor.hpp"
#include "tests/storm/clients.hpp"
#include "tests/support/process_facts.hpp"

namespace snakebridge::testing {

namespace {

constexpr std::uint32_t workers = 8;
constexpr int callers = 16;
constexpr int cycles = 30;
constexpr std::uint64_t requests_least = 200;

sb::config eight_workers() {
  auto wanted = one_pool(sb::placement::worker, workers);
  wanted.pools[0].restart = {.intensity = 200, .period = 10s};
  return wanted;
}

} // namespace

class Kills : public InAWorker {
protected:
  Kills() : InAWorker{eight_workers()} {}

  void call_on() {
    const auto session = bridge.open_session();
    while (!stop) {
      const auto sum = session.call("operator", "add", 20, 22);
      answers.take("a sum", sum, sum == 42);
    }
  }

  /// Kills the first that is ready from this one on.
  void kill_from(std::uint64_t which) {
    int pid = 0;
    ASSERT_TRUE(eventually([&] {
      for (std::uint32_t i = 0; i < workers && pid == 0; ++i) {
        const auto each =
          bridge.stats().pools[0].interpreters.at((which + i) % workers);
        if (each.ready && killed.count(each.pid) == 0)
          pid = each.pid;
      }
      return pid != 0;
    }));
    killed.insert(pid);
    const descriptor worker{
      static_cast<int>(::syscall(SYS_pidfd_open, pid, 0U))};
    ASSERT_TRUE(worker) << "no process " << pid;
    ::kill(pid, SIGKILL);
    pollfd gone{worker.get(), POLLIN, 0};
    EXPECT_EQ(::poll(&gone, 1, 5'000), 1) << pid << " lives on";
  }

  std::uint64_t deaths() const {
    std::uint64_t sum = 0;
    const auto now = bridge.stats();
    for (const auto& each : now.pools[0].interpreters)
      sum += each.deaths;
    return sum;
  }

  std::atomic<bool> stop = false;
  std::set<int> killed;
  tally answers;
};

// ORIGINAL P1
TEST_F(Kills, WhenTwoOfEightDieAgainAndAgainThenThePoolIsWholeAndServes) {
  std::vector<std::thread> threads;
  for (int i = 0; i < callers; ++i)
    threads.emplace_back([this] { call_on(); });
  std::mt19937_64 random{1};
  for (int cycle = 0; cycle < cycles; ++cycle) {
    kill_from(random());
    kill_from(random());
  }
  // A bridge hears of a death a moment after the process is gone; what it has
  // not heard of is as ready as before.
  EXPECT_TRUE(eventually([&] { return deaths() == 2U * cycles; }));
  EXPECT_TRUE(is_ready(bridge));
  EXPECT_TRUE(eventually([&] { return answers.right() >= requests_least; }));
  stop = true;
  for (auto& each : threads)
    each.join();
  EXPECT_EQ(answers.wrong(), std::vector<std::string>{});
  // Each death takes the one call it ran.
  EXPECT_LE(answers.lost(), 2U * cycles);
  EXPECT_EQ(deaths(), 2U * cycles);
  EXPECT_EQ(bridge.stats().pools[0].down, "");
  EXPECT_TRUE(
    eventually([] { return look_at_this_process().children == workers; }))
    << look_at_this_process();
}

} // namespace snakebridge::testing
