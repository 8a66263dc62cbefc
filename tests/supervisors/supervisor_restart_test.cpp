// Who comes back when a child has ended: SUPERVISION.md scenarios 8 to 16
// and 32.
#include "tests/supervisors/supervisor_fixture.hpp"

namespace snakebridge::testing {

namespace {

const auto group_strategies = {strategy::one_for_all, strategy::rest_for_one};

struct death {
  restart_type type;
  ending how;
  bool returns;
};

const death deaths[] = {
  {restart_type::permanent, ending::normal, true},
  {restart_type::permanent, ending::shutdown, true},
  {restart_type::permanent, ending::crash, true},
  {restart_type::permanent, ending::kill, true},
  {restart_type::transient, ending::normal, false},
  {restart_type::transient, ending::shutdown, false},
  {restart_type::transient, ending::crash, true},
  {restart_type::transient, ending::kill, true},
  {restart_type::temporary, ending::normal, false},
  {restart_type::temporary, ending::shutdown, false},
  {restart_type::temporary, ending::crash, false},
  {restart_type::temporary, ending::kill, false},
};

caf::error reason_of(ending how) {
  switch (how) {
  case ending::shutdown:
    return caf::exit_reason::user_shutdown;
  case ending::kill:
    return caf::exit_reason::kill;
  case ending::crash:
    return caf::sec::runtime_error;
  case ending::normal:
    break;
  }
  return {};
}

} // namespace

class SupervisorRestart : public supervised {
protected:
  void given(strategy how, int intensity = 3) {
    supervise(how, {plain("a"), plain("b"), plain("c"), plain("d"), plain("e")},
              intensity);
    for (auto id : {"a", "b", "c", "d", "e"})
      old_[id] = children.at(id);
  }

  bool kept(const std::string& id) { return row(id).handle == old_[id]; }

