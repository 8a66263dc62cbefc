// Who goes in, and who waits.
#include "runtime/hosts/turnstile.hpp"

#include <future>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/eventually.hpp"

namespace snakebridge::testing {

using ::testing::ElementsAre;

class Turnstile : public ::testing::Test {
protected:
  using clock = turnstile::clock;

  ~Turnstile() override {
    for (auto& each : threads_)
      each.join();
  }

  /// A thread that waits in line, notes its number once inside, and leaves.
  void line_up(int number) {
    const auto before = waiting();
    threads_.emplace_back([this, number] {
      std::unique_lock lock{mutex};
      if (!turns.enter(lock, clock::now() + patience, [] { return false; }))
        return;
      inside.push_back(number);
      turns.leave();
    });
    ASSERT_TRUE(eventually([&] { return waiting() == before + 1; }));
  }
  std::size_t waiting() {
    const std::lock_guard lock{mutex};
    return turns.waiting();
  }
  std::vector<int> seen() {
    const std::lock_guard lock{mutex};
    return inside;
  }

  std::mutex mutex;
  turnstile turns;
  std::vector<int> inside;

private:
  std::vector<std::thread> threads_;
};

TEST_F(Turnstile, WhenItIsLeftThenThoseInLineGoInAsTheyCame) {
  {
    const std::lock_guard lock{mutex};
    ASSERT_TRUE(turns.try_enter());
    EXPECT_FALSE(turns.try_enter());
  }
  for (int i = 1; i <= 3; ++i)
    line_up(i);
  {
    const std::lock_guard lock{mutex};
    turns.leave();
  }
  EXPECT_TRUE(eventually([&] { return seen().size() == 3; }));
  EXPECT_THAT(seen(), ElementsAre(1, 2, 3));
}

// A thread that made call after call kept all others out.
TEST_F(Turnstile, GivenOneThatHasWaitedForLongThenNobodyPassesIt) {
  {
    const std::lock_guard lock{mutex};
    ASSERT_TRUE(turns.try_enter());
  }
  line_up(1);
  const std::chrono::microseconds long_enough{limits::passed_us_max};
  const auto until = clock::now() + long_enough;
  ASSERT_TRUE(eventually([&] { return clock::now() >= until; }));
  std::unique_lock lock{mutex};
  turns.leave();
  EXPECT_FALSE(turns.try_enter()) << "it has not come in yet, and must";
  ASSERT_TRUE(turns.enter(lock, clock::now() + patience, [] { return false; }));
  EXPECT_THAT(inside, ElementsAre(1)) << "before us";
  turns.leave();
}

TEST_F(Turnstile, WhenItsTimeIsOverThenItGoesAwayAndTheNextIsWoken) {
  std::unique_lock lock{mutex};
  ASSERT_TRUE(turns.try_enter());
  EXPECT_FALSE(turns.enter(lock, clock::now(), [] { return false; }));
  EXPECT_EQ(turns.waiting(), 0U);
  EXPECT_TRUE(turns.is_taken());
}

TEST_F(Turnstile, WhenOneInLineGivesUpThenTheOthersStillGoIn) {
  {
    const std::lock_guard lock{mutex};
    ASSERT_TRUE(turns.try_enter());
  }
  bool gives_up = false;
  auto first = std::async(std::launch::async, [&] {
    std::unique_lock lock{mutex};
    return turns.enter(lock, clock::now() + patience, [&] { return gives_up; });
  });
  ASSERT_TRUE(eventually([&] { return waiting() == 1; }));
  line_up(2);
  {
    const std::lock_guard lock{mutex};
    gives_up = true;
    turns.leave(); // its wake-up goes to the one that gives up
    turns.look();
  }
  EXPECT_FALSE(first.get());
  EXPECT_TRUE(eventually([&] { return seen().size() == 1; }));
}

} // namespace snakebridge::testing
