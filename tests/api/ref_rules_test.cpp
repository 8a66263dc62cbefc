// What a session may hold: the registry rules of the original, per session and
// enforced. T25, and what was wrong with it (K15).
#include "tests/api/python_fixture.hpp"
#include "tests/support/logged.hpp"

namespace snakebridge::testing {

using ::testing::HasSubstr;

class RefRules : public EachPlacement {
protected:
  static sb::ref object(const sb::caller& from) {
    return or_throw(from.eval("type('Thing', (dict,), "
                              "{'__call__': lambda self, key: key})(x=1)"))
      .as<sb::ref>();
  }
  bool expires(std::uint64_t count) {
    return eventually([&] { return first_of(bridge).expired == count; });
  }
};
SNAKEBRIDGE_IN_BOTH_PLACEMENTS(RefRules);

// T25
// ORIGINAL T25
TEST_P(RefRules, WhenASessionHoldsTooManyThenTheOldestIsPrunedAndSaysSo) {
  const auto session = bridge.open_session({.max_refs = 2});
  const auto first = object(session), second = object(session),
             third = object(session);
  EXPECT_TRUE(session.len(second));
  EXPECT_TRUE(session.len(third));
  const auto gone = error_of(session.len(first));
  EXPECT_EQ(gone.code(), sb::errc::ref_released);
  EXPECT_THAT(gone.message(),
              HasSubstr("pruned: session holds more than max_refs = 2"));
  EXPECT_EQ(session.release(first), false);
  EXPECT_EQ(first_of(bridge).live_objects, 2U);
  EXPECT_EQ(first_of(bridge).pruned, 1U);
}

TEST_P(RefRules, WhateverIsDoneWithAnObjectIsAUseOfIt) {
  const auto session = bridge.open_session({.max_refs = 2});
  const auto expect_kept = [&](const char* by, auto use) {
    const auto used = object(session), unused = object(session);
    ASSERT_TRUE(use(used)) << by;
    const auto another = object(session);
    EXPECT_TRUE(session.len(used)) << by;
    EXPECT_EQ(code_of(session.len(unused)), sb::errc::ref_released) << by;
    EXPECT_TRUE(session.release(used));
    EXPECT_TRUE(session.release(another));
  };
  const auto s = session;
  expect_kept("method", [s](auto it) { return s.method(it, "get", "x"); });
  expect_kept("attr", [s](auto it) { return s.attr(it, "__module__"); });
  expect_kept("set_attr", [s](auto it) { return s.set_attr(it, "y", 1); });
  expect_kept("item", [s](auto it) { return s.item(it, "x"); });
  expect_kept("set_item", [s](auto it) { return s.set_item(it, "x", 2); });
  expect_kept("len", [s](auto it) { return s.len(it); });
  expect_kept("repr", [s](auto it) { return s.repr(it); });
  expect_kept("str", [s](auto it) { return s.str(it); });
  expect_kept("argument",
              [s](auto it) { return s.call("builtins", "len", it); });
  expect_kept("named argument", [s](auto it) {
    return s.call("builtins", "min", 1, 2, "key"_a = it);
  });
  expect_kept("argument's item", [s](auto it) {
    return s.call("builtins", "len", sb::list{sb::tuple{it}});
  });
  expect_kept("variable", [s](auto it) {
    return s.eval("len(it)", {{"it", it}});
  });
}

// ORIGINAL P31
TEST_P(RefRules, GivenRefusalThenAFullSessionAnswersItsQuota) {
  const auto session = bridge.open_session(
    {.id = "strict", .max_refs = 2, .on_full = sb::on_full::refuse});
  const auto first = object(session), second = object(session);
  const auto full = error_of(session.eval("[object(), object()]"));
  EXPECT_EQ(full.code(), sb::errc::quota_exceeded);
  EXPECT_EQ(full.message(),
            "session 'strict' would hold 4 refs, more than its max_refs = 2; "
            "release some, or open it with more");
  EXPECT_EQ(first_of(bridge).live_objects, 2U);
  EXPECT_TRUE(session.len(first));
  EXPECT_EQ(session.eval("1"), 1) << "what makes no ref goes on";
  EXPECT_EQ(session.release(second), true);
  EXPECT_TRUE(session.eval("object()"));
}

TEST_P(RefRules, GivenAFullSessionThenAnExceptionIsToldWithoutItsObject) {
  const auto session =
    bridge.open_session({.max_refs = 1, .on_full = sb::on_full::refuse});
  object(session);
  const auto raised =
    error_of(session.with({.keep_exception = true}).eval("1 / 0"));
  ASSERT_NE(raised.python(), nullptr) << raised;
  EXPECT_EQ(raised.python()->type, "ZeroDivisionError");
  EXPECT_EQ(raised.python()->object, std::nullopt);
}

TEST_P(RefRules, WhenOneResultHoldsTooManyThenItIsRefusedAndNothingPruned) {
  const auto session = bridge.open_session({.max_refs = 2});
  const auto kept = object(session);
  const auto refused = error_of(session.eval("[object() for i in range(3)]"));
  EXPECT_EQ(refused.code(), sb::errc::quota_exceeded);
  EXPECT_THAT(refused.message(), HasSubstr("3 refs in one result"));
  EXPECT_TRUE(session.len(kept));
}

TEST_P(RefRules, GivenSessionsThenEachHasItsOwnRules) {
  const auto narrow = bridge.open_session({.max_refs = 1});
  const auto wide = bridge.open_session();
  for (int i = 0; i < 5; ++i) {
    object(narrow);
    object(wide);
  }
  EXPECT_EQ(first_of(bridge).live_objects, 6U);
}

// ORIGINAL T25
TEST_P(RefRules, WhenAnObjectIsNotUsedThenItExpiresWithoutAnyCall) {
  const auto session = bridge.open_session({.ttl = 20ms});
  const auto unused = object(session);
  EXPECT_TRUE(expires(1));
  EXPECT_EQ(first_of(bridge).live_objects, 0U);
  const auto gone = error_of(session.len(unused));
  EXPECT_EQ(gone.code(), sb::errc::ref_released);
  EXPECT_THAT(gone.message(), HasSubstr("expired: not used for 0.02 s"));
  object(session);
  EXPECT_TRUE(expires(2)) << "and again";
}

TEST_P(RefRules, GivenNoTtlThenNothingExpires) {
  const auto stays = path();
  const auto session = bridge.open_session({.ttl = 1ms});
  object(session);
  EXPECT_TRUE(expires(1));
  EXPECT_EQ(bridge.method(stays, "exists"), true);
}

TEST_P(RefRules, GivenOptionsOutOfBoundsThenNoSessionIsOpened) {
  const auto refusal = [&](sb::session_options options) {
    try {
      bridge.open_session(std::move(options));
    } catch (const sb::exception& refused) {
      EXPECT_EQ(refused.error().code(), sb::errc::config_invalid);
      return refused.error().message();
    }
    return std::string{"opened"};
  };
  EXPECT_EQ(refusal({.id = "a", .max_refs = 0}),
            "session 'a': max_refs = 0: must be 1 to 100000000");
  EXPECT_EQ(refusal({.id = "a", .ttl = -1ms}),
            "session 'a': ttl = -1 ms: must be 0 to 31536000000");
  EXPECT_EQ(refusal({.id = "a", .ttl = 1h, .max_refs = 50'000}), "opened");
}

TEST_P(RefRules, WhenASessionIsJoinedThenItKeepsTheRulesItWasOpenedWith) {
  const auto opened = bridge.open_session({.id = "a", .max_refs = 1});
  const auto joined = bridge.open_session({.id = "a", .max_refs = 9});
  object(joined);
  object(joined);
  EXPECT_EQ(first_of(bridge).live_objects, 1U);
}

// What the configuration says of all sessions.
class ConfiguredRefRules : public ::testing::TestWithParam<sb::placement> {
protected:
  static sb::config with(sb::ref_rules refs) {
    auto wanted = one_pool(GetParam());
    wanted.refs = refs;
    return wanted;
  }
};
SNAKEBRIDGE_IN_BOTH_PLACEMENTS(ConfiguredRefRules);

TEST_P(ConfiguredRefRules, GivenABoundThenItHoldsForEverySession) {
  const sb::bridge bridge{with({.max = 3})};
  for (int i = 0; i < 5; ++i)
    ASSERT_TRUE(bridge.eval("object()"));
  EXPECT_EQ(first_of(bridge).live_objects, 3U);
}

TEST_P(ConfiguredRefRules, GivenNoBoundThenItIsTenThousand) {
  const sb::bridge bridge{with({})};
  ASSERT_TRUE(bridge.eval("[object() for i in range(10_000)]"));
  ASSERT_TRUE(bridge.eval("object()"));
  EXPECT_EQ(first_of(bridge).live_objects, 10'000U);
  EXPECT_EQ(first_of(bridge).pruned, 1U);
}

TEST_P(ConfiguredRefRules, GivenATtlThenObjectsExpire) {
  const sb::bridge bridge{with({.ttl = 1ms})};
  ASSERT_TRUE(bridge.eval("object()"));
  EXPECT_TRUE(eventually([&] { return first_of(bridge).expired == 1; }));
}

TEST_P(ConfiguredRefRules, InStrictModeASessionIsWarnedOfOncePerCrossing) {
  const logged log;
  const sb::bridge bridge{
    with({.strict_mode = true, .strict_mode_threshold = 2})};
  const auto session = bridge.open_session({.id = "hoarder"});
  const auto other = bridge.open_session({.id = "modest"});
  std::vector<sb::value> objects;
  for (int i = 0; i < 2; ++i) {
    objects.push_back(or_throw(session.eval("object()")));
    or_throw(other.eval("object()"));
  }
  EXPECT_EQ(log.warnings("hoarder").size(), 0U);
  objects.push_back(or_throw(session.eval("object()")));
  EXPECT_EQ(log.warnings("hoarder").size(), 1U);
  or_throw(session.eval("object()"));
  EXPECT_EQ(log.warnings("hoarder").size(), 1U) << "told already";
  EXPECT_TRUE(session.release(objects[0]));
  EXPECT_TRUE(session.release(objects[1]));
  or_throw(session.eval("object()"));
  EXPECT_EQ(log.warnings("hoarder").size(), 2U) << "a new crossing";
  EXPECT_EQ(log.warnings("modest").size(), 0U);
}

TEST_P(ConfiguredRefRules, WithoutStrictModeNobodyIsWarnedOf) {
  const logged log;
  const sb::bridge bridge{with({.strict_mode_threshold = 1})};
  const auto session = bridge.open_session({.id = "hoarder"});
  or_throw(session.eval("[object(), object()]"));
  EXPECT_EQ(log.warnings("hoarder").size(), 0U);
}

// A session with objects in two interpreters has one bound.
class RefsOfTwoPools : public InAWorker {
protected:
  RefsOfTwoPools() : InAWorker{two_pools()} {}

  static sb::config two_pools() {
    auto wanted = one_pool(sb::placement::worker);
    wanted.pools.push_back({.name = "gpu", .size = 1});
    return wanted;
  }
};

TEST_F(RefsOfTwoPools, GivenRefusalThenTheyCountTogether) {
  const auto session =
    bridge.open_session({.max_refs = 3, .on_full = sb::on_full::refuse});
  const auto there = session.with({.pool = "gpu"});
  ASSERT_TRUE(session.eval("[object(), object()]"));
  ASSERT_TRUE(there.eval("object()"));
  EXPECT_EQ(code_of(there.eval("object()")), sb::errc::quota_exceeded);
  EXPECT_EQ(code_of(session.eval("object()")), sb::errc::quota_exceeded);
}

TEST_F(RefsOfTwoPools, WhenAWorkerDiesThenWhatItHeldCountsNoMore) {
  const auto session =
    bridge.open_session({.max_refs = 2, .on_full = sb::on_full::refuse});
  const auto there = session.with({.pool = "gpu"});
  ASSERT_TRUE(there.eval("[object(), object()]"));
  EXPECT_EQ(code_of(session.eval("object()")), sb::errc::quota_exceeded);
  EXPECT_EQ(code_of(there.call("os", "_exit", 3)), sb::errc::interpreter_died);
  EXPECT_TRUE(session.eval("[object(), object()]"));
}

} // namespace snakebridge::testing
