// The supervisor as strangers use it: by its public header, with or without a
// parent, on an actor system that has no bridge.
#include <snakebridge/supervisor.hpp>

#include "supervisors/restart_plan.hpp"
#include "tests/supervisors/supervisor_fixture.hpp"

#include <caf/scoped_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <gmock/gmock.h>

namespace snakebridge::testing {

namespace {

using add_atom = caf::atom_constant<caf::atom("add")>;
using adder_actor = caf::typed_actor<caf::replies_to<add_atom, int>::with<int>>;

adder_actor::behavior_type adder(adder_actor::pointer, int base) {
  return {[base](add_atom, int number) { return base + number; }};
}

caf::behavior echo(caf::event_based_actor*) {
  return {[](int number) { return number; }};
}

} // namespace

class SpawnSupervisor : public supervised {
protected:
  /// An actor that has spawned a supervisor of "a" and "b" below it. A trapping
  /// one writes "exit:" and the reason it is given, and lives on.
  caf::actor parent_of_two(bool traps) {
    auto behave = [this, traps](caf::event_based_actor* self) {
      if (traps)
        self->set_exit_handler([this](const caf::exit_msg& told) {
          happened.add("exit:" + describe(told.reason));
        });
      self->set_default_handler(caf::drop);
      auto spawned =
        spawn_supervisor(self, {.children = {plain("a"), plain("b")}});
      boss = untyped(*spawned);
      boss->attach_functor([this](const caf::error& why) { end = why; });
      return caf::behavior{
        [self](end_atom, caf::error& why) { self->quit(std::move(why)); },
        [](crash_atom) { throw std::runtime_error{"crash"}; }};
    };
    auto parent = system().spawn(behave);
    settle();
    happened.take();
    return parent;
  }
};

TEST_F(SpawnSupervisor, GivenItsOptionsInOrderThenNoNamesAreNeeded) {
  auto spawned = spawn_supervisor(
    system(), {strategy::one_for_all,
               3,
               5s,
               {{"a", spawning(echo)}, {"b", spawning(echo)}}});
  boss = ends_with_test(untyped(*spawned));
  settle();
  EXPECT_EQ(counts(), all_workers(2, 2));
}

// A typed handle refuses at compile time what it does not answer.
TEST_F(SpawnSupervisor, GivenTypedChildrenThenTheirHandlesAreFound) {
  caf::actor_system_config settings;
  settings.set("logger.verbosity", caf::atom("quiet"));
  caf::actor_system real{settings};
  caf::scoped_actor self{real};
  const auto fail = [](const caf::error& why) { FAIL() << describe(why); };
  const auto two = *spawn_supervisor(
    real, {.children = {{.id = "adder", .start = spawning(adder, 40)}}});
  self->request(two, 30s, await_started_atom::value).receive([] {}, fail);
  std::vector<child_row> rows;
  self->request(two, 30s, which_children_atom::value)
    .receive([&](std::vector<child_row>& told) { rows = told; }, fail);
  ASSERT_EQ(rows.size(), 1u);
  int sum = 0;
  self->request(rows[0].handle, 30s, add_atom::value, 2)
    .receive([&](int told) { sum = told; }, fail);
  EXPECT_EQ(sum, 42);
  bool has_ended = false;
  self->request(two, 30s, terminate_child_atom::value, "adder")
    .receive([&] { has_ended = true; }, fail);
  EXPECT_TRUE(has_ended);
  self->send_exit(two, caf::exit_reason::user_shutdown);
  self->wait_for(two);
}

TEST_F(SpawnSupervisor, WhenItsParentEndsInAnyWayThenItStopsInOrder) {
  for (auto how :
       {ending::normal, ending::shutdown, ending::crash, ending::kill}) {
    end.reset();
    terminate(parent_of_two(false), how);
    EXPECT_FALSE(end);
    settle();
    EXPECT_EQ(took_place(), (events{"stop:b", "end:b", "stop:a", "end:a"}));
    EXPECT_TRUE(end);
    EXPECT_EQ(end_kind_of(*end) == end_kind::normal, how == ending::normal);
  }
}

TEST_F(SpawnSupervisor, WhenItsParentWasDeadBeforeItBeganThenItEnds) {
  caf::actor parent =
    system().spawn(live, &happened, std::string{"p"}, manners{});
  settle();
  auto spawned = spawn_supervisor(caf::actor_cast<caf::local_actor*>(parent),
                                  {.children = {plain("a")}});
  terminate(parent, ending::kill);
  scheduler().prioritize(parent);
  settle();
  EXPECT_EQ(children.starts("a"), 0u);
  EXPECT_EQ(system().registry().running(), 0u);
}

TEST_F(SpawnSupervisor, WhenItGivesUpThenItsParentIsToldWhy) {
  const auto parent = ends_with_test(parent_of_two(true));
  end_child("b", ending::crash);
  end_child("b", ending::crash);
  EXPECT_EQ(took_place().back(),
            "exit:user_shutdown: supervisor: 2 restarts within 5 s exceed the "
            "intensity of 1; last: child 'b' ended with runtime_error");
  caf::anon_send_exit(parent, caf::exit_reason::kill);
}

TEST_F(SpawnSupervisor, WhenItIsKilledThenItsParentCanTrapThat) {
  const auto parent = ends_with_test(parent_of_two(true));
  caf::anon_send_exit(boss, caf::exit_reason::kill);
  settle();
  EXPECT_THAT(took_place(),
              ::testing::UnorderedElementsAre(
                "exit:killed: the supervisor was killed", "end:b", "end:a"));
  caf::anon_send_exit(parent, caf::exit_reason::kill);
}

TEST_F(SpawnSupervisor, WhenItGivesUpThenAParentThatDoesNotTrapEndsToo) {
  const auto parent = parent_of_two(false);
  caf::error reason;
  parent->attach_functor([&](const caf::error& why) { reason = why; });
  end_child("a", ending::crash);
  end_child("a", ending::crash);
  EXPECT_EQ(end_kind_of(reason), end_kind::shutdown);
}

TEST_F(SpawnSupervisor, GivenABadSpecThenNothingIsSpawnedBelowAParent) {
  caf::scoped_actor self{system()};
  const auto before = system().registry().running();
  auto refused = spawn_supervisor(self.ptr(), {.intensity = -1});
  EXPECT_TRUE(is(refused.error(), supervisor_errc::bad_intensity));
  EXPECT_EQ(system().registry().running(), before);
}

} // namespace snakebridge::testing
