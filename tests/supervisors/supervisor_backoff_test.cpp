// Restarts that wait, on fake time: what happens before, during and after.
#include "tests/supervisors/supervisor_fixture.hpp"

namespace snakebridge::testing {

namespace {

const caf::error asked = caf::exit_reason::user_shutdown;

} // namespace

class SupervisorBackoff : public supervised {
protected:
  void given(strategy how, std::vector<child_spec> specs, int intensity = 500,
             backoff waits = {100ms, 1s, 0.0, 10s}) {
    supervise({.strategy = how,
               .intensity = intensity,
               .children = std::move(specs),
               .backoff = waits});
  }

  /// The restart of `id` comes after `wait`, and not before.
  void expect_start_after(std::chrono::milliseconds wait,
                          const std::string& id) {
    const auto before = children.starts(id);
    advance(wait - 1ms);
    EXPECT_EQ(children.starts(id), before) << "earlier than " << wait.count();
    advance(1ms);
    EXPECT_EQ(children.starts(id), before + 1) << "not at " << wait.count();
  }
};

TEST_F(SupervisorBackoff,
       WhenAChildDiesAgainAndAgainThenEachWaitIsTwiceAsLong) {
  given(strategy::one_for_one, {plain("a"), plain("b")});
  for (auto wait : {100ms, 200ms, 400ms, 800ms, 1000ms, 1000ms}) {
    end_child("a", ending::crash);
    EXPECT_EQ(row("a").status, child_status::restarting);
    EXPECT_EQ(counts(), all_workers(2, 1));
    expect_start_after(wait, "a");
    EXPECT_EQ(counts(), all_workers(2, 2));
  }
  // Each child for itself.
  end_child("b", ending::crash);
  expect_start_after(100ms, "b");
}

TEST_F(SupervisorBackoff, WhenAStartFailsThenTheNextWaitsTwiceAsLong) {
  given(strategy::one_for_one, {plain("a")});
  children.next_starts("a", {no_disk, no_disk});
  end_child("a", ending::crash);
  expect_start_after(100ms, "a");
  EXPECT_EQ(row("a").status, child_status::restarting);
  expect_start_after(200ms, "a");
  expect_start_after(400ms, "a");
  EXPECT_EQ(counts(), all_workers(1, 1));
}

TEST_F(SupervisorBackoff, WhenAChildWasUpForLongThenItsWaitsBeginAnew) {
  given(strategy::one_for_one, {plain("a")});
  end_child("a", ending::crash);
  expect_start_after(100ms, "a");
  advance(9999ms);
  end_child("a", ending::crash);
  expect_start_after(200ms, "a");
  advance(10s);
  end_child("a", ending::crash);
  expect_start_after(100ms, "a");
}

TEST_F(SupervisorBackoff, GivenJitterThenTheWaitIsShorterByThatMuchAtMost) {
  given(strategy::one_for_one, {plain("a")}, 500, {1s, 1s, 0.5, 0ms});
  for (auto i = 0; i < 20; ++i) {
    end_child("a", ending::crash);
    const auto before = children.starts("a");
    advance(499ms);
    EXPECT_EQ(children.starts("a"), before);
    advance(501ms);
    EXPECT_EQ(children.starts("a"), before + 1);
  }
}

// SUPERVISION 32
TEST_F(SupervisorBackoff, WhileAChildWaitsThenRequestsAreAnsweredAtOnce) {
  given(strategy::one_for_one, {plain("a"), plain("b")});
  end_child("a", ending::crash);
  const auto id = std::string{"a"};
  EXPECT_EQ(row("a").status, child_status::restarting);
  EXPECT_EQ(row("a").handle, caf::actor{});
  EXPECT_TRUE(is(ask<caf::actor>(boss, restart_child_atom::value, id).error(),
                 supervisor_errc::restarting));
  EXPECT_TRUE(is(ask<void>(boss, delete_child_atom::value, id).error(),
                 supervisor_errc::restarting));
  EXPECT_TRUE(
    is(ask<caf::actor>(boss, start_child_atom::value, plain("a")).error(),
       supervisor_errc::already_present));
  EXPECT_TRUE(
    ask<caf::actor>(boss, start_child_atom::value, plain("c")).is_value());
  EXPECT_EQ(counts(), all_workers(3, 2));
}

// SUPERVISION 31
TEST_F(SupervisorBackoff, WhenAWaitingChildIsTerminatedThenItStaysDown) {
  given(strategy::one_for_one, {plain("a")});
  end_child("a", ending::crash);
  EXPECT_TRUE(
    ask<void>(boss, terminate_child_atom::value, std::string{"a"}).is_value());
  EXPECT_EQ(row("a").status, child_status::stopped);
  advance(1min);
  EXPECT_EQ(children.starts("a"), 1u);
  // Started by hand, it is not started once more by the wait that was.
  EXPECT_TRUE(ask<caf::actor>(boss, restart_child_atom::value, std::string{"a"})
                .is_value());
  advance(1min);
  EXPECT_EQ(children.starts("a"), 2u);
}

// SUPERVISION 31
TEST_F(SupervisorBackoff, WhenItIsStoppedWhileAChildWaitsThenItStopsAtOnce) {
  given(strategy::one_for_one, {plain("a"), plain("b")});
  end_child("a", ending::crash);
  took_place();
  stop();
  EXPECT_EQ(took_place(), (events{"stop:b", "end:b"}));
  EXPECT_EQ(end, asked);
  advance(1min);
  EXPECT_EQ(children.starts("a"), 1u);
}

// SUPERVISION 19
TEST_F(SupervisorBackoff, WhenThereIsOneDeathTooManyThenItEndsWithoutAWait) {
  given(strategy::one_for_one, {plain("a"), plain("b")}, 2);
  end_child("a", ending::crash);
  expect_start_after(100ms, "a");
  end_child("a", ending::crash);
  expect_start_after(200ms, "a");
  end_child("a", ending::crash);
  EXPECT_EQ(end, make_error(caf::exit_reason::user_shutdown));
  EXPECT_EQ(children.starts("a"), 3u);
}

// A restart is counted once: when it is decided, not when its wait is over.
TEST_F(SupervisorBackoff, WhenAWaitEndsThenThatIsNoSecondRestart) {
  given(strategy::one_for_one, {plain("a")}, 1);
  end_child("a", ending::crash);
  advance(1s);
  EXPECT_EQ(counts(), all_workers(1, 1));
  EXPECT_FALSE(end);
}

TEST_F(SupervisorBackoff, WhenWaitsSpreadRestartsPastThePeriodThenItLives) {
  given(strategy::one_for_one, {plain("a")}, 3, {4s, 4s, 0.0, 1h});
  children.never_start("a", no_disk);
  end_child("a", ending::crash);
  advance(10min);
  EXPECT_EQ(children.starts("a"), 1u + 150u);
  EXPECT_FALSE(end);
}

TEST_F(SupervisorBackoff, GivenAGroupThenItGoesAtOnceAndReturnsTogether) {
  given(strategy::one_for_all,
        {plain("a"), plain("b", restart_type::temporary), plain("c")});
  end_child("a", ending::crash);
  EXPECT_EQ(took_place(),
            (events{"end:a", "stop:c", "end:c", "stop:b", "end:b"}));
  EXPECT_EQ(row("a").status, child_status::restarting);
  EXPECT_EQ(row("c").status, child_status::stopped);
  EXPECT_EQ(counts(), all_workers(2, 0));
  advance(99ms);
  EXPECT_EQ(took_place(), events{});
  advance(1ms);
  EXPECT_EQ(took_place(), (events{"start:a", "start:c"}));
  EXPECT_EQ(counts(), all_workers(2, 2));
}

// What depends on "a" must not return before it.
TEST_F(SupervisorBackoff, WhenAnEarlierOneDiesThenALaterOnesWaitIsOver) {
  given(strategy::rest_for_one, {plain("a"), plain("b"), plain("c")});
  end_child("c", ending::crash);
  advance(50ms);
  end_child("a", ending::crash);
  took_place();
  advance(50ms);
  EXPECT_EQ(took_place(), events{});
  advance(50ms);
  EXPECT_EQ(took_place(), (events{"start:a", "start:b", "start:c"}));
  EXPECT_EQ(counts(), all_workers(3, 3));
  advance(1min);
  EXPECT_EQ(took_place(), events{});
}

TEST_F(SupervisorBackoff, WhenAPoolChildDiesThenItsReplacementWaits) {
  given(strategy::simple_one_for_one, {plain("a")});
  const auto first = ask<caf::actor>(boss, start_child_atom::value).value();
  terminate(first, ending::crash);
  settle();
  EXPECT_EQ(rows().front().status, child_status::restarting);
  expect_start_after(100ms, "a");
  EXPECT_EQ(rows().front().handle, children.at("a"));
}

} // namespace snakebridge::testing
