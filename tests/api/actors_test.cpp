// The API for actors, line by line as API.md has it, on a real scheduler.
#include "tests/api/gate.hpp"
#include "tests/api/python_fixture.hpp"

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/scoped_actor.hpp>

#include <future>
#include <memory>
#include <optional>

#include <snakebridge/actors.hpp>

namespace snakebridge::testing {

namespace {

/// What a client actor was told.
using told = std::shared_ptr<std::promise<sb::result<sb::value>>>;

caf::behavior client(caf::event_based_actor* self, sb::bridge* bridge,
                     const told& answer) {
  sb::session_actor session = sb::open_session(self, *bridge, {.id = "mine"});
  self->request(session, 5s, sb::call_message{"math", "sqrt", {16}})
    .then([=](const sb::value& v) { answer->set_value(v); },
          [=](const caf::error& e) {
            answer->set_value(tl::unexpected{sb::to_error(e)});
          });
  return {[](caf::unit_t) {}};
}

} // namespace

class ActorClients : public EachPlacement {
protected:
  /// Asks on behalf of this thread and waits.
  template <class Answer, class Message>
  sb::result<Answer> ask(Message message) {
    sb::result<Answer> answer =
      tl::unexpected{sb::error{sb::errc::cancelled, "no answer"}};
    self->request(session, patience, std::move(message))
      .receive([&](Answer& got) { answer = std::move(got); },
               [&](const caf::error& failed) {
                 answer = tl::unexpected{sb::to_error(failed)};
               });
    return answer;
  }
  sb::result<sb::value> ask_value(auto message) {
    return ask<sb::value>(std::move(message));
  }

  caf::scoped_actor self{bridge.system()};
  sb::session_actor session =
    sb::open_session(self.ptr(), bridge, {.id = "mine"});

