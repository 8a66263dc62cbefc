// How a supervisor starts: SUPERVISION.md scenarios 1 to 5.
#include "supervisors/restart_plan.hpp"
#include "tests/supervisors/supervisor_fixture.hpp"

namespace snakebridge::testing {

class SupervisorStart : public supervised {};

// SUPERVISION 1
TEST_F(SupervisorStart, WhenItHasNoChildrenThenItStartsAndStopsCleanly) {
  supervise({});
  EXPECT_TRUE(ask<void>(boss, await_started_atom::value).is_value());
  EXPECT_EQ(counts(), all_workers(0, 0));
  stop();
  EXPECT_EQ(end, make_error(caf::exit_reason::user_shutdown));
}

// SUPERVISION 2
TEST_F(SupervisorStart, GivenSlowStartersThenEachIsUpBeforeTheNextStarts) {
  auto first = plain("a");
  first.start = children.late("a", 100ms);
  first.up_timeout = 1s;
  auto spawned = spawn_supervisor(system(), {.children = {first, plain("b")}});
  boss = ends_with_test(untyped(*spawned));
  auto started = ask<void>(boss, await_started_atom::value);
  EXPECT_EQ(took_place(), (events{"start:a"}));
  EXPECT_EQ(row("a").status, child_status::starting);
  EXPECT_FALSE(started.arrived());
  EXPECT_EQ(counts(), all_workers(2, 0));
  advance(99ms);
  EXPECT_EQ(took_place(), events{});
  advance(1ms);
  EXPECT_EQ(took_place(), (events{"start:b"}));
  EXPECT_TRUE(started.is_value());
  EXPECT_EQ(counts(), all_workers(2, 2));
}

// SUPERVISION 3
TEST_F(SupervisorStart, WhenTheSecondOfThreeFailsThenTheFirstIsStopped) {
  children.next_starts("b", {no_disk});
  auto spawned = spawn_idle_supervisor(
    system(),
    {.children = {plain("a"), plain("b"), plain("c")}, .name = "pool 'x'"});
  boss = untyped(*spawned);
  boss->attach_functor([this](const caf::error& reason) { end = reason; });
  auto started = ask<void>(boss, await_started_atom::value);
  auto text = "pool 'x': child 'b' failed to start: test 7: no disk";
  EXPECT_EQ(took_place(), (events{"start:a", "stop:a", "end:a"}));
  EXPECT_TRUE(is(started.error(), supervisor_errc::failed_to_start));
  EXPECT_EQ(describe(started.error()), std::string{"failed_to_start: "} + text);
  EXPECT_EQ(describe(*end), std::string{"user_shutdown: "} + text);
  EXPECT_EQ(end_kind_of(*end), end_kind::shutdown);
}

TEST_F(SupervisorStart, WhenAnIdleOneIsAskedThenNoFailureIsLost) {
  children.next_starts("a", {no_disk});
  boss = untyped(*spawn_idle_supervisor(system(), {.children = {plain("a")}}));
  settle();
  EXPECT_EQ(children.starts("a"), 0u);
  auto started = ask<void>(boss, await_started_atom::value);
  EXPECT_TRUE(is(started.error(), supervisor_errc::failed_to_start));
}

TEST_F(SupervisorStart, WhenAChildIsNotUpInTimeThenItIsKilledAndTheStartFails) {
  auto mute = plain("a");
  mute.start = children.never_up("a");
  mute.up_timeout = 1s;
  supervise({.children = {mute}});
  advance(999ms);
  EXPECT_FALSE(end);
  advance(1ms);
  EXPECT_EQ(children.reasons("a"),
            (std::vector{make_error(caf::exit_reason::kill)}));
  EXPECT_EQ(describe(*end), "user_shutdown: supervisor: child 'a' failed to "
                            "start: not_up_in_time: not up within 1 s");
}

TEST_F(SupervisorStart, WhenAChildEndsBeforeItIsUpThenItsReasonIsTold) {
  auto mute = plain("a");
  mute.start = children.never_up("a");
  mute.up_timeout = 1s;
  supervise({.children = {mute}});
  end_child("a", ending::crash);
  EXPECT_EQ(describe(*end), "user_shutdown: supervisor: child 'a' failed to "
                            "start: runtime_error");
}

TEST_F(SupervisorStart, WhenAFactoryThrowsThenThatIsAStartThatFailed) {
  supervise(
    {.children = {
       {.id = "a",
        .start = [](caf::event_based_actor*) -> caf::expected<caf::actor> {
          throw std::runtime_error{"no disk"};
        }}}});
  EXPECT_EQ(describe(*end),
            "user_shutdown: supervisor: child 'a' failed to start: "
            "failed_to_start: the factory threw: no disk");
}

// A supervisor one level down, which has children to stop before it ends.
class NestedSupervisorStart : public supervised {
protected:
  NestedSupervisorStart() {
    inner.children = {plain("a"), {.id = "b", .start = children.slow("b", 1s)}};
  }

