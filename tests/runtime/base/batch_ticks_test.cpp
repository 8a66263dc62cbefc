// Batches that are looked at while they are filled.
#include "runtime/base/batch_ticks.hpp"

#include <atomic>

#include <gtest/gtest.h>

#include "tests/support/eventually.hpp"

namespace snakebridge::testing {

namespace {

class counted final : public batch_ticks::batch {
public:
  explicit counted(steady_clock::duration again = std::chrono::milliseconds{1})
      : again_{again} {}
  steady_clock::time_point look(steady_clock::time_point now) override {
    ++looks;
    return now + again_;
  }
  std::atomic<int> looks = 0;

private:
  const steady_clock::duration again_;
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

// It took a core of its own, for as long as the reader of a stream was slow.
TEST(BatchTicks, WhenTheLastBatchWasDueAtOnceThenTheyRestUntilTheNext) {
  std::atomic<int> finished = 0;
  batch_ticks ticks{[&] { ++finished; }};
  counted hasty{steady_clock::duration{1}};
  {
    const batch_ticks::scope filling{ticks, hasty};
    EXPECT_TRUE(eventually([&] { return hasty.looks > 3; }));
  }
  const auto before = finished.load();
  const auto began = steady_clock::now();
  const std::chrono::milliseconds looked_on{20};
  EXPECT_TRUE(
    eventually([&] { return steady_clock::now() >= began + looked_on; }));
  const auto ticked = finished - before;
  const auto took = steady_clock::now() - began;
  EXPECT_LE(std::chrono::milliseconds{ticked - 2}, took);
}

} // namespace snakebridge::testing
