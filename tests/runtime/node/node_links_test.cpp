// Two nodes become linked, or are told by name why not.
#include "tests/runtime/node/node_fixture.hpp"
#include "tests/runtime/node/raw_socket.hpp"

#include <algorithm>

namespace snakebridge::testing {

using ::testing::HasSubstr;
using ::testing::StartsWith;

namespace {

link_settings in_cluster(char of) {
  link_settings made;
  made.self.cluster = std::string(16, of);
  return made;
}

} // namespace

TEST(NodeLinks, WhenOneDialsThenBothKnowWhoTheOtherIs) {
  auto given = in_cluster('a');
  given.self.pools = {"gpu", "default"};
  test_node listens{"alpha", given}, dials{"beta"};
  dials.link_to(listens);
  const auto seen = dials.links.peers().at(0);
  EXPECT_EQ(seen.who.cluster, given.self.cluster);
  EXPECT_EQ(seen.who.pools, given.self.pools);
  EXPECT_EQ(seen.who.address, listens.address());
  EXPECT_TRUE(seen.is_dialed);
  EXPECT_FALSE(listens.links.peers().at(0).is_dialed);
  EXPECT_EQ(listens.links.peers().at(0).who.address, "");
}

class Refusals : public ::testing::Test {
protected:
  /// What who dials is told.
  link_refused told(link_settings of_listener, link_settings of_dialer,
                    const std::string& expected = {}) {
    listens.emplace(std::move(of_listener), std::move(events));
    dials.emplace(std::move(of_dialer), link_events{});
    EXPECT_TRUE(dials->links.dial(listens->address(), expected));
    return dials->refused.first();
  }
  link_refused told(link_settings of_dialer) {
    return told(test_node::named("alpha"), std::move(of_dialer));
  }

