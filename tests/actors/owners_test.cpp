// Who owns a session, and who joins it: by id, by several, in every order.
#include "tests/actors/acting.hpp"

#include <gmock/gmock.h>

#include "config/tunables.hpp"

namespace snakebridge::testing {

using ::testing::UnorderedElementsAre;

class Owners : public acting {
protected:
  Owners() { start_bridge(); }

  void end(const caf::actor& owner, ending how) {
    terminate(owner, how);
    settle();
  }
};

// T6
// ORIGINAL T6
TEST_F(Owners, GivenSeveralThenTheLastEndsTheSession) {
  const auto first = client("first"), second = client("second");
  const auto session = open("a", first);
  EXPECT_EQ(open("a", second), session);
  object_in(session);
  end(first, ending::normal);
  EXPECT_EQ(call(session, "echo", {1}).value(), 1);
  EXPECT_EQ(host().live_objects(), 1U);
  happened.take();
  end(second, ending::crash);
  EXPECT_EQ(took_place(), (events{"end:second", "release:a"}));
}

// A link would carry the kill on, and nobody can trap it: hence monitors.
TEST_F(Owners, WhenOneIsKilledThenTheSessionLivesForTheOthers) {
  const auto first = client("first"), second = client("second");
  const auto session = open("a", first);
  open("a", second);
  object_in(session);
  happened.take();
  end(first, ending::kill);
  EXPECT_EQ(took_place(), (events{"end:first"}));
  EXPECT_EQ(call(session, "echo", {1}).value(), 1);
  EXPECT_EQ(host().live_objects(), 1U);
}

TEST_F(Owners, WhenOneEndsThenItsCallsEndWithItAndNoOthers) {
  const auto first = client("first"), second = client("second");
  const auto session = open("a", first);
  open("a", second);
  settle();
  const auto ask_as = [&](const caf::actor& who, const std::string& name) {
    caf::actor_cast<caf::strong_actor_ptr>(session)->enqueue(
      caf::actor_cast<caf::strong_actor_ptr>(who), caf::make_message_id(1),
      caf::make_message(call_message{"fake", name}), nullptr);
    settle();
  };
  ask_as(first, "hold");
  ask_as(second, "hold");
  ask_as(first, "echo"); // waits, and never runs
  happened.take();
  end(first, ending::kill);
  EXPECT_THAT(took_place(),
              UnorderedElementsAre("end:first", "abandon:fake.hold",
                                   "abandon:fake.echo"));
  host().finish({}); // of a call that is over: the second's begins
  EXPECT_EQ(took_place(), (events{"call:fake.hold"}));
  EXPECT_EQ(host().runs(), "fake.hold");
  EXPECT_EQ(host().accepted(), 2U);
  host().finish({});
  EXPECT_EQ(took_place(), (events{})) << "the first's echo does not run";
}

TEST_F(Owners, WhenOneJoinsTwiceThenItIsOneOwner) {
  const auto owner = client("owner");
  const auto session = open("a", owner);
  EXPECT_EQ(open("a", owner), session);
  settle();
  end(owner, ending::normal);
  EXPECT_EQ(open_sessions->size(), 0U);
}

// The end of the last owner is on its way when the next one joins.
TEST_F(Owners, WhenOneJoinsBeforeTheLastEndIsSeenThenTheSessionLives) {
  const auto first = client("first"), second = client("second");
  const auto session = open("a", first);
  object_in(session);
  terminate(first, ending::kill);
  EXPECT_EQ(open("a", second), session);
  settle();
  EXPECT_EQ(host().live_objects(), 1U);
  EXPECT_EQ(call(session, "echo", {1}).value(), 1);
  end(second, ending::normal);
  EXPECT_EQ(host().live_objects(), 0U);
}

TEST_F(Owners, WhenOneJoinsAnEndingSessionThenItIsToldAndMayOpenItAnew) {
  const auto first = client("first"), second = trapping_client("second");
  const auto session = open("a", first);
  caf::anon_send_exit(session, caf::exit_reason::user_shutdown);
  EXPECT_EQ(open("a", second), session);
  const auto asked = call(session, "echo");
  EXPECT_EQ(code_of(asked.error()), errc::session_closed);
  const auto told = took_place();
  EXPECT_EQ(std::count(told.begin(), told.end(), "stop:second"), 1);
  const auto anew = open("a", second);
  EXPECT_NE(anew, session);
  EXPECT_EQ(call(anew, "echo", {1}).value(), 1);
}

TEST_F(Owners, WhenAnIdIsReleasedThenItIsFreeAtOnce) {
  const auto owner = trapping_client("owner");
  const auto before = open("a", owner);
  const auto object = object_in(before);
  EXPECT_TRUE(open_sessions->release(open_sessions->find("a")));
  const auto after = open("a", owner);
  EXPECT_NE(after, before);
  settle();
  EXPECT_EQ(host().live_objects(), 0U);
  EXPECT_EQ(code_of(call(before, "echo").error()), errc::session_closed);
  EXPECT_EQ(code_of(ask<value>(after, attr_message{object, "echo"}).error()),
            errc::ref_released);
  EXPECT_EQ(call(after, "echo", {1}).value(), 1);
}

TEST_F(Owners, WhenTheOldSessionEndsLateThenTheNewOneKeepsItsId) {
  const auto owner = trapping_client("owner");
  open("a", owner);
  const auto old = open_sessions->find("a");
  EXPECT_TRUE(open_sessions->release(old));
  open("a", owner);
  const auto fresh = open_sessions->find("a");
  EXPECT_NE(fresh, old);
  settle();
  open_sessions->remove(old);
  EXPECT_EQ(open_sessions->find("a"), fresh);
}

TEST_F(Owners, GivenTwoSessionsThenTheEndOfOneLeavesTheOther) {
  const auto first = client("first"), second = client("second");
  const auto one = open("a", first), two = open("b", second);
  object_in(one);
  const auto theirs = object_in(two);
  end(first, ending::crash);
  EXPECT_EQ(host().live_objects(), 1U);
  EXPECT_EQ(ask<value>(two, attr_message{theirs, "echo"}).value(), none);
}

TEST_F(Owners, GivenNoIdThenEachOpenMakesASessionOfItsOwn) {
  const auto owner = client("owner");
  const auto one = or_throw(open_sessions->open({}, owner.address(), "auto_"));
  const auto two = or_throw(open_sessions->open({}, owner.address(), "auto_"));
  EXPECT_NE(one.actor, two.actor);
  EXPECT_NE(one.core->id(), two.core->id());
  EXPECT_TRUE(one.core->id().starts_with("auto_"));
  EXPECT_FALSE(one.core->is_shared());
  EXPECT_EQ(open_sessions->size(), 2U);
  end(owner, ending::normal);
  EXPECT_EQ(open_sessions->size(), 0U);
}

TEST_F(Owners, WhenTheBridgeStopsThenNoSessionOpens) {
  const auto owner = client("owner");
  open_sessions->close();
  EXPECT_EQ(open_sessions->open({.id = "a"}, owner.address()).error().code(),
            errc::shutting_down);
  EXPECT_EQ(open_sessions->size(), 0U);
}

// The hidden client: what plain threads and handles own sessions by.
class HiddenClient : public acting {
protected:
  HiddenClient() { start_bridge(); }

