// Pools, one spec with many children: SUPERVISION.md scenarios 10, 17, 18, 28.
#include "tests/supervisors/supervisor_fixture.hpp"

namespace snakebridge::testing {

namespace {

const caf::error asked = caf::exit_reason::user_shutdown;
const caf::error killed = caf::exit_reason::kill;

child_counts pool_counts(std::size_t active) {
  return {.specs = 1, .active = active, .supervisors = 0, .workers = active};
}

} // namespace

class SupervisorPool : public supervised {
protected:
  caf::actor add(child_factory start) {
    return ask<caf::actor>(boss, start_child_atom::value, std::move(start))
      .value();
  }
  caf::actor add() {
    return ask<caf::actor>(boss, start_child_atom::value).value();
  }
};

// SUPERVISION 17
TEST_F(SupervisorPool, WhenOneDiesThenThatOneIsReplaced) {
  pool_of(plain("a"));
  auto first = add();
  auto second = add();
  EXPECT_EQ(counts(), pool_counts(2));
  terminate(first, ending::crash);
  settle();
  EXPECT_EQ(counts(), pool_counts(2));
  auto now = rows();
  EXPECT_EQ(now[1].handle, second);
  EXPECT_EQ(now[0].handle, children.at("a"));
  EXPECT_NE(now[0].handle, first);
}

// SUPERVISION 17
TEST_F(SupervisorPool, WhenOneIsStoppedThenByHandleAndForGood) {
  pool_of(plain("a"));
  auto child = add();
  auto by_id = ask<void>(boss, terminate_child_atom::value, std::string{"a"});
  EXPECT_TRUE(is(by_id.error(), supervisor_errc::simple_one_for_one));
  EXPECT_EQ(counts(), pool_counts(1));
  EXPECT_TRUE(ask<void>(boss, terminate_child_atom::value, child).is_value());
  EXPECT_EQ(counts(), pool_counts(0));
  auto again = ask<void>(boss, terminate_child_atom::value, child);
  EXPECT_TRUE(is(again.error(), supervisor_errc::not_found));
}

// SUPERVISION 17, 35
TEST_F(SupervisorPool, WhenItIsAskedByIdThenItRefuses) {
  pool_of(plain("a"));
  auto id = std::string{"a"};
  EXPECT_TRUE(is(ask<caf::actor>(boss, restart_child_atom::value, id).error(),
                 supervisor_errc::simple_one_for_one));
  EXPECT_TRUE(is(ask<void>(boss, delete_child_atom::value, id).error(),
                 supervisor_errc::simple_one_for_one));
  EXPECT_TRUE(
    is(ask<caf::actor>(boss, start_child_atom::value, plain("b")).error(),
       supervisor_errc::simple_one_for_one));
  EXPECT_EQ(counts(), pool_counts(0));
}

TEST_F(SupervisorPool, GivenNoFactoryAnywhereThenAStartIsRefused) {
  pool_of({.id = "session", .start = {}});
  auto refused = ask<caf::actor>(boss, start_child_atom::value);
  EXPECT_TRUE(is(refused.error(), supervisor_errc::missing_start));
  EXPECT_EQ(counts(), pool_counts(0));
}

TEST_F(SupervisorPool, WhenAnotherKindIsAskedForACopyThenItRefuses) {
  supervise(strategy::one_for_one, {plain("a")});
  auto refused = ask<caf::actor>(boss, start_child_atom::value);
  EXPECT_TRUE(is(refused.error(), supervisor_errc::missing_id));
  EXPECT_EQ(counts(), all_workers(1, 1));
}

// SUPERVISION 10
TEST_F(SupervisorPool, GivenTemporaryChildrenThenTheyLeaveNothingBehind) {
  pool_of({.id = "session", .start = {}, .restart = restart_type::temporary},
          0);
  for (auto how :
       {ending::normal, ending::shutdown, ending::crash, ending::kill}) {
    auto argument = std::make_shared<int>(1);
    auto child = add([argument, start = children.obedient("s")](auto self) {
      return start(self);
    });
    EXPECT_EQ(argument.use_count(), 1);
    EXPECT_EQ(counts(), pool_counts(1));
    terminate(child, how);
    settle();
    EXPECT_EQ(counts(), pool_counts(0));
  }
  EXPECT_FALSE(end);
}

TEST_F(SupervisorPool, WhenAFactoryGivesAnActorThatRunsThenItIsAdopted) {
  pool_of({.id = "s", .start = {}, .restart = restart_type::temporary});
  auto orphan = system().spawn(live, &happened, std::string{"s"}, manners{});
  auto adopt = [orphan](caf::event_based_actor*) {
    return caf::expected<caf::actor>{orphan};
  };
  EXPECT_EQ(add(adopt), orphan);
  EXPECT_EQ(counts(), pool_counts(1));
  auto twice =
    ask<caf::actor>(boss, start_child_atom::value, child_factory{adopt});
  EXPECT_EQ(handle_in(twice.error()), orphan);
  EXPECT_EQ(counts(), pool_counts(1));
  stop();
  EXPECT_EQ(took_place(), (events{"stop:s", "end:s"}));
}

TEST_F(SupervisorPool, WhenItAdoptsADeadActorThenItLearnsOfThatAtOnce) {
  pool_of({.id = "s", .start = {}, .restart = restart_type::temporary});
  auto corpse = system().spawn(live, &happened, std::string{"s"}, manners{});
  terminate(corpse, ending::kill);
  settle();
  add([corpse](caf::event_based_actor*) {
    return caf::expected<caf::actor>{corpse};
  });
  EXPECT_EQ(counts(), pool_counts(0));
}

// SUPERVISION 18
TEST_F(SupervisorPool, WhenARestartDeclinesThenTheChildDisappears) {
  pool_of(plain("a"));
  auto child = add();
  children.next_starts("a", {supervisor_errc::declined});
  terminate(child, ending::crash);
  settle();
  EXPECT_EQ(counts(), pool_counts(0));
  EXPECT_TRUE(rows().empty());
  EXPECT_FALSE(end);
}

// SUPERVISION 31
TEST_F(SupervisorPool, WhenAChildIsStoppedWhileComingUpThenItDisappears) {
  auto spec = plain("a");
  spec.start = children.late("a", 10s);
  spec.up_timeout = 30s;
  pool_of(spec);
  auto first = ask<caf::actor>(boss, start_child_atom::value);
  advance(10s);
  terminate(first.value(), ending::crash);
  settle();
  EXPECT_EQ(rows().front().status, child_status::restarting);
  auto coming = children.at("a");
  EXPECT_TRUE(ask<void>(boss, terminate_child_atom::value, coming).is_value());
  EXPECT_EQ(counts(), pool_counts(0));
  EXPECT_TRUE(rows().empty());
}

// SUPERVISION 28
TEST_F(SupervisorPool, WhenItStopsThenAllStopInParallelUnderOneTimer) {
  auto spec = plain("a");
  spec.shutdown = 1s;
  pool_of(spec);
  add();
  add(children.deaf("b"));
  add(children.slow("c", 900ms));
  add(children.deaf("d"));
  took_place();
  stop();
  auto told = took_place();
  EXPECT_EQ(told.size(), 5u);
  EXPECT_EQ(counts(), (child_counts{1, 3, 0, 3}));
  advance(900ms);
  EXPECT_EQ(took_place(), (events{"end:c"}));
  advance(99ms);
  EXPECT_FALSE(end);
  advance(1ms);
  EXPECT_EQ(end, asked);
  EXPECT_EQ(children.reasons("a"), std::vector{asked});
  EXPECT_EQ(children.reasons("b"), std::vector{killed});
  EXPECT_EQ(children.reasons("d"), std::vector{killed});
}

TEST_F(SupervisorPool, WhenTenThousandComeAtOnceThenAllAreServed) {
  pool_of({.id = "s", .start = {}, .restart = restart_type::temporary});
  auto slow = add(children.slow("x", 1s));
  auto gate = ask<void>(boss, terminate_child_atom::value, slow);
  std::vector<answer<caf::actor>> served;
  for (auto i = 0; i < 10'000; ++i)
    served.push_back(
      post<caf::actor>(boss, start_child_atom::value, children.obedient("y")));
  settle();
  EXPECT_FALSE(gate.arrived() || served.front().arrived());
  advance(1s);
  EXPECT_TRUE(std::all_of(served.begin(), served.end(),
                          [](auto& one) { return one.is_value(); }));
  EXPECT_EQ(counts(), pool_counts(10'000));
  stop();
  EXPECT_EQ(end, asked);
}

} // namespace snakebridge::testing
