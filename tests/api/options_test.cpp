// How calls are made: `with`, runtime_scope, pools and their precedence.
#include "tests/api/python_fixture.hpp"

namespace snakebridge::testing {

namespace {

sb::config two_pools() {
  auto wanted = one_pool(sb::placement::worker);
  wanted.pools.push_back({.name = "gpu", .size = 1});
  wanted.pools.back().env = {{"WHERE_AM_I", "gpu"}};
  return wanted;
}

} // namespace

class Options : public InAWorker {
protected:
  Options() : InAWorker{two_pools()} {}

  /// Which pool a call through `from` ran in.
  static std::string pool_of(const sb::caller& from) {
    return or_throw(from.call("os", "getenv", "WHERE_AM_I", "default"))
      .as<std::string>();
  }
};

TEST_F(Options, GivenNoPoolThenCallsRunInTheDefault) {
  EXPECT_EQ(pool_of(bridge), "default");
  EXPECT_EQ(bridge.pools(), (std::vector<std::string>{"default", "gpu"}));
}

TEST_F(Options, GivenAPoolThenCallsRunThere) {
  EXPECT_EQ(pool_of(bridge.with({.pool = "gpu"})), "gpu");
  EXPECT_EQ(pool_of(bridge.open_session().with({.pool = "gpu"})), "gpu");
  EXPECT_EQ(code_of(bridge.with({.pool = "tpu"}).eval("1")),
            sb::errc::pool_unknown);
}

// T14: what a call in a pool answers lives there, and is found there.
// ORIGINAL T14
TEST_F(Options, GivenAnObjectOfAPoolThenItsCallsRunThereUnasked) {
  const auto there = bridge.with({.pool = "gpu"});
  const auto object = or_throw(there.eval("[__import__('os').environ]"))[0];
  EXPECT_EQ(bridge.item(object, "WHERE_AM_I"), "gpu");
  EXPECT_EQ(bridge.with({.pool = "default"}).item(object, "WHERE_AM_I"), "gpu");
}

TEST_F(Options, WhenOneCallHasObjectsOfTwoPoolsThenItSaysSo) {
  const auto here = or_throw(bridge.call("builtins", "object"));
  const auto there =
    or_throw(bridge.with({.pool = "gpu"}).call("builtins", "object"));
  EXPECT_EQ(code_of(bridge.call("operator", "is_", here, there)),
            sb::errc::ref_foreign);
}

TEST_F(Options, GivenAScopeThenItHoldsUnlessTheCallSaysOtherwise) {
  {
    const sb::runtime_scope in{{.timeout = 10min, .pool = "gpu"}};
    EXPECT_EQ(pool_of(bridge), "gpu");
    EXPECT_EQ(pool_of(bridge.with({.pool = "default"})), "default");
    {
      const sb::runtime_scope inner{{.pool = "default"}};
      EXPECT_EQ(pool_of(bridge), "default");
    }
    EXPECT_EQ(pool_of(bridge), "gpu");
  }
  EXPECT_EQ(pool_of(bridge), "default");
}

TEST_F(Options, GivenScopesThenTheInnerTimeoutHolds) {
  const sb::runtime_scope outer{{.timeout = 1ms}};
  const sb::runtime_scope inner{{.timeout = 1min, .pool = "gpu"}};
  EXPECT_EQ(pool_of(bridge), "gpu");
}

TEST_F(Options, WhenWithIsChainedThenEachSaysItsPart) {
  const auto there = bridge.with({.pool = "gpu"})
                       .with({.timeout = 1min})
                       .with({.session = "mine"});
  EXPECT_EQ(pool_of(there), "gpu");
  EXPECT_EQ(there.current_session(), "mine");
  EXPECT_EQ(bridge.release_session("mine"), 0U);
}

TEST_F(Options, WhenASessionIsNamedThenTheThreadHasJoinedIt) {
  const auto object =
    or_throw(bridge.with({.session = "mine"}).call("builtins", "object"));
  EXPECT_EQ(object.as<sb::ref>().session, "mine");
  EXPECT_EQ(bridge.stats().sessions, 1U);
  EXPECT_EQ(bridge.release(object), true);
  EXPECT_EQ(bridge.release_session("mine"), 0U);
}

} // namespace snakebridge::testing