  /// A plain thread's.
  std::optional<snakebridge::client> hidden() {
    return std::make_optional<snakebridge::client>(system(), known,
                                                   open_sessions);
  }
  static session_actor actor_of(const result<session_ptr>& opened) {
    return or_throw(opened)->members.actor;
  }

  std::shared_ptr<clients> known = std::make_shared<clients>();
};

TEST_F(HiddenClient, WhenItsHandleEndsThenItsSessionsEnd) {
  auto owner = hidden();
  object_in(caf::actor_cast<caf::actor>(actor_of(owner->open({.id = "a"}))));
  ASSERT_TRUE(owner->open({}));
  EXPECT_EQ(open_sessions->size(), 2U);
  owner.reset();
  settle();
  EXPECT_EQ(open_sessions->size(), 0U);
  EXPECT_EQ(host().live_objects(), 0U);
}

// Not those of whoever was heard of first.
TEST_F(HiddenClient, WhenItsHandleEndsThenItsIdsAreFreeAtOnce) {
  auto owner = hidden();
  const auto before = actor_of(owner->open({.id = "a"}));
  owner.reset();
  EXPECT_EQ(open_sessions->find("a"), nullptr);
  auto next = hidden();
  const auto after = actor_of(next->open({.id = "a"}));
  EXPECT_NE(after, before);
  settle();
  EXPECT_EQ(actor_of(next->open({.id = "a"})), after);
}

TEST_F(HiddenClient, WhenItsHandleEndsThenASharedSessionLivesForTheOthers) {
  auto one = hidden();
  auto other = hidden();
  const auto shared = actor_of(one->open({.id = "a"}));
  EXPECT_EQ(actor_of(other->open({.id = "a"})), shared);
  one.reset();
  settle();
  EXPECT_EQ(actor_of(other->open({.id = "a"})), shared);
  EXPECT_EQ(call(caf::actor_cast<caf::actor>(shared), "echo", {1}).value(), 1);
}

TEST_F(HiddenClient, WhenASessionEndsInAnyWayThenItLivesOn) {
  auto owner = hidden();
  const auto keeps = or_throw(owner->open({.id = "b"}));
  for (const auto how : {caf::exit_reason::normal, caf::exit_reason::kill,
                         caf::exit_reason::user_shutdown}) {
    const auto ends = actor_of(owner->open({.id = "a"}));
    settle();
    caf::anon_send_exit(ends, how);
    settle();
    EXPECT_EQ(open_sessions->find("a"), nullptr);
    EXPECT_EQ(open_sessions->find("b"), keeps);
  }
}

TEST_F(HiddenClient, WhenTheBridgeEndsThenItEndsAndLaterOnesAreBornEnded) {
  auto owner = hidden();
  ASSERT_TRUE(owner->open({.id = "a"}));
  settle();
  known->end_all();
  settle();
  EXPECT_EQ(open_sessions->size(), 0U);
  auto late = hidden();
  ASSERT_TRUE(late->open({.id = "a"}));
  settle();
  EXPECT_EQ(open_sessions->size(), 0U);
}

// Their actors, and the messages to these, would become more and more.
TEST_F(HiddenClient, GivenEndsUpToTheBoundThenWhoOpensNextLetsThemBeHeard) {
  const auto end_one = [this] { ASSERT_TRUE(hidden()->open({.id = "a"})); };
  const auto before = system().registry().running();
  for (std::size_t i = 0; i < limits::unheard_ends_max; ++i)
    end_one();
  const auto unheard = system().registry().running() - before;
  EXPECT_GE(unheard, limits::unheard_ends_max);
  for (std::size_t i = 0; i < 3 * limits::unheard_ends_max; ++i)
    end_one();
  EXPECT_LE(system().registry().running() - before, unheard);
  settle();
  EXPECT_EQ(system().registry().running(), before);
}

TEST_F(HiddenClient, GivenEndsOfOneThatSharesThenTheyCountUntilHeard) {
  auto stays = hidden();
  ASSERT_TRUE(stays->open({.id = "a"}));
  settle();
  const auto before = system().registry().running();
  for (std::size_t i = 0; i < 3 * limits::unheard_ends_max; ++i)
    ASSERT_TRUE(hidden()->open({.id = "a"}));
  EXPECT_LE(system().registry().running() - before, limits::unheard_ends_max);
  settle();
  EXPECT_EQ(system().registry().running(), before);
}

TEST_F(HiddenClient, GivenReleasesThenTheyCountUntilHeardToo) {
  auto owner = hidden();
  settle();
  const auto before = system().registry().running();
  for (std::size_t i = 0; i < 3 * limits::unheard_ends_max; ++i)
    ASSERT_TRUE(open_sessions->release(or_throw(owner->open({.id = "a"}))));
  EXPECT_LE(system().registry().running() - before, limits::unheard_ends_max);
  settle();
  EXPECT_EQ(system().registry().running(), before);
}

} // namespace snakebridge::testing
