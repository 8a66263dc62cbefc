// The loop's thread: what is posted runs there, in order, and none is kept.
#include "runtime/node/node_loop.hpp"

#include <csignal>
#include <future>
#include <latch>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <kj/async.h>

#include "config/tunables.hpp"
#include "tests/support/eventually.hpp"

namespace snakebridge::testing {

TEST(NodeLoop, WhenJobsArePostedThenTheyRunThereInOrder) {
  std::vector<int> ran;
  std::thread::id there;
  {
    node_loop loop{[&](node_loop&) { there = std::this_thread::get_id(); },
                   [&] { ran.push_back(-1); }};
    for (int i = 0; i < 1'000; ++i)
      loop.jobs()->post([&ran, &there, i] {
        EXPECT_EQ(std::this_thread::get_id(), there);
        ran.push_back(i);
      });
  }
  // All of them, though it ended at once; its own end is the last.
  ASSERT_EQ(ran.size(), 1'001U);
  for (int i = 0; i < 1'000; ++i)
    EXPECT_EQ(ran.at(static_cast<std::size_t>(i)), i);
  EXPECT_EQ(ran.back(), -1);
}

TEST(NodeLoop, WhenItHasEndedThenNothingCanBePosted) {
  std::shared_ptr<loop_jobs> jobs;
  {
    const node_loop loop{[](node_loop&) {}, [] {}};
    jobs = loop.jobs();
  }
  EXPECT_FALSE(jobs->post([] { FAIL(); }));
  EXPECT_FALSE(jobs->post_end([] { FAIL(); }));
}

TEST(NodeLoop, WhileItIsBusyThenJobsAreBoundedAndEndsAreNot) {
  std::promise<void> go_on;
  const node_loop loop{[](node_loop&) {}, [] {}};
  auto& jobs = *loop.jobs();
  std::promise<void> began;
  jobs.post([&, until = go_on.get_future().share()] {
    began.set_value();
    until.wait_for(patience);
  });
  ASSERT_EQ(began.get_future().wait_for(patience), std::future_status::ready);
  for (std::size_t i = 0; i < limits::loop_jobs_max; ++i)
    ASSERT_TRUE(jobs.post([] {}));
  EXPECT_FALSE(jobs.post([] {}));
  EXPECT_TRUE(jobs.post_end([] {}));
  go_on.set_value();
  EXPECT_TRUE(eventually([&] { return jobs.post([] {}); }));
}

// A close that came while it took jobs was once lost, and its end hung.
TEST(NodeLoop, WhenItEndsWhileItHasWorkThenItEndsEachTime) {
  for (int round = 0; round < 1'000; ++round) {
    const node_loop loop{[](node_loop&) {}, [] {}};
    loop.jobs()->post([] {});
  }
}

namespace {

kj::Promise<void> busy_for(int& turns) {
  if (--turns <= 0)
    return kj::READY_NOW;
  return kj::evalLater([&turns] { return busy_for(turns); });
}

} // namespace

// As one that reads from a connection that never runs dry.
TEST(NodeLoop, WhileOneOfItsEventsFollowsAnotherThenJobsHaveTheirTurn) {
  int turns = 100'000, left = 0;
  kj::Promise<void> busy = nullptr;
  {
    const node_loop loop{[&](node_loop& here) {
                           here.jobs()->post(
                             [&] { left = std::exchange(turns, 0); });
                           busy = busy_for(turns).eagerlyEvaluate(nullptr);
                         },
                         [&] { busy = nullptr; }};
  }
  EXPECT_GT(left, 0);
}

TEST(NodeLoop, WhenItsBeginFailsThenThereIsNone) {
  EXPECT_THROW(node_loop([](node_loop&) { throw std::runtime_error{"no"}; },
                         [] { FAIL(); }),
               std::runtime_error);
}

namespace {

auto handler_of_sigpipe() {
  struct sigaction now {};
  ::sigaction(SIGPIPE, nullptr, &now);
  return now.sa_handler;
}

} // namespace

TEST(NodeLoop, GivenOneThenSignalsStayAsTheProgramHasThem) {
  const auto before = handler_of_sigpipe();
  const node_loop loop{[](node_loop&) {}, [] {}};
  EXPECT_EQ(handler_of_sigpipe(), before);
}

TEST(NodeLoop, WhenManyBeginAtOnceThenSignalsStayAsTheProgramHasThem) {
  constexpr int rounds = 100, loops = 4;
  const auto before = handler_of_sigpipe();
  for (int round = 0; round < rounds; ++round) {
    std::latch all{loops};
    std::vector<std::jthread> threads;
    for (int n = 0; n < loops; ++n)
      threads.emplace_back([&] {
        all.arrive_and_wait();
        const node_loop loop{[](node_loop&) {}, [] {}};
      });
    threads.clear();
    ASSERT_EQ(handler_of_sigpipe(), before) << "round " << round;
  }
}

} // namespace snakebridge::testing
