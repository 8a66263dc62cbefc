// The directory's rules one by one (NODES.md section 3), over times the test
// gives. What comes of them together is node_simulation_test's.
#include "actors/node_directory.hpp"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/tunables.hpp"

namespace snakebridge::testing {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::HasSubstr;

namespace {

constexpr cluster_id first_cluster{1, 2};
const error over{errc::session_closed, "over"};

node_stats loaded(std::size_t calls) {
  return {.sessions = 0, .pools = {{.name = "default", .running = calls}}};
}

} // namespace

class NodeDirectory : public ::testing::Test {
protected:
  using time_point = node_directory::time_point;

  NodeDirectory() {
    for (const auto* name : {"a", "b", "c"})
      expect_joined(hello(name));
  }

  time_point at(std::chrono::milliseconds when) const { return start + when; }
  node_id id(const std::string& name, std::uint64_t incarnation = 1) const {
    return {name, incarnation};
  }
  node_hello hello(const std::string& name, std::uint64_t incarnation = 1,
                   std::uint64_t number = 1) const {
    node_hello said;
    said.node = id(name, incarnation);
    said.number = number;
    said.address = name + ".example:7000";
    said.listens = true;
    said.pools = {"default"};
    return said;
  }
  node_hello hello_again(const std::string& name,
                         std::vector<session_grant> held) const {
    auto said = hello(name, 1, 2);
    said.cluster = first_cluster;
    said.held = std::move(held);
    return said;
  }
  void expect_joined(const node_hello& said) {
    const auto done = table.join(said, at(0ms));
    ASSERT_TRUE(done.answer) << done.answer.error();
    EXPECT_EQ(*done.answer, admission{first_cluster});
  }
  directory_plan ask(const std::string& opener, const std::string& session,
                     const std::string& where = {},
                     std::chrono::milliseconds when = 0ms) {
    return table.open({id(opener), ++requests, session, where, "default"},
                      at(when));
  }
  /// The session is there, and its owner has it.
  session_grant opened(const std::string& owner, const std::string& session) {
    const auto plan = ask(owner, session, owner);
    EXPECT_EQ(plan.grants.size(), 1U);
    table.taken(id(owner), plan.grants.at(0).grant);
    return plan.grants.at(0).grant;
  }
  static const error& refusal(const directory_plan& plan) {
    return plan.answers.at(0).place.error();
  }
  std::string owner_of(const std::string& session) const {
    const auto place = table.find(session);
    return place ? place->owner.name : "nobody";
  }