  void TearDown() override {
    EXPECT_TRUE(bridge.release_session("mine"));
    EachPlacement::TearDown();
  }
};
SNAKEBRIDGE_IN_BOTH_PLACEMENTS(ActorClients);

TEST_P(ActorClients, GivenAClientAsDocumentedThenItGetsItsAnswer) {
  const auto answer = std::make_shared<std::promise<sb::result<sb::value>>>();
  auto asker = bridge.system().spawn(client, &bridge, answer);
  EXPECT_EQ(answer->get_future().get(), 4.0);
  caf::anon_send_exit(asker, caf::exit_reason::user_shutdown);
}

TEST_P(ActorClients, GivenEachMessageThenItMeansWhatTheFunctionMeans) {
  EXPECT_EQ(ask_value(sb::call_message{"math", "sqrt", {16}}), 4.0);
  EXPECT_EQ(ask_value(sb::call_message{.module = "builtins",
                                       .function = "round",
                                       .args = {3.14159},
                                       .kwargs = {{"ndigits", 2}}}),
            3.14);
  EXPECT_EQ(ask_value(sb::get_message{"math", "pi"}), 3.141592653589793);
  const auto object =
    or_throw(ask_value(sb::call_message{"types", "SimpleNamespace"}))
      .as<sb::ref>();
  EXPECT_EQ(object.session, "mine");
  self->request(session, patience, sb::set_attr_message{object, "x", 1})
    .receive(
      [] {},
      [](const caf::error& failed) { ADD_FAILURE() << sb::to_error(failed); });
  EXPECT_EQ(ask_value(sb::attr_message{object, "x"}), 1);
  EXPECT_EQ(ask_value(sb::method_message{object, "__repr__"}),
            "namespace(x=1)");
  EXPECT_EQ(ask<std::string>(sb::repr_message{object}), "namespace(x=1)");
  EXPECT_EQ(ask<std::string>(sb::str_message{object}), "namespace(x=1)");
  EXPECT_EQ(ask<bool>(sb::release_message{object}), true);
  EXPECT_EQ(ask<bool>(sb::release_message{object}), false);
}

TEST_P(ActorClients, GivenCodeAndItemsThenTheyMeanWhatTheFunctionsMean) {
  const auto answers_nothing = [this](auto message) {
    self->request(session, patience, std::move(message))
      .receive([] {},
               [](const caf::error& failed) {
                 ADD_FAILURE() << sb::to_error(failed);
               });
  };
  answers_nothing(sb::exec_message{"def f(a, b=y): return [a, b]", {{"y", 2}}});
  sb::eval_message asked{"f"};
  const auto f = or_throw(ask_value(asked));
  EXPECT_EQ(ask_value(sb::call_object_message{f, {1}}), (sb::list{1, 2}));
  EXPECT_EQ(ask_value(sb::call_object_message{f, {1}, {{"b", 3}}}),
            (sb::list{1, 3}));
  EXPECT_EQ(ask_value(sb::eval_message{"f(x)", {{"x", 5}}}), (sb::list{5, 2}));
  asked = {"{'k': [1]}"};
  asked.options.leaves = sb::leaves::all_refs;
  const auto object = or_throw(ask_value(asked)).as<sb::ref>();
  answers_nothing(sb::set_item_message{object, "n", 4});
  EXPECT_EQ(ask_value(sb::item_message{object, "n"}), 4);
  EXPECT_EQ(ask_value(sb::item_message{sb::list{7, 8}, 1}), 8);
  EXPECT_EQ(ask<std::uint64_t>(sb::len_message{object}), 2U);
  EXPECT_EQ(ask<std::uint64_t>(sb::len_message{"abc"}), 3U);
}

TEST_P(ActorClients, WhenPythonRaisesThenTheErrorIsOurs) {
  const auto failed =
    error_of(ask_value(sb::call_message{"math", "sqrt", {-1}}));
  EXPECT_EQ(failed.code(), sb::errc::python_raised);
  EXPECT_EQ(failed.python()->type, "ValueError");
}

TEST_P(ActorClients, WhenAKeyIsNoStringThenPythonRefusesItByName) {
  const auto failed =
    error_of(ask_value(sb::call_message{"builtins", "round", {2.5}, {{1, 2}}}));
  EXPECT_EQ(failed.python()->type, "TypeError");
  EXPECT_THAT(failed.message(), ::testing::HasSubstr("1"));
}

// ORIGINAL T5
TEST_P(ActorClients, WhenTheActorEndsThenItsObjectsAreFreed) {
  const auto made = std::make_shared<std::promise<sb::ref>>();
  auto other = bridge.system().spawn(
    [&](caf::event_based_actor* here, caf::unit_t) {
      const auto its = sb::open_session(here, bridge, {.id = "its"});
      here->request(its, patience, sb::call_message{"builtins", "object"})
        .then([=](const sb::value& v) { made->set_value(v.as<sb::ref>()); });
      return caf::behavior{[](caf::unit_t) {}};
    },
    caf::unit);
  const auto object = made->get_future().get();
  EXPECT_EQ(object.session, "its");
  EXPECT_EQ(bridge.stats().live_objects(), 1U);
  caf::anon_send_exit(other, caf::exit_reason::kill);
  EXPECT_TRUE(eventually([&] { return bridge.stats().live_objects() == 0; }));
  EXPECT_EQ(code_of(bridge.str(object)), sb::errc::ref_released);
}

TEST_P(ActorClients, GivenThreadAndActorThenTheyShareASessionById) {
  EXPECT_EQ(bridge.with({.session = "mine"}).exec("x = 1").has_value(), true);
  const auto object =
    or_throw(ask_value(sb::call_message{"builtins", "object"}));
  EXPECT_TRUE(bridge.str(object));
}

TEST_P(ActorClients, WhenAMessageHasOptionsThenTheyHold) {
  EXPECT_EQ(code_of(ask_value(sb::call_message{.module = "math",
                                               .function = "sqrt",
                                               .args = {16},
                                               .options = {.pool = "none"}})),
            sb::errc::pool_unknown);
}

TEST_P(ActorClients, GivenAFormThenTheResultOfItsMessageHasIt) {
  sb::call_message asked{"builtins", "range", {3}};
  asked.options.leaves = sb::leaves::plain;
  EXPECT_EQ(ask_value(asked), (sb::list{0, 1, 2}));
  asked.options.leaves = sb::leaves::all_refs;
  EXPECT_EQ(or_throw(ask_value(asked)).type_name(), "range");
}

TEST_P(ActorClients, GivenAValueThenAMessageMayBeAboutIt) {
  EXPECT_EQ(ask_value(sb::method_message{"abc", "upper"}), "ABC");
  EXPECT_EQ(ask_value(sb::attr_message{sb::date{2024, 2, 29}, "day"}), 29);
}

TEST_P(ActorClients, WhenItsSessionIsReleasedThenRequestsSaySo) {
  EXPECT_EQ(bridge.release_session("mine"), 0U);
  EXPECT_EQ(code_of(ask_value(sb::call_message{"math", "sqrt", {16}})),
            sb::errc::session_closed);
}

namespace {

/// Adds what it is called with; what is no number is an error of its own.
caf::behavior adder(caf::event_based_actor*) {
  return {[](const sb::callback_message& asked) -> caf::result<sb::value> {
    std::int64_t sum = 0;
    for (const auto& each : asked.args) {
      const auto number = each.to<std::int64_t>();
      if (!number)
        return sb::to_caf_error(number.error());
      sum += *number;
    }
    for (const auto& [name, item] : asked.kwargs)
      sum += item.as<std::int64_t>();
    return sb::value{sum};
  }};
}

} // namespace

TEST_P(ActorClients, GivenAnActorAsACallbackThenItIsAsked) {
  const auto sum = sb::actor_callback(bridge.system().spawn(adder));
  EXPECT_EQ(bridge.eval("f(1, 2, more=3)", {{"f", sum}}), 6);
  EXPECT_EQ(bridge.call("functools", "reduce", sum, sb::list{1, 2, 3, 4}), 10);
  EXPECT_EQ(ask_value(sb::eval_message{"f(20, 22)", {{"f", sum}}}), 42);
}

TEST_P(ActorClients, WhenThatActorFailsOrHasEndedThenPythonIsTold) {
  const auto actor = bridge.system().spawn(adder);
  const auto sum = sb::actor_callback(actor);
  const auto refused = bridge.eval("f('two')", {{"f", sum}});
  ASSERT_EQ(code_of(refused), sb::errc::python_raised);
  EXPECT_TRUE(refused.error().is("snakebridge.CallbackError"));
  caf::anon_send_exit(actor, caf::exit_reason::kill);
  const auto gone = bridge.eval("f(1)", {{"f", sum}});
  ASSERT_EQ(code_of(gone), sb::errc::python_raised);
  EXPECT_TRUE(gone.error().is("snakebridge.CallbackError"));
}

class ActorDeadlines : public InAWorker {};

TEST_F(ActorDeadlines, WhenAnActorDoesNotAnswerACallbackThenTheCallEndsInTime) {
  const auto silent =
    bridge.system().spawn([](caf::event_based_actor* self) -> caf::behavior {
      return {[self](const sb::callback_message&) {
        return self->make_response_promise<sb::value>(); // never kept
      }};
    });
  const auto late = bridge.with({.timeout = 200ms})
                      .eval("f()", {{"f", sb::actor_callback(silent)}});
  EXPECT_EQ(code_of(late), sb::errc::deadline_exceeded);
  EXPECT_EQ(bridge.eval("1 + 1"), 2);
}

TEST_F(ActorDeadlines, WhenAMessageHasATimeoutThenTheAnswerComesInTime) {
  caf::scoped_actor self{bridge.system()};
  const auto session = sb::open_session(self.ptr(), bridge, {.id = "mine"});
  std::optional<sb::error> late;
  self
    ->request(session, patience,
              sb::call_message{.module = "time",
                               .function = "sleep",
                               .args = {60},
                               .options = {.timeout = 20ms}})
    .receive([](const sb::value&) {},
             [&](const caf::error& failed) { late = sb::to_error(failed); });
  ASSERT_TRUE(late);
  EXPECT_EQ(late->code(), sb::errc::deadline_exceeded);
  EXPECT_EQ(bridge.release_session("mine"), 0U);
}

// The user's own actor system, which outlives the bridge.
TEST(OwnActorSystem, GivenTheUsersSystemThenTheBridgeRunsOnIt) {
  caf::actor_system_config settings;
  settings.set("logger.verbosity", caf::atom("quiet"));
  caf::actor_system system{settings};
  for (int i = 0; i < 2; ++i) {
    sb::bridge bridge{system, one_pool(sb::placement::embedded)};
    EXPECT_EQ(&bridge.system(), &system);
    EXPECT_EQ(bridge.call("math", "sqrt", 16), 4.0);
    const auto answer = std::make_shared<std::promise<sb::result<sb::value>>>();
    auto asker = system.spawn(client, &bridge, answer);
    EXPECT_EQ(answer->get_future().get(), 4.0);
    caf::anon_send_exit(asker, caf::exit_reason::user_shutdown);
  }
  EXPECT_TRUE(eventually([&] { return system.registry().running() == 0; }));
}

// The thread that ran its own call told nobody that the interpreter was free.
TEST(EmbeddedHint, WhenAThreadsOwnCallEndsThenWhatAnyMayRunIsRun) {
  auto wanted = one_pool(sb::placement::embedded);
  wanted.pools[0].affinity = sb::affinity::hint;
  const sb::bridge bridge{wanted};
  gate here;
  auto runs = std::async(std::launch::async,
                         [&] { return bridge.eval(here.wait_here()); });
  ASSERT_TRUE(here.has_a_caller());
  caf::scoped_actor self{bridge.system()};
  const auto session = sb::open_session(self.ptr(), bridge);
  auto asked =
    self->request(session, patience, sb::call_message{"math", "sqrt", {16}});
  EXPECT_TRUE(eventually([&] {
    return bridge.stats().pools.at(0).interpreters.at(0).running == 2U;
  }));
  here.open();
  EXPECT_EQ(runs.get(), "");
  asked.receive(
    [](const sb::value& answer) { EXPECT_EQ(answer, 4.0); },
    [](const caf::error& failed) { ADD_FAILURE() << sb::to_error(failed); });
}

// Its owners are counted, wherever they are; it is its session's all the same.
TEST_P(ActorClients, GivenAnObjectInAMessageThenTheActorUsesIt) {
  const auto measurer =
    bridge.system().spawn([](caf::event_based_actor*) -> caf::behavior {
      return {[](const sb::object& of) {
        return static_cast<std::uint64_t>(sb::len(of));
      }};
    });
  {
    const auto list = bridge.import("builtins").attr("list")(sb::list{1, 2});
    self->request(measurer, patience, list)
      .receive([](std::uint64_t length) { EXPECT_EQ(length, 2U); },
               [](const caf::error& failed) {
                 ADD_FAILURE() << sb::to_error(failed);
               });
  }
  caf::anon_send_exit(measurer, caf::exit_reason::user_shutdown);
  EXPECT_TRUE(eventually([&] { return bridge.stats().live_objects() == 0; }));
}

// They are never all out of it at the same time.
TEST(EmbeddedHint, WhileThreadsCallAgainAndAgainThenCallsOfActorsRunToo) {
  auto wanted = one_pool(sb::placement::embedded);
  wanted.pools[0].affinity = sb::affinity::hint;
  const sb::bridge bridge{wanted};
  std::atomic<bool> over = false;
  std::vector<std::future<void>> threads;
  for (int i = 0; i < 3; ++i)
    threads.push_back(std::async(std::launch::async, [&] {
      while (!over)
        or_throw(bridge.eval("sum(range(1000))"));
    }));
  caf::scoped_actor self{bridge.system()};
  const auto session = sb::open_session(self.ptr(), bridge);
  for (int i = 0; i < 20; ++i)
    self->request(session, patience, sb::call_message{"math", "sqrt", {16}})
      .receive([](const sb::value& answer) { EXPECT_EQ(answer, 4.0); },
               [](const caf::error& failed) {
                 ADD_FAILURE() << sb::to_error(failed);
               });
  over = true;
}

} // namespace snakebridge::testing
