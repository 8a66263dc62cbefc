// Payloads in parts: what a hostile source may not do, and who waits for whom.
#include "runtime/node/payloads.hpp"

#include <algorithm>
#include <functional>

#include <capnp/message.h>
#include <gtest/gtest.h>
#include <kj/async.h>
#include <kj/debug.h>
#include <malloc.h>

#include "config/tunables.hpp"
#include "tests/support/process_facts.hpp"
#include "tests/support/word_message.hpp"

namespace snakebridge::testing {

class Payloads : public ::testing::Test {
protected:
  ~Payloads() noexcept override {} // KJ's may throw, in theory

  /// Answers each read by what `parts` makes of the bytes that are wanted.
  class fake_source final : public schema::Source::Server {
  public:
    explicit fake_source(std::function<std::size_t(std::size_t)> parts)
        : parts_{std::move(parts)} {}
    kj::Promise<void> read(ReadContext call) override {
      const auto bytes = parts_(call.getParams().getBytes());
      call.getResults().initPart(static_cast<kj::uint>(bytes));
      return kj::READY_NOW;
    }

  private:
    const std::function<std::size_t(std::size_t)> parts_;
  };

  kj::Promise<result<arrived>>
  reading(std::uint64_t bytes, std::function<std::size_t(std::size_t)> parts) {
    return reading(bytes, std::move(parts), incoming);
  }
  static kj::Promise<result<arrived>>
  reading(std::uint64_t bytes, std::function<std::size_t(std::size_t)> parts,
          incoming_payloads& by) {
    capnp::MallocMessageBuilder message;
    auto payload = message.initRoot<schema::Payload>();
    auto made = payload.initParts();
    made.setBytes(bytes);
    made.setSource(kj::heap<fake_source>(std::move(parts)));
    return by.read(payload);
  }
  result<arrived> read(std::uint64_t bytes,
                       std::function<std::size_t(std::size_t)> parts) {
    return reading(bytes, std::move(parts)).wait(turns);
  }
  result<arrived> read_whole(std::size_t bytes) {
    capnp::MallocMessageBuilder message;
    auto payload = message.initRoot<schema::Payload>();
    payload.initWhole(static_cast<kj::uint>(bytes));
    return incoming.read(payload).wait(turns);
  }

