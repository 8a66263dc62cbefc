// Calls over a link, what ends them, and what their payloads cost.
#include "runtime/base/event.hpp"
#include "runtime/node/remote_session.hpp"
#include "tests/runtime/node/node_fixture.hpp"

#include <future>

#include <malloc.h>

namespace snakebridge::testing {

using ::testing::HasSubstr;

namespace {

constexpr std::size_t mebibyte_words = (std::size_t{1} << 20U) / sizeof(word);

/// What this process has allocated.
std::size_t allocated_bytes() {
  const auto told = ::mallinfo2();
  return told.uordblks + told.hblkhd;
}

} // namespace

class RemoteSession : public ::testing::Test {
protected:
  RemoteSession() { user.link_to(owner); }

  /// Requests that begin with 0 are kept by the owner.
  void keep_some() {
    owner.sessions->keeps = [](const std::vector<word>& request) {
      return request.at(0) == 0;
    };
  }

  test_node owner{"owner"}, user{"user"};
};

TEST_F(RemoteSession, WhenItIsOpenedThenItsOwnerKnowsForWhom) {
  const auto session = user.open("owner", "training");
  ASSERT_TRUE(session);
  const auto seen = owner.sessions->opened.first();
  EXPECT_EQ(seen.node, "user");
  EXPECT_EQ(seen.session, "training");
  EXPECT_EQ(seen.epoch, 7U);
  EXPECT_EQ(seen.pool, "default");
}

TEST_F(RemoteSession, WhenItsOwnerRefusesThenThatIsTheAnswer) {
  owner.sessions->refuses = error{errc::quota_exceeded, "too many sessions"};
  const auto made = user.try_open("owner");
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error(), *owner.sessions->refuses);
}

TEST_F(RemoteSession, GivenAnIdWithNulThenItIsNotCutThere) {
  const std::string id{"a\0b", 3};
  ASSERT_TRUE(user.open("owner", id));
  EXPECT_EQ(owner.sessions->opened.first().session, id);
}

TEST_F(RemoteSession, WhenItsLinkEndsWhileItIsOpenedThenThatIsTheAnswer) {
  owner.sessions->opens_late = true;
  notes<error> why;
  user.links.open_session(
    {.node = "owner", .session = "s"}, steady_clock::now() + patience,
    [](const error&) {}, [&](auto made) { why.add(made.error()); });
  EXPECT_TRUE(owner.sessions->opened.reach(1));
  user.links.close("owner");
  EXPECT_EQ(why.first().code(), errc::node_down);
  EXPECT_THAT(why.first().message(), HasSubstr("was closed here"));
}

// The link is closed, and its handle let go, before the loop does the one.
TEST_F(RemoteSession, WhenItIsLetGoThenItsEndIsNotToldAnyMore) {
  std::promise<void> go_on, began;
  auto session = user.open("owner");
  session->submit({message_of({})}, steady_clock::now() + patience,
                  [&, until = go_on.get_future().share()](auto&&) {
                    began.set_value();
                    until.wait_for(patience);
                  });
  ASSERT_EQ(began.get_future().wait_for(patience), std::future_status::ready);
  user.links.close("owner");
  session.reset();
  go_on.set_value();
  EXPECT_TRUE(user.lost.reach(1));
  EXPECT_EQ(user.ended.size(), 0U);
}

TEST_F(RemoteSession, WhenARequestCannotBeReadThenItsCallIsAnswered) {
  class fails_later final : public message {
  public:
    std::span<const message_part> parts() override {
      if (++times_ > 1)
        throw std::bad_alloc{};
      return {&part_, 1};
    }

  private:
    int times_ = 0;
    const word content_ = 1;
    const message_part part_{&content_, 1};
  };
  const auto session = user.open("owner");
  notes<bool> answered;
  session->submit(
    {std::make_shared<fails_later>()}, steady_clock::now() + patience,
    [&](const auto& outcome) { answered.add(outcome.has_value()); });
  EXPECT_FALSE(answered.first());
}

TEST_F(RemoteSession, GivenNoLinkThenNobodyWaits) {
  EXPECT_EQ(user.try_open("stranger").error().code(), errc::node_down);
}

TEST_F(RemoteSession, GivenAnySizeThenRequestAndReplyArriveAsTheyAre) {
  const auto session = user.open("owner");
  const auto part = limits::payload_part_bytes_max / sizeof(word);
  for (const auto count :
       {std::size_t{1}, part - 1, part, part + 1, 4 * part, 9 * part + 17}) {
    const auto request = words(count, count);
    const auto reply = test_call{*session, request}.answer();
    ASSERT_TRUE(reply) << reply.error();
    EXPECT_TRUE(*reply == request) << count;
  }
}

