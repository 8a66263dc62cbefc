// Sessions and who ends them: T1-T6 of the original in our terms, and what
// API.md says of open_session, joining by id and the release family.
#include "tests/api/gate.hpp"
#include "tests/api/python_fixture.hpp"
#include "tests/support/under_tsan.hpp"

#include <future>
#include <optional>
#include <set>
#include <thread>
#include <vector>

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/event_based_actor.hpp>

#include "config/tunables.hpp"

namespace snakebridge::testing {

class Sessions : public EachPlacement {
protected:
  /// Runs `body` on a thread that ends with it.
  template <class Body>
  static void on_a_thread(Body body) {
    std::thread{body}.join();
  }

  /// Makes `count` objects in the session of `from`.
  static void make_objects(const sb::caller& from, int count) {
    for (int i = 0; i < count; ++i)
      ASSERT_TRUE(from.call("builtins", "object"));
  }

  std::uint64_t objects() { return bridge.stats().live_objects(); }
};
SNAKEBRIDGE_IN_BOTH_PLACEMENTS(Sessions);

// T1
// ORIGINAL T1
TEST_P(Sessions, GivenAFreshThreadThenItsFirstCallMakesItsSession) {
  on_a_thread([this] {
    EXPECT_EQ(bridge.stats().sessions, 0U);
    const auto object = path();
    EXPECT_TRUE(object.session.starts_with("auto_")) << object.session;
    EXPECT_EQ(path().session, object.session);
    EXPECT_EQ(bridge.current_session(), object.session);
    EXPECT_EQ(bridge.stats().sessions, 1U);
  });
}

// T2
// ORIGINAL T2
TEST_P(Sessions, GivenFiveThreadsThenEachHasItsOwn) {
  std::vector<std::future<std::string>> calls;
  for (int i = 0; i < 5; ++i)
    calls.push_back(
      std::async(std::launch::async, [this] { return path().session; }));
  std::set<std::string> ids;
  for (auto& each : calls)
    ids.insert(each.get());
  EXPECT_EQ(ids.size(), 5U);
}

// T3
// ORIGINAL T3
TEST_P(Sessions, WhenAScopeEndsThenTheThreadIsBackInItsOwn) {
  const auto own = bridge.current_session();
  const auto outer = bridge.open_session({.id = "outer"});
  {
    const sb::session_scope in{outer};
    EXPECT_EQ(path().session, "outer");
    {
      const sb::session_scope deeper{bridge.open_session({.id = "inner"})};
      EXPECT_EQ(bridge.current_session(), "inner");
    }
    EXPECT_EQ(bridge.current_session(), "outer");
  }
  EXPECT_EQ(path().session, own);
}

// T4
// ORIGINAL T4
TEST_P(Sessions, WhenTheAutoSessionIsReleasedThenTheNextIsNew) {
  EXPECT_EQ(bridge.release_auto_session(), 0U);
  const auto first = path();
  path();
  EXPECT_EQ(bridge.release_auto_session(), 2U);
  EXPECT_EQ(bridge.release_auto_session(), 0U);
  const auto second = path();
  EXPECT_NE(second.session, first.session);
  EXPECT_EQ(code_of(bridge.str(first)), sb::errc::ref_released);
}

// T5
// ORIGINAL T5
TEST_P(Sessions, WhenItsThreadEndsThenItIsReleased) {
  std::optional<sb::ref> left;
  on_a_thread([&] { left = path(); });
  EXPECT_TRUE(is_empty(bridge));
  EXPECT_EQ(code_of(bridge.str(*left)), sb::errc::ref_released);
}

// T6
// ORIGINAL T6
TEST_P(Sessions, GivenTwoOwnersThenTheLastEndsIt) {
  std::promise<void> first_ends, second_ends, both_joined;
  const auto join_until = [&](std::promise<void>& end, auto then) {
    return std::thread{[&, then] {
      make_objects(bridge.with({.session = "shared"}), 1);
      then();
      end.get_future().wait();
    }};
  };
  auto second = join_until(second_ends, [&] { both_joined.set_value(); });
  both_joined.get_future().wait();
  std::promise<void> joined_too;
  auto first = join_until(first_ends, [&] { joined_too.set_value(); });
  joined_too.get_future().wait();
  first_ends.set_value();
  first.join();
  EXPECT_EQ(bridge.with({.session = "shared"}).eval("1"), 1);
  EXPECT_EQ(objects(), 2U);
  EXPECT_EQ(bridge.release_session("other"), 0U);
  second_ends.set_value();
  second.join();
  EXPECT_EQ(objects(), 2U) << "this thread has joined it, too";
  EXPECT_EQ(bridge.release_session("shared"), 2U);
}

// T15
// ORIGINAL T15
TEST_P(Sessions, WhenSeveralSayWhichThenTheNearestToTheCallWins) {
  const auto model = bridge.open_session({.id = "model"});
  const auto object = or_throw(model.call("builtins", "object"));
  const auto scoped = bridge.open_session({.id = "scoped"});
  const auto session_in = [&](const sb::result<sb::value>& made) {
    return or_throw(made).as<sb::ref>().session;
  };
  EXPECT_TRUE(bridge.current_session().starts_with("auto_"));
  const sb::session_scope in{scoped};
  // The scope before the thread's own,
  EXPECT_EQ(session_in(bridge.call("builtins", "object")), "scoped");
  // the object before the scope,
  EXPECT_EQ(session_in(bridge.call("builtins", "staticmethod", object)),
            "model");
  // and the option before the object.
  const auto elsewhere = bridge.with({.session = "third"});
  EXPECT_EQ(session_in(elsewhere.call("builtins", "object")), "third");
  EXPECT_EQ(code_of(elsewhere.str(object)), sb::errc::ref_foreign);
  EXPECT_EQ(code_of(scoped.str(object)), sb::errc::ref_foreign);
  EXPECT_EQ(bridge.release_session("third"), 1U);
}

TEST_P(Sessions, GivenARefOfAnotherThreadsOwnSessionThenItIsForeign) {
  const auto mine = path();
  on_a_thread([&] {
    EXPECT_EQ(code_of(bridge.str(mine)), sb::errc::ref_foreign);
    EXPECT_THROW(or_throw(bridge.str(mine)), sb::session_mismatch_error);
  });
  EXPECT_EQ(bridge.str(mine), "/tmp");
}

TEST_P(Sessions, GivenCopiesOfAHandleThenTheLastEndsTheSession) {
  std::optional<sb::session> first = bridge.open_session({.id = "model"});
  std::optional<sb::session> copy = first;
  EXPECT_EQ(copy->id(), "model");
  make_objects(*first, 3);
  first.reset();
  EXPECT_EQ(copy->eval("1"), 1);
  EXPECT_EQ(objects(), 3U);
  copy.reset();
  EXPECT_TRUE(is_empty(bridge));
}

TEST_P(Sessions, GivenHandleAndThreadThenTheLastOfThemEndsTheSession) {
  std::optional<sb::session> handle = bridge.open_session({.id = "model"});
  std::promise<void> joined, may_end;
  std::thread other{[&] {
    make_objects(bridge.with({.session = "model"}), 2);
    joined.set_value();
    may_end.get_future().wait();
  }};
  joined.get_future().wait();
  handle.reset();
  EXPECT_EQ(bridge.open_session({.id = "model"}).eval("1"), 1);
  EXPECT_EQ(objects(), 2U);
  may_end.set_value();
  other.join();
  EXPECT_TRUE(is_empty(bridge));
}

TEST_P(Sessions, WhenItIsJoinedByIdThenItIsTheSame) {
  const auto first = bridge.open_session({.id = "model"});
  const auto second = bridge.open_session({.id = "model"});
  ASSERT_TRUE(first.exec("x = 1"));
  EXPECT_EQ(second.eval("x"), 1);
  EXPECT_EQ(bridge.with({.session = "model"}).eval("x"), 1);
  EXPECT_EQ(bridge.stats().sessions, 1U);
  EXPECT_TRUE(bridge.release_session("model"));
}

// It waited for the call's own end.
TEST_P(Sessions, WhenItIsReleasedThenWhatItRunsIsInterrupted) {
  if (GetParam() == sb::placement::worker)
    SKIP_WHERE_SIGNALS_WAIT();
  const auto session = bridge.open_session({.id = "model"});
  make_objects(session, 2);
  gate here;
  auto answer = std::async(std::launch::async, [&] {
    return session.eval(here.wait_here() + " or sum(1 for _ in iter(int, 1))");
  });
  ASSERT_TRUE(here.has_a_caller());
  here.open();
  EXPECT_EQ(bridge.release_session("model"), 2U);
  EXPECT_EQ(code_of(answer.get()), sb::errc::session_closed);
  EXPECT_EQ(first_of(bridge).epoch, 1U) << "its interpreter goes on";
}

TEST_P(Sessions, WhenAReleasedIdIsUsedAgainThenNothingOfTheOldIsThere) {
  const auto before = bridge.open_session({.id = "model"});
  const auto object = or_throw(before.call("builtins", "object"));
  ASSERT_TRUE(before.exec("x = 1"));
  EXPECT_EQ(bridge.release_session("model"), 1U);
  EXPECT_EQ(bridge.release_session("model"), 0U);
  EXPECT_EQ(code_of(before.eval("1")), sb::errc::session_closed);
  EXPECT_EQ(code_of(bridge.str(object)), sb::errc::ref_released);
  const auto after = bridge.open_session({.id = "model"});
  EXPECT_EQ(code_of(after.eval("x")), sb::errc::python_raised);
  EXPECT_EQ(code_of(after.str(object)), sb::errc::ref_released);
}

TEST_P(Sessions, WhenAnObjectIsReleasedTwiceThenTheSecondIsANoOp) {
  const auto object = path();
  EXPECT_EQ(bridge.release(object), true);
  EXPECT_EQ(bridge.release(object), false);
  EXPECT_EQ(code_of(bridge.str(object)), sb::errc::ref_released);
  EXPECT_THROW(or_throw(bridge.str(object)), sb::ref_not_found_error);
  EXPECT_EQ(code_of(bridge.release(5)), sb::errc::ref_invalid);
}

TEST_P(Sessions, WhenThreadsOpenAndEndThemInARowThenNoActorsPileUp) {
  constexpr int rows = 3, each = 1'000;
  const auto running = [this] { return bridge.system().registry().running(); };
  const auto before = running();
  std::vector<std::thread> threads;
  for (int i = 0; i < rows; ++i)
    threads.emplace_back([this] {
      for (int k = 0; k < each; ++k)
        bridge.open_session();
    });
  for (auto& row : threads)
    row.join();
  // A session has two, its own and its client. What has just heard of its end
  // is on its scheduler thread for a moment more.
  EXPECT_LE(running(), before + 2 * (limits::unheard_ends_max + rows)
                         + limits::scheduler_threads_max);
  EXPECT_TRUE(eventually([&] { return running() <= before; }));
}

// On a system whose only thread is busy until `let_go`.
class HeldUpSessions : public ::testing::Test {
protected:
  struct one_thread : caf::actor_system_config {
    one_thread() { set("scheduler.max-threads", std::size_t{1}); }
  };

