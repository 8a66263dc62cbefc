// An exchange is answered exactly once, whoever races for it.
#include "testing/fake_host.hpp"
#include "tests/support/host_fixture.hpp"

#include <barrier>
#include <random>
#include <thread>

namespace snakebridge::testing {

namespace {

const auto some_session = std::make_shared<const session_gate>(1, "a");

std::shared_ptr<dispatcher> dispatcher_of_one() {
  auto made =
    std::make_shared<dispatcher>(dispatcher_settings{.waiting_max = 10'000},
                                 std::make_shared<thread_timers>());
  made->add(7);
  made->bring_back(7);
  return made;
}

} // namespace

TEST(ExchangeRace, GivenManyAnswersAtOnceThenOneWinsAndTheCompletionRunsOnce) {
  constexpr int threads_max = 8;
  for (int round = 0; round < 200; ++round) {
    std::atomic<int> completed{0};
    std::atomic<int> won{0};
    std::int64_t answered = -1;
    std::int64_t winner = -2;
    exchange contested{
      {}, some_session, in_time(), {}, [&](result<value> outcome) {
        ++completed;
        answered = value_of(outcome).as<std::int64_t>();
      }};
    std::barrier together{threads_max};
    std::vector<std::jthread> threads;
    for (int i = 0; i < threads_max; ++i)
      threads.emplace_back([&, i] {
        together.arrive_and_wait();
        if (contested.answer(value{i})) {
          ++won;
          winner = i;
        }
      });
    threads.clear();
    EXPECT_EQ(completed, 1);
    EXPECT_EQ(won, 1);
    EXPECT_EQ(answered, winner);
  }
}

TEST(ExchangeRace, WhenADeadlinePassesWhileItIsSubmittedThenItIsAnsweredOnce) {
  const auto calls = dispatcher_of_one();
  const auto host = std::make_shared<fake_host>(incarnation{"test", 7, 1});
  calls->next_epoch(7);
  calls->attach(7, host);
  host->start(
    {.on_ready = [] {},
     .on_room = [&] { calls->pump(7); },
     .on_end =
       [&](host_end end) { calls->detach(7, host.get(), 1, std::move(end)); }});
  test_session session{calls, "a"};
  constexpr int calls_max = 2'000;
  std::atomic<int> answered{0};
  for (int i = 0; i < calls_max; ++i)
    // About now: some expire before they are put in, some while they run.
    session.submit(asking(verb::call, "fake", "echo"),
                   steady_clock::now() + std::chrono::microseconds{i % 20},
                   [&](const result<value>&) { ++answered; });
  EXPECT_TRUE(eventually([&] { return answered == calls_max; }));
  session.close();
  host->stop();
  EXPECT_EQ(answered, calls_max);
}

TEST(ExchangeRace, WhenAnswersExpiriesAndDeathsRaceThenNoCallIsLost) {
  const auto calls = dispatcher_of_one();
  std::atomic<bool> over{false};
  std::atomic<int> answered{0};
  std::atomic<int> twice{0};
  std::jthread dying{[&] {
    while (!over) {
      const auto epoch = calls->next_epoch(7);
      const auto host = std::make_shared<fake_host>(
        incarnation{"test", 7, epoch}, fake_manners{.answers_at_once = false});
      host->start({.on_ready = [&] { calls->attach(7, host); },
                   .on_room = [&] { calls->pump(7); },
                   .on_end =
                     [&](host_end end) {
                       calls->detach(7, host.get(), epoch, std::move(end));
                     }});
      for (int i = 0; i < 50; ++i)
        host->finish(i);
      host->die("again");
    }
    calls->close({errc::shutting_down, "over"});
  }};
  constexpr int threads_max = 4;
  constexpr int calls_each = 500;
  std::vector<std::jthread> callers;
  for (int i = 0; i < threads_max; ++i)
    callers.emplace_back([&, i] {
      std::mt19937 random{static_cast<unsigned>(i)};
      test_session session{calls, std::to_string(i)};
      for (int n = 0; n < calls_each; ++n) {
        const auto deadline =
          steady_clock::now() + std::chrono::microseconds{random() % 500};
        if (n % 2 == 0) {
          static_cast<void>(
            session.run(asking(verb::call, "fake", "echo"), deadline));
          ++answered;
          continue;
        }
        const auto times = std::make_shared<std::atomic<int>>(0);
        session.submit(asking(verb::call, "fake", "echo"), deadline,
                       [&, times](const result<value>&) {
                         if (++*times > 1)
                           ++twice;
                         else
                           ++answered;
                       });
      }
    });
  EXPECT_TRUE(eventually([&] { return answered == threads_max * calls_each; }));
  callers.clear();
  over = true;
  dying.join();
  EXPECT_EQ(twice, 0);
  EXPECT_TRUE(calls->wait_idle(passed()));
}

} // namespace snakebridge::testing
