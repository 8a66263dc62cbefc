// Supervisors that end with their significant children: SUPERVISION.md
// scenario 40.
#include "supervisors/restart_plan.hpp"
#include "tests/supervisors/supervisor_fixture.hpp"

namespace snakebridge::testing {

class SupervisorAutoShutdown : public supervised {
protected:
  child_spec significant(const std::string& id,
                         restart_type restart = restart_type::temporary) {
    auto spec = plain(id, restart);
    spec.significant = true;
    return spec;
  }

  void given(auto_shutdown when, std::vector<child_spec> specs,
             strategy how = strategy::one_for_one) {
    supervise({.strategy = how,
               .intensity = 3,
               .children = std::move(specs),
               .auto_shutdown = when,
               .name = "session"});
  }
};

// SUPERVISION 40
TEST_F(SupervisorAutoShutdown, GivenAnyWhenOneEndsThenAllEndInOrder) {
  given(auto_shutdown::any_significant,
        {plain("a"), significant("b"), significant("c")});
  end_child("b", ending::normal);
  EXPECT_EQ(took_place(),
            (events{"end:b", "stop:c", "end:c", "stop:a", "end:a"}));
  EXPECT_EQ(end_kind_of(*end), end_kind::shutdown);
  EXPECT_EQ(describe(*end), "user_shutdown: session: significant child 'b' "
                            "ended with normal");
}

// SUPERVISION 40
TEST_F(SupervisorAutoShutdown, GivenAllThenItEndsWithTheLast) {
  given(
    auto_shutdown::all_significant,
    {plain("a"), significant("b"), significant("c", restart_type::transient)});
  end_child("c", ending::normal);
  EXPECT_EQ(counts(), all_workers(3, 2));
  EXPECT_FALSE(end);
  end_child("b", ending::crash);
  EXPECT_EQ(took_place(), (events{"end:c", "end:b", "stop:a", "end:a"}));
  EXPECT_TRUE(end);
}

// SUPERVISION 40
TEST_F(SupervisorAutoShutdown, WhenABystanderEndsThenItLives) {
  given(auto_shutdown::any_significant,
        {plain("a", restart_type::temporary),
         plain("b", restart_type::transient), significant("c")});
  end_child("a", ending::crash);
  end_child("b", ending::normal);
  EXPECT_EQ(counts(), all_workers(2, 1));
  EXPECT_FALSE(end);
}

// SUPERVISION 40
TEST_F(SupervisorAutoShutdown, WhenASignificantOneIsRestartedThenItLives) {
  given(auto_shutdown::any_significant,
        {significant("a", restart_type::transient)});
  end_child("a", ending::crash);
  EXPECT_EQ(counts(), all_workers(1, 1));
  EXPECT_FALSE(end);
  end_child("a", ending::normal);
  EXPECT_TRUE(end);
}

// SUPERVISION 37, 40
TEST_F(SupervisorAutoShutdown, WhenASignificantOneIsTerminatedThenItLives) {
  given(auto_shutdown::any_significant,
        {significant("a"), significant("b", restart_type::transient)});
  for (auto id : {"a", "b"})
    ask<void>(boss, terminate_child_atom::value, std::string{id}).value();
  EXPECT_EQ(counts(), all_workers(1, 0));
  EXPECT_FALSE(end);
}

// Not by themselves, but by their sibling's strategy.
// SUPERVISION 11, 40
TEST_F(SupervisorAutoShutdown, WhenASiblingTakesSignificantOnesThenItLives) {
  for (auto how : {strategy::one_for_all, strategy::rest_for_one}) {
    given(auto_shutdown::any_significant, {plain("a"), significant("b")}, how);
    end_child("a", ending::crash);
    EXPECT_EQ(took_place(), (events{"end:a", "stop:b", "end:b", "start:a"}));
    EXPECT_EQ(counts(), all_workers(1, 1));
    EXPECT_FALSE(end);
  }
}

// A child whose end nobody has decided upon yet is not gone for good.
// SUPERVISION 40
TEST_F(SupervisorAutoShutdown, WhenTheLastTwoEndTogetherThenACrashStillCounts) {
  given(auto_shutdown::all_significant,
        {significant("a"), significant("b", restart_type::transient)});
  terminate(children.at("a"), ending::normal);
  terminate(children.at("b"), ending::crash);
  settle();
  EXPECT_EQ(counts(), all_workers(1, 1));
  EXPECT_FALSE(end);
  end_child("b", ending::normal);
  EXPECT_TRUE(end);
}

// Stopped for the sake of "b", which takes its time, "c" is not gone for good.
// SUPERVISION 40
TEST_F(SupervisorAutoShutdown, WhenAGroupWaitsToReturnThenItIsNotGone) {
  supervise({.strategy = strategy::rest_for_one,
             .intensity = 3,
             .children = {significant("a", restart_type::transient), plain("b"),
                          significant("c", restart_type::transient)},
             .auto_shutdown = auto_shutdown::all_significant,
             .backoff = {1s, 1s, 0.0, 10s}});
  end_child("b", ending::crash);
  end_child("a", ending::normal);
  EXPECT_FALSE(end);
  advance(1s);
  EXPECT_EQ(counts(), all_workers(3, 2));
  end_child("c", ending::normal);
  EXPECT_TRUE(end);
}

// SUPERVISION 40
TEST_F(SupervisorAutoShutdown, WhenAGroupFailsToReturnThenItIsTriedAgain) {
  given(auto_shutdown::all_significant,
        {significant("a", restart_type::transient), plain("b"),
         significant("c", restart_type::transient)},
        strategy::rest_for_one);
  children.next_starts("b", {no_disk});
  terminate(children.at("b"), ending::crash);
  terminate(children.at("a"), ending::normal);
  settle();
  EXPECT_FALSE(end);
  EXPECT_EQ(counts(), all_workers(3, 2));
}

// SUPERVISION 40
TEST_F(SupervisorAutoShutdown, GivenNestedOnesThenTheInnerEndEndsTheOuter) {
  auto inner =
    supervisor_child({.children = {significant("leaf"), plain("other")},
                      .auto_shutdown = auto_shutdown::any_significant,
                      .name = "inner"},
                     1s, restart_type::transient);
  inner.significant = true;
  given(auto_shutdown::any_significant, {plain("a"), inner});
  end_child("leaf", ending::normal);
  EXPECT_EQ(took_place(),
            (events{"end:leaf", "stop:other", "end:other", "stop:a", "end:a"}));
  EXPECT_EQ(end_kind_of(*end), end_kind::shutdown);
}

// SUPERVISION 7, 40
TEST_F(SupervisorAutoShutdown, WhenAStartedChildDoesNotFitThenItIsRefused) {
  supervise(strategy::one_for_one, {});
  EXPECT_TRUE(
    is(ask<caf::actor>(boss, start_child_atom::value, significant("a")).error(),
       supervisor_errc::never_significant));
  given(auto_shutdown::any_significant, {});
  EXPECT_TRUE(is(ask<caf::actor>(boss, start_child_atom::value,
                                 significant("a", restart_type::permanent))
                   .error(),
                 supervisor_errc::permanent_significant));
  EXPECT_TRUE(ask<caf::actor>(boss, start_child_atom::value, significant("a"))
                .is_value());
  end_child("a", ending::kill);
  EXPECT_TRUE(end);
}

} // namespace snakebridge::testing
