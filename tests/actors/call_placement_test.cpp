// Where calls go that may run on any node: the rules one by one.
#include "actors/call_placement.hpp"

#include <gtest/gtest.h>

#include "config/tunables.hpp"

namespace snakebridge::testing {

using namespace std::chrono_literals;

namespace {

node_pool_stats pool_of(std::size_t ready, std::size_t calls,
                        const std::string& name = "gpu") {
  return {.name = name,
          .takes_calls = true,
          .interpreters = ready,
          .ready = ready,
          .running = calls};
}

node_row node_with(const std::string& name, const node_pool_stats& pool,
                   node_state state = node_state::up) {
  return {.node = {name, 1},
          .state = state,
          .pools = {pool.name},
          .stats = {.sessions = 0, .pools = {pool}},
          .listens = true};
}

std::string placed(call_placement& by,
                   const std::optional<node_pool_stats>& here = {},
                   const std::set<std::string>& but = {}) {
  return or_throw(by.place("gpu", "self", here, but));
}

} // namespace

TEST(CallPlacement, WhenTheyHaveEquallyManyCallsForEachInterpreterThenHere) {
  call_placement all;
  all.learn({node_with("a", pool_of(4, 4))});
  EXPECT_EQ(placed(all, pool_of(1, 1)), "self");
  EXPECT_EQ(placed(all, pool_of(1, 2)), "a");
}

TEST(CallPlacement, WhenOneIsPlacedThenItCountsUntilMoreIsKnown) {
  call_placement all;
  all.learn({node_with("a", pool_of(2, 0)), node_with("b", pool_of(1, 0))});
  EXPECT_EQ(placed(all), "a");
  EXPECT_EQ(placed(all), "b");
  EXPECT_EQ(placed(all), "a");
  EXPECT_EQ(placed(all), "a"); // one call for each interpreter of both
  all.learn({node_with("a", pool_of(2, 9)), node_with("b", pool_of(1, 0))});
  EXPECT_EQ(placed(all), "b");
}

TEST(CallPlacement, GivenNodesThatTakeNoCallsThenTheyGetNone) {
  call_placement all;
  auto deaf = node_with("deaf", pool_of(1, 0));
  deaf.listens = false;
  auto down = pool_of(1, 0);
  down.takes_calls = false;
  all.learn({deaf, node_with("down", down), node_with("dead", pool_of(0, 0)),
             node_with("silent", pool_of(1, 0), node_state::silent),
             node_with("leaves", pool_of(1, 0), node_state::draining),
             node_with("other", pool_of(1, 0, "default")),
             node_with("self", pool_of(1, 0)), node_with("b", pool_of(1, 9))});
  EXPECT_EQ(placed(all), "b");
  EXPECT_EQ(all.place("gpu", "self", {}, {"b"}).error().code(),
            errc::pool_down);
  EXPECT_EQ(all.place("tpu", "self", {}).error().code(), errc::pool_unknown);
}

TEST(CallPlacement, WhenNobodyTakesCallsThenTheOwnPoolSaysWhy) {
  call_placement all;
  EXPECT_EQ(placed(all, pool_of(0, 0)), "self");
}

TEST(CallPlacement, IsDueOnceInEachSecond) {
  call_placement all;
  const steady_clock::time_point start{1h};
  EXPECT_TRUE(all.is_due(start));
  EXPECT_FALSE(all.is_due(start + 999ms));
  EXPECT_TRUE(all.is_due(start + 1s));
  EXPECT_FALSE(all.is_due(start + 1s));
}

} // namespace snakebridge::testing
