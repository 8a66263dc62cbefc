// Many threads, and interpreters that run one another's calls.
#include "tests/runtime/calls/any_fixture.hpp"

#include <random>
#include <thread>

namespace snakebridge::testing {

class DispatcherAnyRace : public any_fixture {
protected:
  DispatcherAnyRace() {
    calls = std::make_shared<dispatcher>(dispatcher_settings{.waiting_max = 8},
                                         std::make_shared<thread_timers>());
    for (std::uint32_t number = 1; number <= count; ++number) {
      calls->add(number);
      calls->bring_back(number);
    }
  }
};

// Nothing is lost and nothing told twice, wherever it is when it ends.
TEST_F(DispatcherAnyRace,
       WhenAnswersExpiriesAndDeathsRaceThenEachIsAnsweredOnce) {
  std::atomic<bool> over{false};
  std::atomic<int> answered{0}, twice{0};
  std::vector<std::jthread> dying;
  for (std::uint32_t number = 1; number <= count; ++number)
    dying.emplace_back([&, number] { die_again_and_again(number, over); });
  constexpr int threads_max = 4, calls_each = 500;
  std::vector<std::jthread> callers;
  for (int i = 0; i < threads_max; ++i)
    callers.emplace_back([&, i] {
      std::mt19937 random{static_cast<unsigned>(i)};
      for (int n = 0; n < calls_each; ++n) {
        const auto to = n % 3 == 0 ? at(1 + random() % count) : anywhere;
        const auto deadline =
          steady_clock::now() + std::chrono::microseconds{random() % 500};
        if (n % 2 == 0) {
          static_cast<void>(
            calls->run(asking(verb::call, "fake", "echo"), gate, deadline, to));
          ++answered;
          continue;
        }
        const auto times = std::make_shared<std::atomic<int>>(0);
        calls->submit(std::make_shared<exchange>(
          asking(verb::call, "fake", "echo"), gate, deadline, to,
          [&, times](const result<value>&) {
            if (++*times > 1)
              ++twice;
            else
              ++answered;
          }));
      }
    });
  EXPECT_TRUE(eventually([&] { return answered == threads_max * calls_each; }));
  callers.clear();
  over = true;
  dying.clear();
  EXPECT_EQ(twice, 0);
  EXPECT_TRUE(calls->wait_idle(passed()));
}

// One of them never comes back from its first call: were a call left with it
// while the other is free, it would never be answered.
TEST_F(DispatcherAnyRace,
       WhenManyComeAtOnceThenNoneStaysWithTheOneThatIsStuck) {
  attach(1);
  attach(2);
  auto stuck = submit("hold", at(1));
  constexpr int threads_max = 4, calls_each = 500;
  std::atomic<int> answered{0};
  std::vector<std::jthread> callers;
  for (int i = 0; i < threads_max; ++i)
    callers.emplace_back([&] {
      for (int n = 0; n < calls_each; ++n)
        if (calls->run(asking(verb::call, "fake", "echo", n), gate, in_time(),
                       anywhere)
            == value{n})
          ++answered;
    });
  callers.clear();
  EXPECT_EQ(answered, threads_max * calls_each);
  EXPECT_TRUE(host(1).finish({}));
}

TEST_F(DispatcherAnyRace, WhenASessionUsesItThenItStaysUntilThatHasEnded) {
  attach(1);
  attach(2);
  ASSERT_TRUE(answer_of(submit("object", at(2))));
  calls->leave(2);
  std::jthread leaves{[&] { calls->retire(2, in_time()); }};
  EXPECT_TRUE(answer_of(submit("echo", at(2))));
  EXPECT_FALSE(facts(2).retired);
  end_session();
  leaves.join();
  EXPECT_TRUE(facts(2).retired);
}

TEST_F(DispatcherAnyRace, WhenThreadsWaitForItToBeIdleThenTheyAreTold) {
  attach(1);
  attach(2);
  auto held = submit("hold", at(1));
  std::jthread waits{[&] { EXPECT_TRUE(calls->wait_idle(in_time())); }};
  EXPECT_FALSE(calls->wait_idle(passed()));
  EXPECT_TRUE(host(1).finish({}));
}

} // namespace snakebridge::testing
