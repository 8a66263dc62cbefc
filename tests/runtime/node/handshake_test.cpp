// What is judged of a peer, and which of two links stays.
#include "runtime/node/handshake.hpp"

#include <capnp/message.h>
#include <gtest/gtest.h>

namespace snakebridge::testing {

class Judged : public ::testing::Test {
protected:
  Judged() {
    self.self.name = "alpha";
    self.self.incarnation = 1;
    peer.who.name = "beta";
    peer.who.incarnation = 2;
  }
  std::optional<refusal> outcome(bool is_certified = true) const {
    const auto why = judge(self, peer, is_certified);
    return why ? std::optional{why->why} : std::nullopt;
  }

  link_settings self;
  introduced peer;
};

TEST_F(Judged, GivenAPeerOfTheSameKindThenItMayLink) {
  EXPECT_EQ(outcome(), std::nullopt);
}

TEST_F(Judged, GivenAnotherVersionThenThatIsSaidBeforeAllElse) {
  peer.who.name = "No Name";
  peer.protocol = schema::PROTOCOL_VERSION + 1;
  EXPECT_EQ(outcome(), refusal::wrong_protocol);
  peer.protocol = schema::PROTOCOL_VERSION;
  peer.messages = schema::MESSAGES_VERSION + 1;
  EXPECT_EQ(outcome(), refusal::wrong_messages);
}

TEST_F(Judged, GivenOneThatKnowsNoClusterThenItMayJoin) {
  self.self.cluster = std::string(16, 'a');
  EXPECT_EQ(outcome(), std::nullopt);
  peer.who.cluster = self.self.cluster;
  EXPECT_EQ(outcome(), std::nullopt);
  peer.who.cluster = std::string(16, 'b');
  EXPECT_EQ(outcome(), refusal::wrong_cluster);
  self.self.cluster.clear();
  EXPECT_EQ(outcome(), std::nullopt);
}

TEST_F(Judged, GivenANameItMayNotHaveThenItIsRefused) {
  EXPECT_EQ(outcome(false), refusal::name_differs);
  for (const auto* wrong : {"", "Beta", "a b", "a\n", ".lan"}) {
    peer.who.name = wrong;
    EXPECT_EQ(outcome(), refusal::name_invalid) << wrong;
  }
}

TEST_F(Judged, GivenItsOwnNameThenItIsItselfOrAnother) {
  peer.who.name = "alpha";
  EXPECT_EQ(outcome(), refusal::name_taken);
  peer.who.incarnation = self.self.incarnation;
  EXPECT_EQ(outcome(), refusal::is_self);
}

TEST_F(Judged, GivenPeersThatAreAllowedThenNoOthersAre) {
  self.peers_allowed = {"gamma", "beta"};
  EXPECT_EQ(outcome(), std::nullopt);
  self.peers_allowed = {"gamma"};
  EXPECT_EQ(outcome(), refusal::not_allowed);
}

TEST(Introduction, WhenItIsReadThenItIsAsItWasWritten) {
  link_settings self;
  self.self = {.name = "alpha",
               .incarnation = 9,
               .cluster = std::string(16, '\0'),
               .pools = {"gpu", "default"},
               .address = "10.0.0.1:4"};
  capnp::MallocMessageBuilder message;
  auto written = message.initRoot<schema::Introduction>();
  write_introduction(written, self);
  const auto read = read_introduction(written);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->who, self.self);
  EXPECT_EQ(read->heartbeat_limit, self.heartbeat_limit);
}

TEST(Introduction, GivenWhatNoNodeWouldSayThenItIsNone) {
  const auto read = [](auto change) {
    link_settings self;
    self.self.name = "alpha";
    capnp::MallocMessageBuilder message;
    auto written = message.initRoot<schema::Introduction>();
    write_introduction(written, self);
    change(written);
    return read_introduction(written).has_value();
  };
  const std::string long_text(10'000, 'a');
  EXPECT_TRUE(read([](auto) {}));
  EXPECT_FALSE(read([](auto of) { of.initCluster(15); }));
  EXPECT_FALSE(read([&](auto of) { of.setName(long_text.c_str()); }));
  EXPECT_FALSE(read([&](auto of) { of.setAddress(long_text.c_str()); }));
  EXPECT_FALSE(read([](auto of) { of.initPools(100'000); }));
  EXPECT_FALSE(
    read([&](auto of) { of.initPools(1).set(0, long_text.c_str()); }));
  EXPECT_FALSE(read([](auto of) { of.setHeartbeatLimitMs(1); }));
}

class Hellos : public ::testing::Test {
protected:
  hello_plan plan(const known_peer& known, std::uint64_t ended = 0) const {
    return plan_hello(self, peer, known, ended);
  }

  introduction self{.name = "alpha", .incarnation = 1};
  introduction peer{.name = "beta", .incarnation = 2};
};

TEST_F(Hellos, GivenNothingKnownThenTheyLink) {
  EXPECT_EQ(plan({}), hello_plan::link);
}

TEST_F(Hellos, GivenALinkThenAnotherIncarnationMustWait) {
  EXPECT_EQ(plan({.link = 5, .incarnation = 3}, 5), hello_plan::name_taken);
}

TEST_F(Hellos, GivenALinkThenOnlyWhoHasLostItGetsAnother) {
  EXPECT_EQ(plan({.link = 5, .incarnation = 2}), hello_plan::already_linked);
  EXPECT_EQ(plan({.link = 5, .incarnation = 2}, 4), hello_plan::already_linked);
  EXPECT_EQ(plan({.link = 5, .incarnation = 2}, 5), hello_plan::replace);
}

TEST_F(Hellos, WhenBothDialThenThatOfTheLesserNameStays) {
  const known_peer dialed{.link = 0, .incarnation = 0, .is_dialed = true};
  EXPECT_EQ(plan(dialed), hello_plan::already_linked);
  std::swap(self, peer);
  EXPECT_EQ(plan(dialed), hello_plan::link);
}

} // namespace snakebridge::testing
