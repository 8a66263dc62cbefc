// How children are stopped: SUPERVISION.md scenarios 25 to 27, 29 to 31, 34.
#include "supervisors/child_spec.hpp"
#include "tests/supervisors/supervisor_fixture.hpp"
#include "tests/support/logged.hpp"

namespace snakebridge::testing {

namespace {

const caf::error asked = caf::exit_reason::user_shutdown;
const caf::error killed = caf::exit_reason::kill;

} // namespace

class SupervisorShutdown : public supervised {
protected:
  void given(child_factory start, std::optional<shutdown_limit> limit) {
    supervise(
      strategy::one_for_one,
      {{.id = "a", .start = std::move(start), .shutdown = std::move(limit)}});
  }
};

// SUPERVISION 25
TEST_F(SupervisorShutdown, WhenItStopsThenEachEndsAfterTheOneStartedLater) {
  supervise(
    strategy::one_for_one,
    {plain("a"), {.id = "b", .start = children.slow("b", 1s)}, plain("c")});
  stop();
  EXPECT_EQ(took_place(), (events{"stop:c", "end:c", "stop:b"}));
  EXPECT_EQ(counts(), all_workers(3, 2));
  advance(1s);
  EXPECT_EQ(took_place(), (events{"end:b", "stop:a", "end:a"}));
  EXPECT_EQ(end, asked);
}

// SUPERVISION 26
TEST_F(SupervisorShutdown, GivenInfinityThenItWaits) {
  given(children.slow("a", 1h), infinity);
  stop();
  advance(59min);
  EXPECT_FALSE(end);
  advance(1min);
  EXPECT_EQ(children.reasons("a"), std::vector{asked});
  EXPECT_EQ(end, asked);
}

// SUPERVISION 26
TEST_F(SupervisorShutdown, GivenATimeThenAnObedientChildEndsAsAsked) {
  given(children.slow("a", 199ms), 200ms);
  stop();
  advance(199ms);
  EXPECT_EQ(children.reasons("a"), std::vector{asked});
  EXPECT_EQ(end, asked);
}

// SUPERVISION 26, 30
TEST_F(SupervisorShutdown, GivenATimeThenADeafChildIsKilledThenAndNotBefore) {
  given(children.deaf("a"), 200ms);
  stop();
  advance(199ms);
  EXPECT_EQ(took_place(), (events{"stop:a"}));
  EXPECT_EQ(counts(), all_workers(1, 1));
  advance(1ms);
  EXPECT_EQ(took_place(), (events{"end:a"}));
  EXPECT_EQ(children.reasons("a"), std::vector{killed});
  EXPECT_EQ(end, asked);
}

// SUPERVISION 26
TEST_F(SupervisorShutdown, GivenNoTimeThenAWorkerHasFiveSeconds) {
  given(children.deaf("a"), std::nullopt);
  stop();
  advance(4999ms);
  EXPECT_FALSE(end);
  advance(1ms);
  EXPECT_EQ(end, asked);
}

// SUPERVISION 27
TEST_F(SupervisorShutdown, GivenBrutalKillThenThereIsNoGrace) {
  given(children.obedient("a"), brutal_kill);
  stop();
  EXPECT_EQ(took_place(), (events{"end:a"}));
  EXPECT_EQ(children.reasons("a"), std::vector{killed});
  EXPECT_EQ(end, asked);
}

// SUPERVISION 27
TEST_F(SupervisorShutdown, GivenBrutalKillThenAChildStartedLaterHasNoneEither) {
  supervise({});
  auto late = plain("a");
  late.shutdown = brutal_kill;
  ask<caf::actor>(boss, start_child_atom::value, late).value();
  ask<void>(boss, terminate_child_atom::value, std::string{"a"}).value();
  EXPECT_EQ(children.reasons("a"), std::vector{killed});
  EXPECT_EQ(counts(), all_workers(1, 0));
}

// SUPERVISION 29
TEST_F(SupervisorShutdown, WhenOthersEndDuringItThenNothingIsRestarted) {
  for (auto type : {restart_type::permanent, restart_type::transient,
                    restart_type::temporary})
    for (auto how :
         {ending::normal, ending::shutdown, ending::crash, ending::kill}) {
      end.reset();
      supervise(
        strategy::one_for_all,
        {plain("a", type), {.id = "b", .start = children.slow("b", 1s)}});
      stop();
      end_child("a", how);
      EXPECT_EQ(took_place(), (events{"stop:b", "end:a"}));
      EXPECT_FALSE(end);
      advance(1s);
      EXPECT_EQ(took_place(), (events{"end:b"}));
      EXPECT_EQ(end, asked);
    }
}

TEST_F(SupervisorShutdown, WhenAChildEndsOtherwiseThanAskedThenThatIsLogged) {
  const logged log;
  auto brutal = plain("killed as its spec says");
  brutal.shutdown = brutal_kill;
  supervise(strategy::one_for_one,
            {{.id = "deaf", .start = children.deaf("deaf"), .shutdown = 1ms},
             {.id = "naughty", .start = children.naughty("naughty")},
             plain("obedient"),
             brutal});
  stop();
  advance(1ms);
  EXPECT_TRUE(end);
  const std::string said = "was told to stop and ended with ";
  EXPECT_EQ(log.warnings("naughty"),
            (events{"[warning] supervisor: child 'naughty' " + said
                    + "runtime_error"}));
  EXPECT_EQ(log.warnings("deaf"),
            (events{"[warning] supervisor: child 'deaf' " + said + "kill"}));
  EXPECT_EQ(log.warnings("obedient"), events{});
  EXPECT_EQ(log.warnings(brutal.id), events{});
}

TEST_F(SupervisorShutdown, WhenOneOfAPoolEndsOtherwiseThanAskedThenSoItIs) {
  const logged log;
  pool_of({.id = "a", .start = children.naughty("a")});
  ask<caf::actor>(boss, start_child_atom::value).value();
  stop();
  EXPECT_EQ(log.warnings("a").size(), 1u);
}

TEST_F(SupervisorShutdown, WhenAChildEndsOtherwiseThanAskedThenItCarriesOn) {
  supervise(strategy::one_for_one,
            {plain("a"), {.id = "b", .start = children.naughty("b")}});
  stop();
  EXPECT_EQ(took_place(), (events{"stop:b", "end:b", "stop:a", "end:a"}));
  EXPECT_EQ(children.reasons("b"),
            std::vector{caf::error{caf::sec::runtime_error}});
  EXPECT_EQ(end, asked);
}

// A killed child whose handler never returns sends no down message.
// SUPERVISION 30
TEST_F(SupervisorShutdown, WhenAKilledChildDoesNotGoThenItIsAbandoned) {
  given(children.deaf("a"), 200ms);
  caf::scheduler::test_coordinator& coordinator = scheduler();
  auto stuck = caf::actor_cast<caf::abstract_actor*>(children.at("a"));
  stop();
  advance(199ms);
  scheduler().clock().advance_time(1ms);
  // The child is never scheduled again, as if its handler went on and on.
  auto is_other = [stuck](caf::resumable* job) {
    return dynamic_cast<caf::abstract_actor*>(job) != stuck;
  };
  coordinator.run_jobs_filtered(is_other);
  scheduler().clock().advance_time(abandon_after);
  coordinator.run_jobs_filtered(is_other);
  EXPECT_EQ(end, asked);
  EXPECT_EQ(children.reasons("a"), std::vector<caf::error>{});
  settle();
  EXPECT_EQ(children.reasons("a"), std::vector{killed});
}

// SUPERVISION 31
TEST_F(SupervisorShutdown, WhenAChildIsStuckComingUpThenStopDoesNotWaitForIt) {
  auto late = plain("a");
  late.start = children.late("a", 10s);
  late.up_timeout = 30s;
  supervise(strategy::one_for_one, {late, plain("b")});
  advance(10s);
  end_child("a", ending::crash);
  EXPECT_EQ(row("a").status, child_status::restarting);
  took_place();
  stop();
  EXPECT_EQ(took_place(), (events{"stop:b", "end:b", "stop:a", "end:a"}));
  EXPECT_EQ(end, asked);
}

// The stop arrives between two tries of a loop that would never end.
// SUPERVISION 31
TEST_F(SupervisorShutdown, WhenAChildIsInItsRestartLoopThenItStopsAtOnce) {
  supervise(strategy::one_for_one, {plain("a"), plain("b")}, 500);
  children.never_start("a", no_disk);
  terminate(children.at("a"), ending::crash);
  for (auto tries = 0; children.starts("a") < 10 && tries < 1000; ++tries)
    scheduler().try_run_once();
  auto before = children.starts("a");
  caf::anon_send_exit(boss, caf::exit_reason::user_shutdown);
  settle();
  EXPECT_EQ(end, asked);
  EXPECT_LE(children.starts("a"), before + 2);
  EXPECT_EQ(children.reasons("b"), std::vector{asked});
}

TEST_F(SupervisorShutdown, WhenItIsStoppedByAnyReasonThenItEndsWithThatReason) {
  supervise(strategy::one_for_one, {plain("a")});
  caf::anon_send(boss, caf::exit_msg{boss.address(), no_disk});
  settle();
  EXPECT_EQ(end, no_disk);
  EXPECT_EQ(children.reasons("a"), std::vector{asked});
}

TEST_F(SupervisorShutdown, WhenRequestsArriveWhileItStopsThenTheyAreRefused) {
  given(children.slow("a", 1s), infinity);
  auto waiting = ask<void>(boss, terminate_child_atom::value, std::string{"a"});
  auto behind = ask<caf::actor>(boss, start_child_atom::value, plain("b"));
  EXPECT_FALSE(waiting.arrived() || behind.arrived());
  stop();
  EXPECT_TRUE(is(waiting.error(), supervisor_errc::stopping));
  EXPECT_TRUE(is(behind.error(), supervisor_errc::stopping));
  auto late = ask<caf::actor>(boss, start_child_atom::value, plain("b"));
  EXPECT_TRUE(is(late.error(), supervisor_errc::stopping));
  EXPECT_EQ(counts(), all_workers(1, 1));
  advance(1s);
  EXPECT_EQ(end, asked);
}

// SUPERVISION 34
TEST_F(SupervisorShutdown, WhenItIsKilledThenItsChildrenEndWithIt) {
  supervise(
    strategy::one_for_one,
    {plain("a"),
     {.id = "b", .start = children.deaf("b")},
     supervisor_child({.children = {plain("c")}, .name = "inner"}, 1s)});
  EXPECT_EQ(counts().active, 3u);
  took_place();
  caf::anon_send_exit(boss, caf::exit_reason::kill);
  settle();
  EXPECT_EQ(took_place().size(), 3u);
  EXPECT_EQ(children.reasons("a"), std::vector{killed});
  EXPECT_EQ(children.reasons("b"), std::vector{killed});
  EXPECT_EQ(children.reasons("c"), std::vector{killed});
  EXPECT_EQ(end, killed);
}

// SUPERVISION 34
TEST_F(SupervisorShutdown, WhenItIsKilledThenWhoeverWaitsIsToldSo) {
  given(children.deaf("a"), infinity);
  auto waiting = ask<void>(boss, terminate_child_atom::value, std::string{"a"});
  caf::anon_send_exit(boss, caf::exit_reason::kill);
  settle();
  EXPECT_TRUE(is(waiting.error(), supervisor_errc::stopping));
  EXPECT_EQ(children.reasons("a"), std::vector{killed});
}

} // namespace snakebridge::testing