TEST_F(RemoteSession, GivenAMessageOfManyPartsThenItArrivesInOne) {
  const auto session = user.open("owner");
  const auto request = words(200'000);
  notes<result<std::vector<word>>> reply;
  session->submit(
    {message_of(request, 70'001)}, steady_clock::now() + patience,
    [&](const auto& outcome) {
      reply.add(outcome.transform([](const auto& come) { return come.words; }));
    });
  EXPECT_TRUE(*reply.first() == request);
}

TEST_F(RemoteSession, WhenItIsLetGoThenTheOwnersClientEndsOnce) {
  auto session = user.open("owner");
  EXPECT_EQ(owner.sessions->released.size(), 0U);
  session.reset();
  EXPECT_TRUE(owner.sessions->released.reach(1));
  // A link's end ends no client twice.
  user.links.close("owner");
  EXPECT_TRUE(owner.lost.reach(1));
  EXPECT_EQ(owner.sessions->released.size(), 1U);
}

TEST_F(RemoteSession, WhenItIsLetGoThenItsCallsAnswerAndAreCancelled) {
  keep_some();
  auto session = user.open("owner");
  const test_call call{*session, {0, 1}};
  EXPECT_TRUE(owner.sessions->waiting.reach(1));
  session.reset();
  EXPECT_EQ(call.answer().error().code(), errc::session_closed);
  EXPECT_TRUE(owner.sessions->cancelled.reach(1));
  EXPECT_TRUE(owner.sessions->released.reach(1));
}

TEST_F(RemoteSession, WhenACallIsCancelledThenItsOwnerHears) {
  keep_some();
  const auto session = user.open("owner");
  const test_call call{*session, {0, 1}};
  const auto at_owner = owner.sessions->waiting.first();
  session->cancel(call.number);
  EXPECT_EQ(call.answer().error().code(), errc::cancelled);
  EXPECT_TRUE(call.answer().error().may_have_run());
  EXPECT_EQ(owner.sessions->cancelled.first(), at_owner.call);
  // It answers all the same: nobody takes that.
  at_owner.done(message_of({1}));
  EXPECT_TRUE(test_call(*session, {1}).answer());
  EXPECT_EQ(call.reply->size(), 1U);
}

TEST_F(RemoteSession, WhenACallIsLateThenItsCallerIsToldAndItIsCancelled) {
  keep_some();
  const auto session = user.open("owner");
  const test_call call{*session, {0, 1}, milliseconds{500}};
  EXPECT_EQ(call.answer().error().code(), errc::deadline_exceeded);
  EXPECT_TRUE(call.answer().error().may_have_run());
  EXPECT_TRUE(owner.sessions->cancelled.reach(1));
  const auto left = owner.sessions->waiting.first().deadline;
  EXPECT_LT(left, steady_clock::now() + patience);
}

TEST_F(RemoteSession, GivenNoTimeLeftThenItIsNotSent) {
  const auto session = user.open("owner");
  const auto outcome =
    test_call(*session, {1}, milliseconds{-1}).answer().error();
  EXPECT_EQ(outcome.code(), errc::deadline_exceeded);
  EXPECT_FALSE(outcome.may_have_run());
}

TEST_F(RemoteSession, WhenItsOwnerAnswersAnErrorThenThatArrivesWhole) {
  keep_some();
  const auto session = user.open("owner");
  const test_call call{*session, {0}};
  const auto why = error{errc::ref_stale, "it has died"};
  owner.sessions->waiting.first().done(
    tl::unexpected{why.with_may_have_run(true)});
  EXPECT_EQ(call.answer().error(), why);
  EXPECT_TRUE(call.answer().error().may_have_run());
}

TEST_F(RemoteSession, GivenAReplyWithDescriptorsThenItCannotCross) {
  class with_descriptor final : public message {
  public:
    std::span<const message_part> parts() override { return {&part_, 1}; }
    std::span<const descriptor> descriptors() override { return {&own_, 1}; }

  private:
    const word content_ = 1;
    const message_part part_{&content_, 1};
    const descriptor own_ = make_event();
  };
  keep_some();
  const auto session = user.open("owner");
  const test_call call{*session, {0}};
  owner.sessions->waiting.first().done(std::make_shared<with_descriptor>());
  const auto outcome = call.answer();
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code(), errc::message_malformed);
  EXPECT_TRUE(outcome.error().may_have_run());
}

// Whoever never lets go of them costs the other node no more than its calls.
TEST_F(RemoteSession, WhileObjectsOfRepliesAreHeldThenTheirCallsCount) {
  // Of the last reply they are freed after this.
  const auto freed = std::make_shared<std::atomic<std::size_t>>(0);
  owner.sessions->objects = [freed] {
    return std::make_shared<untaken_objects>([freed] { ++*freed; });
  };
  const auto session = user.open("owner");
  auto held = std::make_shared<notes<std::shared_ptr<link_hold>>>();
  const auto content = message_of({1});
  for (std::size_t call = 0; call < limits::link_calls_max; ++call)
    session->submit({content}, steady_clock::now() + patience,
                    [held](const auto& outcome) {
                      held->add(outcome ? outcome->held : nullptr);
                    });
  ASSERT_TRUE(held->reach(limits::link_calls_max));
  const auto refused = test_call(*session, {2}).answer();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), errc::overloaded);
  EXPECT_FALSE(refused.error().may_have_run());
  EXPECT_EQ(*freed, 0U);
  held = std::make_shared<notes<std::shared_ptr<link_hold>>>();
  EXPECT_TRUE(eventually([&] { return *freed == limits::link_calls_max; }));
  EXPECT_TRUE(test_call(*session, {3}).answer());
}

