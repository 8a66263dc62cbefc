// Many threads, and interpreters that take over one another's calls.
#include "tests/runtime/calls/mates_fixture.hpp"

#include <random>
#include <thread>

namespace snakebridge::testing {

class CallQueueMatesRace : public mates_fixture {};

// Nothing is lost and nothing told twice, wherever it is when it ends.
TEST_F(CallQueueMatesRace,
       WhenAnswersExpiriesAndDeathsRaceThenEachIsAnsweredOnce) {
  std::atomic<bool> over{false};
  std::atomic<int> answered{0}, twice{0};
  std::vector<std::jthread> dying;
  for (std::uint32_t number = 1; number <= count; ++number)
    dying.emplace_back([&, number] { die_again_and_again(number, over); });
  constexpr int threads_max = 4, calls_each = 500;
  std::atomic<int> moved{0};
  const auto moves = [&](const auto& other) {
    ++moved;
    return other->join(gate);
  };
  std::vector<std::jthread> callers;
  for (int i = 0; i < threads_max; ++i)
    callers.emplace_back([&, i] {
      std::mt19937 random{static_cast<unsigned>(i)};
      for (int n = 0; n < calls_each; ++n) {
        auto& mine = queue(1 + random() % count);
        const auto deadline =
          steady_clock::now() + std::chrono::microseconds{random() % 500};
        if (n % 2 == 0) {
          static_cast<void>(mine.run(asking(verb::call, "fake", "echo"), gate,
                                     deadline, 0, moves));
          ++answered;
          continue;
        }
        const auto times = std::make_shared<std::atomic<int>>(0);
        const auto made =
          std::make_shared<call>(asking(verb::call, "fake", "echo"), gate,
                                 deadline, [&, times](const result<value>&) {
                                   if (++*times > 1)
                                     ++twice;
                                   else
                                     ++answered;
                                 });
        made->join = moves;
        mine.submit(made);
      }
    });
  EXPECT_TRUE(eventually([&] { return answered == threads_max * calls_each; }));
  callers.clear();
  over = true;
  dying.clear();
  EXPECT_EQ(twice, 0);
  EXPECT_GT(moved, 0);
  EXPECT_EQ(mates->movable, 0U);
  for (const auto& each : queues)
    EXPECT_EQ(each->load(), 0U);
}

// One of them never comes back from its first call: were a call left with it
// while the other is free, it would never be answered.
TEST_F(CallQueueMatesRace,
       WhenManyComeAtOnceThenNoneStaysWithTheOneThatIsStuck) {
  attach(1);
  attach(2);
  auto stuck = submit(1, "hold", stays());
  constexpr int threads_max = 4, calls_each = 500;
  std::atomic<int> answered{0};
  const auto moves = [&](const auto& other) { return other->join(gate); };
  std::vector<std::jthread> callers;
  for (int i = 0; i < threads_max; ++i)
    callers.emplace_back([&] {
      for (int n = 0; n < calls_each; ++n)
        if (queue(1).run(asking(verb::call, "fake", "echo", n), gate, in_time(),
                         0, moves)
            == value{n})
          ++answered;
    });
  callers.clear();
  EXPECT_EQ(answered, threads_max * calls_each);
  EXPECT_TRUE(host(1).finish({}));
}

} // namespace snakebridge::testing