  std::map<std::string, caf::actor> old_;
};

class SupervisorDeath : public supervised,
                        public ::testing::WithParamInterface<death> {};

// SUPERVISION 8, 9, 10
TEST_P(SupervisorDeath, IsFollowedByWhatTheTableSays) {
  supervise(strategy::one_for_one, {plain("a", GetParam().type), plain("b")});
  auto old = children.at("a");
  end_child("a", GetParam().how);
  EXPECT_EQ(children.reasons("a"), std::vector{reason_of(GetParam().how)});
  if (GetParam().returns) {
    EXPECT_EQ(took_place(), (events{"end:a", "start:a"}));
    EXPECT_EQ(counts(), all_workers(2, 2));
    EXPECT_EQ(row("a").handle, children.at("a"));
    EXPECT_NE(row("a").handle, old);
  } else if (GetParam().type == restart_type::transient) {
    EXPECT_EQ(took_place(), (events{"end:a"}));
    EXPECT_EQ(counts(), all_workers(2, 1));
    EXPECT_EQ(row("a").status, child_status::stopped);
    EXPECT_EQ(row("a").handle, caf::actor{});
  } else {
    EXPECT_EQ(took_place(), (events{"end:a"}));
    EXPECT_EQ(counts(), all_workers(1, 1));
  }
}

INSTANTIATE_TEST_SUITE_P(EachRow, SupervisorDeath, ::testing::ValuesIn(deaths));

// SUPERVISION 10
TEST_F(SupervisorRestart, GivenATemporaryChildThenItsStartIsNotRetained) {
  auto argument = std::make_shared<int>(1);
  auto spec = plain("a", restart_type::temporary);
  spec.start = [argument, start = spec.start](auto self) {
    return start(self);
  };
  supervise({});
  ask<caf::actor>(boss, start_child_atom::value, std::move(spec)).value();
  EXPECT_EQ(argument.use_count(), 1);
  EXPECT_EQ(counts(), all_workers(1, 1));
}

// SUPERVISION 11
TEST_F(SupervisorRestart, WhenABystanderIsTemporaryThenItGoesForGood) {
  for (auto how : group_strategies) {
    supervise(how, {plain("a"), plain("b", restart_type::temporary)});
    end_child("a", ending::crash);
    EXPECT_EQ(took_place(), (events{"end:a", "stop:b", "end:b", "start:a"}));
    EXPECT_EQ(counts(), all_workers(1, 1));
    EXPECT_FALSE(end);
  }
}

// SUPERVISION 12
TEST_F(SupervisorRestart, GivenOneForOneThenTheOthersKeepTheirHandles) {
  given(strategy::one_for_one);
  end_child("c", ending::crash);
  EXPECT_EQ(took_place(), (events{"end:c", "start:c"}));
  EXPECT_TRUE(kept("a") && kept("b") && kept("d") && kept("e"));
  EXPECT_FALSE(kept("c"));
  EXPECT_EQ(counts(), all_workers(5, 5));
}

// SUPERVISION 13
TEST_F(SupervisorRestart, GivenOneForAllThenAllAreNewAndInOrder) {
  given(strategy::one_for_all);
  end_child("c", ending::crash);
  EXPECT_EQ(took_place(),
            (events{"end:c", "stop:e", "end:e", "stop:d", "end:d", "stop:b",
                    "end:b", "stop:a", "end:a", "start:a", "start:b", "start:c",
                    "start:d", "start:e"}));
  EXPECT_FALSE(kept("a") || kept("b") || kept("c") || kept("d") || kept("e"));
  EXPECT_EQ(counts(), all_workers(5, 5));
}

// SUPERVISION 14
TEST_F(SupervisorRestart, GivenRestForOneThenTheLaterOnesFollow) {
  given(strategy::rest_for_one);
  end_child("c", ending::crash);
  EXPECT_EQ(took_place(), (events{"end:c", "stop:e", "end:e", "stop:d", "end:d",
                                  "start:c", "start:d", "start:e"}));
  EXPECT_TRUE(kept("a") && kept("b"));
  EXPECT_FALSE(kept("c") || kept("d") || kept("e"));
  EXPECT_EQ(counts(), all_workers(5, 5));
}

// SUPERVISION 18
TEST_F(SupervisorRestart, WhenAGroupRestartsThenItsEndedChildrenReturnToo) {
  for (auto how : group_strategies) {
    supervise(how,
              {plain("a"), plain("b", restart_type::transient), plain("c")});
    end_child("b", ending::normal);
    ask<void>(boss, terminate_child_atom::value, std::string{"c"}).value();
    EXPECT_EQ(counts(), all_workers(3, 1));
    took_place();
    end_child("a", ending::crash);
    EXPECT_EQ(took_place(), (events{"end:a", "start:a", "start:b", "start:c"}));
    EXPECT_EQ(counts(), all_workers(3, 3));
  }
}

// SUPERVISION 15
TEST_F(SupervisorRestart, GivenOneForAllWhenOneFailsToReturnThenAllTryAgain) {
  given(strategy::one_for_all);
  children.next_starts("b", {no_disk});
  end_child("e", ending::crash);
  EXPECT_EQ(took_place(),
            (events{"end:e", "stop:d", "end:d", "stop:c", "end:c", "stop:b",
                    "end:b", "stop:a", "end:a", "start:a", "stop:a", "end:a",
                    "start:a", "start:b", "start:c", "start:d", "start:e"}));
  EXPECT_EQ(counts(), all_workers(5, 5));
}

// SUPERVISION 16
TEST_F(SupervisorRestart, GivenRestForOneWhenALaterOneFailsThenEarlierStay) {
  given(strategy::rest_for_one);
  children.next_starts("e", {no_disk});
  end_child("c", ending::crash);
  EXPECT_EQ(took_place(), (events{"end:c", "stop:e", "end:e", "stop:d", "end:d",
                                  "start:c", "start:d", "start:e"}));
  EXPECT_EQ(children.starts("e"), 3u);
  EXPECT_TRUE(kept("a") && kept("b"));
  EXPECT_EQ(counts(), all_workers(5, 5));
}

TEST_F(SupervisorRestart, WhenASiblingDiesDuringAGroupRestartThenItCountsOnce) {
  supervise(
    strategy::one_for_all,
    {plain("a"), plain("b"), {.id = "c", .start = children.slow("c", 1s)}}, 1);
  end_child("b", ending::crash);
  end_child("a", ending::crash);
  EXPECT_EQ(took_place(), (events{"end:b", "stop:c", "end:a"}));
  EXPECT_EQ(counts(), all_workers(3, 1));
  advance(1s);
  EXPECT_EQ(took_place(), (events{"end:c", "start:a", "start:b", "start:c"}));
  EXPECT_EQ(counts(), all_workers(3, 3));
  EXPECT_FALSE(end);
}

// SUPERVISION 32
TEST_F(SupervisorRestart, WhenTwoDieWhileOneIsComingUpThenBothReturnInTurn) {
  auto late = plain("a");
  late.start = children.late("a", 1s);
  late.up_timeout = 2s;
  supervise(strategy::one_for_one, {late, plain("b")});
  advance(1s);
  end_child("a", ending::crash);
  end_child("b", ending::crash);
  EXPECT_EQ(row("a").status, child_status::restarting);
  EXPECT_EQ(row("b").status, child_status::restarting);
  EXPECT_EQ(counts(), all_workers(2, 0));
  advance(1s);
  EXPECT_EQ(took_place(),
            (events{"start:b", "end:a", "start:a", "end:b", "start:b"}));
  EXPECT_EQ(counts(), all_workers(2, 2));
}

} // namespace snakebridge::testing
