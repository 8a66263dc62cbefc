// The bytes of a socket, in whatever pieces they come: a channel makes the
// frames of them that lie in them, and takes what is no frame for just that.
// And the same bytes in a ring and a socket by turns, as a hostile worker may
// write them: whatever that makes, it ends, and is no more than was written.
#include <algorithm>
#include <cstring>
#include <memory>

#include <sys/ioctl.h>
#include <sys/socket.h>

#include "runtime/wire/socket_channel.hpp"
#include "runtime/wire/status_page.hpp"
#include "tests/fuzz/input.hpp"

namespace snakebridge::fuzz {

namespace {

constexpr std::size_t frame_bytes_max = 1 << 20;

struct reading {
  std::vector<frame> frames;
  channel_state state = channel_state::open;
};

// What a reader that has all of the stream at once makes of it.
reading read_at_once(std::span<const std::uint8_t> stream) {
  reading made;
  while (stream.size() >= sizeof(frame_header)) {
    frame next;
    std::memcpy(&next.header, stream.data(), sizeof next.header);
    const auto kind = next.header.kind;
    const auto bytes = std::size_t{next.header.words} * sizeof(word);
    // Without rings there are no frames of the channel's own.
    if (bytes > frame_bytes_max || kind < frame_kind::request
        || kind == frame_kind::bell || kind == frame_kind::moved
        || kind > last_frame_kind || next.header.descriptors > 0) {
      made.state = channel_state::malformed;
      break;
    }
    stream = stream.subspan(sizeof next.header);
    if (stream.size() < bytes)
      break;
    next.message.resize(next.header.words);
    if (bytes > 0)
      std::memcpy(next.message.data(), stream.data(), bytes);
    stream = stream.subspan(bytes);
    made.frames.push_back(std::move(next));
  }
  return made;
}

bool has_bytes(const socket_channel& channel) {
  int bytes = 0;
  return ::ioctl(channel.poll_descriptor(), FIONREAD, &bytes) == 0 && bytes > 0;
}

// Looks until all that was sent is in.
void look(socket_channel& channel, reading& into) {
  while (into.state == channel_state::open && has_bytes(channel))
    into.state = channel.receive(into.frames, false);
}

bool same(const frame& left, const frame& right) {
  return std::memcmp(&left.header, &right.header, sizeof left.header) == 0
         && left.message == right.message;
}

// Words, from where the last ended; as many as are said to be there.
void put(ring& into, std::span<const std::uint8_t> bytes) {
  const auto count = bytes.size() / sizeof(word);
  const auto from = into.written.load();
  for (std::size_t at = 0; at < count; ++at)
    std::memcpy(&into.content[(from + at) % ring::words],
                bytes.data() + at * sizeof(word), sizeof(word));
  into.written += count;
}

void run_rings(std::span<const std::uint8_t> stream,
               std::span<const std::uint8_t> pieces) {
  int ends[2];
  promise(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0,
          "there is no socket pair");
  const auto memory = std::make_unique<shared_memory>();
  socket_channel channel{descriptor{ends[0]}, frame_bytes_max,
                         memory->to_worker, memory->to_host};
  descriptor sender{ends[1]};
  const auto words_max = stream.size() / sizeof(word);
  reading got;
  for (std::size_t piece = 0;
       !stream.empty() && got.state == channel_state::open; ++piece) {
    const std::size_t root = pieces[piece % pieces.size()];
    auto bytes = std::min(1 + root * root, stream.size());
    if (piece % 2 == 0)
      put(memory->to_host, stream.first(bytes));
    else
      bytes = static_cast<std::size_t>(std::max<ssize_t>(
        1, ::send(sender.get(), stream.data(), bytes, MSG_NOSIGNAL)));
    stream = stream.subspan(bytes);
    got.state = channel.receive(got.frames, false);
  }
  std::size_t words = 0;
  for (const auto& each : got.frames)
    words += each.message.size();
  promise(words <= words_max, "there is more than was written");
}

} // namespace

void run_stream(std::span<const std::uint8_t> stream,
                std::span<const std::uint8_t> pieces) {
  run_rings(stream, pieces);
  const auto expected = read_at_once(stream);
  int ends[2];
  promise(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0,
          "there is no socket pair");
  socket_channel channel{descriptor{ends[0]}, frame_bytes_max};
  descriptor sender{ends[1]};
  reading got;
  std::size_t piece = 0;
  while (!stream.empty() && got.state == channel_state::open) {
    const std::size_t root = pieces[piece++ % pieces.size()];
    const auto bytes = std::min(1 + root * root, stream.size());
    const auto sent = ::send(sender.get(), stream.data(), bytes, MSG_NOSIGNAL);
    promise(sent > 0, "the socket takes nothing");
    stream = stream.subspan(static_cast<std::size_t>(sent));
    look(channel, got);
  }
  promise(got.state == expected.state, "a stream is taken for another");
  promise(got.frames.size() == expected.frames.size(),
          "there are other frames than were sent");
  for (std::size_t at = 0; at < got.frames.size(); ++at)
    promise(same(got.frames[at], expected.frames[at]), "a frame changed");
  sender.reset();
  if (got.state == channel_state::open) {
    promise(channel.receive(got.frames, false) == channel_state::closed,
            "an end is not noticed");
  }
}

} // namespace snakebridge::fuzz
