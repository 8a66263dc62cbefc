// What runs beside the end of a process (tests/api/situations has whole
// programs): on Debian 13 a loop would use what KJ has destroyed.
#include "runtime/node/process_loops.hpp"

#include <cstdio>
#include <cstdlib>
#include <memory>

#include <gtest/gtest.h>
#include <kj/async.h>

#include "runtime/node/node_loop.hpp"

namespace snakebridge::testing {

namespace {

/// As a program has a static bridge whose node it starts later.
struct kept_loop {
  ~kept_loop() {
    std::fputs(", destroyed", stderr);
    loop.reset();
  }
  std::unique_ptr<node_loop> loop = {};
};

} // namespace

TEST(ProcessLoopsDeathTest, WhenTheProcessEndsThenALoopHasEndedBefore) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto end_beside_it = [] {
    static kept_loop kept;
    kept.loop = std::make_unique<node_loop>(
      [](node_loop&) {}, [] { std::fputs("ended", stderr); });
    std::exit(0);
  };
  EXPECT_EXIT(end_beside_it(), ::testing::ExitedWithCode(0),
              "ended, destroyed");
}

TEST(ProcessLoopsDeathTest, WhenTheThreadOfALoopEndsTheProcessThenNobodyWaits) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto end_there = [] {
    const node_loop loop{[](node_loop&) { std::exit(3); }, [] {}};
  };
  EXPECT_EXIT(end_there(), ::testing::ExitedWithCode(3), "");
}

} // namespace snakebridge::testing
