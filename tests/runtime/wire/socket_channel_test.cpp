// Frames through a socket, in whatever pieces they come.
#include "runtime/wire/socket_channel.hpp"
#include "tests/support/host_fixture.hpp"
#include "tests/support/word_message.hpp"

#include <cstring>
#include <random>
#include <thread>

#include <poll.h>
#include <sys/socket.h>

namespace snakebridge::testing {

class SocketChannel : public ::testing::Test {
protected:
  static constexpr std::size_t bytes_max = 16U << 20U;

  SocketChannel() {
    int ends[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    ours.emplace(descriptor{ends[0]}, bytes_max);
    theirs = descriptor{ends[1]};
  }

  void tiny_buffers() {
    const int bytes = 1;
    for (const int end : {ours->poll_descriptor(), peer().poll_descriptor()})
      for (const int which : {SO_SNDBUF, SO_RCVBUF})
        ::setsockopt(end, SOL_SOCKET, which, &bytes, sizeof bytes);
  }
  /// Now a channel on their side too.
  socket_channel& peer() {
    if (!other)
      other.emplace(std::move(theirs), bytes_max);
    return *other;
  }

  static std::vector<word> words(std::size_t count, int seed = 1) {
    word each = 0;
    std::memset(&each, seed, sizeof each);
    return std::vector<word>(count, each);
  }
  static frame_header header(std::uint64_t call) {
    return {
      .words = 0, .kind = frame_kind::reply, .call = call, .deadline_ns = 0};
  }
  static bool same(const frame& got, const std::vector<word>& sent) {
    return got.message.size() == sent.size()
           && std::memcmp(got.message.data(), sent.data(),
                          sent.size() * sizeof(word))
                == 0;
  }
  void put(const void* data, std::size_t bytes) {
    EXPECT_EQ(::send(theirs.get(), data, bytes, MSG_NOSIGNAL),
              static_cast<ssize_t>(bytes));
  }
  channel_state look() { return ours->receive(got, false); }

  std::optional<socket_channel> ours;
  descriptor theirs;
  std::optional<socket_channel> other;
  std::vector<frame> got;
};

TEST_F(SocketChannel, WhenFramesAreSentThenTheyArriveWholeAndInOrder) {
  for (std::uint64_t call = 1; call <= 3; ++call) {
    const auto content = words(call * 10, static_cast<int>(call));
    EXPECT_TRUE(peer().send(header(call), message_of(content, 4)));
  }
  EXPECT_EQ(look(), channel_state::open);
  ASSERT_EQ(got.size(), 3u);
  for (std::uint64_t call = 1; call <= 3; ++call) {
    EXPECT_EQ(got[call - 1].header.call, call);
    EXPECT_TRUE(same(got[call - 1], words(call * 10, static_cast<int>(call))));
  }
}

TEST_F(SocketChannel, GivenAFrameWithoutAMessageThenItArrives) {
  EXPECT_TRUE(peer().send(header(5), {}));
  look();
  ASSERT_EQ(got.size(), 1u);
  EXPECT_TRUE(got[0].message.empty());
}

TEST_F(SocketChannel, WhenAFrameComesByteByByteThenItArrivesOnceWhole) {
  const auto content = words(3);
  auto head = header(9);
  head.words = 3;
  std::vector<char> all(sizeof head + 24);
  std::memcpy(all.data(), &head, sizeof head);
  std::memcpy(all.data() + sizeof head, content.data(), 24);
  for (std::size_t i = 0; i < all.size(); ++i) {
    EXPECT_TRUE(got.empty());
    put(&all[i], 1);
    EXPECT_EQ(look(), channel_state::open);
  }
  ASSERT_EQ(got.size(), 1u);
  EXPECT_TRUE(same(got[0], content));
}

TEST_F(SocketChannel, WhenFramesComeInAnyPiecesThenTheyArriveTheSame) {
  constexpr unsigned seed = 42;
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random{seed};
  std::vector<char> stream;
  std::vector<std::size_t> sizes;
  for (int i = 0; i < 200; ++i) {
    sizes.push_back(i % 10 == 0 ? 20'000 : random() % 50);
    auto head = header(sizes.size());
    head.words = static_cast<std::uint32_t>(sizes.back());
    const auto content = words(sizes.back(), i);
    const auto from = stream.size();
    stream.resize(from + sizeof head + content.size() * 8);
    std::memcpy(stream.data() + from, &head, sizeof head);
    if (!content.empty())
      std::memcpy(stream.data() + from + sizeof head, content.data(),
                  content.size() * 8);
  }
  for (std::size_t from = 0; from < stream.size();) {
    const auto piece =
      std::min<std::size_t>(1 + random() % 30'000, stream.size() - from);
    put(stream.data() + from, piece);
    from += piece;
    ASSERT_EQ(look(), channel_state::open);
  }
  ASSERT_EQ(got.size(), sizes.size());
  for (std::size_t i = 0; i < sizes.size(); ++i)
    EXPECT_TRUE(same(got[i], words(sizes[i], static_cast<int>(i)))) << i;
}

TEST_F(SocketChannel, GivenTinyBuffersThenSendingNeverBlocksAndAllArrives) {
  tiny_buffers();
  auto& sender = *other;
  const auto content = words(200'000, 7);
  EXPECT_FALSE(sender.send(header(1), message_of(content)))
    << "it cannot fit";
  EXPECT_FALSE(sender.send(header(2), message_of(content)));
  bool sent = false;
  for (int looks = 0; got.size() < 2 && looks < 1'000'000; ++looks) {
    sent = sender.flush();
    ASSERT_EQ(look(), channel_state::open);
  }
  EXPECT_TRUE(sent);
  ASSERT_EQ(got.size(), 2u);
  EXPECT_TRUE(same(got[0], content) && same(got[1], content));
  EXPECT_EQ(got[1].header.call, 2u);
}

TEST_F(SocketChannel, WhenItLooksAMomentThenNothingOfWhatHasComeIsLost) {
  if (std::thread::hardware_concurrency() < 2)
    GTEST_SKIP() << "with one core nobody looks";
  EXPECT_FALSE(ours->spin());
  for (std::uint64_t call = 1; call <= 3; ++call)
    EXPECT_TRUE(peer().send(header(call), message_of(words(call, 1))));
  EXPECT_TRUE(ours->spin());
  EXPECT_TRUE(ours->spin()) << "it has not been read";
  EXPECT_EQ(look(), channel_state::open);
  ASSERT_EQ(got.size(), 3u);
  EXPECT_TRUE(same(got[2], words(3, 1)));
  EXPECT_FALSE(ours->spin());
}

TEST_F(SocketChannel, WhenItLooksAmidALargeFrameThenThatComesWhole) {
  if (std::thread::hardware_concurrency() < 2)
    GTEST_SKIP() << "with one core nobody looks";
  const auto content = words(200'000, 7);
  auto& sender = peer();
  sender.post(header(1), message_of(content));
  sender.post(header(2), message_of(words(3, 1)));
  for (int looks = 0; got.size() < 2 && looks < 1'000'000; ++looks) {
    sender.flush();
    if (ours->spin())
      ASSERT_EQ(look(), channel_state::open);
  }
  ASSERT_EQ(got.size(), 2u);
  EXPECT_TRUE(same(got[0], content));
  EXPECT_TRUE(same(got[1], words(3, 1)));
}

TEST_F(SocketChannel, WhenTheOtherSideIsGoneThenALookTellsThat) {
  if (std::thread::hardware_concurrency() < 2)
    GTEST_SKIP() << "with one core nobody looks";
  EXPECT_TRUE(peer().send(header(1), message_of(words(3, 1))));
  other.reset();
  EXPECT_TRUE(ours->spin());
  EXPECT_EQ(look(), channel_state::open);
  EXPECT_EQ(got.size(), 1u);
  EXPECT_TRUE(ours->spin());
  EXPECT_EQ(look(), channel_state::closed);
}

TEST_F(SocketChannel, WhenManyThreadsSendThenNoFrameIsTorn) {
  auto& sender = peer();
  constexpr int threads_max = 4;
  constexpr int frames_each = 200;
  std::vector<std::jthread> senders;
  for (int thread = 0; thread < threads_max; ++thread)
    senders.emplace_back([&sender, thread] {
      const auto content = words(500, thread + 1);
      for (int i = 0; i < frames_each; ++i)
        sender.send(header(static_cast<std::uint64_t>(thread + 1)),
                    message_of(content));
    });
  EXPECT_TRUE(eventually([&] {
    sender.flush();
    return look() != channel_state::open
           || got.size() == threads_max * frames_each;
  }));
  for (const auto& each : got)
    EXPECT_TRUE(same(each, words(500, static_cast<int>(each.header.call))));
}

TEST_F(SocketChannel, WhenItWaitsThenItReturnsWithTheFirstFrame) {
  std::jthread sender{[this] { peer().send(header(1), {}); }};
  EXPECT_EQ(ours->receive(got, true), channel_state::open);
  EXPECT_EQ(got.size(), 1u);
}

TEST_F(SocketChannel, WhenTheOtherSideIsGoneThenItIsClosedAfterTheLastFrame) {
  EXPECT_TRUE(peer().send(header(1), {}));
  other.reset();
  EXPECT_EQ(look() == channel_state::open ? look() : channel_state::closed,
            channel_state::closed);
  EXPECT_EQ(got.size(), 1u);
  EXPECT_NO_FATAL_FAILURE(ours->send(header(2), {})) << "and no SIGPIPE";
}

TEST_F(SocketChannel, WhenItIsClosedThenWhoWaitsInItWakesUp) {
  std::jthread closer{[this] { ours->close(); }};
  EXPECT_EQ(ours->receive(got, true), channel_state::closed);
}

TEST_F(SocketChannel, WhenItFinishesSendingThenItStillReceives) {
  ours->finish_sending();
  char nothing = 0;
  EXPECT_EQ(::recv(theirs.get(), &nothing, 1, 0), 0);
  EXPECT_TRUE(peer().send(header(1), {}));
  look();
  EXPECT_EQ(got.size(), 1u);
}

TEST_F(SocketChannel, GivenAHeaderOutOfBoundsThenItIsMalformed) {
  constexpr auto beyond = static_cast<std::uint32_t>(last_frame_kind) + 1;
  for (const auto& [words, kind] : {std::pair{0xFFFFFFFFU, 3U},
                                    {(16U << 17U) + 1, 3U},
                                    {0U, 0U},
                                    {0U, beyond},
                                    {0U, 0xFFFFFFFFU}}) {
    int ends[2];
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    socket_channel receiver{descriptor{ends[0]}, bytes_max};
    const descriptor sender{ends[1]};
    frame_header bad = header(1);
    bad.words = words;
    bad.kind = static_cast<frame_kind>(kind);
    ASSERT_EQ(::send(ends[1], &bad, sizeof bad, 0), ssize_t{sizeof bad});
    EXPECT_EQ(receiver.receive(got, false), channel_state::malformed)
      << words << " " << kind;
  }
}

} // namespace snakebridge::testing