TEST_F(RemoteSession, WhenTheSessionEndsThereThenItsClientHearsWhy) {
  keep_some();
  const auto session = user.open("owner");
  const test_call call{*session, {0}};
  EXPECT_TRUE(owner.sessions->waiting.reach(1));
  const error why{errc::session_closed, "its time was over"};
  owner.sessions->ends.first()(why);
  EXPECT_EQ(user.ended.first(), why);
  EXPECT_EQ(call.answer().error(), why);
  EXPECT_EQ(test_call(*session, {1}).answer().error(), why);
  // Told once, and a late end of a client that has gone tells nobody.
  owner.sessions->ends.first()(why);
  EXPECT_EQ(user.ended.size(), 1U);
}

// What was answered before the end is more than the end.
TEST_F(RemoteSession, WhenItEndsWhileALargeReplyComesThenThatIsTakenFirst) {
  keep_some();
  const auto session = user.open("owner");
  auto replied = std::make_shared<notes<result<received_message>>>();
  session->submit({message_of({0})}, steady_clock::now() + patience,
                  [replied](const auto& outcome) { replied->add(outcome); });
  const test_call other{*session, {0, 2}};
  ASSERT_TRUE(owner.sessions->waiting.reach(2));
  const auto content = words(8 * mebibyte_words);
  owner.sessions->waiting.first().done(message_of(content));
  const error why{errc::session_closed, "it is over"};
  owner.sessions->ends.first()(why);
  ASSERT_TRUE(replied->first()) << replied->first().error();
  EXPECT_TRUE(replied->first()->words == content);
  const test_call late{*session, {3}};
  ASSERT_TRUE(user.open("owner", "another"));
  // Until whoever it is for has read it.
  EXPECT_EQ(user.ended.size() + late.reply->size() + other.reply->size(), 0U);
  replied.reset();
  EXPECT_EQ(user.ended.first(), why);
  EXPECT_EQ(late.answer().error(), why);
  EXPECT_EQ(other.answer().error(), why.with_may_have_run(true));
}

// Who opens it again, or asks what nodes there are, must not find it alive.
TEST_F(RemoteSession, WhenTheLinkEndsThenThatIsKnownBeforeACallIsAnswered) {
  keep_some();
  const auto session = user.open("owner");
  struct known {
    std::size_t ended, lost;
  };
  const auto found = std::make_shared<notes<known>>();
  session->submit({message_of({0})}, steady_clock::now() + patience,
                  [this, found](const auto&) {
                    found->add({user.ended.size(), user.lost.size()});
                  });
  EXPECT_TRUE(owner.sessions->waiting.reach(1));
  owner.links.close("user");
  EXPECT_EQ(found->first().ended, 1U);
  EXPECT_EQ(found->first().lost, 1U);
  EXPECT_EQ(user.ended_when_lost.first(), 1U);
}

TEST_F(RemoteSession, WhenTheLinkEndsThenAllInFlightIsNodeDown) {
  keep_some();
  const auto session = user.open("owner");
  const test_call call{*session, {0}};
  EXPECT_TRUE(owner.sessions->waiting.reach(1));
  owner.links.close("user");
  const auto why = call.answer().error();
  EXPECT_EQ(why.code(), errc::node_down);
  EXPECT_TRUE(why.may_have_run());
  EXPECT_THAT(why.message(), HasSubstr("owner"));
  EXPECT_EQ(user.ended.first().code(), errc::node_down);
  EXPECT_FALSE(user.ended.first().may_have_run());
  EXPECT_TRUE(owner.sessions->released.reach(1));
  EXPECT_EQ(owner.sessions->cancelled.size(), 1U);
  // There may be another link by now; its sessions are others.
  EXPECT_EQ(test_call(*session, {1}).answer().error().code(), errc::node_down);
}

