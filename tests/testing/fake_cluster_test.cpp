// Other nodes of a cluster as a script, on virtual time, as programs test with
// them: a service that calls a model on another node.
#include <snakebridge/actors.hpp>
#include <snakebridge/snakebridge.hpp>
#include <snakebridge/testing.hpp>
#include <snakebridge/testing_actors.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace snakebridge::testing {

using ::testing::HasSubstr;
using namespace std::chrono_literals;

namespace {

class FakeCluster : public deterministic {
protected:
  void SetUp() override {
    there.on("ml.load",
             [](const fake_call& call) { return call.object("ml.Model"); });
    there.on("ml.Model.predict", [](const fake_call&) { return 2; });
    nodes.joins("gpu-1", there, {"default", "gpu"});
    node = &start_bridge(python.in(nodes));
    settle();
  }

  /// For the client.
  session_actor open(const std::string& at = "gpu-1",
                     const std::string& id = "model") {
    session_actor opened;
    auto opener = system().spawn(
      [this, &opened, at, id](caf::event_based_actor* self) -> caf::behavior {
        opened = open_session(self, *node,
                              {.id = id, .scope = scope::cluster, .at = at});
        return {[](caf::unit_t) {}};
      });
    ends_with_test(opener);
    openers.push_back(opener);
    settle();
    return opened;
  }
  answer<value> call(const session_actor& of, const std::string& function,
                     std::chrono::milliseconds timeout = 60s) {
    return ask<value>(caf::actor_cast<caf::actor>(of),
                      call_message{.module = "ml",
                                   .function = function,
                                   .options = {.timeout = timeout}});
  }
  answer<value> predict(const session_actor& of, const value& model) {
    return ask<value>(
      caf::actor_cast<caf::actor>(of),
      method_message{.object = model.as<ref>(), .name = "predict"});
  }
  static error why(const answer<value>& failed) {
    return to_error(failed.error());
  }
  node_facts facts(const std::string& name) const {
    for (const auto& each : or_throw(node->nodes()))
      if (each.name == name)
        return each;
    return {};
  }
  void leave() {
    for (const auto& each : openers)
      caf::anon_send_exit(each, caf::exit_reason::user_shutdown);
    settle();
  }

  fake_python python, there;
  fake_cluster nodes;
  bridge* node = nullptr;
  std::vector<caf::actor> openers;
};

} // namespace

TEST_F(FakeCluster, WhenANodeJoinsThenSessionsRunThere) {
  const auto session = open();
  const auto model = call(session, "load");
  EXPECT_EQ(model.value().as<ref>().node, "gpu-1");
  EXPECT_EQ(predict(session, model.value()).value(), 2);
  EXPECT_EQ(facts("gpu-1").sessions, 1U);
  EXPECT_EQ(facts("gpu-1").stats.live_objects(), 1U);
  EXPECT_EQ(node->stats().live_objects(), 0U);
  leave();
  EXPECT_EQ(facts("gpu-1").sessions, 0U);
  EXPECT_EQ(facts("gpu-1").stats.live_objects(), 0U);
}

TEST_F(FakeCluster, WhenItIsSlowThenItsAnswersAreLate) {
  nodes.is_slow("gpu-1", 300ms);
  const auto session = open();
  const auto loaded = call(session, "load");
  advance(299ms);
  EXPECT_FALSE(loaded.arrived());
  advance(1ms);
  EXPECT_TRUE(loaded.is_value());
  const auto late = call(session, "load", 200ms);
  advance(200ms);
  EXPECT_EQ(why(late).code(), errc::deadline_exceeded);
  advance(1s);
}

TEST_F(FakeCluster, WhenItIsSilentForLessThanTheLimitThenItIsLateOnly) {
  const auto session = open();
  nodes.falls_silent("gpu-1");
  const auto loaded = call(session, "load");
  advance(4'999ms);
  EXPECT_FALSE(loaded.arrived());
  nodes.is_heard("gpu-1");
  settle();
  EXPECT_TRUE(loaded.is_value());
  nodes.falls_silent("gpu-1"); // which is another silence
  const auto again = call(session, "load");
  advance(4'999ms);
  nodes.is_heard("gpu-1");
  settle();
  EXPECT_TRUE(again.is_value());
}

TEST_F(FakeCluster, WhenItIsSilentForLongerThenItsIdStaysTaken) {
  const auto session = open();
  nodes.falls_silent("gpu-1");
  const auto lost = call(session, "load");
  advance(5s);
  EXPECT_EQ(why(lost).code(), errc::node_down);
  EXPECT_TRUE(why(lost).may_have_run());
  EXPECT_EQ(facts("gpu-1").now, node_facts::state::silent);
  const auto refused = call(open("here"), "load");
  EXPECT_EQ(why(refused).code(), errc::node_down);
  EXPECT_THAT(why(refused).message(),
              HasSubstr("snakebridge node forget gpu-1"));
  nodes.is_heard("gpu-1");
  settle();
  EXPECT_EQ(facts("gpu-1").now, node_facts::state::up);
  EXPECT_TRUE(call(open(), "load").is_value());
}

TEST_F(FakeCluster, WhenItIsForgottenThenItsIdIsFree) {
  const auto session = open();
  nodes.falls_silent("gpu-1");
  advance(5s);
  ASSERT_TRUE(node->forget_node("gpu-1"));
  python.on("ml.load", [](const fake_call&) { return 7; });
  EXPECT_EQ(call(open("here"), "load").value(), 7);
}

TEST_F(FakeCluster, WhenItEndsThenItsCallsAreNodeDownAndItsIdIsFree) {
  there.on("ml.train", [](const fake_call&) { return fake_answer::hold(); });
  const auto session = open();
  const auto model = call(session, "load");
  const auto lost = call(session, "train");
  nodes.ends("gpu-1");
  settle();
  EXPECT_EQ(why(lost).code(), errc::node_down);
  EXPECT_TRUE(why(lost).may_have_run());
  EXPECT_EQ(facts("gpu-1").name, "");
  nodes.joins("gpu-1", there, {"default", "gpu"});
  const auto anew = open();
  EXPECT_EQ(why(predict(anew, model.value())).code(), errc::ref_stale);
  EXPECT_TRUE(call(anew, "load").is_value());
}

TEST_F(FakeCluster, WhenItsInterpreterCrashesThenItsSessionLivesOn) {
  there.on("ml.train",
           [](const fake_call&) { return fake_answer::crash().after(1s); });
  const auto session = open();
  const auto lost = call(session, "train");
  advance(1s);
  EXPECT_EQ(why(lost).code(), errc::interpreter_died);
  EXPECT_TRUE(call(session, "load").is_value());
}

TEST_F(FakeCluster, WhenItDrainsThenItsSessionsEndAfterThePatience) {
  const auto session = open();
  ASSERT_TRUE(node->drain_node("gpu-1", 2s));
  EXPECT_EQ(facts("gpu-1").now, node_facts::state::draining);
  advance(1'999ms);
  EXPECT_TRUE(call(session, "load").is_value());
  advance(1ms);
  EXPECT_EQ(facts("gpu-1").sessions, 0U);
}

TEST_F(FakeCluster, WhenAThreadNamesThePoolOfANodeThenItsCallRunsThere) {
  there.on("ml.size", [](const fake_call&) { return 3; });
  EXPECT_EQ(
    node->with({.pool = "gpu", .affinity = affinity::hint}).call("ml", "size"),
    value{3});
  EXPECT_EQ(facts("gpu-1").sessions, 1U);
  EXPECT_NO_LEAKED_REFS(*node);
}

} // namespace snakebridge::testing
