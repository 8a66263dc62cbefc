// Each refusal has a name, a code and a way out.
#include "runtime/node/refusal.hpp"

#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace snakebridge::testing {

TEST(Refusal, GivenEachOfThemThenItsErrorSaysWhichAndWhatToDo) {
  std::set<std::string> names;
  for (int at = 0; at <= static_cast<int>(last_refusal); ++at) {
    const auto why = static_cast<refusal>(at);
    const std::string name{to_string(why)};
    EXPECT_TRUE(names.insert(name).second) << name;
    const auto told = to_error(why, "node beta");
    EXPECT_THAT(told.message(), ::testing::StartsWith(name + ": node beta; "));
    EXPECT_GT(told.message().size(), name.size() + 20) << name;
  }
}

} // namespace snakebridge::testing
