// What a node holds of a cluster, and under which epoch (NODES.md section 3),
// over times the test gives.
#include "actors/node_membership.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace snakebridge::testing {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

using state = node_membership::state;

namespace {

constexpr cluster_id first_cluster{1, 2};
constexpr cluster_id next_cluster{3, 4};

node_hello self() {
  node_hello said;
  said.node = {"a", 1};
  said.address = "a.example:7000";
  said.listens = true;
  said.pools = {"default"};
  return said;
}

} // namespace

class NodeMembership : public ::testing::Test {
protected:
  NodeMembership() { join(first_cluster); }

  void join(const cluster_id& cluster) {
    mine.hello(0);
    mine.admitted({cluster});
  }
  void end_first(const cluster_id& cluster) {
    mine.lost();
    mine.hello(0);
    mine.admitted({cluster, true});
  }
  /// Granted, and in use.
  session_grant serving(const session_grant& grant) {
    EXPECT_TRUE(mine.take(grant, start));
    mine.used(grant);
    return grant;
  }

  const node_membership::time_point start{1h};
  node_membership mine{self()};
};

TEST_F(NodeMembership, WhenItListensThenItsNextHelloSaysWhere) {
  node_membership late{{.node = {"b", 2}, .address = {}, .pools = {"default"}}};
  EXPECT_FALSE(late.hello(0).listens);
  late.listens_at("b.example:7000");
  const auto said = late.hello(0);
  EXPECT_TRUE(said.listens);
  EXPECT_EQ(said.address, "b.example:7000");
}

TEST_F(NodeMembership, GivenAGrantThenItServesThatEpochAndNoOther) {
  const auto grant = serving({"x", 5});
  EXPECT_TRUE(mine.serve(grant));
  for (const auto epoch : {4U, 6U}) {
    const auto refused = mine.serve({"x", epoch});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), errc::session_closed);
    EXPECT_THAT(refused.error().message(), HasSubstr("has epoch 5"));
  }
  EXPECT_EQ(mine.serve({"y", 5}).error().code(), errc::session_closed);
}

TEST_F(NodeMembership, WhenASessionIsEndingThenItServesNoOneAndIsStillHeld) {
  const auto grant = serving({"x", 5});
  mine.end(grant);
  EXPECT_THAT(mine.serve(grant).error().message(), HasSubstr("is ending"));
  EXPECT_TRUE(mine.is_ending(grant));
  EXPECT_THAT(mine.held(), ElementsAre(grant));
  EXPECT_THAT(mine.take_ended(), IsEmpty());
  mine.ended(grant);
  EXPECT_FALSE(mine.is_ending(grant));
  EXPECT_THAT(mine.held(), IsEmpty());
  EXPECT_THAT(mine.take_ended(), ElementsAre(grant));
  EXPECT_THAT(mine.take_ended(), IsEmpty()) << "once";
}

