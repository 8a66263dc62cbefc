// A promise between parts of this program that is broken ends it, and says so.
#include "runtime/base/ensure.hpp"

#include <gtest/gtest.h>

namespace snakebridge::testing {

TEST(EnsureDeathTest, WhenItDoesNotHoldThenTheProcessEndsAndSaysWhich) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(ensure(1 > 2, "one is more than two"),
               "ensure_test.cpp:[0-9]+: it does not hold that one is more "
               "than two");
}

} // namespace snakebridge::testing
