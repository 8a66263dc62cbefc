// Actors that use a bridge, on a scheduler and a clock that are run by hand.
#include <snakebridge/actors.hpp>
#include <snakebridge/testing_actors.hpp>

#include <gmock/gmock.h>

namespace snakebridge::testing {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using namespace std::chrono_literals;

using train_atom = caf::atom_constant<caf::atom("train")>;

// A service as programs have it: it trains a model, and asks for no longer than
// five seconds; or it says how long Python may take.
static caf::behavior service(caf::event_based_actor* self, const bridge* on) {
  const auto session = open_session(self, *on, {.id = "service"});
  const auto train = [self, session](caf::duration patience,
                                     const call_message& asked) {
    auto told = self->make_response_promise<value>();
    self->request(session, patience, asked)
      .then([told](value& got) mutable { told.deliver(std::move(got)); },
            [told](caf::error& why) mutable { told.deliver(std::move(why)); });
    return told;
  };
  return {[train](train_atom) {
            return train(caf::duration{5s}, call_message{"ml", "train"});
          },
          [train](train_atom, caf::timespan limit) {
            const auto timeout =
              std::chrono::duration_cast<std::chrono::milliseconds>(limit);
            return train(caf::duration{caf::infinite},
                         call_message{.module = "ml",
                                      .function = "train",
                                      .options = {.timeout = timeout}});
          }};
}

class OnVirtualTime : public deterministic {
protected:
  void SetUp() override {
    const auto& bridge = start_bridge(python, wanted());
    client = ends_with_test(system().spawn(service, &bridge));
    running = &bridge;
    settle();
  }
  void TearDown() override {
    ended(client);
    EXPECT_NO_LEAKED_REFS(*running);
    deterministic::TearDown();
  }
  virtual config wanted() { return {.pools = {{.size = 1}}}; }
  void ended(const caf::actor& who) {
    caf::anon_send_exit(who, caf::exit_reason::user_shutdown);
    settle();
  }
  void training(fake_python::script how) {
    python.on("ml.train", std::move(how));
  }
  answer<value> train() { return ask<value>(client, train_atom::value); }
  answer<value> train_for(caf::timespan limit) {
    return ask<value>(client, train_atom::value, limit);
  }

