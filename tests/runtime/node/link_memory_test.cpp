// What a link costs: how much of it may be here at a time, and what is refused
// or ended beyond.
#include "tests/runtime/node/node_fixture.hpp"
#include "tests/runtime/node/relay.hpp"

#include <future>

namespace snakebridge::testing {

using ::testing::HasSubstr;

namespace {

constexpr std::size_t mebibyte_words = (std::size_t{1} << 20U) / sizeof(word);

link_settings at_most(std::size_t bytes) {
  link_settings made;
  made.payload_bytes_max = bytes;
  return made;
}

} // namespace

TEST(PayloadLimits, GivenMoreThanIsAllowedThenItIsRefusedBeforeItIsSent) {
  link_settings small;
  small.payload_bytes_max = 1'024;
  test_node owner{"owner"}, user{"user", small};
  user.link_to(owner);
  const auto session = user.open("owner");
  EXPECT_EQ(test_call(*session, words(129)).answer().error().code(),
            errc::payload_too_large);
  EXPECT_TRUE(test_call(*session, words(128)).answer());
}

TEST(PayloadLimits, GivenMoreThanTheOwnerAllowsThenItReadsNoneOfIt) {
  link_settings small;
  small.payload_bytes_max = 512U << 10U;
  test_node owner{"owner", small}, user{"user"};
  user.link_to(owner);
  const auto session = user.open("owner");
  const auto why = test_call(*session, words(mebibyte_words)).answer().error();
  EXPECT_EQ(why.code(), errc::payload_too_large);
  EXPECT_THAT(why.message(), HasSubstr("other node"));
}

TEST(PayloadLimits, GivenManyLargeOnesAtOnceThenAllArrive) {
  link_settings tight;
  tight.payload_bytes_max = 4U << 20U;
  test_node owner{"owner", tight}, user{"user"};
  user.link_to(owner);
  const auto session = user.open("owner");
  std::vector<test_call> calls;
  for (word seed = 1; seed <= 12; ++seed)
    calls.emplace_back(*session, words(3 * mebibyte_words, seed));
  for (word seed = 1; seed <= 12; ++seed) {
    const auto reply = calls.at(seed - 1).answer();
    ASSERT_TRUE(reply || reply.error().code() == errc::overloaded)
      << reply.error();
    if (reply) {
      EXPECT_TRUE(*reply == words(3 * mebibyte_words, seed));
    }
  }
}

// As large as it may be, it has all the room there is for large ones.
TEST(PayloadLimits, WhileALargestOneCrossesThenSmallOnesAreNotRefused) {
  test_node owner{"owner"}, user{"user", at_most(8U << 20U)};
  user.link_to(owner);
  const auto session = user.open("owner");
  const auto request = words(8 * mebibyte_words);
  const test_call large{*session, request};
  const auto small = test_call(*session, {1}).answer();
  EXPECT_TRUE(small) << small.error();
  EXPECT_TRUE(*large.answer() == request);
}

TEST(PayloadLimits, WhileALargeRequestIsNotAnsweredThenTheNextIsNotRead) {
  test_node owner{"owner", at_most(4U << 20U)}, user{"user"};
  user.link_to(owner);
  owner.sessions->keeps = [](const auto& request) {
    return request.size() > 1;
  };
  const auto session = user.open("owner");
  const test_call first{*session, words(3 * mebibyte_words)};
  const auto kept = owner.sessions->waiting.first();
  const test_call second{*session, words(3 * mebibyte_words)};
  // In so many turns all of it would have come.
  for (int round = 0; round < 200; ++round)
    ASSERT_TRUE(test_call(*session, {1}).answer());
  EXPECT_EQ(owner.sessions->waiting.size(), 1U);
  kept.done(message_of({1}));
  EXPECT_TRUE(first.answer());
  ASSERT_TRUE(owner.sessions->waiting.reach(2));
  owner.sessions->waiting.all().at(1).done(message_of({2}));
  EXPECT_TRUE(second.answer());
}

TEST(PayloadLimits, WhenLargeRepliesComeAtOnceThenOneTooManyIsRefused) {
  test_node owner{"owner", at_most(4U << 20U)}, user{"user"};
  user.link_to(owner);
  // Both are answered on the loop's thread, before anything of them is read.
  owner.sessions->keeps = [&](const std::vector<word>& request) {
    if (request.at(0) == 1)
      for (const auto& each : owner.sessions->waiting.all())
        each.done(message_of(words(3 * mebibyte_words)));
    return request.at(0) == 0;
  };
  const auto session = user.open("owner");
  const test_call first{*session, {0}}, second{*session, {0}};
  ASSERT_TRUE(owner.sessions->waiting.reach(2));
  ASSERT_TRUE(test_call(*session, {1}).answer());
  EXPECT_TRUE(first.answer());
  const auto refused = second.answer();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), errc::overloaded);
  EXPECT_TRUE(refused.error().may_have_run());
}

TEST(SlowReaders, WhileThePeerReadsNothingThenSmallCallsDoNotPileUp) {
  link_settings few;
  few.heartbeat_limit = milliseconds{600'000};
  few.unwritten_bytes_max = 1U << 20U;
  test_node owner{"owner", few}, user{"user", few};
  std::promise<void> go_on;
  owner.sessions->keeps =
    [until = go_on.get_future().share()](const std::vector<word>& request) {
      if (request.at(0) == 0)
        until.wait_for(patience);
      return false;
    };
  user.link_to(owner);
  const auto session = user.open("owner");
  const test_call stops{*session, {0}};
  // Far more than all that lies between the two can hold.
  const auto content = message_of(words(12'500));
  const auto failed = std::make_shared<notes<error>>();
  const auto all = std::make_shared<notes<bool>>();
  for (int i = 0; i < 400; ++i) {
    session->submit({content}, steady_clock::now() + patience,
                    [failed, all](const auto& outcome) {
                      if (!outcome)
                        failed->add(outcome.error());
                      all->add(outcome.has_value());
                    });
    // It has been taken up when one that cannot be sent is answered.
    EXPECT_FALSE(test_call(*session, {}).answer());
  }
  EXPECT_EQ(failed->first().code(), errc::overloaded);
  EXPECT_FALSE(failed->first().may_have_run());
  EXPECT_EQ(user.try_open("owner").error().code(), errc::overloaded);
  go_on.set_value();
  EXPECT_TRUE(all->reach(400));
  EXPECT_EQ(user.lost.size() + owner.lost.size(), 0U);
}

// As one that wants the memory of another.
TEST(SlowReaders, WhenOneAsksAndDoesNotReadThenItsLinkEnds) {
  link_settings few;
  few.heartbeat_limit = milliseconds{600'000};
  few.unwritten_bytes_max = 64U << 10U;
  test_node owner{"owner", few}, user{"user"};
  relay between{owner.address()};
  ASSERT_TRUE(user.links.dial(between.address()));
  ASSERT_TRUE(user.is_linked_with("owner"));
  const auto session = user.open("owner");
  ASSERT_TRUE(session);
  between.cut_from = true;
  const auto content = message_of(words(1'000));
  for (int i = 0; i < 9'000; ++i)
    session->submit({content}, steady_clock::now() + patience, [](auto&&) {});
  const auto why = owner.lost.first().second;
  EXPECT_EQ(why.code(), errc::node_down);
  EXPECT_THAT(why.message(), HasSubstr("it asks and does not read"));
  EXPECT_TRUE(owner.sessions->released.reach(1));
}

} // namespace snakebridge::testing
