// Work that needs more stack than a thread of the program has.
#include "runtime/base/roomy_stack.hpp"

#include <stdexcept>
#include <thread>

#include <gtest/gtest.h>

namespace snakebridge::testing {

TEST(RoomyStack, GivenRoomThenTheWorkIsDoneHere) {
  const auto here = std::this_thread::get_id();
  EXPECT_EQ(with_stack(1, [] { return std::this_thread::get_id(); }), here);
}

TEST(RoomyStack, GivenLessThanItNeedsThenTheWorkIsDoneElsewhere) {
  constexpr auto more_than_any_has = ~std::size_t{0};
  EXPECT_FALSE(has_stack(more_than_any_has));
  const auto here = std::this_thread::get_id();
  EXPECT_NE(
    with_stack(more_than_any_has, [] { return std::this_thread::get_id(); }),
    here);
  int done = 0;
  with_stack(more_than_any_has, [&] { ++done; });
  EXPECT_EQ(done, 1);
}

TEST(RoomyStack, WhenTheWorkThrowsThenWhoAskedForItHearsOfThat) {
  EXPECT_THROW(run_on_roomy_stack([] { throw std::runtime_error{"no"}; }),
               std::runtime_error);
}

} // namespace snakebridge::testing
