// Batches that are looked at while they are filled.
#include "runtime/base/batch_ticks.hpp"

#include <atomic>

#include <gtest/gtest.h>

#include "tests/support/eventually.hpp"

namespace snakebridge::testing {

namespace {

class counted final : public batch_ticks::batch {
public:
  steady_clock::time_point look(steady_clock::time_point now) override {
    ++looks;
    return now + std::chrono::milliseconds{1};
  }
  std::atomic<int> looks = 0;
};

} // namespace

TEST(BatchTicks, WhileABatchIsFilledThenItIsLookedAt) {
  std::atomic<int> finished = 0;
  batch_ticks ticks{[&] { ++finished; }};
  counted one, other;
  {
    const batch_ticks::scope filling{ticks, one};
    EXPECT_TRUE(filling.is_looked_at());
    const batch_ticks::scope filling_too{ticks, other};
    EXPECT_TRUE(eventually([&] { return one.looks > 3 && other.looks > 3; }));
  }
  const int seen = one.looks;
  EXPECT_GT(finished, 0);
  // Again, after the end of the first time.
  {
    const batch_ticks::scope filling{ticks, other};
    const int before = other.looks;
    EXPECT_TRUE(eventually([&] { return other.looks > before; }));
  }
  EXPECT_EQ(one.looks, seen);
}

} // namespace snakebridge::testing
