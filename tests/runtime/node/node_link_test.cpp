// What a link makes of silence, of slowness, and of bytes that are no protocol.
#include "runtime/node/node_link.hpp"
#include "tests/runtime/node/certificates.hpp"
#include "tests/runtime/node/node_fixture.hpp"
#include "tests/runtime/node/relay.hpp"

#include <future>
#include <random>

namespace snakebridge::testing {

using ::testing::HasSubstr;

namespace {

link_settings silent_after(milliseconds limit) {
  link_settings made;
  made.heartbeat_limit = limit;
  return made;
}

} // namespace

class Silence : public ::testing::Test {
protected:
  static constexpr milliseconds limit{500};

  void SetUp() override {
    between.emplace(owner.address());
    ASSERT_TRUE(user.links.dial(between->address()));
    ASSERT_TRUE(user.is_linked_with("owner"));
    ASSERT_TRUE(owner.is_linked_with("user"));
    owner.sessions->keeps = [](const std::vector<word>& request) {
      return request.at(0) == 0;
    };
    session = user.open("owner");
    ASSERT_TRUE(session);
  }
  /// Both have lost the other, and let go what it had.
  void expect_lost() {
    const test_call call{*session, {0}};
    const auto why = user.lost.first().second;
    EXPECT_EQ(why.code(), errc::node_down);
    EXPECT_EQ(call.answer().error().code(), errc::node_down);
    EXPECT_EQ(user.ended.first().code(), errc::node_down);
    EXPECT_EQ(owner.lost.first().first, "user");
    EXPECT_TRUE(owner.sessions->released.reach(1));
  }