  ~HeldUpSessions() override {
    if (held_.wait_for(0s) != std::future_status::ready)
      let_go();
  }

  std::unique_ptr<sb::bridge> bridge_of(std::chrono::milliseconds timeout) {
    auto wanted = one_pool(sb::placement::worker);
    wanted.timeout = timeout;
    auto started = std::make_unique<sb::bridge>(system_, wanted);
    system_.spawn([held = held_](caf::event_based_actor*) { held.wait(); });
    return started;
  }

  void let_go() { go_on_.set_value(); }

  static sb::result<void> open_and_end(const sb::bridge& bridge) {
    try {
      bridge.open_session();
      return {};
    } catch (const sb::exception& failed) {
      return tl::unexpected{failed.error()};
    }
  }

  static void end_all_that_may(const sb::bridge& bridge) {
    for (std::size_t i = 0; i < limits::unheard_ends_max; ++i)
      EXPECT_TRUE(open_and_end(bridge));
  }

  /// What a call answers to a thread that has no session yet.
  static sb::result<sb::value> first_call(const sb::caller& through) {
    return std::async(std::launch::async, [&] { return through.eval("1"); })
      .get();
  }

private:
  std::promise<void> go_on_;
  const std::shared_future<void> held_ = go_on_.get_future().share();
  one_thread settings_;
  caf::actor_system system_{settings_};
};

TEST_F(HeldUpSessions, WhenTheirActorsCannotEndThenNoMoreOpenUntilTheyCan) {
  const auto bridge = bridge_of(20ms);
  end_all_that_may(*bridge);
  EXPECT_EQ(code_of(open_and_end(*bridge)), sb::errc::overloaded);
  EXPECT_EQ(bridge->stats().sessions, 0U);
  EXPECT_EQ(code_of(first_call(*bridge)), sb::errc::overloaded);
  let_go();
  EXPECT_TRUE(eventually([&] { return open_and_end(*bridge).has_value(); }));
}

TEST_F(HeldUpSessions, GivenACallWithATimeoutThenItWaitsNoLonger) {
  const auto bridge = bridge_of(24h);
  end_all_that_may(*bridge);
  EXPECT_EQ(code_of(first_call(bridge->with({.timeout = 20ms}))),
            sb::errc::overloaded);
  EXPECT_EQ(
    code_of(first_call(bridge->with({.timeout = 20ms, .session = "a"}))),
    sb::errc::overloaded);
  let_go(); // the bridge needs its system to end
}

TEST_P(Sessions, WhenTheyEndThenFinalisersOfTheirObjectsCanStillRun) {
  ASSERT_TRUE(bridge.exec("import builtins; builtins.ended = []"));
  {
    const auto other = bridge.open_session();
    const auto made = other.exec("import builtins\n"
                                 "class thing:\n"
                                 "  def __del__(self):\n"
                                 "    __builtins__.ended.append(len('x'))\n"
                                 "kept = thing()\n");
    ASSERT_TRUE(made);
    ASSERT_TRUE(other.eval("thing()"));
    EXPECT_EQ(bridge.eval("ended"), sb::list{});
  }
  EXPECT_TRUE(eventually([&] { return bridge.eval("len(ended)") == 2; }));
  EXPECT_EQ(bridge.eval("ended"), (sb::list{1, 1}));
  ASSERT_TRUE(bridge.exec("del builtins.ended"));
}

} // namespace snakebridge::testing
