// A session ends: SUPERVISION.md scenarios 41 to 46 and 50.
#include "tests/actors/acting.hpp"

namespace snakebridge::testing {

class SessionEnd : public acting {
protected:
  SessionEnd() { start_bridge(); }

  /// A session with two objects, and a trace that begins here.
  caf::actor session_with_objects(const std::string& id,
                                  const caf::actor& owner) {
    auto session = open(id, owner);
    object_in(session);
    object_in(session);
    EXPECT_EQ(host().live_objects(), 2U);
    happened.take();
    return session;
  }
};

// SUPERVISION 41
TEST_F(SessionEnd, WhenItsClientEndsInAnyWayThenItIsReleasedOnce) {
  for (const auto how :
       {ending::normal, ending::shutdown, ending::crash, ending::kill}) {
    const auto owner = client("client");
    session_with_objects("a", owner);
    terminate(owner, how);
    EXPECT_EQ(took_place(), (events{"end:client", "release:a"}));
    EXPECT_EQ(host().live_objects(), 0U);
    EXPECT_EQ(open_sessions->size(), 0U);
  }
}

// SUPERVISION 42
TEST_F(SessionEnd, WhenItIsReleasedThenItsClientLives) {
  const auto owner = trapping_client("client");
  session_with_objects("a", owner);
  EXPECT_TRUE(open_sessions->release(open_sessions->find("a")));
  EXPECT_EQ(open_sessions->size(), 0U) << "its id is free at once";
  EXPECT_EQ(took_place(), (events{"call:release", "release:a", "stop:client"}));
  EXPECT_EQ(host().live_objects(), 0U);
}

// By session_closed an owner says that the epoch it is asked for has ended: the
// directory would give the id of a living session away.
TEST_F(SessionEnd, GivenAnotherLifeOfItHereThenAnOpenIsNotTheOwnersWord) {
  const auto owner = client("client");
  const auto open_epoch = [&](std::uint64_t epoch) {
    return open_sessions->open_at("a", {.node = "owner", .epoch = epoch},
                                  owner.address());
  };
  ASSERT_TRUE(open_epoch(1));
  const auto next = open_epoch(2);
  ASSERT_FALSE(next);
  EXPECT_EQ(next.error().code(), errc::node_down);
}

// A client that does not trap ignores a normal end, as over a link.
// SUPERVISION 42
TEST_F(SessionEnd, WhenItIsReleasedThenAPlainClientDoesNotNotice) {
  auto plain = [](caf::event_based_actor*, caf::unit_t) {
    return caf::behavior{[](int number) { return number; }};
  };
  const auto owner = ends_with_test(system().spawn(plain, caf::unit));
  session_with_objects("a", owner);
  EXPECT_TRUE(open_sessions->release(open_sessions->find("a")));
  EXPECT_EQ(took_place(), (events{"call:release", "release:a"}));
  EXPECT_EQ(ask<int>(owner, 5).value(), 5);
}

// Each left a monitor, and its actor's memory, with a client that lives on.
TEST_F(SessionEnd, WhenItIsReleasedThenNothingOfItStaysWithItsClient) {
  const auto owner = trapping_client("client");
  auto session = open("a", owner);
  settle();
  const auto left = caf::actor_cast<caf::weak_actor_ptr>(session);
  EXPECT_TRUE(open_sessions->release(open_sessions->find("a")));
  session = nullptr;
  settle();
  EXPECT_EQ(left.get()->strong_refs, 0U);
  EXPECT_EQ(left.get()->weak_refs, 1U) << "ours";
}

// SUPERVISION 43
TEST_F(SessionEnd, WhenItCrashesThenATrappingClientIsToldAndOthersDie) {
  std::optional<caf::error> told, died;
  auto trapping = [&told](caf::event_based_actor* self, caf::unit_t) {
    self->set_exit_handler([&told](caf::exit_msg& end) { told = end.reason; });
    return caf::behavior{[](caf::unit_t) {}};
  };
  auto plain = [](caf::event_based_actor*, caf::unit_t) {
    return caf::behavior{[](caf::unit_t) {}};
  };
  const auto first = system().spawn(trapping, caf::unit);
  const auto second = system().spawn(plain, caf::unit);
  second->attach_functor([&died](const caf::error& why) { died = why; });
  const auto session = session_with_objects("a", first);
  open("a", second);
  const auto asked = post<value>(session, call_message{"fake", "crash"});
  EXPECT_EQ(took_place(), (events{"release:a", "call:fake.crash"}));
  ASSERT_TRUE(told && died);
  EXPECT_EQ(*told, caf::sec::runtime_error);
  EXPECT_EQ(describe(*told), "runtime_error: a bug in a host");
  EXPECT_EQ(*died, *told);
  EXPECT_EQ(host().live_objects(), 0U);
  caf::anon_send_exit(first, caf::exit_reason::kill);
  end_bridge();
  EXPECT_TRUE(asked.arrived()) << "nobody waits for ever";
}

// SUPERVISION 43
TEST_F(SessionEnd, WhenItIsKilledThenItsClientCanStillTrapThat) {
  std::optional<caf::error> told;
  auto trapping = [&told](caf::event_based_actor* self, caf::unit_t) {
    self->set_exit_handler([&told](caf::exit_msg& end) { told = end.reason; });
    return caf::behavior{[](caf::unit_t) {}};
  };
  const auto owner = system().spawn(trapping, caf::unit);
  const auto session = session_with_objects("a", owner);
  caf::anon_send_exit(session, caf::exit_reason::kill);
  EXPECT_EQ(took_place(), (events{"release:a"}));
  ASSERT_TRUE(told);
  EXPECT_EQ(code_of(*told), errc::session_closed);
  caf::anon_send_exit(owner, caf::exit_reason::kill);
}

// SUPERVISION 44
TEST_F(SessionEnd, WhenItsEndIsSeenThenItsObjectsAreGone) {
  for (const auto how : {caf::exit_reason::normal, caf::exit_reason::kill,
                         caf::exit_reason::user_shutdown}) {
    const auto owner = client("client");
    const auto session = session_with_objects("a", owner);
    watch_end("a", session);
    caf::anon_send_exit(session, how);
    const auto seen = took_place();
    const auto at = [&](const std::string& event) {
      return std::find(seen.begin(), seen.end(), event) - seen.begin();
    };
    EXPECT_LT(at("release:a"), at("down:a"));
    EXPECT_LT(at("down:a"), static_cast<std::ptrdiff_t>(seen.size()));
    terminate(owner, ending::kill);
    settle();
  }
}

// SUPERVISION 45
// ORIGINAL P18
TEST_F(SessionEnd, WhenACallIsInFlightThenWhatItMakesIsFreedToo) {
  const auto owner = client("client");
  const auto session = open("a", owner);
  const auto runs = call(session, "hold");
  terminate(owner, ending::kill);
  settle();
  EXPECT_FALSE(runs.arrived());
  EXPECT_TRUE(host().finish_with_object());
  EXPECT_EQ(took_place(), (events{"call:fake.hold", "end:client",
                                  "withdraw:fake.hold", "release:a"}));
  EXPECT_TRUE(runs.is_value());
  EXPECT_EQ(host().live_objects(), 0U);
}

// What has not started never does.
// SUPERVISION 45
TEST_F(SessionEnd, WhenCallsWaitThenTheyAnswerAndNeverRun) {
  const auto owner = client("client");
  const auto session = open("a", owner);
  call(session, "hold");
  std::vector<answer<value>> waiting;
  for (int i = 0; i < 6; ++i) // 3 with the host, 3 in the queue
    waiting.push_back(call(session, "echo", {i}));
  terminate(owner, ending::normal);
  settle();
  for (int i = 3; i < 6; ++i)
    EXPECT_EQ(code_of(waiting.at(i).error()), errc::session_closed);
  EXPECT_TRUE(host().finish(1));
  settle();
  for (const auto& each : waiting)
    EXPECT_TRUE(each.arrived());
}

// SUPERVISION 46
TEST_F(SessionEnd, WhenItDiesBeforeTheReplyThenTheClientStillGetsIt) {
  const auto owner = trapping_client("client");
  const auto session = open("a", owner);
  const auto runs = call(session, "hold");
  caf::anon_send_exit(session, caf::exit_reason::kill);
  settle();
  EXPECT_FALSE(runs.arrived());
  EXPECT_TRUE(host().finish_with_object());
  settle();
  const auto object = runs.value().as<ref>();
  EXPECT_EQ(host().live_objects(), 0U);
  // Its name comes back, but nothing of it.
  const auto again = open("a", owner);
  const auto use = ask<value>(again, attr_message{object, "echo"});
  EXPECT_EQ(code_of(use.error()), errc::ref_released);
}

// SUPERVISION 50
TEST_F(SessionEnd, GivenAClientThatIsDeadAlreadyThenItEndsAtOnce) {
  auto owner = client("client");
  terminate(owner, ending::kill);
  took_place();
  const auto session = open("a", owner);
  watch_end("a", session);
  EXPECT_EQ(took_place(), (events{"down:a"}));
  EXPECT_EQ(open_sessions->size(), 0U);
}

// Nothing at all is left of the client but its address.
// SUPERVISION 50
TEST_F(SessionEnd, GivenAClientThatIsForgottenThenItEndsAtOnce) {
  auto short_lived =
    system().spawn([](caf::event_based_actor*, caf::unit_t) {}, caf::unit);
  const auto address = short_lived.address();
  short_lived = nullptr;
  settle();
  ASSERT_TRUE(open_sessions->open({.id = "a"}, address));
  settle();
  EXPECT_EQ(open_sessions->size(), 0U);
}

// SUPERVISION 52
TEST_F(SessionEnd, WhenTheBridgeEndsThenSessionsEndBeforeInterpreters) {
  const auto owner = trapping_client("client");
  session_with_objects("a", owner);
  end_bridge();
  EXPECT_EQ(took_place(), (events{"release:a", "stop:client", "stop", "end"}));
  EXPECT_EQ(code_of(to_caf_error(
              open_sessions->open({.id = "b"}, owner.address()).error())),
            errc::shutting_down);
}

} // namespace snakebridge::testing
