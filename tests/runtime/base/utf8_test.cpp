#include "runtime/base/utf8.hpp"

#include <gtest/gtest.h>

namespace snakebridge::testing {

TEST(Utf8, WhenATextIsCutThenNoCharacterIs) {
  EXPECT_EQ(utf8::cut("abc", 3), "abc");
  EXPECT_EQ(utf8::cut("abc", 2), "ab");
  EXPECT_EQ(utf8::cut("a€b", 4), "a€");
  EXPECT_EQ(utf8::cut("a€b", 3), "a");
  EXPECT_EQ(utf8::cut("€", 2), "");
  EXPECT_EQ(utf8::cut("€", 0), "");
}

} // namespace snakebridge::testing