  static constexpr std::size_t bytes_max = 8U << 20U;
  kj::EventLoop loop;
  kj::WaitScope turns{loop};
  incoming_payloads incoming{bytes_max, 1'000};
};

TEST_F(Payloads, GivenPartsAsWantedThenAllOfThemCome) {
  const auto whole = read(bytes_max, [](std::size_t wanted) { return wanted; });
  ASSERT_TRUE(whole);
  EXPECT_EQ(whole->words.size(), bytes_max / sizeof(word));
}

TEST_F(Payloads, GivenPartsOfAnotherSizeThenItIsMalformed) {
  for (const int more : {-8, 8}) {
    const auto why = read(bytes_max, [more](std::size_t wanted) {
      return wanted + static_cast<std::size_t>(more);
    });
    EXPECT_EQ(why.error().code(), errc::message_malformed);
  }
}

TEST_F(Payloads, GivenNoWholeWordsThenItIsMalformed) {
  const auto as_wanted = [](std::size_t wanted) { return wanted; };
  EXPECT_EQ(read(0, as_wanted).error().code(), errc::message_malformed);
  EXPECT_EQ(read(300'001, as_wanted).error().code(), errc::message_malformed);
}

TEST_F(Payloads, GivenATooLargeOneThenNoneOfItIsRead) {
  const auto why = read(std::uint64_t{1} << 60U, [](std::size_t) {
    ADD_FAILURE() << "it was read";
    return std::size_t{0};
  });
  EXPECT_EQ(why.error().code(), errc::payload_too_large);
}

// To move what has come is to hold up the loop.
TEST_F(Payloads, WhileALargeOneComesThenItIsNotMoved) {
  std::vector<std::size_t> allocated;
  ASSERT_TRUE(read(bytes_max, [&](std::size_t wanted) {
    const auto told = ::mallinfo2();
    allocated.push_back(told.uordblks + told.hblkhd);
    return wanted;
  }));
  const auto [least, most] =
    std::minmax_element(allocated.begin() + 4, allocated.end());
  EXPECT_LT(*most - *least, bytes_max / 4);
}

TEST_F(Payloads, WhenLittleOfALargeOneHasComeThenItCostsNoMore) {
  if (!rss_is_ours)
    GTEST_SKIP() << "a sanitizer keeps what is freed";
  constexpr std::size_t all = std::size_t{1} << 30U;
  incoming_payloads much{all};
  const auto before = rss_bytes_of_this_process();
  int parts = 0;
  EXPECT_THROW((void)reading(
                 all,
                 [&](std::size_t wanted) {
                   if (++parts > 8)
                     throw KJ_EXCEPTION(DISCONNECTED, "no more");
                   EXPECT_LT(rss_bytes_of_this_process() - before, all / 32);
                   return wanted;
                 },
                 much)
                 .wait(turns),
               kj::Exception);
}

// They are the memory of who holds them, until that is done with them.
TEST_F(Payloads, WhileALargeOneIsHeldThenTheNextWaits) {
  const auto as_wanted = [](std::size_t wanted) { return wanted; };
  auto first = kj::heap(read(bytes_max, as_wanted));
  ASSERT_TRUE(*first);
  auto second = reading(bytes_max, as_wanted);
  EXPECT_FALSE(second.poll(turns));
  EXPECT_TRUE(read_whole(800)); // a small one does not
  first = nullptr;
  EXPECT_TRUE(second.wait(turns));
}

TEST_F(Payloads, WhileManySmallOnesAreHeldThenAnotherIsRefused) {
  {
    const auto first = read_whole(800);
    ASSERT_TRUE(first);
    EXPECT_EQ(read_whole(208).error().code(), errc::overloaded);
    EXPECT_TRUE(read_whole(200));
  }
  EXPECT_TRUE(read_whole(1'000));
}

TEST_F(Payloads, WhenASourceFailsThenSoDoesWhoReads) {
  int reads = 0;
  EXPECT_THROW((void)read(bytes_max,
                          [&reads](std::size_t wanted) {
                            if (++reads > 3)
                              throw KJ_EXCEPTION(DISCONNECTED, "gone");
                            return wanted;
                          }),
               kj::Exception);
  // And the window is free for the next.
  EXPECT_TRUE(read(bytes_max, [](std::size_t wanted) { return wanted; }));
}

TEST_F(Payloads, WhileOthersAreHeldThenThereIsRoomForOneAlone) {
  outgoing_payloads outgoing{1'000};
  EXPECT_TRUE(outgoing.has_room(1U << 30U));
  {
    capnp::MallocMessageBuilder message;
    outgoing.write(message.initRoot<schema::Payload>(),
                   message_of(std::vector<word>(100'000)));
    EXPECT_FALSE(outgoing.has_room(limits::payload_part_bytes_max + 1));
    EXPECT_TRUE(outgoing.has_room(limits::payload_part_bytes_max));
  }
  EXPECT_TRUE(outgoing.has_room(1U << 30U));
}

// Unless it reads: then it may be as much as is allowed.
TEST_F(Payloads, WhileRepliesAreNotReadThenThereIsRoomForFew) {
  constexpr auto some = std::size_t{20} << 20U;
  const auto content = message_of(std::vector<word>(some / sizeof(word)));
  outgoing_payloads outgoing{std::size_t{1} << 30U};
  capnp::MallocMessageBuilder message;
  auto replies =
    message.getOrphanage().newOrphan<capnp::List<schema::Payload>>(4);
  const auto soon = steady_clock::now() + std::chrono::hours{1};
  for (kj::uint at = 0; at < 3; ++at) {
    EXPECT_TRUE(outgoing.has_room_for_reply(some, soon));
    outgoing.write(replies.get()[at], content);
  }
  EXPECT_FALSE(outgoing.has_room_for_reply(some, soon));
  EXPECT_TRUE(outgoing.has_room_for_reply(800, soon));
  EXPECT_TRUE(outgoing.has_room_for_reply(4 * some, soon)); // two as large
  EXPECT_TRUE(outgoing.has_room(some));
  // That it has just been told of them counts as well.
  EXPECT_TRUE(outgoing.has_room_for_reply(some, steady_clock::now()));
  incoming_payloads reader{std::size_t{1} << 30U};
  ASSERT_TRUE(reader.read(replies.getReader()[0]).wait(turns));
  EXPECT_TRUE(outgoing.has_room_for_reply(some, steady_clock::now()));
}

TEST_F(Payloads, GivenALargeOneThenItIsReadInOrderAndNoFurther) {
  outgoing_payloads outgoing{bytes_max};
  std::vector<word> content(100'000);
  for (std::size_t at = 0; at < content.size(); ++at)
    content[at] = at;
  capnp::MallocMessageBuilder message;
  auto payload = message.initRoot<schema::Payload>();
  outgoing.write(payload, message_of(content, 33'333));
  auto source = payload.asReader().getParts().getSource();
  const auto whole = incoming.read(payload).wait(turns);
  ASSERT_TRUE(whole);
  EXPECT_TRUE(whole->words == content);
  auto more = source.readRequest();
  more.setBytes(1);
  EXPECT_THROW((void)more.send().wait(turns), kj::Exception);
}

TEST_F(Payloads, WhenBytesAreGivenBackThenWhoWaitsGetsThemInOrder) {
  auto window = kj::refcounted<allowance>(100);
  auto first = kj::heap(window->take(60).wait(turns));
  auto large = window->take(90);
  auto small = window->take(10);
  EXPECT_FALSE(large.poll(turns));
  EXPECT_FALSE(small.poll(turns)); // it came later
  first = nullptr;
  const auto taken = large.wait(turns);
  EXPECT_TRUE(small.poll(turns));
  EXPECT_EQ(window->left(), 0U);
}

TEST_F(Payloads, WhenWhoWaitsHasGoneThenWhoFitsNeedNotWait) {
  auto window = kj::refcounted<allowance>(100);
  const auto first = window->take(60).wait(turns);
  { const auto gone = window->take(90); }
  EXPECT_TRUE(window->take(40).poll(turns));
}

TEST_F(Payloads, WhenWhoWaitsHasGoneThenTheNextGetsItsTurn) {
  auto window = kj::refcounted<allowance>(100);
  auto first = kj::heap(window->take(1'000).wait(turns)); // gets all
  auto gone = kj::heap(window->take(100));
  auto next = window->take(1);
  gone = nullptr;
  first = nullptr;
  EXPECT_TRUE(next.poll(turns));
}

} // namespace snakebridge::testing