  link_events events;
  std::optional<test_node> listens, dials;
};

TEST_F(Refusals, GivenAnotherClusterThenBothAreToldAndWhatToDo) {
  const auto why = told(test_node::named("alpha", in_cluster('a')),
                        test_node::named("beta", in_cluster('b')));
  EXPECT_EQ(why.why, refusal::wrong_cluster);
  EXPECT_EQ(why.told.code(), errc::not_authorized);
  EXPECT_EQ(why.name, "alpha");
  EXPECT_THAT(why.told.message(), StartsWith("wrong_cluster: "));
  EXPECT_THAT(why.told.message(), HasSubstr("cluster.join"));
  EXPECT_EQ(listens->refused.first().why, refusal::wrong_cluster);
}

TEST_F(Refusals, GivenANameThatIsNoneThenItIsNotLetIn) {
  for (const auto& wrong :
       {std::string{"Beta Gamma"}, std::string{"beta\0c", 6}})
    EXPECT_EQ(told(test_node::named(wrong)).why, refusal::name_invalid);
}

TEST_F(Refusals, GivenAPeerThatIsNotAllowedThenItIsNotLetIn) {
  auto few = test_node::named("alpha");
  few.peers_allowed = {"gamma"};
  EXPECT_EQ(told(few, test_node::named("beta")).why, refusal::not_allowed);
}

TEST_F(Refusals, GivenAListenerThatTheDialerDoesNotAllowThenItIsLeft) {
  auto few = test_node::named("beta");
  few.peers_allowed = {"gamma"};
  EXPECT_EQ(told(few).why, refusal::not_allowed);
  EXPECT_EQ(listens->up.size(), 0U);
}

TEST_F(Refusals, GivenAnotherNameThanWasDialedThenItIsLeft) {
  EXPECT_EQ(
    told(test_node::named("alpha"), test_node::named("beta"), "gamma").why,
    refusal::name_differs);
}

TEST_F(Refusals, WhenANodeDialsItselfThenItIsToldSo) {
  listens.emplace("alpha");
  ASSERT_TRUE(listens->links.dial(listens->address()));
  const auto why = listens->refused.first();
  EXPECT_EQ(why.why, refusal::is_self);
}

TEST_F(Refusals, GivenALinkThenAnotherIncarnationOfThatNameIsNotLetIn) {
  test_node alpha{"alpha"}, beta{"beta"};
  beta.link_to(alpha);
  auto second = test_node::named("beta");
  second.self.incarnation = 4711;
  test_node other{second, {}};
  ASSERT_TRUE(other.links.dial(alpha.address()));
  const auto why = other.refused.first();
  EXPECT_EQ(why.why, refusal::name_taken);
  EXPECT_THAT(why.told.message(), HasSubstr("once the link"));
  EXPECT_EQ(beta.lost.size(), 0U);
}

TEST_F(Refusals, WhenTheOwnerOfTheLinksSaysNoThenItsReasonIsTold) {
  events.admit = [](const link_peer& peer) {
    return std::optional{peer.who.name + " was forgotten"};
  };
  const auto why = told(test_node::named("beta"));
  EXPECT_EQ(why.why, refusal::not_admitted);
  EXPECT_THAT(why.told.message(), HasSubstr("beta was forgotten"));
}

TEST_F(Refusals, WhenNobodyListensThenThatIsNotUnreachable) {
  const raw_listener nobody{std::nullopt};
  test_node beta{"beta"};
  ASSERT_TRUE(beta.links.dial(nobody.address()));
  const auto why = beta.refused.first();
  EXPECT_EQ(why.why, refusal::refused);
  EXPECT_EQ(why.told.code(), errc::unreachable);
}

TEST_F(Refusals, WhenAConnectGoesUnansweredThenItEndsInItsTime) {
  const black_hole hole;
  auto hasty = test_node::named("beta");
  hasty.handshake_limit = milliseconds{100};
  test_node beta{hasty, {}};
  ASSERT_TRUE(beta.links.dial(hole.address()));
  EXPECT_EQ(beta.refused.first().why, refusal::unreachable);
  // Meanwhile the loop does other things.
  EXPECT_TRUE(beta.links.listen("127.0.0.1:0"));
}

TEST_F(Refusals, WithoutTlsOnlyLoopbackIsListenedAtAndDialed) {
  test_node plain{"alpha"};
  const auto listening = plain.links.listen("0.0.0.0:0");
  ASSERT_FALSE(listening);
  EXPECT_EQ(listening.error().code(), errc::config_invalid);
  EXPECT_THAT(listening.error().message(), StartsWith("loopback_only: "));
  // A network for documentation: nothing is sent there.
  ASSERT_TRUE(plain.links.dial("192.0.2.1:" + std::to_string(1)));
  EXPECT_EQ(plain.refused.first().why, refusal::loopback_only);
}

TEST_F(Refusals, GivenNoAddressThenThatIsSaidAtOnce) {
  test_node plain{"alpha"};
  for (const auto* wrong : {"", "nowhere", "a:b", "unix:/tmp/x", ":4"}) {
    EXPECT_EQ(plain.links.dial(wrong).error().code(), errc::config_invalid);
    EXPECT_FALSE(plain.links.listen(wrong)) << wrong;
  }
}

TEST(Stopping, WhenItLosesItsLinksThenItCanBeAskedForThem) {
  test_node alpha{"alpha"};
  node_links* links = nullptr;
  std::optional<std::size_t> left;
  link_events events;
  events.on_lost = [&](const link_peer&, const error&) {
    left = links->peers().size();
  };
  auto going = std::make_unique<node_links>(
    test_node::named("beta"), std::move(events), std::make_shared<echoes>());
  links = going.get();
  ASSERT_TRUE(links->dial(alpha.address()));
  ASSERT_TRUE(eventually([&] { return links->peers().size() == 1; }));
  going.reset();
  EXPECT_EQ(left, 0U);
}

// Both reach each other's listener before either knows of the other.
TEST(Dials, WhenBothDialAtOnceThenOneLinkStays) {
  for (int round = 0; round < 20; ++round) {
    test_node alpha{"alpha"}, beta{"beta"};
    const auto of_alpha = alpha.address(), of_beta = beta.address();
    ASSERT_TRUE(beta.links.dial(of_alpha));
    ASSERT_TRUE(alpha.links.dial(of_beta));
    ASSERT_TRUE(alpha.is_linked_with("beta"));
    ASSERT_TRUE(beta.is_linked_with("alpha"));
    const auto through = alpha.open("beta");
    ASSERT_TRUE(through);
    EXPECT_EQ(*test_call(*through, words(3)).answer(), words(3));
    EXPECT_EQ(alpha.links.peers().size(), 1U);
    EXPECT_EQ(beta.links.peers().size(), 1U);
    EXPECT_EQ(alpha.lost.size() + beta.lost.size(), 0U) << round;
  }
}

TEST(Dials, GivenTwoAddressesOfOneNodeThenOneLinkStays) {
  for (const auto* name : {"alpha", "omega"}) {
    test_node dials{name}, listens{"beta"};
    const auto address = listens.address();
    const auto port = address.substr(address.rfind(':'));
    ASSERT_TRUE(dials.links.dial(address));
    ASSERT_TRUE(dials.links.dial("127.0.0.2" + port));
    ASSERT_TRUE(dials.links.dial("localhost" + port));
    ASSERT_TRUE(dials.is_linked_with("beta"));
    const auto through = dials.open("beta");
    ASSERT_TRUE(through);
    EXPECT_TRUE(test_call(*through, words(3)).answer());
    EXPECT_EQ(listens.links.peers().size(), 1U);
  }
}

TEST(Listening, GivenAListenerThenAnotherIsRefused) {
  test_node alpha{"alpha"}, beta{"beta"};
  const auto address = alpha.address();
  const auto again = alpha.links.listen("127.0.0.1:0");
  EXPECT_EQ(again.error().code(), errc::config_invalid);
  EXPECT_THAT(again.error().message(), HasSubstr(address));
  beta.link_to(alpha);
}

TEST(Dials, WhenALinkIsClosedThenBothHearOfItAndItIsDialedAgain) {
  test_node alpha{"alpha"}, beta{"beta"};
  beta.link_to(alpha);
  alpha.links.close("beta");
  EXPECT_EQ(alpha.lost.first().second.code(), errc::node_down);
  EXPECT_EQ(beta.lost.first().second.code(), errc::node_down);
  EXPECT_TRUE(alpha.up.reach(2));
  EXPECT_TRUE(beta.up.reach(2));
}

TEST(Dials, WhenWhoWasDialedComesBackThenItIsLinkedAgain) {
  auto alpha = std::make_optional<test_node>("alpha");
  const auto address = alpha->address();
  test_node beta{"beta"};
  beta.link_to(*alpha);
  alpha.reset();
  EXPECT_TRUE(beta.lost.reach(1));
  EXPECT_TRUE(beta.refused.reach(1));
  auto again = test_node::named("alpha");
  again.self.incarnation = 4711;
  alpha.emplace(again, link_events{});
  ASSERT_TRUE(alpha->links.listen(address));
  EXPECT_TRUE(beta.up.reach(2));
  EXPECT_EQ(beta.links.peers().at(0).who.incarnation, 4711U);
}

TEST(Dials, WhenAnAddressIsNoLongerDialedThenItsLinkGoesOn) {
  test_node alpha{"alpha"}, beta{"beta"};
  beta.link_to(alpha);
  beta.links.undial(alpha.address());
  const auto through = beta.open("alpha");
  ASSERT_TRUE(through);
  EXPECT_TRUE(test_call(*through, words(1)).answer());
  alpha.links.close("beta");
  EXPECT_TRUE(beta.lost.reach(1));
  EXPECT_EQ(beta.try_open("alpha").error().code(), errc::node_down);
}

} // namespace snakebridge::testing