  test_node owner{"owner", silent_after(limit)};
  test_node user{"user", silent_after(limit)};
  std::optional<relay> between;
  std::unique_ptr<remote_session> session;
};

TEST_F(Silence, GivenAnIdleLinkThenItsBeatsKeepItUp) {
  // Nothing but beats, so many that the limit has passed many times.
  constexpr std::size_t beats = 10'000; // bytes of them
  const auto enough = between->passed.load() + beats;
  EXPECT_TRUE(eventually([&] { return between->passed.load() > enough; }));
  EXPECT_EQ(user.lost.size() + owner.lost.size(), 0U);
}

TEST_F(Silence, WhenTheNetworkIsCutThenBothSidesNoticeAndRelease) {
  const auto begin = steady_clock::now();
  between->cut_to = between->cut_from = true;
  expect_lost();
  EXPECT_GE(steady_clock::now() - begin, limit / 2);
  EXPECT_THAT(user.lost.first().second.message(), HasSubstr("silent for"));
}

TEST_F(Silence, WhenItIsCutOneWayThenBothSidesNotice) {
  between->cut_from = true;
  expect_lost();
}

TEST_F(Silence, WhenItIsCutTheOtherWayThenBothSidesNotice) {
  between->cut_to = true;
  expect_lost();
}

TEST_F(Silence, WhenTheOtherSideStandsStillThenItIsLostAndFindsThatLater) {
  std::promise<void> go_on;
  owner.sessions->keeps =
    [&, until = go_on.get_future().share()](const std::vector<word>&) {
      until.wait_for(patience);
      return true;
    };
  const test_call call{*session, {0}};
  const auto why = call.answer().error();
  EXPECT_EQ(why.code(), errc::node_down);
  EXPECT_TRUE(why.may_have_run());
  EXPECT_EQ(owner.lost.size(), 0U);
  go_on.set_value();
  EXPECT_TRUE(owner.lost.reach(1));
  EXPECT_TRUE(owner.sessions->released.reach(1));
}

// A value that takes many times the limit: each byte is a sign of life.
TEST_F(Silence, GivenASlowNetworkThenALargeValueCrosses) {
  between->bytes_per_ms = 800;
  const auto begin = steady_clock::now();
  const auto request = words(100'000);
  const auto reply = test_call(*session, request).answer();
  ASSERT_TRUE(reply) << reply.error();
  EXPECT_TRUE(*reply == request);
  EXPECT_GT(steady_clock::now() - begin, 3 * limit);
  EXPECT_EQ(user.lost.size() + owner.lost.size(), 0U);
}

TEST(HeartbeatLimits, GivenTwoThenTheLesserHoldsForBoth) {
  test_node patient{"owner", silent_after(milliseconds{600'000})},
    hasty{"user", silent_after(milliseconds{150})};
  relay between{patient.address()};
  ASSERT_TRUE(hasty.links.dial(between.address()));
  ASSERT_TRUE(hasty.is_linked_with("owner"));
  ASSERT_TRUE(patient.is_linked_with("user"));
  between.cut_to = between.cut_from = true;
  EXPECT_TRUE(hasty.lost.reach(1));
  EXPECT_TRUE(patient.lost.reach(1));
}

class Hostile : public ::testing::Test {
protected:
  static link_settings hasty(milliseconds limit = milliseconds{300}) {
    auto made = test_node::named("alpha");
    made.handshake_limit = limit;
    return made;
  }
  void expect_sound(test_node& node) {
    auto settings = test_node::named("beta");
    settings.tls = node_tls;
    test_node beta{settings, {}};
    beta.link_to(node);
    const auto session = beta.open(node.name);
    ASSERT_TRUE(session);
    EXPECT_TRUE(test_call(*session, words(5)).answer());
  }
  std::vector<char> noise(std::size_t count) {
    std::vector<char> made(count);
    for (auto& each : made)
      each = static_cast<char>(random());
    return made;
  }
  /// What a node sends that dials: Bootstrap and hello.
  static std::string hello() {
    const raw_listener listener;
    test_node beta{"beta"};
    EXPECT_TRUE(beta.links.dial(listener.address()));
    const auto from = listener.accept();
    const auto said = greeting{greeting::way::plain, "alpha"}.encoded();
    ::send(from.get(), said.data(), said.size(), MSG_NOSIGNAL);
    std::string all(4'096, '\0');
    std::size_t had = 0;
    // Both messages have come when the name has.
    while (all.find("beta") == std::string::npos) {
      const auto came =
        ::recv(from.get(), all.data() + had, all.size() - had, 0);
      if (came <= 0)
        break;
      had += static_cast<std::size_t>(came);
    }
    all.resize(had);
    return all;
  }

  static constexpr unsigned seed = 17;
  std::mt19937 random{seed};
  tls_files node_tls;
};

TEST_F(Hostile, GivenNoiseThenTheListenerGoesOn) {
  SCOPED_TRACE("seed " + std::to_string(seed));
  test_node alpha{hasty(), {}};
  const auto port = raw_socket::port_of(alpha.address());
  for (int round = 0; round < 300; ++round) {
    const raw_socket enemy{port};
    const auto bytes = noise(1 + random() % 2'000);
    enemy.send(bytes.data(), bytes.size());
  }
  expect_sound(alpha);
}

// They are gone before they can be asked who they are.
TEST_F(Hostile, GivenConnectionsThatAreResetThenTheListenerGoesOn) {
  test_node alpha{hasty(), {}};
  const auto port = raw_socket::port_of(alpha.address());
  for (int round = 0; round < 200; ++round) {
    const raw_socket enemy{port};
    const linger at_once{1, 0};
    ::setsockopt(enemy.number(), SOL_SOCKET, SO_LINGER, &at_once,
                 sizeof at_once);
  }
  expect_sound(alpha);
}

TEST_F(Hostile, GivenHellosWithBytesThatAreWrongThenTheListenerGoesOn) {
  SCOPED_TRACE("seed " + std::to_string(seed));
  const auto right = hello();
  ASSERT_GT(right.size(), 100U);
  test_node alpha{hasty(), {}};
  const auto port = raw_socket::port_of(alpha.address());
  for (int round = 0; round < 1'000; ++round) {
    auto wrong = right;
    for (auto times = 1 + random() % 8; times > 0; --times)
      wrong[random() % wrong.size()] = static_cast<char>(random());
    const raw_socket enemy{port};
    enemy.send(wrong.data(), wrong.size());
  }
  // Some are right enough to be linked; they end with their connection.
  EXPECT_TRUE(eventually([&] { return alpha.links.peers().empty(); }));
  expect_sound(alpha);
}

TEST_F(Hostile, GivenAHugeAnnouncementThenNoMemoryIsReserved) {
  test_node alpha{hasty(), {}};
  const raw_socket enemy{raw_socket::port_of(alpha.address())};
  enemy.receive(sizeof(greeting::bytes));
  const std::uint32_t header[] = {0, 0x1fff'ffff}; // one segment of 4 GiB
  enemy.send(header, sizeof header);
  EXPECT_TRUE(enemy.is_ended());
  EXPECT_THAT(alpha.refused.first().why,
              ::testing::AnyOf(refusal::ended, refusal::too_late));
}

TEST_F(Hostile, GivenMoreBytesThanAHandshakeHasThenItEnds) {
  test_node alpha{hasty(), {}};
  const raw_socket enemy{raw_socket::port_of(alpha.address())};
  // Empty messages of one segment: nothing to answer.
  const std::vector<std::uint64_t> words(64U << 10U, 0);
  enemy.send(words.data(), words.size() * sizeof(word));
  EXPECT_TRUE(enemy.is_ended());
  expect_sound(alpha);
}

TEST_F(Hostile, GivenNoiseAtATlsPortThenItGoesOn) {
  SCOPED_TRACE("seed " + std::to_string(seed));
  const scratch_folder folder;
  const authority trusted{folder};
  auto settings = hasty();
  settings.tls = trusted.issue("alpha");
  node_tls = trusted.issue("beta");
  test_node alpha{settings, {}};
  const auto port = raw_socket::port_of(alpha.address());
  const auto plain = hello();
  for (int round = 0; round < 100; ++round) {
    const raw_socket enemy{port};
    const auto bytes = noise(1 + random() % 500);
    if (round % 2 == 0)
      enemy.send(plain.data(), plain.size());
    else
      enemy.send(bytes.data(), bytes.size());
  }
  EXPECT_TRUE(alpha.refused.reach(50));
  for (const auto& each : alpha.refused.all())
    EXPECT_THAT(each.why,
                ::testing::AnyOf(refusal::tls_failed, refusal::too_many,
                                 refusal::too_late));
  expect_sound(alpha);
}

TEST_F(Hostile, GivenConnectionsThatSayNothingThenTheyAreFewAndEnd) {
  test_node alpha{hasty(milliseconds{3'000}), {}};
  const auto port = raw_socket::port_of(alpha.address());
  std::vector<raw_socket> idle;
  for (std::size_t i = 0; i < limits::unauthenticated_max; ++i) {
    idle.emplace_back(port);
    idle.back().receive(sizeof(greeting::bytes));
  }
  test_node beta{"beta"};
  ASSERT_TRUE(beta.links.dial(alpha.address()));
  const auto why = beta.refused.first();
  EXPECT_EQ(why.why, refusal::too_many);
  EXPECT_EQ(why.told.code(), errc::overloaded);
  EXPECT_EQ(alpha.refused.first().why, refusal::too_many);
  // They get no more than their time, and who came later then has its turn.
  for (const auto& each : idle)
    EXPECT_TRUE(each.is_ended());
  EXPECT_TRUE(beta.is_linked_with("alpha"));
}

TEST_F(Hostile, GivenAListenerThatIsNoNodeThenItIsLeft) {
  const raw_listener listener;
  test_node beta{"beta"};
  ASSERT_TRUE(beta.links.dial(listener.address()));
  const auto from = listener.accept();
  const auto bytes = noise(sizeof(greeting::bytes));
  ::send(from.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
  EXPECT_EQ(beta.refused.first().why, refusal::malformed);
}

TEST_F(Hostile, GivenAListenerThatSaysNothingThenItIsLeftInTime) {
  const raw_listener listener;
  auto settings = hasty();
  test_node beta{settings, {}};
  ASSERT_TRUE(beta.links.dial(listener.address()));
  EXPECT_EQ(beta.refused.first().why, refusal::too_late);
}

} // namespace snakebridge::testing
