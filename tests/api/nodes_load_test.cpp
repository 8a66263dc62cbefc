// How the nodes of a cluster are, seen from any of them; and calls that run on
// the one that has least to do.
#include "tests/api/gate.hpp"
#include "tests/api/node_of.hpp"

#include <thread>

#include <unistd.h>

namespace snakebridge::testing {

using ::testing::HasSubstr;

namespace {

std::unique_ptr<sb::bridge> start(const sb::config& wanted) {
  auto made = std::make_unique<sb::bridge>(wanted);
  EXPECT_TRUE(eventually([&] { return made->nodes().has_value(); }));
  return made;
}

// A directory, whose pool is one interpreter.
class NodesLoad : public ::testing::Test {
protected:
  std::unique_ptr<sb::bridge> join_with_gpu(const std::string& name) {
    auto wanted = node_of(name, owner->node_address());
    wanted.pools.push_back({.name = "gpu", .size = 1});
    return start(wanted);
  }
  /// Of that node, as any of them sees it.
  static sb::node_stats stats_of(const sb::bridge& seen_by,
                                 const std::string& name) {
    for (const auto& each : or_throw(seen_by.nodes()))
      if (each.name == name)
        return each.stats;
    return {};
  }
  static bool is_known_to_offer(const sb::bridge& by, const std::string& name) {
    return eventually([&] {
      const auto now = stats_of(by, name);
      return now.pools.size() == 2 && now.pools[1].ready == 1;
    });
  }
  static int process_of(const sb::bridge& of, std::size_t pool) {
    return of.stats().pools.at(pool).interpreters.at(0).pid;
  }

