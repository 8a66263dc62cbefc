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
// five seconds.
static caf::behavior service(caf::event_based_actor* self, const bridge* on) {
  const auto session = open_session(self, *on, {.id = "service"});
  return {[self, session](train_atom) {
    auto told = self->make_response_promise<value>();
    self->request(session, 5s, call_message{"ml", "train"})
      .then([told](value& got) mutable { told.deliver(std::move(got)); },
            [told](caf::error& why) mutable { told.deliver(std::move(why)); });
    return told;
  }};
}

class OnVirtualTime : public deterministic {
protected:
  void SetUp() override {
    const auto& bridge = start_bridge(python);
    client = ends_with_test(system().spawn(service, &bridge));
    running = &bridge;
    settle();
  }
  void TearDown() override {
    ended(client);
    EXPECT_NO_LEAKED_REFS(*running);
    deterministic::TearDown();
  }
  void ended(const caf::actor& who) {
    caf::anon_send_exit(who, caf::exit_reason::user_shutdown);
    settle();
  }
  void training(fake_python::script how) {
    python.on("ml.train", std::move(how));
  }
  answer<value> train() { return ask<value>(client, train_atom::value); }

  fake_python python;
  const bridge* running = nullptr;
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

TEST_F(OnVirtualTime, WhenAThreadCallsThenItIsAnsweredOnIt) {
  training([](const fake_call&) { return 5; });
  EXPECT_EQ(running->call("ml", "train"), 5);
}

} // namespace snakebridge::testing
