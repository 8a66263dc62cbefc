// A worker is killed, again and again, under load: every call is answered, and
// the pool is whole again after each death.
#include "tests/api/python_fixture.hpp"

#include <array>
#include <atomic>
#include <csignal>
#include <thread>

namespace snakebridge::testing {

namespace {

sb::config two_workers() {
  auto wanted = one_pool(sb::placement::worker, 2);
  wanted.pools[0].restart = {.intensity = 1'000, .period = 1s};
  return wanted;
}

} // namespace

class Storm : public InAWorker {
protected:
  static constexpr int rounds = 30;
  static constexpr int threads = 8;

  Storm() : InAWorker{two_workers()} {}

  /// Calls until told to stop; each answer is right, or says what happened.
  void call_on(std::uint64_t seed) {
    auto number = static_cast<std::int64_t>(seed);
    while (!stop) {
      ++number;
      ++asked;
      const auto sum = bridge.call("operator", "add", number, 1);
      if (sum)
        (*sum == number + 1 ? right : wrong) += 1;
      else
        (sum.error().code() == sb::errc::interpreter_died ? died : wrong) += 1;
    }
  }

  std::uint32_t deaths() {
    const auto pool = bridge.stats().pools.at(0);
    return pool.interpreters.at(0).deaths + pool.interpreters.at(1).deaths;
  }

  std::atomic<bool> stop = false;
  std::atomic<std::uint64_t> asked = 0, right = 0, died = 0, wrong = 0;
};

TEST_F(Storm, WhenWorkersAreKilledUnderLoadThenEveryCallIsAnswered) {
  std::vector<std::thread> callers;
  for (int i = 0; i < threads; ++i)
    callers.emplace_back([this, i] { call_on(std::uint64_t{1'000'000} * i); });
  for (std::uint32_t round = 0; round < rounds; ++round) {
    const auto before = right.load();
    ASSERT_TRUE(is_ready(bridge));
    const auto now = bridge.stats().pools.at(0);
    ::kill(now.interpreters.at(round % 2).pid, SIGKILL);
    ASSERT_TRUE(eventually([&] { return deaths() == round + 1; }));
    ASSERT_TRUE(is_ready(bridge)) << "round " << round;
    ASSERT_TRUE(eventually([&] { return right > before; }));
  }
  stop = true;
  for (auto& each : callers)
    each.join();
  EXPECT_EQ(wrong, 0U);
  EXPECT_EQ(right + died, asked);
  // At most the calls that ran when their worker died; each runs one.
  EXPECT_LE(died, std::uint64_t{rounds});
  EXPECT_EQ(bridge.stats().pools[0].down, "");
}

} // namespace snakebridge::testing
