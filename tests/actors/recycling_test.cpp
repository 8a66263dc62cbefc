// A host that is due is replaced by one that is ready, when nobody uses it:
// nothing of a session is lost, and no restart is counted.
#include "tests/actors/acting.hpp"

namespace snakebridge::testing {

class Recycling : public acting {
protected:
  void begin(recycle_limits limits, std::uint32_t size = 1) {
    start_bridge(
      {{.size = size, .restart = {.intensity = 0}, .recycle = limits}});
  }
  /// A session with an object in interpreter 1, after some calls.
  void use(const std::string& id, int calls) {
    owner = client(id);
    session = open(id, owner);
    for (int i = 0; i < calls; ++i)
      object = object_in(session);
  }
  void end_session() {
    caf::anon_send_exit(owner, caf::exit_reason::kill);
    settle();
  }
  void look() { advance(std::chrono::milliseconds{limits::recycle_look_ms}); }
  interpreter_facts facts(std::uint32_t of = 1) {
    return places->of(of)->calls->look(of);
  }
  bool works(const ref& with) {
    return ask<value>(session, attr_message{with, "echo"}).value() == none;
  }

  caf::actor owner, session;
  ref object;
};

TEST_F(Recycling, WhenItIsDueAndNobodyUsesItThenItIsReplaced) {
  begin({.calls = 3});
  use("a", 3);
  end_session();
  happened.take();
  look();
  EXPECT_EQ(took_place(), (events{"start:2", "ready:2", "stop", "end"}));
  EXPECT_EQ(facts().recycled, 1U);
  EXPECT_EQ(facts().deaths, 0U);
  EXPECT_EQ(facts().epoch, 2U);
  EXPECT_FALSE(facts().due);
  use("b", 1);
  EXPECT_EQ(object.epoch, 2U);
  EXPECT_TRUE(works(object));
}

TEST_F(Recycling, GivenFewerCallsThenItStays) {
  begin({.calls = 4});
  use("a", 3);
  end_session();
  look();
  EXPECT_EQ(facts().recycled, 0U);
  EXPECT_FALSE(facts().due);
}

TEST_F(Recycling, WhileASessionUsesItThenItStaysAndItsObjectsWork) {
  begin({.calls = 2});
  use("a", 5);
  for (int i = 0; i < 5; ++i)
    look();
  EXPECT_TRUE(facts().due);
  EXPECT_EQ(facts().epoch, 1U);
  EXPECT_TRUE(works(object));
  end_session();
  look();
  EXPECT_EQ(facts().epoch, 2U);
}

// A thread that went on calling kept its worker for ever.
TEST_F(Recycling, GivenASessionThatHoldsNothingThenItIsReplacedAllTheSame) {
  begin({.calls = 3});
  owner = client("a");
  session = open("a", owner);
  for (int i = 0; i < 3; ++i)
    EXPECT_EQ(call(session, "echo", {i}).value(), i);
  look();
  EXPECT_EQ(facts().recycled, 1U);
  EXPECT_EQ(call(session, "echo", {5}).value(), 5);
  EXPECT_EQ(object_in(session).epoch, 2U);
}

TEST_F(Recycling, WhileACallRunsThenLaterOnesWaitForTheNext) {
  begin({.age = 1h});
  owner = client("a");
  session = open("a", owner);
  const auto runs = call(session, "hold");
  advance(1h);
  ASSERT_EQ(hosts[1].size(), 2U);
  const auto waits = call(session, "echo", {5});
  EXPECT_FALSE(waits.arrived());
  hosts[1][0]->finish(1);
  advance(std::chrono::milliseconds{limits::idle_look_ms});
  EXPECT_EQ(runs.value(), 1);
  EXPECT_EQ(waits.value(), 5);
  EXPECT_EQ(facts().epoch, 2U);
}

TEST_F(Recycling, WhenTheCallThatRunsMakesAnObjectThenThePresentOneServesOn) {
  begin({.age = 1h});
  owner = client("a");
  session = open("a", owner);
  const auto runs = call(session, "hold");
  advance(1h);
  const auto waits = call(session, "echo", {5});
  hosts[1][0]->finish_with_object();
  advance(std::chrono::milliseconds{limits::idle_look_ms});
  EXPECT_EQ(waits.value(), 5);
  EXPECT_EQ(facts().epoch, 1U);
  EXPECT_TRUE(works(runs.value().as<ref>()));
}

TEST_F(Recycling, WhenASessionComesMeanwhileThenItIsWaitedFor) {
  begin({.age = 1h});
  manners.ready_at_once = false;
  advance(1h);
  EXPECT_EQ(hosts[1].size(), 2U) << "the successor starts";
  use("a", 1);
  host().ready();
  settle();
  EXPECT_EQ(facts().epoch, 1U);
  EXPECT_TRUE(works(object));
  end_session();
  look();
  EXPECT_EQ(facts().epoch, 2U);
  EXPECT_EQ(facts().recycled, 1U);
}

TEST_F(Recycling, WhenTheSuccessorDoesNotStartThenThePresentOneServesOn) {
  begin({.age = 1h});
  use("a", 1);
  manners.ready_at_once = false;
  end_session();
  advance(1h);
  ASSERT_EQ(hosts[1].size(), 2U);
  host().die(error{errc::startup_failed, "no memory"});
  settle();
  use("b", 1);
  EXPECT_EQ(object.epoch, 1U);
  EXPECT_TRUE(works(object));
  EXPECT_EQ(facts().deaths, 0U);
  end_session();
  manners.ready_at_once = true;
  look();
  EXPECT_EQ(facts().epoch, 3U) << "and it is tried again";
}

TEST_F(Recycling, WhenThePresentOneDiesThenTheSuccessorEndsWithItsActor) {
  start_bridge({{.size = 1, .recycle = {.age = 1h}}});
  manners.ready_at_once = false;
  advance(1h);
  ASSERT_EQ(hosts[1].size(), 2U);
  manners.ready_at_once = true;
  hosts[1][0]->die("a segfault");
  settle();
  EXPECT_FALSE(hosts[1][1]->is_up());
  EXPECT_EQ(facts().deaths, 1U);
  use("a", 1);
  EXPECT_EQ(object.epoch, 3U);
}

TEST_F(Recycling, GivenOneThatIsDueThenNewSessionsGoElsewhere) {
  begin({.calls = 1}, 2);
  use("a", 2);
  look();
  EXPECT_TRUE(facts().due);
  for (const auto* id : {"b", "c"})
    EXPECT_EQ(object_in(open(id, owner)).interpreter, 2U);
}

TEST_F(Recycling, WhenItHappensOftenThenThePoolLivesOn) {
  begin({.calls = 1});
  for (int i = 0; i < 20; ++i) {
    use("s" + std::to_string(i), 1);
    end_session();
    look();
  }
  EXPECT_EQ(facts().recycled, 20U);
  EXPECT_EQ(facts().epoch, 21U);
}

} // namespace snakebridge::testing
