// When a supervisor gives up: SUPERVISION.md scenarios 19, 20, 22 to 24.
#include "supervisors/restart_plan.hpp"
#include "tests/supervisors/supervisor_fixture.hpp"

namespace snakebridge::testing {

class SupervisorIntensity : public supervised {};

// SUPERVISION 19
TEST_F(SupervisorIntensity, WhenThereIsOneDeathTooManyThenAllOfItEnds) {
  supervise({.intensity = 3,
             .children = {plain("interpreter 0"), plain("b")},
             .name = "pool 'x'"});
  for (auto i = 0; i < 3; ++i) {
    end_child("interpreter 0", ending::kill);
    EXPECT_EQ(counts(), all_workers(2, 2));
  }
  EXPECT_FALSE(end);
  took_place();
  end_child("interpreter 0", ending::crash);
  EXPECT_EQ(took_place(), (events{"end:interpreter 0", "stop:b", "end:b"}));
  EXPECT_EQ(end_kind_of(*end), end_kind::shutdown);
  EXPECT_EQ(describe(*end),
            "user_shutdown: pool 'x': 4 restarts within 5 s exceed the "
            "intensity of 3; last: child 'interpreter 0' ended with "
            "runtime_error");
  EXPECT_EQ(children.reasons("b"),
            std::vector{make_error(caf::exit_reason::user_shutdown)});
}

// SUPERVISION 20
TEST_F(SupervisorIntensity, WhenDeathsAreSpreadPastThePeriodThenItLives) {
  supervise({.intensity = 3, .children = {plain("a")}});
  for (auto i = 0; i < 50; ++i) {
    end_child("a", ending::crash);
    EXPECT_EQ(counts(), all_workers(1, 1));
    advance(1667ms);
  }
  EXPECT_FALSE(end);
}

// SUPERVISION 22
TEST_F(SupervisorIntensity, WhenAChildCanNeverReturnThenItsRetriesEndIt) {
  supervise(strategy::one_for_one, {plain("a"), plain("b")}, 3);
  children.never_start("a", no_disk);
  end_child("a", ending::crash);
  EXPECT_EQ(took_place(), (events{"end:a", "stop:b", "end:b"}));
  EXPECT_EQ(children.starts("a"), 1u + 3u);
  EXPECT_EQ(describe(*end),
            "user_shutdown: supervisor: 4 restarts within 5 s exceed the "
            "intensity of 3; last: child 'a' failed to start: test 7: no disk");
}

// SUPERVISION 22
TEST_F(SupervisorIntensity, WhenAStartFailsOnceThenItCountsAsOneMoreRestart) {
  supervise(strategy::one_for_one, {plain("a")}, 2);
  children.next_starts("a", {no_disk});
  end_child("a", ending::crash);
  EXPECT_EQ(counts(), all_workers(1, 1));
  EXPECT_FALSE(end);
  end_child("a", ending::crash);
  EXPECT_TRUE(end);
}

// SUPERVISION 23
TEST_F(SupervisorIntensity, GivenAnIntensityOfZeroThenTheFirstDeathEndsIt) {
  supervise(strategy::one_for_one, {plain("a"), plain("b")}, 0);
  end_child("b", ending::crash);
  EXPECT_EQ(took_place(), (events{"end:b", "stop:a", "end:a"}));
  EXPECT_EQ(end_kind_of(*end), end_kind::shutdown);
}

// SUPERVISION 23
TEST_F(SupervisorIntensity, WhenChildrenEndCleanlyThenThatDoesNotCount) {
  supervise(
    strategy::one_for_one,
    {plain("a", restart_type::transient), plain("b", restart_type::transient),
     plain("c", restart_type::temporary), plain("d", restart_type::temporary)},
    0);
  end_child("a", ending::normal);
  EXPECT_EQ(counts(), all_workers(4, 3));
  end_child("b", ending::shutdown);
  EXPECT_EQ(counts(), all_workers(4, 2));
  end_child("c", ending::crash);
  EXPECT_EQ(counts(), all_workers(3, 1));
  end_child("d", ending::kill);
  EXPECT_EQ(counts(), all_workers(2, 0));
  EXPECT_FALSE(end);
}

// SUPERVISION 24
TEST_F(SupervisorIntensity, WhenItsParentRestartsItThenOnlyStaticOnesReturn) {
  supervisor_spec inner{
    .intensity = 0, .children = {plain("static")}, .name = "inner"};
  supervise(strategy::one_for_one, {supervisor_child(inner, 1s)});
  auto old = row("inner").handle;
  ask<caf::actor>(old, start_child_atom::value, plain("dynamic")).value();
  EXPECT_EQ(ask<child_counts>(old, count_children_atom::value).value(),
            all_workers(2, 2));
  took_place();
  end_child("static", ending::crash);
  EXPECT_EQ(took_place(), (events{"end:static", "stop:dynamic", "end:dynamic",
                                  "start:static"}));
  auto fresh = row("inner").handle;
  EXPECT_NE(fresh, old);
  EXPECT_EQ(ask<child_counts>(fresh, count_children_atom::value).value(),
            all_workers(1, 1));
  EXPECT_EQ(
    counts(),
    (child_counts{.specs = 1, .active = 1, .supervisors = 1, .workers = 0}));
}

} // namespace snakebridge::testing