TEST_F(RemoteSession, WhenItsNodeStopsWhileItIsOpenedThenThatIsTheAnswer) {
  owner.sessions->opens_late = true;
  auto going = std::make_optional<test_node>("third");
  going->link_to(owner);
  notes<error> why;
  going->links.open_session(
    {.node = "owner", .session = "s"}, steady_clock::now() + patience,
    [](const error&) {}, [&](auto made) { why.add(made.error()); });
  EXPECT_TRUE(owner.sessions->opened.reach(1));
  going.reset();
  EXPECT_EQ(why.first().code(), errc::shutting_down);
  EXPECT_EQ(why.size(), 1U);
}

TEST_F(RemoteSession, WhenItIsNotOpenedInTimeThenThatIsTheAnswer) {
  owner.sessions->opens_late = true;
  notes<error> why;
  user.links.open_session(
    {.node = "owner", .session = "s"}, steady_clock::now() + milliseconds{500},
    [](const error&) {}, [&](auto made) { why.add(made.error()); });
  EXPECT_EQ(why.first().code(), errc::deadline_exceeded);
  // What is opened then has no client any more.
  owner.sessions->open_now();
  EXPECT_TRUE(owner.sessions->released.reach(1));
}

TEST_F(RemoteSession, GivenAnIdThatIsTooLongThenItIsNotAskedFor) {
  EXPECT_EQ(user.try_open("owner", std::string(5'000, 'x')).error().code(),
            errc::payload_too_large);
}

TEST_F(RemoteSession, GivenALongMessageThenItsBeginningArrives) {
  owner.sessions->refuses =
    error{errc::quota_exceeded, std::string(1U << 20U, 'x')};
  const auto made = user.try_open("owner");
  EXPECT_EQ(made.error().code(), errc::quota_exceeded);
  EXPECT_EQ(made.error().message().size(), limits::failed_text_bytes_max);
}

TEST_F(RemoteSession, WhenItsNodeStopsThenCallsAnswerThat) {
  keep_some();
  auto going = std::make_optional<test_node>("third");
  going->link_to(owner);
  const auto session = going->open("owner");
  const test_call call{*session, {0}};
  EXPECT_TRUE(owner.sessions->waiting.reach(1));
  going.reset();
  EXPECT_EQ(call.answer().error().code(), errc::shutting_down);
  EXPECT_EQ(test_call(*session, {1}).answer().error().code(),
            errc::shutting_down);
  EXPECT_TRUE(owner.sessions->released.reach(1));
}

// The small calls do not wait until the large one is over.
TEST_F(RemoteSession, WhileALargeValueCrossesThenSmallCallsOvertakeIt) {
  const auto session = user.open("owner");
  const auto request = words(64 * mebibyte_words);
  const test_call large{*session, request};
  int overtaken = 0;
  while (large.reply->size() == 0) {
    ASSERT_TRUE(test_call(*session, {1}).answer());
    ++overtaken;
  }
  EXPECT_TRUE(*large.answer() == request);
  EXPECT_GT(overtaken, 10);
}

// The other side's loop stands still: as a stopped process it reads nothing.
TEST_F(RemoteSession, WhileItsOwnerReadsNothingThenNothingPilesUp) {
  std::promise<void> go_on;
  owner.sessions->keeps =
    [&, until = go_on.get_future().share()](const std::vector<word>& request) {
      if (request.at(0) == 0)
        until.wait_for(patience);
      return false;
    };
  const auto session = user.open("owner");
  const test_call stops{*session, {0}};
  const auto content = message_of(words(8 * mebibyte_words));
  const auto before = allocated_bytes();
  const auto replies = std::make_shared<notes<bool>>();
  for (int i = 0; i < 16; ++i)
    session->submit(
      {content}, steady_clock::now() + patience,
      [replies](const auto& outcome) { replies->add(outcome.has_value()); });
  // They have been taken up when a call that cannot be sent is answered.
  EXPECT_FALSE(test_call(*session, {}).answer());
  EXPECT_LT(allocated_bytes(), before + (4U << 20U));
  go_on.set_value();
  EXPECT_TRUE(replies->reach(16));
}

} // namespace snakebridge::testing