  const time_point start{1h};
  node_directory table{first_cluster, 0};
  std::uint64_t requests = 0;
};

// Placement.

TEST_F(NodeDirectory, WhenAnOpenerListensThenItIsTheOwnerAndAnsweredAtOnce) {
  const auto plan = ask("b", "x");
  ASSERT_EQ(plan.grants.size(), 1U);
  EXPECT_EQ(plan.grants[0].owner, id("b"));
  EXPECT_EQ(plan.grants[0].grant, (session_grant{"x", 1}));
  ASSERT_EQ(plan.answers.size(), 1U);
  EXPECT_EQ(*plan.answers[0].place,
            (session_place{id("b"), "b.example:7000", 1}));
}

TEST_F(NodeDirectory, GivenANodeIsNamedThenItIsTheOwnerAndTheOpenerWaits) {
  const auto plan = ask("b", "x", "c");
  ASSERT_EQ(plan.grants.size(), 1U);
  EXPECT_EQ(plan.grants[0].owner, id("c"));
  EXPECT_TRUE(plan.answers.empty());
  const auto then = table.taken(id("c"), {"x", 1});
  ASSERT_EQ(then.answers.size(), 1U);
  EXPECT_EQ(then.answers[0].opener, id("b"));
  EXPECT_EQ(then.answers[0].number, 1U);
  EXPECT_EQ(then.answers[0].place->owner, id("c"));
}

TEST_F(NodeDirectory, GivenTheOpenerListensNowhereThenTheLeastLoadedOwns) {
  auto guest = hello("guest");
  guest.listens = false;
  expect_joined(guest);
  table.report(id("a"), loaded(3));
  table.report(id("b"), loaded(1));
  table.report(id("c"), loaded(2));
  EXPECT_EQ(ask("guest", "x").grants.at(0).owner, id("b"));
  // Each grant counts until the next report: now two have 2, and b has one.
  EXPECT_EQ(ask("guest", "y").grants.at(0).owner, id("c"));
  table.report(id("a"), loaded(0));
  EXPECT_EQ(ask("guest", "z").grants.at(0).owner, id("a"));
}

TEST_F(NodeDirectory, WhenANodeTellsHowItIsThenItsRowSaysSoThroughASilence) {
  table.report(id("a"), loaded(3));
  static_cast<void>(table.lost(id("a"), at(1s)));
  table.report(id("a", 2), loaded(7)); // another process of that name
  const auto rows = table.nodes(at(2s));
  ASSERT_EQ(rows.size(), 3U);
  EXPECT_EQ(rows[0].stats, loaded(3));
  EXPECT_EQ(rows[0].load, 3U);
  EXPECT_EQ(rows[1].stats, node_stats{});
}

TEST_F(NodeDirectory, GivenOnlyOneHasThePoolThenItOwns) {
  auto gpu = hello("d");
  gpu.pools = {"default", "gpu"};
  expect_joined(gpu);
  const auto plan = table.open({id("a"), 1, "x", {}, "gpu"}, at(0ms));
  EXPECT_EQ(plan.grants.at(0).owner, id("d"));
  EXPECT_EQ(refusal(table.open({id("a"), 2, "y", {}, "tpu"}, at(0ms))).code(),
            errc::pool_unknown);
  EXPECT_EQ(refusal(table.open({id("a"), 3, "y", "b", "gpu"}, at(0ms))).code(),
            errc::pool_unknown);
}

TEST_F(NodeDirectory, GivenTheNamedNodeCannotOwnThenTheAnswerSaysWhy) {
  auto guest = hello("guest");
  guest.listens = false;
  expect_joined(guest);
  EXPECT_THAT(refusal(ask("a", "x", "nobody")).message(),
              HasSubstr("no node of that name"));
  EXPECT_THAT(refusal(ask("a", "x", "guest")).message(),
              HasSubstr("does not listen"));
  table.lost(id("b"), at(0ms));
  EXPECT_THAT(refusal(ask("a", "x", "b", 700ms)).message(),
              AllOf(HasSubstr("silent for 700 ms"),
                    HasSubstr("snakebridge node forget b")));
}

TEST_F(NodeDirectory, GivenTheSessionIsThereThenANameDoesNotMoveIt) {
  opened("a", "x");
  const auto plan = ask("b", "x", "c");
  EXPECT_TRUE(plan.grants.empty());
  EXPECT_EQ(plan.answers.at(0).place->owner, id("a"));
}

// Epochs.

TEST_F(NodeDirectory, WhenASessionIsOpenedAgainThenItsEpochIsHigher) {
  const auto first = opened("a", "x");
  table.ended(id("a"), first, over);
  const auto other = opened("b", "y");
  const auto again = opened("b", "x");
  EXPECT_EQ(first.epoch, 1U);
  EXPECT_EQ(other.epoch, 2U);
  EXPECT_EQ(again.epoch, 3U);
}

TEST_F(NodeDirectory, GivenAJoinerHasSeenAHigherEpochThenAllAreAboveIt) {
  auto late = hello("d");
  late.epoch_seen = 700;
  expect_joined(late);
  EXPECT_EQ(opened("a", "x").epoch, 701U);
}

TEST_F(NodeDirectory, GivenABaseThenAllEpochsAreAboveIt) {
  node_directory later{{3, 4}, 1'000};
  ASSERT_TRUE(later.join(hello("a"), at(0ms)).answer);
  const auto plan = later.open({id("a"), 1, "x", {}, "default"}, at(0ms));
  EXPECT_EQ(plan.grants.at(0).grant.epoch, 1'001U);
}

// An entry goes by its owner's word.

TEST_F(NodeDirectory, WhenTheWordIsOfAnotherEpochOrProcessThenTheEntryStays) {
  const auto mine = opened("a", "x");
  table.ended(id("a"), {"x", mine.epoch + 1}, over);
  table.ended(id("b"), mine, over);
  table.ended(id("a", 2), mine, over);
  EXPECT_EQ(owner_of("x"), "a");
  table.ended(id("a"), mine, over);
  EXPECT_EQ(owner_of("x"), "nobody");
}

TEST_F(NodeDirectory, WhenTheOwnerRefusesTheGrantThenAllWhoWaitHearWhy) {
  ask("b", "x", "c");
  ask("a", "x");
  const error why{errc::session_closed, "node 'c' drains"};
  const auto plan = table.ended(id("c"), {"x", 1}, why);
  ASSERT_EQ(plan.answers.size(), 2U);
  EXPECT_EQ(plan.answers[0].opener, id("b"));
  EXPECT_EQ(plan.answers[0].place, why);
  EXPECT_EQ(plan.answers[1].opener, id("a"));
  EXPECT_EQ(plan.answers[1].place, why);
  EXPECT_EQ(owner_of("x"), "nobody");
}

TEST_F(NodeDirectory, WhenAnOpenerBringsTheOwnersWordThenItIsGrantedAnew) {
  const auto mine = opened("a", "x");
  const auto plan =
    table.open({id("b"), 9, "x", {}, "default", mine.epoch}, at(0ms));
  EXPECT_EQ(plan.grants.at(0).owner, id("b"));
  EXPECT_EQ(plan.grants.at(0).grant.epoch, mine.epoch + 1);
  // And the owner's own word, which was on its way, comes too late.
  table.ended(id("a"), mine, over);
  EXPECT_EQ(owner_of("x"), "b");
}

TEST_F(NodeDirectory, WhenTheOwnerComesBackWithoutItThenTheEntryGoes) {
  const auto kept = opened("a", "x");
  opened("a", "y");
  table.lost(id("a"), at(0ms));
  expect_joined(hello_again("a", {kept}));
  EXPECT_EQ(owner_of("x"), "a");
  EXPECT_EQ(owner_of("y"), "nobody");
}

// Silence proves nothing.

TEST_F(NodeDirectory, GivenTheOwnerIsSilentThenItsIdIsTakenAndTheWayOutTold) {
  const auto mine = opened("a", "x");
  const auto plan = table.lost(id("a"), at(1s));
  ASSERT_EQ(plan.redials.size(), 1U);
  EXPECT_EQ(plan.redials[0].node, id("a"));
  EXPECT_EQ(plan.redials[0].address, "a.example:7000");
  const auto refused = ask("b", "x", {}, 1h);
  EXPECT_TRUE(refused.grants.empty());
  EXPECT_EQ(refusal(refused).code(), errc::node_down);
  EXPECT_THAT(refusal(refused).message(),
              AllOf(HasSubstr("node 'a'"),
                    HasSubstr("epoch " + std::to_string(mine.epoch)),
                    HasSubstr("silent for 3599000 ms"),
                    HasSubstr("snakebridge node forget a")));
}

TEST_F(NodeDirectory, WhenTheOwnerIsLostBeforeItHasTheGrantThenOpenersHear) {
  ask("b", "x", "c");
  const auto plan = table.lost(id("c"), at(0ms));
  EXPECT_EQ(refusal(plan).code(), errc::node_down);
  EXPECT_EQ(owner_of("x"), "c") << "the grant may have come";
}

TEST_F(NodeDirectory, WhenAnOpenerIsLostThenItIsNotAnswered) {
  ask("b", "x", "c");
  table.lost(id("b"), at(0ms));
  EXPECT_TRUE(table.taken(id("c"), {"x", 1}).answers.empty());
}

// Proof.

TEST_F(NodeDirectory, WhenALostNodeRefusesTheDialThenItsIdsAreFree) {
  const auto mine = opened("a", "x");
  table.lost(id("a"), at(0ms));
  table.dial_refused(id("a"));
  const auto plan = ask("b", "x");
  EXPECT_EQ(plan.grants.at(0).owner, id("b"));
  EXPECT_EQ(plan.grants.at(0).grant.epoch, mine.epoch + 1);
}

TEST_F(NodeDirectory, GivenTheNodeIsLinkedThenARefusedDialProvesNothing) {
  opened("a", "x");
  table.dial_refused(id("a"));
  table.dial_answered(id("a"), 2);
  EXPECT_EQ(owner_of("x"), "a");
}

TEST_F(NodeDirectory, GivenAFirewallMayRefuseThenARefusedDialProvesNothing) {
  node_directory careful{first_cluster, 0, false};
  ASSERT_TRUE(careful.join(hello("a"), at(0ms)).answer);
  careful.open({id("a"), 1, "x", {}, "default"}, at(0ms));
  careful.lost(id("a"), at(0ms));
  careful.dial_refused(id("a"));
  EXPECT_TRUE(careful.find("x"));
  careful.dial_answered(id("a"), 2);
  EXPECT_FALSE(careful.find("x"));
}

TEST_F(NodeDirectory, WhenTheSameProcessAnswersTheDialThenItsIdsAreTaken) {
  opened("a", "x");
  table.lost(id("a"), at(0ms));
  table.dial_answered(id("a"), 1);
  EXPECT_EQ(owner_of("x"), "a");
  EXPECT_TRUE(table.is_silent(id("a")));
}

// Names.

TEST_F(NodeDirectory, GivenItIsLinkedThenAnotherOfItsNameIsRefused) {
  const auto done = table.join(hello("a", 2), at(0ms));
  ASSERT_FALSE(done.answer);
  EXPECT_EQ(done.answer.error().code(), errc::not_authorized);
  EXPECT_THAT(done.answer.error().message(), HasSubstr("a.example:7000"));
}

TEST_F(NodeDirectory, GivenItIsSilentThenAnotherIsAdmittedFromItsPlaceOnly) {
  opened("a", "x");
  table.lost(id("a"), at(0ms));
  auto elsewhere = hello("a", 2);
  elsewhere.address = "z.example:7000";
  const auto refused = table.join(elsewhere, at(5s)).answer;
  ASSERT_FALSE(refused);
  EXPECT_THAT(
    refused.error().message(),
    AllOf(HasSubstr("5000 ms"), HasSubstr("snakebridge node forget a")));
  EXPECT_EQ(owner_of("x"), "a");
  EXPECT_TRUE(table.join(hello("a", 2), at(6s)).answer);
  EXPECT_EQ(owner_of("x"), "nobody");
}

TEST_F(NodeDirectory, GivenItIsForgottenThenAnotherIsAdmittedFromAnywhere) {
  table.lost(id("a"), at(0ms));
  ASSERT_TRUE(table.forget("a"));
  auto elsewhere = hello("a", 2);
  elsewhere.address = "z.example:7000";
  EXPECT_TRUE(table.join(elsewhere, at(5s)).answer);
}

TEST_F(NodeDirectory, WhenAnOvertakenHelloArrivesThenItIsNotHeard) {
  table.lost(id("a"), at(0ms));
  expect_joined(hello("a", 1, 5));
  opened("a", "x");
  const auto late = table.join(hello("a", 1, 4), at(0ms));
  EXPECT_EQ(late.answer.error().code(), errc::message_malformed);
  EXPECT_FALSE(late.closes_former);
  EXPECT_EQ(owner_of("x"), "a");
}

TEST_F(NodeDirectory, WhenALinkedNodeSaysHelloAnewThenItsFormerLinkIsLost) {
  ask("b", "x", "a");
  const auto done = table.join(hello_again("a", {}), at(0ms));
  ASSERT_TRUE(done.answer);
  EXPECT_TRUE(done.closes_former);
  ASSERT_EQ(done.plan.answers.size(), 1U);
  EXPECT_EQ(refusal(done.plan).code(), errc::node_down);
  EXPECT_EQ(owner_of("x"), "nobody") << "it says that it holds nothing";
  EXPECT_FALSE(table.is_silent(id("a")));
}

TEST_F(NodeDirectory, GivenItListensNowhereThenItIsNoMoreWhenItIsLost) {
  auto guest = hello("guest");
  guest.listens = false;
  expect_joined(guest);
  EXPECT_TRUE(table.lost(id("guest"), at(0ms)).redials.empty());
  EXPECT_EQ(table.nodes(at(0ms)).size(), 3U);
}

// Forgotten nodes, and the clusters of old.

TEST_F(NodeDirectory, WhenANodeIsForgottenThenItsIdsAreFreeAndTold) {
  const auto mine = opened("a", "x");
  table.lost(id("a"), at(0ms));
  EXPECT_EQ(*table.forget("a"), std::vector{mine});
  EXPECT_EQ(opened("b", "x").epoch, mine.epoch + 1);
}

TEST_F(NodeDirectory, GivenItIsLinkedOrUnknownThenItCannotBeForgotten) {
  EXPECT_EQ(table.forget("a").error().code(), errc::config_invalid);
  EXPECT_EQ(table.forget("z").error().code(), errc::node_down);
}

TEST_F(NodeDirectory, WhenAForgottenNodeComesBackThenItEndsAllItHoldsFirst) {
  const auto mine = opened("a", "x");
  table.lost(id("a"), at(0ms));
  ASSERT_TRUE(table.forget("a"));
  const auto returned = hello_again("a", {mine});
  EXPECT_EQ(*table.join(returned, at(0ms)).answer,
            (admission{first_cluster, true}));
  EXPECT_EQ(table.nodes(at(0ms)).size(), 2U) << "it is not admitted";
  expect_joined(hello("a", 1, 3));
}

TEST_F(NodeDirectory, GivenItsNameIsTakenThenAForgottenNodeEndsAllItHoldsToo) {
  const auto mine = opened("a", "x");
  table.lost(id("a"), at(0ms));
  ASSERT_TRUE(table.forget("a"));
  expect_joined(hello("a", 2));
  EXPECT_TRUE(table.join(hello_again("a", {mine}), at(0ms)).answer->ends_first);
}

TEST_F(NodeDirectory, GivenANodeOfAnotherClusterThenItEndsAllItHoldsFirst) {
  auto old = hello("d", 1, 7);
  old.cluster = {8, 9};
  EXPECT_EQ(*table.join(old, at(0ms)).answer, (admission{first_cluster, true}));
}

// Drain.

TEST_F(NodeDirectory, WhenANodeDrainsThenItGetsNoNewSessionsAndKeepsItsOwn) {
  opened("a", "x");
  EXPECT_EQ(*table.drain("a", at(0ms)), id("a"));
  EXPECT_EQ(ask("a", "y").grants.at(0).owner, id("b"));
  EXPECT_THAT(refusal(ask("b", "z", "a")).message(), HasSubstr("drains"));
  EXPECT_EQ(ask("b", "x").answers.at(0).place->owner, id("a"));
  EXPECT_EQ(table.nodes(at(0ms)).at(0).state, node_state::draining);
}

TEST_F(NodeDirectory, WhenADrainedNodeComesBackThenItIsToldOnceMore) {
  ASSERT_TRUE(table.drain("a", at(0ms)));
  table.lost(id("a"), at(0ms));
  EXPECT_EQ(table.drain("a", at(0ms)).error().code(), errc::node_down);
  EXPECT_EQ(*table.join(hello_again("a", {}), at(0ms)).answer,
            (admission{first_cluster, false, true}));
}

TEST_F(NodeDirectory, WhenAllDrainThenNobodyOwns) {
  for (const auto* name : {"a", "b", "c"})
    table.drains(id(name));
  EXPECT_EQ(refusal(ask("a", "x")).code(), errc::node_down);
}

// What nodes() tells.

TEST_F(NodeDirectory, GivenASilentNodeThenItsRowSaysSinceWhen) {
  opened("b", "x");
  table.lost(id("b"), at(1s));
  const auto rows = table.nodes(at(3s));
  ASSERT_EQ(rows.size(), 3U);
  EXPECT_EQ(rows[0].state, node_state::up);
  EXPECT_EQ(rows[1].node, id("b"));
  EXPECT_EQ(rows[1].state, node_state::silent);
  EXPECT_EQ(rows[1].silent_for, 2s);
  EXPECT_EQ(rows[1].sessions, 1U);
}

// Bounds.

TEST_F(NodeDirectory, GivenTooManyNodesThenTheNextIsRefused) {
  for (auto i = table.nodes(at(0ms)).size(); i < limits::nodes_max; ++i)
    expect_joined(hello("n" + std::to_string(i)));
  EXPECT_EQ(table.join(hello("one-more"), at(0ms)).answer.error().code(),
            errc::quota_exceeded);
}

TEST_F(NodeDirectory, GivenTooManySessionsThenTheNextIsRefused) {
  for (std::size_t i = 0; i < limits::cluster_sessions_max; ++i)
    ask("a", std::to_string(i));
  EXPECT_EQ(refusal(ask("a", "one more")).code(), errc::quota_exceeded);
  EXPECT_EQ(table.sessions(), limits::cluster_sessions_max);
}

TEST_F(NodeDirectory, GivenTooManyOpensWaitThenTheNextIsRefused) {
  for (std::size_t i = 0; i < limits::opens_waiting_max; ++i)
    EXPECT_TRUE(ask("a", "x", "b").answers.empty());
  EXPECT_EQ(refusal(ask("a", "x")).code(), errc::overloaded);
  table.taken(id("b"), {"x", 1});
  EXPECT_TRUE(ask("a", "x").answers.at(0).place);
}

TEST_F(NodeDirectory, GivenTextsOfNoLengthOrTooMuchThenTheyAreRefused) {
  EXPECT_EQ(refusal(ask("a", "")).code(), errc::config_invalid);
  const std::string id_max(limits::cluster_session_id_bytes_max, 'x');
  EXPECT_EQ(refusal(ask("a", id_max + 'x')).code(), errc::config_invalid);
  EXPECT_TRUE(ask("a", id_max).answers.at(0).place);
  EXPECT_EQ(refusal(ask("a", "x", std::string(256, 'n'))).code(),
            errc::config_invalid);
  EXPECT_EQ(refusal(table.open({id("a"), 1, "x", {}, ""}, at(0ms))).code(),
            errc::config_invalid);
  const auto refused = [&](const node_hello& said) {
    return table.join(said, at(0ms)).answer.error().code();
  };
  EXPECT_EQ(refused(hello("")), errc::config_invalid);
  EXPECT_EQ(refused(hello(std::string(256, 'n'))), errc::config_invalid);
  auto said = hello("d");
  said.address = std::string(513, 'a');
  EXPECT_EQ(refused(said), errc::config_invalid);
  said = hello("d");
  said.pools.assign(limits::node_pools_max + 1, "p");
  EXPECT_EQ(refused(said), errc::config_invalid);
  said.pools = {""};
  EXPECT_EQ(refused(said), errc::config_invalid);
}

TEST_F(NodeDirectory, GivenAHelloThatCannotBeThenItIsRefused) {
  auto said = hello("d");
  said.held = {{"x", 1}};
  EXPECT_EQ(table.join(said, at(0ms)).answer.error().code(),
            errc::message_malformed);
  said = hello("d");
  said.epoch_seen = limits::epoch_seen_max + 1;
  EXPECT_EQ(table.join(said, at(0ms)).answer.error().code(),
            errc::message_malformed);
}

TEST_F(NodeDirectory, GivenTheOpenerHasNotJoinedThenItIsRefused) {
  EXPECT_EQ(refusal(ask("z", "x")).code(), errc::node_down);
  EXPECT_EQ(table.sessions(), 0U);
}

TEST(Dialable, GivenWhatItSaysAndWhereItWasSeenThenThatIsWhereToDial) {
  const std::string port = "7070", seen = "10.0.0.7:50112";
  EXPECT_EQ(dialable("gpu:7070", seen), "gpu:7070");
  EXPECT_EQ(dialable("0.0.0.0:" + port, seen), "10.0.0.7:" + port);
  EXPECT_EQ(dialable("[::]:" + port, seen), "10.0.0.7:" + port);
  EXPECT_EQ(dialable("*:" + port, seen), "10.0.0.7:" + port);
  // It is hostile.
  for (const std::string none : {"", "0.0.0.0", "*", ":", "[::]"})
    EXPECT_EQ(dialable(none, seen), none);
}

} // namespace snakebridge::testing
