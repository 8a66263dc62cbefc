// What a session answers: each message, and each error by its own name.
#include "tests/actors/acting.hpp"

namespace snakebridge::testing {

class SessionMessages : public acting {
protected:
  void open_session(fake_manners how = {},
                    std::vector<pool_config> wanted = {{.size = 1}}) {
    start_bridge(std::move(wanted), how);
    session = open("a", client("client"));
  }

  caf::actor session;
};

TEST_F(SessionMessages, GivenEachMessageThenItIsAnsweredInItsType) {
  open_session();
  EXPECT_EQ(ask<value>(session, call_message{"fake", "echo", {5}}).value(), 5);
  EXPECT_EQ(ask<value>(session, get_message{"fake", "echo"}).value(), none);
  const auto object = object_in(session);
  EXPECT_EQ(ask<value>(session, method_message{object, "echo", {"x"}}).value(),
            "x");
  EXPECT_EQ(ask<value>(session, attr_message{object, "echo"}).value(), none);
  EXPECT_TRUE(ask<void>(session, set_attr_message{object, "x", 1}).is_value());
  EXPECT_EQ(ask<value>(session, item_message{object, 3}).value(), 3);
  EXPECT_TRUE(ask<void>(session, set_item_message{object, "k", 1}).is_value());
  EXPECT_EQ(ask<value>(session, call_object_message{object, {4}}).value(), 4);
  EXPECT_EQ(ask<value>(session, eval_message{"1 + 1"}).value(), "1 + 1");
  EXPECT_TRUE(ask<void>(session, exec_message{"x = 1"}).is_value());
  EXPECT_EQ(ask<std::uint64_t>(session, len_message{object}).value(), 1U);
  EXPECT_EQ(ask<std::string>(session, str_message{object}).value(), "fake 1");
  EXPECT_EQ(ask<std::string>(session, repr_message{object}).value(),
            "<fake.object 1>");
  EXPECT_TRUE(ask<bool>(session, release_message{object}).value());
  EXPECT_FALSE(ask<bool>(session, release_message{object}).value());
  EXPECT_EQ(
    took_place(),
    (events{"call:fake.echo", "call:fake.echo", "call:fake.object",
            "call:fake.object.echo", "call:fake.object.echo",
            "call:fake.object.x", "call:fake.object[]", "call:fake.object[]",
            "call:fake.object()", "call:eval", "call:exec",
            "call:len(fake.object)", "call:str(fake.object)",
            "call:repr(fake.object)", "call:release", "call:release"}));
}

TEST_F(SessionMessages, GivenKeywordsThenTheyComeByName) {
  open_session();
  const auto told =
    ask<value>(session, call_message{.module = "fake",
                                     .function = "named",
                                     .kwargs = {{"b", 1}, {"a", "x"}}});
  EXPECT_EQ(told.value(), (dict{{"b", 1}, {"a", "x"}}));
}

// Python refuses such a call; until then the key stands as its repr.
TEST_F(SessionMessages, WhenAKeyIsNoStringThenItComesAsItsRepr) {
  open_session();
  const auto told =
    ask<value>(session, call_message{.module = "fake",
                                     .function = "named",
                                     .kwargs = {{1, 2}, {tuple{"x"}, 3}}});
  EXPECT_EQ(told.value(), (dict{{"1", 2}, {"('x',)", 3}}));
}

TEST_F(SessionMessages, GivenAVariableWithoutANameThenItIsRefused) {
  open_session();
  EXPECT_EQ(code_of(ask<value>(session, eval_message{"1", {{1, 2}}}).error()),
            errc::not_convertible);
  EXPECT_EQ(code_of(ask<void>(session, exec_message{"1", {{1, 2}}}).error()),
            errc::not_convertible);
}

TEST_F(SessionMessages, WhenPythonRaisesThenTheErrorComesWhole) {
  open_session();
  const auto failed =
    to_error(ask<value>(session, call_message{"nowhere", "f"}).error());
  EXPECT_EQ(failed.code(), errc::python_raised);
  ASSERT_NE(failed.python(), nullptr);
  EXPECT_EQ(failed.python()->type, "ModuleNotFoundError");
}

TEST_F(SessionMessages, WhenAnErrorGoesThroughActorsThenItIsTheSame) {
  post_mortem death;
  death.signal = "SIGKILL";
  const error sent{errc::interpreter_died, "gone", death, true};
  const auto got = to_error(to_caf_error(sent));
  EXPECT_EQ(got, sent);
  EXPECT_TRUE(got.may_have_run());
  ASSERT_NE(got.post_mortem(), nullptr);
  EXPECT_EQ(got.post_mortem()->signal, "SIGKILL");
}

TEST_F(SessionMessages, GivenAnErrorOfCafThenItBecomesTheNearestOfOurs) {
  const auto late = to_error(caf::sec::request_timeout);
  EXPECT_EQ(late.code(), errc::deadline_exceeded);
  EXPECT_TRUE(late.may_have_run());
  EXPECT_EQ(code_of(caf::sec::request_receiver_down), errc::session_closed);
  EXPECT_EQ(code_of(caf::exit_reason::kill), errc::session_closed);
  EXPECT_EQ(code_of(caf::error{}), errc::session_closed);
}

TEST_F(SessionMessages, WhenTheRequestTimesOutThenThatIsADeadline) {
  open_session();
  std::optional<error> late;
  auto asker = [&](caf::event_based_actor* self, caf::unit_t) {
    self->request(session, 5s, call_message{"fake", "hold"})
      .then([](const value&) { ADD_FAILURE() << "answered"; },
            [&](const caf::error& failed) { late = to_error(failed); });
  };
  system().spawn(asker, caf::unit);
  advance(4999ms);
  EXPECT_FALSE(late);
  advance(1ms);
  ASSERT_TRUE(late);
  EXPECT_EQ(late->code(), errc::deadline_exceeded);
  EXPECT_TRUE(late->may_have_run());
  EXPECT_TRUE(host().finish(1)) << "an answer too late is dropped";
}

TEST_F(SessionMessages, WhenTheSessionHasEndedThenRequestsSaySo) {
  open_session();
  caf::anon_send_exit(session, caf::exit_reason::normal);
  settle();
  EXPECT_EQ(code_of(call(session, "echo").error()), errc::session_closed);
}

TEST_F(SessionMessages, WhenTheQueueIsFullThenTheNextIsOverloaded) {
  open_session({.accepted_max = 1}, {{.size = 1, .queue_max = 2}});
  std::vector<answer<value>> asked;
  for (int i = 0; i < 4; ++i)
    asked.push_back(call(session, "hold"));
  EXPECT_EQ(code_of(asked[3].error()), errc::overloaded);
  for (int i = 0; i < 3; ++i) {
    EXPECT_FALSE(asked[i].arrived());
    EXPECT_TRUE(host().finish(i));
    settle();
    EXPECT_EQ(asked[i].value(), i) << "first come, first served";
  }
}

TEST_F(SessionMessages, GivenAPoolThenCallsRunThere) {
  open_session({}, {{.size = 1}, {.name = "gpu", .size = 1}});
  const auto in = [&](const std::string& pool) {
    return ask<value>(session, call_message{.module = "fake",
                                            .function = "object",
                                            .options = {.pool = pool}});
  };
  EXPECT_EQ(in("gpu").value().as<ref>().interpreter, 2U);
  EXPECT_EQ(in("default").value().as<ref>().interpreter, 1U);
  EXPECT_EQ(in("").value().as<ref>().interpreter, 1U);
  EXPECT_EQ(code_of(in("tpu").error()), errc::pool_unknown);
}

// ORIGINAL T14
TEST_F(SessionMessages, GivenARefThenItsCallsRunWhereItLives) {
  open_session({}, {{.size = 1}, {.name = "gpu", .size = 1}});
  const auto there =
    ask<value>(session, call_message{.module = "fake",
                                     .function = "object",
                                     .options = {.pool = "gpu"}})
      .value();
  const auto here = object_in(session);
  EXPECT_EQ(call(session, "echo", {there}).value(), there);
  EXPECT_EQ(call(session, "echo", {list{dict{{"at", there}}}}).value(),
            (list{dict{{"at", there}}}));
  EXPECT_EQ(code_of(call(session, "echo", {here, there}).error()),
            errc::ref_foreign);
  EXPECT_EQ(host(2).live_objects(), 1U);
}

TEST_F(SessionMessages, GivenARefOfAnotherThenItIsForeign) {
  open_session();
  const auto other = open("b", client("other"));
  const auto theirs = object_in(other);
  EXPECT_EQ(code_of(call(session, "echo", {theirs}).error()),
            errc::ref_foreign);
  EXPECT_EQ(
    code_of(ask<value>(session, method_message{theirs, "echo"}).error()),
    errc::ref_foreign);
  EXPECT_EQ(code_of(ask<bool>(session, release_message{theirs}).error()),
            errc::ref_foreign);
  EXPECT_EQ(host().live_objects(), 1U);
}

TEST_F(SessionMessages, GivenARefOfNoInterpreterOfOursThenItIsForeign) {
  open_session();
  auto object = object_in(session);
  object.interpreter = 7;
  EXPECT_EQ(code_of(call(session, "echo", {object}).error()),
            errc::ref_foreign);
  object.node = "elsewhere";
  EXPECT_EQ(code_of(call(session, "echo", {object}).error()), errc::node_down);
}

// The answer threw on the host's thread: a broken worker ended the program.
TEST_F(SessionMessages, WhenAWorkerAnswersNonsenseThenThatIsAnError) {
  open_session({.talks_nonsense = true});
  const auto object = object_in(session);
  EXPECT_EQ(code_of(ask<bool>(session, release_message{object}).error()),
            errc::not_convertible);
  EXPECT_EQ(call(session, "echo", {1}).value(), 1);
  EXPECT_EQ(open_sessions->find("a")->close_and_count(), 0U);
}

} // namespace snakebridge::testing
