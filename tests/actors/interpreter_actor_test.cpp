// An interpreter dies, restarts, or is down: SUPERVISION.md scenarios 47 to 49
// and what a pool that gives up tells its callers.
#include "tests/actors/acting.hpp"

#include <set>
#include <string>
#include <vector>

#include <gmock/gmock.h>

namespace snakebridge::testing {

using ::testing::HasSubstr;

class Interpreter : public acting {
protected:
  /// A pool with one interpreter and one session.
  void begin(fake_manners how = {}, std::uint32_t intensity = 3) {
    start_bridge({{.size = 1, .restart = {.intensity = intensity}}}, how);
    owner = client("client");
    session = open("a", owner);
    settle();
    happened.take();
  }

  /// Kills the actor, found as its supervisors know it.
  void kill_actor_of_interpreter() {
    const auto child_of = [this](const caf::actor& boss) {
      return ask<std::vector<child_row>>(boss, which_children_atom::value)
        .value()
        .front()
        .handle;
    };
    const auto actor = child_of(child_of(child_of(root)));
    caf::anon_send_exit(actor, caf::exit_reason::kill);
    settle();
  }

  interpreter_facts facts() { return places->of(1)->calls->look(1); }

  caf::actor owner, session;
};

// SUPERVISION 47
// ORIGINAL P12
TEST_F(Interpreter, WhenItDiesInACallThenOnlyThatCallFails) {
  begin();
  const auto runs = call(session, "hold");
  std::vector<answer<value>> waiting;
  for (int i = 0; i < 6; ++i) // some with the host, some in the queue
    waiting.push_back(call(session, "echo", {i}));
  took_place();
  host().die("a segfault");
  EXPECT_EQ(took_place(),
            (events{"end", "start:2", "ready:2", "call:fake.echo",
                    "call:fake.echo", "call:fake.echo", "call:fake.echo",
                    "call:fake.echo", "call:fake.echo"}));
  const auto failed = to_error(runs.error());
  EXPECT_EQ(failed.code(), errc::interpreter_died);
  EXPECT_TRUE(failed.may_have_run());
  for (int i = 0; i < 6; ++i)
    EXPECT_EQ(waiting[i].value(), i);
}

TEST_F(Interpreter, WhenItDiesThenUnstartedCallsRunInOrder) {
  begin();
  std::vector<std::string> order;
  call(session, "hold");
  manners.answers_at_once = false;
  for (int i = 0; i < 8; ++i)
    call(session, "f" + std::to_string(i));
  host().die("a segfault");
  settle();
  while (!host().runs().empty()) {
    order.push_back(host().runs());
    host().finish(0);
    settle();
  }
  EXPECT_EQ(order, (events{"fake.f0", "fake.f1", "fake.f2", "fake.f3",
                           "fake.f4", "fake.f5", "fake.f6", "fake.f7"}));
}

// SUPERVISION 48
TEST_F(Interpreter, WhenItHasRestartedThenOldRefsAreStaleAndNewOnesWork) {
  begin();
  const auto before = object_in(session);
  const auto other = open("b", client("other"));
  const auto theirs = object_in(other);
  host().die("a segfault");
  settle();
  const auto use = [&](const caf::actor& through, const ref& object) {
    return ask<value>(through, attr_message{object, "echo"});
  };
  EXPECT_EQ(code_of(use(session, before).error()), errc::ref_stale);
  EXPECT_EQ(code_of(use(session, theirs).error()), errc::ref_foreign);
  EXPECT_EQ(code_of(use(other, theirs).error()), errc::ref_stale);
  const auto after = object_in(session);
  EXPECT_EQ(after.epoch, before.epoch + 1);
  EXPECT_EQ(use(session, after).value(), none);
  // One stale object makes the whole call stale.
  EXPECT_EQ(code_of(call(session, "echo", {after, before}).error()),
            errc::ref_stale);
  EXPECT_EQ(facts().deaths, 1U);
}

// A call that waited with an old object is not run with a new one.
// SUPERVISION 48
TEST_F(Interpreter, WhenACallWithAnObjectWaitsThenItAnswersStale) {
  begin();
  const auto object = object_in(session);
  call(session, "hold");
  const auto waits = call(session, "echo", {object});
  host().die("a segfault");
  settle();
  EXPECT_EQ(code_of(waits.error()), errc::ref_stale);
}

// SUPERVISION 49
TEST_F(Interpreter, WhenItIsDownThenANewSessionIsServedAfterTheRestart) {
  begin();
  manners.ready_at_once = false;
  host().die("a segfault");
  settle();
  EXPECT_FALSE(facts().ready);
  const auto fresh = open("b", owner);
  const auto asked = call(fresh, "echo", {1});
  EXPECT_FALSE(asked.arrived());
  host().ready();
  settle();
  EXPECT_EQ(asked.value(), 1);
}

// SUPERVISION 49
TEST_F(Interpreter, WhenItNeverComesBackThenWhoWaitsHearsThePoolIsDown) {
  begin({}, 1);
  manners.ready_at_once = false;
  host().die("a segfault");
  settle();
  const auto asked = call(open("b", owner), "echo", {1});
  EXPECT_FALSE(asked.arrived());
  host().die(error{errc::startup_failed, "no numpy"});
  settle();
  const auto down = to_error(asked.error());
  EXPECT_EQ(down.code(), errc::pool_down);
  EXPECT_THAT(down.message(), HasSubstr("pool 'default' is down"));
  EXPECT_THAT(down.message(), HasSubstr("startup_failed: no numpy"));
}

TEST_F(Interpreter, WhenItDiesTooOftenThenEveryCallerHearsThePoolIsDown) {
  begin({}, 2);
  for (int death = 0; death < 2; ++death) {
    host().die("a segfault");
    settle();
    EXPECT_EQ(call(session, "echo", {1}).value(), 1);
  }
  const auto runs = call(session, "hold");
  const auto waits = call(session, "echo");
  host().die("the last segfault");
  settle();
  EXPECT_EQ(code_of(runs.error()), errc::interpreter_died);
  EXPECT_EQ(code_of(waits.error()), errc::pool_down);
  const auto later = to_error(call(session, "echo").error());
  EXPECT_EQ(later.code(), errc::pool_down);
  EXPECT_THAT(later.message(),
              HasSubstr("interpreter_died: the last segfault"));
  EXPECT_FALSE(later.may_have_run());
}

TEST_F(Interpreter, WhenDeathsAreSpreadPastThePeriodThenThePoolLives) {
  begin({}, 1);
  for (int death = 0; death < 20; ++death) {
    host().die("a segfault");
    advance(5001ms);
    EXPECT_EQ(call(session, "echo", {1}).value(), 1);
  }
  EXPECT_EQ(host().epoch(), 21U);
}

TEST_F(Interpreter, GivenABackoffThenCallsWaitForTheRestartWithIt) {
  start_bridge({{.size = 1, .restart = {.backoff = 1s, .backoff_max = 2s}}});
  session = open("a", client("client"));
  host().die("a segfault");
  const auto waits = call(session, "echo", {1});
  advance(799ms); // a fifth of it may be taken off by chance
  EXPECT_FALSE(waits.arrived());
  EXPECT_EQ(host().epoch(), 1U);
  advance(201ms);
  EXPECT_EQ(waits.value(), 1);
  EXPECT_EQ(host().epoch(), 2U);
}

// ORIGINAL P25
TEST_F(Interpreter, WhenOnePoolIsDownThenTheOthersServe) {
  start_bridge(
    {{.size = 1, .restart = {.intensity = 0}}, {.name = "other", .size = 1}});
  session = open("a", client("client"));
  host(1).die("a segfault");
  settle();
  EXPECT_EQ(code_of(call(session, "echo").error()), errc::pool_down);
  EXPECT_EQ(ask<value>(session, call_message{.module = "fake",
                                             .function = "echo",
                                             .args = {1},
                                             .options = {.pool = "other"}})
              .value(),
            1);
}

TEST_F(Interpreter, GivenTwoInAPoolThenTheDeathOfOneLeavesTheOther) {
  start_bridge({{.size = 2}});
  const auto one = open("a", client("client"));
  call(one, "hold"); // so that the next session goes elsewhere
  const auto two = open("b", client("other"));
  const auto object = object_in(two);
  EXPECT_EQ(object.interpreter, 2U);
  host(1).die("a segfault");
  settle();
  EXPECT_EQ(ask<value>(two, attr_message{object, "echo"}).value(), none);
  EXPECT_EQ(host(1).epoch(), 2U);
  EXPECT_EQ(host(2).epoch(), 1U);
}

// The host of a killed actor must not run on without an owner.
TEST_F(Interpreter, WhenItsActorIsKilledThenItsHostIsKilledAndReplaced) {
  begin();
  const auto runs = call(session, "hold");
  kill_actor_of_interpreter();
  EXPECT_EQ(took_place(),
            (events{"call:fake.hold", "kill:its interpreter actor ended", "end",
                    "start:2", "ready:2"}));
  EXPECT_EQ(code_of(runs.error()), errc::interpreter_died);
  EXPECT_EQ(call(session, "echo", {1}).value(), 1);
}

// ORIGINAL P4
TEST_F(Interpreter, WhenItsHostEndsSlowlyThenItIsWaitedForThenKilled) {
  begin({.ends_at_once = false});
  const auto asked = call(session, "hold");
  open_sessions->close();
  caf::anon_send_exit(std::exchange(root, nullptr),
                      caf::exit_reason::user_shutdown);
  EXPECT_EQ(took_place(),
            (events{"call:fake.hold", "withdraw:fake.hold", "release:a",
                    "stop:client", "end:client", "stop"}));
  advance(6999ms); // its stop_timeout, and what a kill may take
  EXPECT_EQ(took_place(), (events{}));
  advance(1ms);
  EXPECT_EQ(took_place(), (events{"kill:its interpreter actor ended"}));
  host().end();
  settle();
  EXPECT_TRUE(asked.arrived());
}

TEST_F(Interpreter, WhenAPoolIsClosedThenTheFirstReasonStaysUntilItReopens) {
  begin({}, 0);
  const auto calls = places->of(1)->calls;
  calls->close({errc::pool_down, "first reason"});
  calls->close({errc::shutting_down, "second reason"});
  EXPECT_EQ(to_error(call(session, "echo").error()).message(), "first reason");
  calls->reopen();
  EXPECT_EQ(call(session, "echo", {1}).value(), 1);
}

// Pools: where calls go.
class Pools : public acting {};

TEST_F(Pools, GivenSeveralInterpretersThenASessionGoesToTheLeastBusy) {
  start_bridge({{.size = 3}});
  const auto owner = client("client");
  std::set<std::uint32_t> used;
  for (const char* id : {"a", "b", "c"}) {
    const auto session = open(id, owner);
    used.insert(object_in(session).interpreter);
    call(session, "hold");
  }
  EXPECT_EQ(used.size(), 3U);
}

TEST_F(Pools, GivenAHomeThenASessionStaysThere) {
  start_bridge({{.size = 3}});
  const auto session = open("a", client("client"));
  const auto home = object_in(session).interpreter;
  call(session, "hold");
  const auto next = call(session, "object");
  host(home).finish(0);
  settle();
  EXPECT_EQ(next.value().as<ref>().interpreter, home);
}

TEST_F(Pools, GivenPoolsThenInterpretersAreNumberedThroughAll) {
  start_bridge({{.size = 2}, {.name = "gpu", .size = 1}});
  const auto* usual = places->find("default");
  const auto* gpu = places->find("gpu");
  EXPECT_EQ(usual->calls->in_service(), (std::vector<std::uint32_t>{1, 2}));
  EXPECT_EQ(gpu->calls->in_service(), std::vector<std::uint32_t>{3});
  EXPECT_EQ(places->of(2), usual);
  EXPECT_EQ(places->of(3), gpu);
  EXPECT_EQ(places->of(0), nullptr);
  EXPECT_EQ(places->of(4), usual) << "room to grow";
  EXPECT_EQ(usual->places.number(2), 4U);
  EXPECT_EQ(places->of(gpu->places.number(1)), gpu);
  EXPECT_EQ(places->of(1'000), nullptr);
  EXPECT_EQ(places->find("tpu"), nullptr);
}

} // namespace snakebridge::testing
