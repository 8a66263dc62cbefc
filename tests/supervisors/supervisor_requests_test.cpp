// What a supervisor answers: SUPERVISION.md scenarios 31, 32, 35 to 38.
#include "tests/supervisors/supervisor_fixture.hpp"

namespace snakebridge::testing {

class SupervisorRequests : public supervised {
protected:
  answer<caf::actor> start(const child_spec& spec) {
    return ask<caf::actor>(boss, start_child_atom::value, spec);
  }
  answer<caf::actor> restart(const std::string& id) {
    return ask<caf::actor>(boss, restart_child_atom::value, id);
  }
  answer<void> remove(const std::string& id) {
    return ask<void>(boss, delete_child_atom::value, id);
  }
  answer<void> end_by_id(const std::string& id) {
    return ask<void>(boss, terminate_child_atom::value, id);
  }

  /// A child "a" that has come up once and takes 10 s to come up again.
  void given_a_restarting_child() {
    auto late = plain("a");
    late.start = children.late("a", 10s);
    late.up_timeout = 30s;
    supervise(strategy::one_for_one, {late, plain("b")}, 3);
    advance(10s);
    end_child("a", ending::crash);
    took_place();
  }

  /// A child "a" whose restart has failed, stopped between two tries.
  void given_a_child_between_tries() {
    supervise(strategy::one_for_one, {plain("a"), plain("b")}, 500);
    children.never_start("a", no_disk);
    terminate(children.at("a"), ending::crash);
    while (children.starts("a") < 5)
      scheduler().try_run_once();
  }
};

// SUPERVISION 35
TEST_F(SupervisorRequests, GivenARunningChildThenEachAnswers) {
  supervise(strategy::one_for_one, {plain("a")});
  auto again = start(plain("a"));
  EXPECT_TRUE(is(again.error(), supervisor_errc::already_started));
  EXPECT_EQ(handle_in(again.error()), children.at("a"));
  EXPECT_TRUE(is(restart("a").error(), supervisor_errc::running));
  EXPECT_TRUE(is(remove("a").error(), supervisor_errc::running));
  EXPECT_EQ(counts(), all_workers(1, 1));
  EXPECT_TRUE(end_by_id("a").is_value());
  EXPECT_EQ(counts(), all_workers(1, 0));
}

// SUPERVISION 35
TEST_F(SupervisorRequests, GivenAStoppedChildThenEachAnswers) {
  supervise(strategy::one_for_one, {plain("a")});
  end_by_id("a").value();
  EXPECT_TRUE(is(start(plain("a")).error(), supervisor_errc::already_present));
  EXPECT_TRUE(end_by_id("a").is_value());
  EXPECT_EQ(counts(), all_workers(1, 0));
  auto returned = restart("a");
  EXPECT_EQ(returned.value(), children.at("a"));
  EXPECT_EQ(counts(), all_workers(1, 1));
  end_by_id("a").value();
  EXPECT_TRUE(remove("a").is_value());
  EXPECT_EQ(counts(), all_workers(0, 0));
  EXPECT_TRUE(start(plain("a")).is_value());
  EXPECT_EQ(counts(), all_workers(1, 1));
}

// SUPERVISION 35
TEST_F(SupervisorRequests, WhenAStoppedChildFailsToReturnThenItStaysStopped) {
  supervise(strategy::one_for_one, {plain("a")}, 0);
  end_by_id("a").value();
  children.next_starts("a", {no_disk});
  EXPECT_EQ(restart("a").error(), no_disk);
  EXPECT_EQ(counts(), all_workers(1, 0));
  EXPECT_EQ(row("a").status, child_status::stopped);
  EXPECT_FALSE(end);
}

// SUPERVISION 35
TEST_F(SupervisorRequests, GivenAnUnknownChildThenEachAnswersNotFound) {
  supervise(strategy::one_for_one, {plain("a")});
  EXPECT_TRUE(is(restart("x").error(), supervisor_errc::not_found));
  EXPECT_TRUE(is(remove("x").error(), supervisor_errc::not_found));
  EXPECT_TRUE(is(end_by_id("x").error(), supervisor_errc::not_found));
  auto stranger = ask<void>(boss, terminate_child_atom::value, boss);
  EXPECT_TRUE(is(stranger.error(), supervisor_errc::not_found));
  EXPECT_EQ(counts(), all_workers(1, 1));
}

// SUPERVISION 32, 35
TEST_F(SupervisorRequests, GivenAChildBetweenTriesThenEachAnswers) {
  given_a_child_between_tries();
  auto id = std::string{"a"};
  auto shown = post<std::vector<child_row>>(boss, which_children_atom::value);
  auto restarted = post<caf::actor>(boss, restart_child_atom::value, id);
  auto removed = post<void>(boss, delete_child_atom::value, id);
  auto started = post<caf::actor>(boss, start_child_atom::value, plain("a"));
  auto ended = post<void>(boss, terminate_child_atom::value, id);
  settle();
  EXPECT_EQ(shown.value().front().status, child_status::restarting);
  EXPECT_EQ(shown.value().front().handle, caf::actor{});
  EXPECT_TRUE(is(restarted.error(), supervisor_errc::restarting));
  EXPECT_TRUE(is(removed.error(), supervisor_errc::restarting));
  EXPECT_TRUE(is(started.error(), supervisor_errc::already_present));
  EXPECT_TRUE(ended.is_value());
  EXPECT_EQ(row("a").status, child_status::stopped);
}

// SUPERVISION 31
TEST_F(SupervisorRequests, WhenAChildIsTerminatedBetweenTriesThenTheyEnd) {
  given_a_child_between_tries();
  auto before = children.starts("a");
  EXPECT_TRUE(end_by_id("a").is_value());
  EXPECT_LE(children.starts("a"), before + 2);
  EXPECT_EQ(row("a").status, child_status::stopped);
  EXPECT_EQ(counts(), all_workers(2, 1));
  children.next_starts("a", {});
  EXPECT_TRUE(restart("a").is_value());
  EXPECT_EQ(counts(), all_workers(2, 2));
}

// SUPERVISION 31
TEST_F(SupervisorRequests, WhenAChildIsTerminatedWhileComingUpThenItStops) {
  given_a_restarting_child();
  auto ended = end_by_id("a");
  EXPECT_TRUE(ended.is_value());
  EXPECT_EQ(took_place(), (events{"stop:a", "end:a"}));
  EXPECT_EQ(row("a").status, child_status::stopped);
  EXPECT_EQ(counts(), all_workers(2, 1));
  advance(30s);
  EXPECT_EQ(took_place(), events{});
}

// SUPERVISION 32
// ORIGINAL P11
TEST_F(SupervisorRequests, WhenAChildIsComingUpThenQueriesAreAnsweredAtOnce) {
  given_a_restarting_child();
  EXPECT_EQ(counts(), all_workers(2, 1));
  EXPECT_EQ(row("a").status, child_status::restarting);
  EXPECT_EQ(row("a").handle, caf::actor{});
  auto refused = restart("a");
  EXPECT_FALSE(refused.arrived());
  advance(10s);
  EXPECT_TRUE(is(refused.error(), supervisor_errc::running));
  EXPECT_EQ(counts(), all_workers(2, 2));
}

// SUPERVISION 36
TEST_F(SupervisorRequests, WhenChildrenComeAndGoThenTheCountsFollow) {
  supervise(strategy::one_for_one, {});
  EXPECT_EQ(counts(), all_workers(0, 0));
  start(plain("a")).value();
  EXPECT_EQ(counts(), all_workers(1, 1));
  start(supervisor_child({.name = "inner"}, 1s)).value();
  EXPECT_EQ(counts(), (child_counts{2, 2, 1, 1}));
  start(plain("b", restart_type::temporary)).value();
  EXPECT_EQ(counts(), (child_counts{3, 3, 1, 2}));
  end_by_id("b").value();
  EXPECT_EQ(counts(), (child_counts{2, 2, 1, 1}));
  end_by_id("inner").value();
  EXPECT_EQ(counts(), (child_counts{2, 1, 1, 1}));
  remove("inner").value();
  EXPECT_EQ(counts(), (child_counts{1, 1, 0, 1}));
}

// SUPERVISION 37
TEST_F(SupervisorRequests, WhenAChildIsTerminatedThenItStaysDownUncounted) {
  supervise(strategy::one_for_one, {plain("a"), plain("b")}, 0);
  EXPECT_TRUE(end_by_id("a").is_value());
  EXPECT_EQ(took_place(), (events{"stop:a", "end:a"}));
  EXPECT_EQ(counts(), all_workers(2, 1));
  advance(1min);
  EXPECT_EQ(took_place(), events{});
  EXPECT_EQ(row("a").status, child_status::stopped);
  EXPECT_FALSE(end);
}

// SUPERVISION 37
TEST_F(SupervisorRequests, GivenATemporaryChildThenTerminationForgetsIt) {
  supervise(strategy::one_for_one, {plain("a", restart_type::temporary)});
  auto handle = children.at("a");
  EXPECT_TRUE(ask<void>(boss, terminate_child_atom::value, handle).is_value());
  EXPECT_EQ(counts(), all_workers(0, 0));
  EXPECT_TRUE(is(end_by_id("a").error(), supervisor_errc::not_found));
}

// SUPERVISION 38
TEST_F(SupervisorRequests, WhenAStrangerGoesDownThenNothingChanges) {
  supervise(strategy::one_for_one, {plain("a")}, 0);
  nursery elsewhere{happened};
  auto stranger = system().spawn(live, &happened, std::string{"x"}, manners{});
  terminate(stranger, ending::kill);
  settle();
  caf::anon_send(boss, caf::down_msg{stranger.address(), no_disk});
  settle();
  EXPECT_EQ(counts(), all_workers(1, 1));
  EXPECT_FALSE(end);
}

// SUPERVISION 38
TEST_F(SupervisorRequests, WhenAFormerChildGoesDownAgainThenNothingChanges) {
  supervise(strategy::one_for_one, {plain("a")}, 1);
  auto former = children.at("a");
  end_child("a", ending::crash);
  took_place();
  caf::anon_send(boss, caf::down_msg{former.address(), no_disk});
  settle();
  EXPECT_EQ(took_place(), events{});
  EXPECT_EQ(counts(), all_workers(1, 1));
  EXPECT_FALSE(end);
}

TEST_F(SupervisorRequests, WhenItIsSentNonsenseThenItAnswersAndLives) {
  supervise(strategy::one_for_one, {plain("a")});
  EXPECT_EQ(ask<void>(boss, std::string{"hello"}).error(),
            caf::sec::unexpected_message);
  EXPECT_EQ(counts(), all_workers(1, 1));
}

} // namespace snakebridge::testing