  void begin() {
    boss = ends_with_test(untyped(*spawn_supervisor(
      system(), {.intensity = 2,
                 .children = {plain("z"), supervisor_child(inner, patience)},
                 .name = "outer"})));
    boss->attach_functor([this](const caf::error& reason) { end = reason; });
    settle();
  }

  static constexpr std::chrono::milliseconds patience = 10s;
  supervisor_spec inner{.name = "inner"};
};

// SUPERVISION 3
TEST_F(NestedSupervisorStart, WhenOneFailsThenTheOthersStopInOrder) {
  inner.children.push_back(plain("c"));
  children.next_starts("c", {no_disk});
  begin();
  EXPECT_EQ(took_place(), (events{"start:z", "start:a", "start:b", "stop:b"}));
  advance(1s);
  EXPECT_EQ(took_place(),
            (events{"end:b", "stop:a", "end:a", "stop:z", "end:z"}));
  EXPECT_EQ(describe(*end),
            "user_shutdown: outer: child 'inner' failed to start: "
            "failed_to_start: inner: child 'c' failed to start: "
            "test 7: no disk");
}

// SUPERVISION 3
TEST_F(NestedSupervisorStart, WhenOneFailsInARestartThenTheOthersStopInOrder) {
  inner.children.push_back(plain("c"));
  begin();
  children.next_starts("c", {no_disk});
  caf::anon_send_exit(row("inner").handle, caf::exit_reason::kill);
  settle();
  took_place();
  EXPECT_EQ(row("inner").status, child_status::restarting);
  advance(1s);
  EXPECT_EQ(took_place(), (events{"end:b", "stop:a", "end:a", "start:a",
                                  "start:b", "start:c"}));
  EXPECT_FALSE(end);
}

// SUPERVISION 3
TEST_F(NestedSupervisorStart, WhenItIsNotUpInTimeThenItsChildrenStopInOrder) {
  inner.children.push_back(
    {.id = "c", .start = children.never_up("c"), .up_timeout = 2 * patience});
  begin();
  advance(patience);
  took_place();
  advance(1s);
  EXPECT_EQ(took_place(),
            (events{"end:b", "stop:a", "end:a", "stop:z", "end:z"}));
  EXPECT_EQ(describe(*end), "user_shutdown: outer: child 'inner' failed to "
                            "start: not_up_in_time: not up within 10 s");
}

// SUPERVISION 4
TEST_F(SupervisorStart, WhenStartChildFailsThenNothingIsKeptOrCounted) {
  supervise(strategy::one_for_one, {plain("a")}, 0);
  children.next_starts("b", {no_disk});
  auto refused = ask<caf::actor>(boss, start_child_atom::value, plain("b"));
  EXPECT_EQ(refused.error(), no_disk);
  EXPECT_EQ(counts(), all_workers(1, 1));
  EXPECT_FALSE(end);
  EXPECT_TRUE(
    ask<caf::actor>(boss, start_child_atom::value, plain("b")).is_value());
  EXPECT_EQ(counts(), all_workers(2, 2));
}

// SUPERVISION 5
TEST_F(SupervisorStart, WhenAFactoryDeclinesThenOnlyATemporarySpecIsDropped) {
  auto decline = caf::error{supervisor_errc::declined};
  children.next_starts("a", {decline});
  children.next_starts("b", {decline});
  supervise(strategy::one_for_one,
            {plain("a"), plain("b", restart_type::temporary), plain("c")});
  EXPECT_EQ(counts(), all_workers(2, 1));
  EXPECT_EQ(row("a").status, child_status::stopped);
  EXPECT_EQ(row("a").handle, caf::actor{});
  auto again =
    ask<caf::actor>(boss, restart_child_atom::value, std::string{"a"});
  EXPECT_EQ(again.value(), children.at("a"));
  EXPECT_EQ(counts(), all_workers(2, 2));
}

// SUPERVISION 5
TEST_F(SupervisorStart, WhenStartChildDeclinesThenTheAskerIsTold) {
  auto decline = caf::error{supervisor_errc::declined};
  supervise({});
  children.next_starts("a", {decline});
  children.next_starts("b", {decline});
  auto kept = ask<caf::actor>(boss, start_child_atom::value, plain("a"));
  EXPECT_TRUE(is(kept.error(), supervisor_errc::declined));
  EXPECT_EQ(counts(), all_workers(1, 0));
  auto dropped = ask<caf::actor>(boss, start_child_atom::value,
                                 plain("b", restart_type::temporary));
  EXPECT_TRUE(is(dropped.error(), supervisor_errc::declined));
  EXPECT_EQ(counts(), all_workers(1, 0));
}

// SUPERVISION 7
TEST_F(SupervisorStart, GivenABadSpecThenNothingIsSpawned) {
  auto refused = spawn_supervisor(system(), {.children = {plain("")}});
  EXPECT_TRUE(is(refused.error(), supervisor_errc::missing_id));
  EXPECT_EQ(system().registry().running(), 0u);
}

} // namespace snakebridge::testing