  fake_python python;
  const bridge* running = nullptr;
  std::optional<stream_actor> epochs;
  std::optional<items_message> first;
  caf::actor client;
};

TEST_F(OnVirtualTime, WhenPythonAnswersAtOnceThenSoDoesTheService) {
  training([](const fake_call& call) { return std::string{call.session}; });
  EXPECT_EQ(train().value(), "service");
}

TEST_F(OnVirtualTime, WhenPythonTakesItsTimeThenNoTimePassesUnlessMoved) {
  training([](const fake_call&) { return fake_answer{1}.after(3s); });
  const auto answered = train();
  advance(2'999ms);
  EXPECT_FALSE(answered.arrived());
  EXPECT_THAT(python.running(), ElementsAre("ml.train"));
  advance(1ms);
  EXPECT_EQ(answered.value(), 1);
}

TEST_F(OnVirtualTime, WhenPythonTakesTooLongThenTheServiceGivesUp) {
  training([](const fake_call&) { return fake_answer::hold(); });
  const auto answered = train();
  advance(4'999ms);
  EXPECT_FALSE(answered.arrived());
  advance(1ms);
  EXPECT_EQ(to_error(answered.error()).code(), errc::deadline_exceeded);
  EXPECT_TRUE(python.finish("ml.train", 1));
}

TEST_F(OnVirtualTime, WhenPythonCrashesThenTheServiceHearsOfItAndGoesOn) {
  training([](const fake_call&) { return fake_answer::crash().after(1s); });
  const auto lost = train();
  advance(1s);
  EXPECT_EQ(to_error(lost.error()).code(), errc::interpreter_died);
  training([](const fake_call& call) { return call.object("ml.Model"); });
  EXPECT_EQ(train().value().as<ref>().epoch, 2U);
}

TEST_F(OnVirtualTime, WhenACoroutineIsAwaitedThenOtherCallsRunMeanwhile) {
  training([](const fake_call&) { return fake_answer::awaits(1).after(3s); });
  const auto waits = train();
  advance(1s);
  EXPECT_FALSE(waits.arrived());
  training([](const fake_call&) { return 2; });
  EXPECT_EQ(train().value(), 2);
  advance(1'999ms);
  EXPECT_FALSE(waits.arrived());
  advance(1ms);
  EXPECT_EQ(waits.value(), 1);
}

TEST_F(OnVirtualTime, WhenWhatIsAwaitedIsLateThenItIsGivenUp) {
  training([](const fake_call&) { return fake_answer::awaits(1).after(9s); });
  const auto late = train_for(2s);
  advance(2s);
  EXPECT_EQ(to_error(late.error()).code(), errc::deadline_exceeded);
  EXPECT_TRUE(to_error(late.error()).may_have_run());
  training([](const fake_call&) { return 2; });
  EXPECT_EQ(train().value(), 2);
}

TEST_F(OnVirtualTime, WhenPythonDiesThenWhatAwaitsIsLost) {
  training([](const fake_call&) { return fake_answer::awaits(1).after(3s); });
  const auto lost = train();
  python.crash();
  settle();
  EXPECT_EQ(to_error(lost.error()).code(), errc::interpreter_died);
}

TEST_F(OnVirtualTime, WhenPythonCallsBackThenWhatThatCallsRunsInside) {
  python.on("ml.rate", [](const fake_call&) { return 20; });
  const callback rated{[this](int more) {
    return or_throw(running->call("ml", "rate")).as<int>() + more;
  }};
  training([rated](const fake_call&) {
    return fake_answer::calls(rated, {1},
                              [](result<value> rate) {
                                return result<value>{rate->as<int>() * 2};
                              })
      .after(2s);
  });
  const auto answered = train();
  advance(1'999ms);
  EXPECT_FALSE(answered.arrived());
  advance(1ms);
  EXPECT_EQ(answered.value(), 42);
}

TEST_F(OnVirtualTime, WhenWhatItCallsBackFailsThenPythonRaises) {
  training([](const fake_call&) {
    return fake_answer::calls(
      callback{[]() -> int { throw std::runtime_error{"no rate"}; }});
  });
  const auto failed = to_error(train().error());
  ASSERT_NE(failed.python(), nullptr);
  EXPECT_EQ(failed.python()->type, "CallbackError");
  EXPECT_EQ(failed.python()->message, "no rate");
}

TEST_F(OnVirtualTime, WhenAStreamTakesItsTimeThenItsItemsComeOneByOne) {
  python.on("ml.epochs", [](const fake_call&) {
    return fake_answer::yields({1, 2, 3}, 1s);
  });
  const auto own = ends_with_test(
    system().spawn([this](caf::event_based_actor* self) -> caf::behavior {
      const auto session = open_session(self, *running, {.id = "reader"});
      self->request(session, caf::infinite, stream_message{"ml", "epochs"})
        .then([this, self](const stream_actor& stream) {
          epochs = stream;
          self->request(stream, caf::infinite, more_message{3})
            .then([this](const items_message& got) { first = got; });
        });
      return {[](caf::unit_t) {}};
    }));
  settle();
  advance(999ms);
  EXPECT_FALSE(first);
  advance(1ms);
  ASSERT_TRUE(first);
  EXPECT_EQ(first->items, (list{1}));
  // More are asked for while one is read.
  for (const int each : {2, 3}) {
    advance(1s);
    const auto more =
      ask<items_message>(caf::actor_cast<caf::actor>(*epochs), more_message{3});
    EXPECT_EQ(more.value().items, (list{each}));
  }
  epochs.reset();
  ended(own);
}

TEST_F(OnVirtualTime, WhenTheServiceEndsThenItsObjectsAreGoneAtOnce) {
  training([](const fake_call& call) { return call.object("ml.Model"); });
  train();
  EXPECT_EQ(running->stats().live_objects(), 1U);
  ended(client);
  EXPECT_EQ(leaked_refs(*running, 0ms), "");
}

TEST_F(OnVirtualTime, WhenItComesBackSlowlyThenCallsWaitUntilThen) {
  training([](const fake_call&) { return 1; });
  python.starts_after(3s).crash();
  const auto waits = train();
  advance(2'999ms);
  EXPECT_FALSE(waits.arrived());
  EXPECT_FALSE(running->stats().pools.at(0).interpreters.at(0).ready);
  advance(1ms);
  EXPECT_EQ(waits.value(), 1);
}

TEST_F(OnVirtualTime, WhenACallHasNoMoreTimeThenTheBridgeGivesItUp) {
  training([](const fake_call&) { return fake_answer{1}.after(3s); });
  const auto late = train_for(2s), waits = train_for(2s);
  advance(1'999ms);
  EXPECT_FALSE(late.arrived() || waits.arrived());
  advance(1ms);
  const auto ran = to_error(late.error()), waited = to_error(waits.error());
  EXPECT_EQ(ran.code(), errc::deadline_exceeded);
  EXPECT_TRUE(ran.may_have_run());
  EXPECT_EQ(waited.code(), errc::deadline_exceeded);
  EXPECT_FALSE(waited.may_have_run());
  training([](const fake_call&) { return 2; });
  const auto next = train_for(2s);
  EXPECT_FALSE(next.arrived());
  advance(1s);
  EXPECT_EQ(next.value(), 2);
}

TEST_F(OnVirtualTime, WhenAThreadCallsThenItIsAnsweredOnIt) {
  training([](const fake_call&) { return 5; });
  EXPECT_EQ(running->call("ml", "train"), 5);
}

TEST_F(OnVirtualTime, WhenAThreadsCallIsNotAnsweredAtOnceThenItsTimeIsOver) {
  training([](const fake_call&) { return fake_answer::hold(); });
  const auto late = running->call("ml", "train");
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code(), errc::deadline_exceeded);
  EXPECT_TRUE(python.finish("ml.train", 1));
}

class OnVirtualTimeWithTwo : public OnVirtualTime {
protected:
  config wanted() override {
    return {.pools = {{.size = 2, .affinity = affinity::hint}}};
  }
};

// The one that has died of late is not chosen, but takes over what waits.
TEST_F(OnVirtualTimeWithTwo, WhenAThreadsCallHasMovedThenItsTimeIsOverToo) {
  training([](const fake_call&) { return fake_answer::hold(); });
  train();
  training([](const fake_call&) { return fake_answer::crash().after(1s); });
  train();
  advance(1s);
  training([](const fake_call&) { return fake_answer::hold(); });
  EXPECT_THAT(python.running(), ElementsAre("ml.train"));
  const auto late = running->call("ml", "train");
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code(), errc::deadline_exceeded);
  EXPECT_TRUE(late.error().may_have_run());
  EXPECT_THAT(python.running(), ElementsAre("ml.train", "ml.train"));
}

class OnVirtualTimeWithABreaker : public OnVirtualTime {
protected:
  config wanted() override {
    return {.pools = {{.size = 1,
                       .breaker = {.failures = 2, .period = 10s, .open = 5s}}}};
  }
  circuit_state circuit() { return running->stats().pools.at(0).circuit; }
  void crash_once() {
    training([](const fake_call&) { return fake_answer::crash().after(1s); });
    train();
    advance(1s);
  }
};

TEST_F(OnVirtualTimeWithABreaker, WhenItsTimeComesThenOneCallMayTry) {
  crash_once();
  crash_once();
  EXPECT_EQ(circuit(), circuit_state::open);
  training([](const fake_call&) { return 7; });
  advance(4'999ms);
  EXPECT_EQ(to_error(train().error()).code(), errc::pool_down);
  advance(1ms);
  EXPECT_EQ(circuit(), circuit_state::half_open);
  EXPECT_EQ(train().value(), 7);
  EXPECT_EQ(circuit(), circuit_state::closed);
}

TEST_F(OnVirtualTimeWithABreaker, WhenCrashesAreFarApartThenItStaysClosed) {
  crash_once();
  advance(10s);
  crash_once();
  EXPECT_EQ(circuit(), circuit_state::closed);
}

} // namespace snakebridge::testing
