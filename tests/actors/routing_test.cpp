// Which interpreter a call runs in, and what becomes of it when that one is
// busy, dies or has died: ORIGINAL P15 to P17, P29, P30.
#include "tests/actors/acting.hpp"

#include <gmock/gmock.h>

namespace snakebridge::testing {

using ::testing::HasSubstr;

class Routing : public acting {
protected:
  void begin(std::vector<pool_config> wanted = {{.size = 2}}) {
    start_bridge(std::move(wanted));
    owner = client("client");
    session = open("a", owner);
    settle();
    happened.take();
  }
  answer<value> with(const call_options& options, const std::string& name,
                     list arguments = {}) {
    return ask<value>(session, call_message{.module = "fake",
                                            .function = name,
                                            .args = std::move(arguments),
                                            .options = options});
  }
  /// Where the session's first call goes: its home. It stays busy.
  answer<value> hold() { return call(session, "hold"); }

  caf::actor owner, session;
};

// ORIGINAL P17
TEST_F(Routing, GivenAHintThenACallRunsWhereItIsFree) {
  begin();
  const auto runs = hold();
  const auto made = with({.affinity = affinity::hint}, "object");
  EXPECT_EQ(made.value().as<ref>().interpreter, 2U);
  EXPECT_FALSE(runs.arrived());
  // A ref still reaches its own interpreter.
  EXPECT_EQ(with({.affinity = affinity::hint}, "echo", {made.value()}).value(),
            made.value());
  host(1).finish(1);
  settle();
  EXPECT_EQ(
    with({.affinity = affinity::hint}, "object").value().as<ref>().interpreter,
    1U)
    << "its own, when that is free";
}

// ORIGINAL P15
TEST_F(Routing, GivenAHintAndNoneFreeThenTheFirstThatIsFreeRunsIt) {
  begin();
  hold();
  with({.affinity = affinity::hint}, "hold");
  const auto pinned = with({.affinity = affinity::strict_queue}, "object");
  const auto waits = with({.affinity = affinity::hint}, "object");
  EXPECT_FALSE(waits.arrived());
  host(2).finish(1);
  settle();
  EXPECT_EQ(waits.value().as<ref>().interpreter, 2U);
  EXPECT_FALSE(pinned.arrived());
  host(1).finish(1);
  settle();
  EXPECT_EQ(pinned.value().as<ref>().interpreter, 1U);
  EXPECT_EQ(call(session, "echo", {waits.value()}).value(), waits.value());
  const auto second_waits = with({.affinity = affinity::hint}, "object");
  EXPECT_EQ(second_waits.value().as<ref>().interpreter, 1U);
}

TEST_F(Routing, WhenItsSessionEndsThenWhatItMadeElsewhereIsFreedToo) {
  begin();
  hold();
  with({.affinity = affinity::hint}, "hold");
  const auto waits = with({.affinity = affinity::hint}, "object");
  host(2).finish(1);
  settle();
  EXPECT_EQ(host(2).live_objects(), 1U);
  caf::anon_send_exit(session, caf::exit_reason::kill);
  settle();
  EXPECT_EQ(host(2).live_objects(), 0U);
}

// ORIGINAL P16
TEST_F(Routing, GivenNoHintThenACallWaitsWhileAnotherInterpreterIsFree) {
  begin();
  hold();
  const auto waits = call(session, "object");
  EXPECT_FALSE(waits.arrived());
  const auto elsewhere = open("b", owner);
  EXPECT_EQ(object_in(elsewhere).interpreter, 2U) << "that one is free";
  host(1).finish(1);
  settle();
  EXPECT_EQ(waits.value().as<ref>().interpreter, 1U);
}

TEST_F(Routing, GivenThePoolsSettingThenItHoldsWhereACallSaysNothing) {
  begin({{.size = 2, .affinity = affinity::hint}});
  hold();
  EXPECT_EQ(object_in(session).interpreter, 2U);
  const auto waits = with({.affinity = affinity::strict_queue}, "object");
  EXPECT_FALSE(waits.arrived());
}

// ORIGINAL P16
TEST_F(Routing, GivenFailFastThenABusyInterpreterIsAnError) {
  begin();
  const auto object = object_in(session);
  const auto runs = hold();
  const auto refused =
    to_error(with({.affinity = affinity::strict_fail_fast}, "echo").error());
  EXPECT_EQ(refused.code(), errc::worker_busy);
  EXPECT_THAT(refused.message(), HasSubstr("interpreter 1"));
  EXPECT_FALSE(refused.may_have_run());
  const auto of_object = ask<value>(
    session, attr_message{.object = object,
                          .name = "echo",
                          .options = {.affinity = affinity::strict_fail_fast}});
  EXPECT_EQ(code_of(of_object.error()), errc::worker_busy);
  host(1).finish(1);
  settle();
  EXPECT_EQ(with({.affinity = affinity::strict_fail_fast}, "echo", {3}).value(),
            3);
  EXPECT_EQ(runs.value(), 1);
}

TEST_F(Routing, GivenFailFastWhileItIsReplacedThenThatIsAnError) {
  begin({{.size = 1}});
  manners.ready_at_once = false;
  host().die("a segfault");
  settle();
  EXPECT_EQ(
    code_of(with({.affinity = affinity::strict_fail_fast}, "echo").error()),
    errc::session_worker_unavailable);
  host().ready();
  settle();
  EXPECT_EQ(with({.affinity = affinity::strict_fail_fast}, "echo", {3}).value(),
            3);
}

// ORIGINAL P30
TEST_F(Routing, WhenAnInterpreterHasDiedThenNewSessionsPreferAnother) {
  begin();
  host(1).die("a segfault");
  settle();
  for (const auto* id : {"b", "c", "d"})
    EXPECT_EQ(object_in(open(id, owner)).interpreter, 2U);
}

TEST_F(Routing, WhenAnIdempotentCallIsLostThenItRunsOnceMore) {
  begin({{.size = 1}});
  const auto asked = with({.idempotent = true}, "hold");
  host().die("a segfault");
  settle();
  EXPECT_FALSE(asked.arrived());
  EXPECT_EQ(host().runs(), "fake.hold");
  host().finish(7);
  settle();
  EXPECT_EQ(asked.value(), 7);
}

TEST_F(Routing, WhenItIsLostTwiceThenThatIsTheAnswer) {
  begin({{.size = 1}});
  const auto asked = with({.idempotent = true}, "hold");
  host().die("a segfault");
  settle();
  host().die("another segfault");
  settle();
  const auto why = to_error(asked.error());
  EXPECT_EQ(why.code(), errc::interpreter_died);
  EXPECT_THAT(why.message(), HasSubstr("another segfault"));
  EXPECT_EQ(host().runs(), "");
}

// It said then that nothing may have run.
TEST_F(Routing, WhenALostCallCannotRunAgainThenTheAnswerIsHowItWasLost) {
  begin({{.size = 1, .breaker = {.failures = 1, .open = 1h}}});
  const auto asked = with({.idempotent = true}, "hold");
  host().die("a segfault");
  settle();
  const auto why = to_error(asked.error());
  EXPECT_EQ(why.code(), errc::interpreter_died);
  EXPECT_THAT(why.message(), HasSubstr("a segfault"));
  EXPECT_TRUE(why.may_have_run());
}

TEST_F(Routing, WhenAProbeNeverRanThenTheCircuitStaysHalfOpen) {
  begin({{.size = 1, .breaker = {.failures = 1, .open = 1ms}}});
  const auto state = [&] {
    return places->find("default")->breaker->state(places->now());
  };
  const auto object = object_in(session);
  host().die("a segfault");
  const auto lost = hold();
  host().die("a segfault");
  settle();
  EXPECT_EQ(code_of(lost.error()), errc::interpreter_died);
  EXPECT_EQ(state(), circuit_state::open);
  advance(1ms);
  ASSERT_EQ(state(), circuit_state::half_open);
  EXPECT_EQ(code_of(ask<value>(session, attr_message{object, "echo"}).error()),
            errc::ref_stale);
  EXPECT_EQ(state(), circuit_state::half_open);
  EXPECT_EQ(call(session, "echo", {1}).value(), 1);
  EXPECT_EQ(state(), circuit_state::closed);
}

TEST_F(Routing, GivenAnInterpreterThatIsNotThereThenSessionsChooseAnother) {
  begin();
  object_in(session);
  manners.ready_at_once = false;
  host(1).die("a segfault");
  settle();
  hold(); // waits for the session's own, which comes up for long
  const auto busy = open("b", owner);
  call(busy, "hold"); // in 2
  const auto third = open("c", owner);
  const auto made = call(third, "object");
  host(2).finish(1);
  settle();
  EXPECT_EQ(made.value().as<ref>().interpreter, 2U);
}

TEST_F(Routing, GivenACallWithAnObjectOrOfNoPromiseThenItIsNotRunAgain) {
  begin({{.size = 1}});
  const auto object = object_in(session);
  const auto with_object =
    with({.idempotent = true}, "hold", {list{1, object}});
  host().die("a segfault");
  settle();
  EXPECT_EQ(code_of(with_object.error()), errc::interpreter_died)
    << "what it worked on is gone";
  const auto plain = with({}, "hold");
  host().die("a segfault");
  settle();
  EXPECT_EQ(code_of(plain.error()), errc::interpreter_died);
  EXPECT_EQ(host().runs(), "");
}

TEST_F(Routing, WhenThePoolsCircuitIsOpenThenCallsAreRefusedAtOnce) {
  begin({{.size = 1, .breaker = {.failures = 2, .open = 1h}}});
  for (int i = 0; i < 2; ++i) {
    const auto lost = hold();
    host().die("a segfault");
    settle();
    EXPECT_EQ(code_of(lost.error()), errc::interpreter_died);
  }
  happened.take();
  const auto refused = to_error(call(session, "echo", {1}).error());
  EXPECT_EQ(refused.code(), errc::pool_down);
  EXPECT_THAT(refused.message(), HasSubstr("circuit open"));
  EXPECT_EQ(took_place(), (events{})) << "no host hears of it";
  EXPECT_EQ(places->find("default")->breaker->state(places->now()),
            circuit_state::open);
}

} // namespace snakebridge::testing
