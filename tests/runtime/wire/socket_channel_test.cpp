// Frames through a socket, in whatever pieces they come.
#include "runtime/wire/socket_channel.hpp"
#include "runtime/wire/status_page.hpp"
#include "tests/support/host_fixture.hpp"
#include "tests/support/word_message.hpp"

#include <cstring>
#include <random>
#include <thread>

#include <fcntl.h>
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
    return got.message == sent;
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
  EXPECT_FALSE(sender.send(header(1), message_of(content))) << "it cannot fit";
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
    if (ours->spin()) {
      ASSERT_EQ(look(), channel_state::open);
    }
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

// The same where both sides also share rings, as a bridge and its worker do.
class RingChannel : public ::testing::Test {
protected:
  static constexpr std::size_t bytes_max = 16U << 20U;

  RingChannel() {
    int ends[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    ours.emplace(descriptor{ends[0]}, bytes_max, memory->to_worker,
                 memory->to_host);
    theirs.emplace(descriptor{ends[1]}, bytes_max, memory->to_host,
                   memory->to_worker);
  }

  /// A frame whose words are all its number, of which it has so many.
  void send(std::uint64_t call, std::size_t words) {
    theirs->send({.kind = frame_kind::reply, .call = call},
                 message_of(std::vector<word>(words, call)));
  }
  /// Takes in frames until there are so many.
  void await(std::size_t count) {
    while (got.size() < count) {
      if (!ours->doze()) {
        pollfd readable{ours->poll_descriptor(), POLLIN, 0};
        ASSERT_EQ(::poll(&readable, 1, 10'000), 1);
      }
      ASSERT_EQ(ours->receive(got, false), channel_state::open);
      theirs->flush();
    }
  }
  void expect_in_order() {
    for (std::size_t i = 0; i < got.size(); ++i) {
      EXPECT_EQ(got[i].header.call, i);
      EXPECT_EQ(got[i].message.size(), got[i].header.words);
      for (const auto each : got[i].message)
        if (each != i)
          FAIL() << "a word of frame " << i << " is " << each;
    }
  }
  bool is_in_socket() const {
    pollfd readable{ours->poll_descriptor(), POLLIN, 0};
    return ::poll(&readable, 1, 0) == 1;
  }

  const std::unique_ptr<shared_memory> memory =
    std::make_unique<shared_memory>();
  std::optional<socket_channel> ours, theirs;
  std::vector<frame> got;
};

TEST_F(RingChannel, GivenSmallFramesThenTheKernelSeesNothingOfThem) {
  for (std::uint64_t call = 0; call < 3; ++call)
    send(call, 10 * call);
  EXPECT_FALSE(is_in_socket());
  EXPECT_EQ(ours->receive(got, false), channel_state::open);
  ASSERT_EQ(got.size(), 3u);
  expect_in_order();
}

TEST_F(RingChannel, WhenTheReaderSleepsThenItIsWokenOnce) {
  EXPECT_FALSE(ours->doze());
  send(0, 1);
  EXPECT_TRUE(is_in_socket());
  EXPECT_EQ(ours->receive(got, false), channel_state::open);
  EXPECT_EQ(ours->receive(got, false), channel_state::open); // the bell
  EXPECT_FALSE(is_in_socket());
  send(1, 1);
  EXPECT_FALSE(is_in_socket());
  EXPECT_TRUE(ours->doze());
  await(2);
  expect_in_order();
}

TEST_F(RingChannel, WhenLargeAndSmallFramesMixThenTheyArriveInOrder) {
  constexpr unsigned seed = 7;
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random{seed};
  constexpr std::size_t count = 3'000;
  std::thread sender{[&] {
    for (std::uint64_t call = 0; call < count; ++call)
      send(call, random() % 16 == 0 ? random() % 40'000 : random() % 200);
  }};
  await(count);
  sender.join();
  expect_in_order();
}

TEST_F(RingChannel, WhenTheRingIsFullThenTheRestWaitsAndArrivesInOrder) {
  constexpr std::size_t count = 40;
  for (std::uint64_t call = 0; call < count; ++call)
    send(call, 1'000); // eight of them fill it
  EXPECT_TRUE(is_in_socket());
  await(count);
  // And then it goes through the ring again.
  send(count, 1);
  await(count + 1);
  send(count + 1, 1);
  EXPECT_FALSE(is_in_socket());
  await(count + 2);
  expect_in_order();
}

TEST_F(RingChannel, WhenManyThreadsSendThenNoFrameIsTorn) {
  constexpr std::size_t threads = 4, each = 500;
  std::vector<std::thread> senders;
  for (std::size_t who = 0; who < threads; ++who)
    senders.emplace_back([&, who] {
      for (std::size_t i = 0; i < each; ++i)
        send(who * each + i, i % 50 == 0 ? 20'000 : i % 30);
    });
  await(threads * each);
  for (auto& one : senders)
    one.join();
  std::vector<std::size_t> next(threads);
  for (const auto& one : got) {
    const auto who = one.header.call / each;
    EXPECT_EQ(one.header.call % each, next[who]++);
    for (const auto word : one.message)
      EXPECT_EQ(word, one.header.call);
  }
}

TEST_F(RingChannel, WhenTheOtherSideIsGoneThenWhatItSentStillArrives) {
  send(0, 5);
  send(1, 5'000);
  send(2, 20'000);
  theirs.reset();
  while (ours->receive(got, true) == channel_state::open) {
  }
  ASSERT_EQ(got.size(), 3u);
  expect_in_order();
}

TEST_F(RingChannel, WhenItWaitsThenItReturnsWithTheFirstFrame) {
  std::thread sender{[&] { send(0, 3); }};
  EXPECT_EQ(ours->receive(got, true), channel_state::open);
  sender.join();
  ASSERT_EQ(got.size(), 1u);
  expect_in_order();
}

// --- Descriptors -------------------------------------------------------------

namespace {

/// A message with the write ends of pipes, whose read ends stay here.
class with_pipes final : public message {
public:
  explicit with_pipes(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      int ends[2];
      EXPECT_EQ(::pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
      reads.emplace_back(ends[0]);
      writes.emplace_back(ends[1]);
    }
    parts_.emplace_back(words_);
  }
  std::span<const message_part> parts() override { return parts_; }
  std::span<const descriptor> descriptors() override { return writes; }

  std::vector<descriptor> reads, writes;

private:
  std::vector<word> words_ = std::vector<word>(5, 9);
  std::vector<message_part> parts_;
};

/// All copies of the other end are closed.
bool is_at_end(const descriptor& read) {
  char byte = 0;
  return ::read(read.get(), &byte, 1) == 0;
}

} // namespace

TEST_F(RingChannel, GivenDescriptorsThenTheyArriveWithTheirFrame) {
  const auto pipes = std::make_shared<with_pipes>(3);
  send(0, 2);
  EXPECT_TRUE(theirs->send({.kind = frame_kind::reply, .call = 1}, pipes));
  send(2, 2);
  await(3);
  EXPECT_TRUE(got[0].descriptors.empty());
  EXPECT_TRUE(got[2].descriptors.empty());
  ASSERT_EQ(got[1].descriptors.size(), 3u);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(::write(got[1].descriptors[i].get(), "x", 1), 1);
    char byte = 0;
    EXPECT_EQ(::read(pipes->reads[i].get(), &byte, 1), 1);
    EXPECT_NE(::fcntl(got[1].descriptors[i].get(), F_GETFD) & FD_CLOEXEC, 0);
  }
}

TEST_F(RingChannel, WhenNobodyTakesDescriptorsThenTheyAreClosed) {
  const auto pipes = std::make_shared<with_pipes>(2);
  theirs->send({.kind = frame_kind::reply, .call = 0}, pipes);
  await(1);
  pipes->writes.clear();
  EXPECT_FALSE(is_at_end(pipes->reads[0]));
  got.clear();
  for (const auto& each : pipes->reads)
    EXPECT_TRUE(is_at_end(each));
}

TEST_F(RingChannel, WhenTheChannelEndsThenDescriptorsOnTheirWayAreClosed) {
  const auto pipes = std::make_shared<with_pipes>(2);
  theirs->send({.kind = frame_kind::reply, .call = 0}, pipes);
  pipes->writes.clear();
  EXPECT_FALSE(is_at_end(pipes->reads[0]));
  ours.reset();
  for (const auto& each : pipes->reads)
    EXPECT_TRUE(is_at_end(each));
}

// Bytes on the socket that come with descriptors, whatever the bytes say.
class HostileDescriptors : public SocketChannel {
protected:
  void put_with(const void* data, std::size_t bytes, const descriptor& sent) {
    iovec piece{const_cast<void*>(data), bytes};
    alignas(cmsghdr) char room[CMSG_SPACE(sizeof(int))]{};
    msghdr all{};
    all.msg_iov = &piece;
    all.msg_iovlen = 1;
    all.msg_control = room;
    all.msg_controllen = sizeof room;
    auto* const rights = CMSG_FIRSTHDR(&all);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof(int));
    const int number = sent.get();
    std::memcpy(CMSG_DATA(rights), &number, sizeof number);
    EXPECT_EQ(::sendmsg(theirs.get(), &all, MSG_NOSIGNAL),
              static_cast<ssize_t>(bytes));
  }

  with_pipes pipes{1};
};

TEST_F(HostileDescriptors, WhenTheirFrameDoesNotSaySoThenTheyAreClosed) {
  const auto head = header(1);
  put_with(&head, sizeof head, pipes.writes[0]);
  EXPECT_EQ(look(), channel_state::open);
  ASSERT_EQ(got.size(), 1u);
  EXPECT_TRUE(got[0].descriptors.empty());
  pipes.writes.clear();
  EXPECT_TRUE(is_at_end(pipes.reads[0]));
}

TEST_F(HostileDescriptors, WhenTheFrameSaysThatThereAreMoreThenItIsMalformed) {
  auto head = header(1);
  head.descriptors = 2;
  put_with(&head, sizeof head, pipes.writes[0]);
  EXPECT_EQ(look(), channel_state::malformed);
  pipes.writes.clear();
  ours.reset();
  EXPECT_TRUE(is_at_end(pipes.reads[0]));
}

TEST_F(HostileDescriptors, WhenTheyComeByteByByteThenTheyArriveWithTheFrame) {
  auto head = header(1);
  head.descriptors = 1;
  const auto* bytes = reinterpret_cast<const char*>(&head);
  put_with(bytes, 1, pipes.writes[0]);
  EXPECT_EQ(look(), channel_state::open);
  for (std::size_t i = 1; i < sizeof head; ++i) {
    put(bytes + i, 1);
    EXPECT_EQ(look(), channel_state::open);
  }
  ASSERT_EQ(got.size(), 1u);
  EXPECT_EQ(got[0].descriptors.size(), 1u);
}

} // namespace snakebridge::testing
