// A call is answered exactly once, whoever races for it.
#include "testing/fake_host.hpp"
#include "tests/support/host_fixture.hpp"

#include <barrier>
#include <random>
#include <thread>

namespace snakebridge::testing {

namespace {

const auto some_session = std::make_shared<const session_gate>(1, "a");

} // namespace

TEST(CallRace, GivenManyAnswersAtOnceThenOneWinsAndTheCompletionRunsOnce) {
  constexpr int threads_max = 8;
  for (int round = 0; round < 200; ++round) {
    std::atomic<int> completed{0};
    std::atomic<int> won{0};
    std::int64_t answered = -1;
    std::int64_t winner = -2;
    call contested{{}, some_session, in_time(), [&](result<value> outcome) {
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

TEST(CallRace, WhenADeadlinePassesWhileItIsSubmittedThenItIsAnsweredOnce) {
  const auto deadlines = std::make_shared<thread_timers>();
  const auto queue = std::make_shared<call_queue>(7, 10'000, deadlines);
  const auto host = std::make_shared<fake_host>(incarnation{"test", 7, 1});
  queue->next_epoch();
  queue->attach(host);
  host->start(
    {.on_ready = [] {},
     .on_room = [&] { queue->pump(); },
     .on_end =
       [&](host_end end) { queue->detach(host.get(), 1, std::move(end)); }});
  test_session session{queue, "a"};
  constexpr int calls = 2'000;
  std::atomic<int> answered{0};
  for (int i = 0; i < calls; ++i)
    // About now: some expire before they are put in, some while they run.
    session.submit(asking(verb::call, "fake", "echo"),
                   steady_clock::now() + std::chrono::microseconds{i % 20},
                   [&](const result<value>&) { ++answered; });
  EXPECT_TRUE(eventually([&] { return answered == calls; }));
  session.close();
  host->stop();
  EXPECT_EQ(answered, calls);
}

TEST(CallRace, WhenAnswersExpiriesAndDeathsRaceThenNoCallIsLost) {
  const auto deadlines = std::make_shared<thread_timers>();
  const auto queue = std::make_shared<call_queue>(7, 10'000, deadlines);
  std::atomic<bool> over{false};
  std::atomic<int> answered{0};
  std::atomic<int> twice{0};
  std::jthread dying{[&] {
    while (!over) {
      const auto epoch = queue->next_epoch();
      const auto host = std::make_shared<fake_host>(
        incarnation{"test", 7, epoch}, fake_manners{.answers_at_once = false});
      host->start({.on_ready = [&] { queue->attach(host); },
                   .on_room = [&] { queue->pump(); },
                   .on_end =
                     [&](host_end end) {
                       queue->detach(host.get(), epoch, std::move(end));
                     }});
      for (int i = 0; i < 50; ++i)
        host->finish(i);
      host->die("again");
    }
    queue->close({errc::shutting_down, "over"});
  }};
  constexpr int threads_max = 4;
  constexpr int calls_each = 500;
  std::vector<std::jthread> callers;
  for (int i = 0; i < threads_max; ++i)
    callers.emplace_back([&, i] {
      std::mt19937 random{static_cast<unsigned>(i)};
      test_session session{queue, std::to_string(i)};
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
  EXPECT_EQ(queue->load(), 0u);
}

} // namespace snakebridge::testing