TEST_F(NodeMembership, GivenNoClientComesThenTheGrantEndsByItself) {
  const session_grant unused{"x", 5};
  EXPECT_TRUE(mine.take(unused, start));
  serving({"y", 6});
  EXPECT_EQ(mine.next_unused(), start + 5s);
  EXPECT_THAT(mine.end_unused(start + 4'999ms), IsEmpty());
  EXPECT_THAT(mine.end_unused(start + 5s), ElementsAre(unused));
  EXPECT_THAT(mine.take_ended(), ElementsAre(unused));
  EXPECT_FALSE(mine.next_unused());
  EXPECT_THAT(mine.held(), ElementsAre(session_grant{"y", 6}));
}

TEST_F(NodeMembership, GivenItDrainsThenItTakesNoGrantAndSaysSo) {
  mine.drain();
  const auto refused = mine.take({"x", 5}, start);
  EXPECT_EQ(refused.error().code(), errc::session_closed);
  EXPECT_THAT(refused.error().message(), HasSubstr("node 'a', which drains"));
  mine.lost();
  EXPECT_TRUE(mine.hello(0).drains);
}

TEST_F(NodeMembership, WhenTheDirectorySaysThatItDrainsThenItDoes) {
  mine.lost();
  mine.hello(0);
  mine.admitted({first_cluster, false, true});
  EXPECT_TRUE(mine.drains());
  EXPECT_FALSE(mine.take({"x", 5}, start));
}

TEST_F(NodeMembership, WhenAnIdIsGrantedThatItHoldsThenItIsRefused) {
  const auto grant = serving({"x", 5});
  EXPECT_EQ(mine.take({"x", 6}, start).error().code(), errc::message_malformed);
  EXPECT_TRUE(mine.serve(grant));
}

// The directory is out of reach.

TEST_F(NodeMembership, WhenTheDirectoryIsLostThenItServesOnAndTakesNoGrant) {
  const auto grant = serving({"x", 5});
  mine.lost();
  EXPECT_EQ(mine.now_is(), state::apart);
  EXPECT_TRUE(mine.serve(grant));
  EXPECT_EQ(mine.take({"y", 6}, start).error().code(), errc::session_closed);
}

TEST_F(NodeMembership, WhenItComesBackThenItSaysWhatItHolds) {
  const auto grant = serving({"x", 5});
  mine.learned({"y", 6});
  mine.lost();
  const auto said = mine.hello(7);
  EXPECT_EQ(said.number, 2U);
  EXPECT_EQ(said.cluster, first_cluster);
  EXPECT_EQ(said.load, 7U);
  EXPECT_EQ(said.epoch_seen, 6U) << "of the one elsewhere";
  EXPECT_THAT(said.held, ElementsAre(grant));
}

TEST_F(NodeMembership, WhenASessionEndsMeanwhileThenItsHelloSaysIt) {
  const auto grant = serving({"x", 5});
  mine.lost();
  mine.ended(grant);
  EXPECT_THAT(mine.take_ended(), IsEmpty());
  EXPECT_THAT(mine.hello(0).held, IsEmpty());
  mine.admitted({first_cluster});
  EXPECT_THAT(mine.take_ended(), IsEmpty());
}

// The directory had it for held: the entry stayed for ever.
TEST_F(NodeMembership, WhenASessionEndsAfterTheHelloThenItIsToldOnceJoined) {
  const auto grant = serving({"x", 5});
  mine.lost();
  EXPECT_THAT(mine.hello(0).held, ElementsAre(grant));
  mine.ended(grant);
  EXPECT_THAT(mine.take_ended(), IsEmpty());
  mine.admitted({first_cluster});
  EXPECT_THAT(mine.take_ended(), ElementsAre(grant));
}

// It was forgotten, or the directory is another.

TEST_F(NodeMembership, WhenItMustEndFirstThenItServesNothingUntilAllHasEnded) {
  const auto owned = serving({"x", 5});
  EXPECT_TRUE(mine.take({"unused", 6}, start));
  const session_grant elsewhere{"y", 7};
  mine.learned(elsewhere);
  end_first(next_cluster);
  EXPECT_EQ(mine.now_is(), state::ending);
  EXPECT_EQ(mine.serve(owned).error().code(), errc::session_closed);
  EXPECT_EQ(mine.pass(elsewhere).error().code(), errc::session_closed);
  EXPECT_THAT(mine.held(), ElementsAre(owned)) << "nobody used the other";
  mine.ended(owned);
  EXPECT_EQ(mine.now_is(), state::ending);
  mine.left(elsewhere.id);
  EXPECT_EQ(mine.now_is(), state::apart);
  const auto said = mine.hello(0);
  EXPECT_EQ(said.cluster, cluster_id{});
  EXPECT_THAT(said.held, IsEmpty());
  mine.admitted({next_cluster});
  EXPECT_EQ(mine.now_is(), state::joined);
  EXPECT_EQ(mine.cluster(), next_cluster);
}

TEST_F(NodeMembership, GivenItHoldsNothingThenItMaySayHelloAtOnce) {
  end_first(next_cluster);
  EXPECT_EQ(mine.now_is(), state::apart);
  EXPECT_EQ(mine.hello(0).cluster, cluster_id{});
}

TEST_F(NodeMembership, WhenTheLinkIsLostTooThenItGoesOnEnding) {
  const auto owned = serving({"x", 5});
  end_first(first_cluster);
  mine.lost();
  EXPECT_EQ(mine.now_is(), state::ending);
  mine.ended(owned);
  EXPECT_EQ(mine.now_is(), state::apart);
}

// The node holds to the rule even if the directory does not.
TEST_F(NodeMembership, WhenItIsAdmittedElsewhereWithSessionsThenItEndsThem) {
  const auto owned = serving({"x", 5});
  mine.lost();
  mine.hello(0);
  mine.admitted({next_cluster});
  EXPECT_EQ(mine.now_is(), state::ending);
  EXPECT_FALSE(mine.serve(owned));
}

// Sessions elsewhere.

TEST_F(NodeMembership, GivenTheDirectoryIsOutOfReachThenNothingNewIsOpened) {
  EXPECT_TRUE(mine.may_ask());
  mine.lost();
  const auto refused = mine.may_ask();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), errc::node_down);
  EXPECT_THAT(refused.error().message(), HasSubstr("not linked"));
}

TEST_F(NodeMembership, WhenItKnowsOfANewerEpochThenNoCallNamesTheOlder) {
  mine.learned({"x", 5});
  EXPECT_TRUE(mine.pass({"x", 5}));
  mine.learned({"x", 8});
  EXPECT_TRUE(mine.pass({"x", 8}));
  const auto refused = mine.pass({"x", 5});
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message(), HasSubstr("epoch 8"));
  mine.left("x");
  EXPECT_FALSE(mine.pass({"x", 5})) << "whichever of the two has left";
  mine.left("x");
  EXPECT_TRUE(mine.uses_none());
  EXPECT_FALSE(mine.pass({"x", 8})) << "nobody uses it here";
}

// A forgotten owner went on answering the clients of the node that was next.
TEST_F(NodeMembership, WhenItIsTheNextOwnerThenItsOwnClientsCallNoOlderOne) {
  mine.learned({"x", 5});
  serving({"x", 8});
  EXPECT_EQ(mine.pass({"x", 5}).error().code(), errc::session_closed);
}

TEST_F(NodeMembership, WhenItRefusesToBeTheNextOwnerThenItKnowsOfItAllTheSame) {
  mine.learned({"x", 5});
  mine.drain();
  EXPECT_FALSE(mine.take({"x", 8}, start));
  EXPECT_FALSE(mine.pass({"x", 5}));
}

} // namespace snakebridge::testing