  std::unique_ptr<sb::bridge> owner = start(node_of("owner"));
};

} // namespace

TEST_F(NodesLoad, WhenANodeWorksThenEveryNodeSeesItsStats) {
  const auto other = join_with_gpu("other");
  auto wanted = node_of("third", owner->node_address());
  wanted.node.listen.clear();
  const auto third = start(wanted);
  const auto path = other->with({.pool = "gpu"}).call("pathlib", "Path", "/");
  ASSERT_TRUE(path) << path;
  EXPECT_EQ(code_of(other->call("os", "_exit", 1)), sb::errc::interpreter_died);
  ASSERT_TRUE(is_ready(*other));
  for (const auto* each : {owner.get(), other.get(), third.get()}) {
    EXPECT_TRUE(eventually([&] {
      const auto seen = stats_of(*each, "other");
      return seen.pools.size() == 2 && seen.pools[0].restarts == 1
             && seen.pools[1].live_objects == 1;
    }));
    const auto seen = stats_of(*each, "other");
    EXPECT_EQ(seen.sessions, 1U);
    EXPECT_EQ(seen.pools[0].name, "default");
    EXPECT_EQ(seen.pools[0].deaths, 1U);
    EXPECT_TRUE(seen.pools[0].takes_calls);
    EXPECT_EQ(seen.pools[1].name, "gpu");
    EXPECT_EQ(seen.pools[1].interpreters, 1U);
    EXPECT_EQ(seen.pools[1].ready, 1U);
    EXPECT_GE(seen.pools[1].calls, 1U);
    EXPECT_EQ(seen.live_objects(), 1U);
  }
  gate held;
  auto waits = other->async().eval(held.wait_here());
  ASSERT_TRUE(held.has_a_caller());
  EXPECT_TRUE(eventually(
    [&] { return stats_of(*third, "other").pools[0].running == 1; }));
  held.open();
  EXPECT_TRUE(waits.get());
  ASSERT_TRUE(other->drain("gpu", 10s));
  EXPECT_TRUE(eventually(
    [&] { return !stats_of(*third, "other").pools[1].takes_calls; }));
  // Its own it knows at once.
  EXPECT_EQ(stats_of(*third, "third").sessions, third->stats().sessions);
}

TEST_F(NodesLoad, WhenACallNamesAPoolThatAnotherNodeHasThenItRunsThere) {
  const auto other = join_with_gpu("other");
  ASSERT_TRUE(is_known_to_offer(*owner, "other"));
  const auto gpu = owner->with({.pool = "gpu", .affinity = sb::affinity::hint});
  EXPECT_EQ(gpu.call("os", "getpid"), sb::value{process_of(*other, 1)});
  EXPECT_EQ(gpu.async().call("os", "getpid").get(),
            sb::value{process_of(*other, 1)});
  // What has no pool there, and what names no pool, stays.
  EXPECT_EQ(owner->call("os", "getpid"), sb::value{process_of(*owner, 0)});
  EXPECT_EQ(code_of(gpu.with({.pool = "tpu"}).call("os", "getpid")),
            sb::errc::pool_unknown);
  // Code has the namespace of the thread's own session.
  EXPECT_EQ(code_of(gpu.exec("x = 1")), sb::errc::pool_unknown);
  EXPECT_EQ(code_of(owner->with({.pool = "gpu"}).call("os", "getpid")),
            sb::errc::pool_unknown);
  // Nor does a call of a session that was opened leave it.
  const auto session = owner->open_session({.id = "mine"});
  EXPECT_EQ(
    code_of(session.with({.pool = "gpu", .affinity = sb::affinity::hint})
              .call("os", "getpid")),
    sb::errc::pool_unknown);
  EXPECT_THAT(owner->current_session(), ::testing::Not(HasSubstr("@")));
}

TEST_F(NodesLoad, WhenItMakesAnObjectThenThatEndsWithTheThreadsOwn) {
  const auto other = join_with_gpu("other");
  ASSERT_TRUE(is_known_to_offer(*owner, "other"));
  const auto gpu = owner->with({.pool = "gpu", .affinity = sb::affinity::hint});
  const auto path = gpu.call("pathlib", "PurePosixPath", "/tmp/a");
  ASSERT_TRUE(path) << path;
  EXPECT_EQ(path->as<sb::ref>().node, "other");
  EXPECT_EQ(owner->attr(*path, "name"), sb::value{"a"});
  ASSERT_TRUE(owner->call("pathlib", "Path", "x"));
  EXPECT_EQ(other->stats().live_objects(), 1U);
  EXPECT_EQ(owner->release_auto_session(), 2U);
  EXPECT_TRUE(is_empty(*other));
  EXPECT_FALSE(owner->attr(*path, "name"));
  std::thread{[&] {
    ASSERT_TRUE(gpu.call("pathlib", "Path", "x"));
    EXPECT_EQ(other->stats().live_objects(), 1U);
  }}.join();
  EXPECT_TRUE(is_empty(*other));
}

TEST_F(NodesLoad, WhenItsNodeIsGoneThenAnotherHasTheCall) {
  auto first = join_with_gpu("first");
  const auto second = join_with_gpu("second");
  ASSERT_TRUE(is_known_to_offer(*owner, "first"));
  ASSERT_TRUE(is_known_to_offer(*owner, "second"));
  const auto gpu = owner->with({.pool = "gpu", .affinity = sb::affinity::hint});
  EXPECT_EQ(gpu.call("os", "getpid"), sb::value{process_of(*first, 1)});
  EXPECT_EQ(gpu.call("os", "getpid"), sb::value{process_of(*second, 1)});
  EXPECT_EQ(code_of(gpu.call("m", "f")), sb::errc::python_raised);
  first.reset();
  for (int i = 0; i < 4; ++i)
    EXPECT_EQ(gpu.call("os", "getpid"), sb::value{process_of(*second, 1)});
}

TEST_F(NodesLoad, WhenItsNodeEndsInItThenItMayHaveRun) {
  auto other = join_with_gpu("other");
  ASSERT_TRUE(is_known_to_offer(*owner, "other"));
  gate held;
  const auto gpu = owner->with({.pool = "gpu", .affinity = sb::affinity::hint});
  auto waits = gpu.async().call("builtins", "eval", held.wait_here());
  ASSERT_TRUE(held.has_a_caller());
  std::thread ending{[&] { other.reset(); }};
  const auto why = error_of(waits.get());
  ending.join();
  EXPECT_TRUE(why.may_have_run()) << why;
  EXPECT_TRUE(eventually([&] {
    return code_of(gpu.call("os", "getpid")) == sb::errc::pool_unknown;
  }));
}

TEST_F(NodesLoad, GivenCallsAreSpreadThenTheyGoWhereThereIsLeastToDo) {
  auto wanted = node_of("other", owner->node_address());
  wanted.cluster.spread_calls = true;
  wanted.pools[0].affinity = sb::affinity::hint;
  const auto other = start(wanted);
  ASSERT_TRUE(
    eventually([&] { return stats_of(*other, "owner").pools.size() == 1; }));
  EXPECT_EQ(other->call("os", "getpid"), sb::value{process_of(*other, 0)});
  gate held;
  auto waits = other->async().eval(held.wait_here());
  ASSERT_TRUE(held.has_a_caller());
  EXPECT_EQ(other->call("os", "getpid"), sb::value{process_of(*owner, 0)});
  held.open();
  EXPECT_TRUE(waits.get());
  // And not from a node that does not.
  EXPECT_EQ(owner->call("os", "getpid"), sb::value{process_of(*owner, 0)});
}

} // namespace snakebridge::testing
