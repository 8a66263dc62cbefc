// Functions at points in time, on one thread.
#include "runtime/base/timers.hpp"

#include <future>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/eventually.hpp"
#include "tests/support/trace.hpp"

namespace snakebridge::testing {

namespace {

const steady_clock::time_point long_ago{};
const auto never = steady_clock::time_point::max();

} // namespace

TEST(Timers, WhenItIsDueThenItRunsOnce) {
  thread_timers set;
  std::promise<void> ran;
  set.at(long_ago, [&] { ran.set_value(); });
  EXPECT_EQ(ran.get_future().wait_for(patience), std::future_status::ready);
}

TEST(Timers, GivenSeveralThenTheEarliestRunsFirst) {
  trace happened;
  thread_timers set;
  std::promise<void> all_set;
  std::promise<void> all_ran;
  // Holds the thread until all are set.
  set.at(long_ago, [&] { all_set.get_future().wait(); });
  set.at(long_ago + std::chrono::seconds{3}, [&] { all_ran.set_value(); });
  set.at(long_ago + std::chrono::seconds{2}, [&] { happened.add("second"); });
  set.at(long_ago + std::chrono::seconds{1}, [&] { happened.add("first"); });
  all_set.set_value();
  ASSERT_EQ(all_ran.get_future().wait_for(patience), std::future_status::ready);
  EXPECT_EQ(happened.take(), (events{"first", "second"}));
}

TEST(Timers, WhenManyThreadsSetSomeThenThoseRunInTheOrderOfTheirTimes) {
  trace happened;
  thread_timers set;
  std::promise<void> all_set, all_ran;
  set.at(long_ago, [&] { all_set.get_future().wait(); });
  constexpr int threads = 20;
  events expected;
  {
    std::vector<std::jthread> setting;
    for (int i = 0; i < threads; ++i) {
      expected.push_back(std::to_string(i));
      setting.emplace_back([&, i] {
        set.at(long_ago + std::chrono::seconds{1 + i},
               [&, i] { happened.add(std::to_string(i)); });
      });
    }
  }
  set.at(long_ago + std::chrono::seconds{1 + threads},
         [&] { all_ran.set_value(); });
  all_set.set_value();
  ASSERT_EQ(all_ran.get_future().wait_for(patience), std::future_status::ready);
  EXPECT_EQ(happened.take(), expected);
}

// The thread sleeps until the later one then.
TEST(Timers, WhenAnotherThreadSetsAnEarlierOneThenItIsNotLate) {
  thread_timers set;
  std::promise<void> begun, ran;
  set.at(steady_clock::now() + std::chrono::hours{1}, [] {});
  set.at(long_ago, [&] { begun.set_value(); });
  ASSERT_EQ(begun.get_future().wait_for(patience), std::future_status::ready);
  std::jthread{[&] {
    set.at(steady_clock::now() + std::chrono::milliseconds{1},
           [&] { ran.set_value(); });
  }}.join();
  EXPECT_EQ(ran.get_future().wait_for(patience), std::future_status::ready);
}

TEST(Timers, WhenItIsCancelledThenItNeverRunsAndLetsGoOfWhatItHeld) {
  const auto held = std::make_shared<int>();
  thread_timers set;
  const auto token = set.at(never, [held] { FAIL() << "it was cancelled"; });
  EXPECT_EQ(held.use_count(), 2);
  set.cancel(token);
  set.cancel(token);
  EXPECT_EQ(held.use_count(), 1);
}

TEST(Timers, WhenTheyEndThenWhatIsDueLaterNeverRuns) {
  const auto held = std::make_shared<int>();
  {
    thread_timers set;
    set.at(never, [held] { FAIL() << "it was not due"; });
  }
  EXPECT_EQ(held.use_count(), 1);
}

// A call that outlives its bridge does this; the thread joined itself.
TEST(Timers, WhenWhatTheyRunOwnsThemLastThenTheyEndOnTheirOwnThread) {
  auto set = std::make_shared<thread_timers>();
  std::promise<void> alone;
  std::promise<void> ended;
  set->at(long_ago, [&, last = set]() mutable {
    alone.get_future().wait();
    last.reset();
    ended.set_value();
  });
  set.reset();
  alone.set_value();
  EXPECT_EQ(ended.get_future().wait_for(patience), std::future_status::ready);
}

} // namespace snakebridge::testing
