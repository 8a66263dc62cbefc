#include "runtime/wire/socket_channel.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <limits>
#include <optional>
#include <thread>

#include <sys/socket.h>
#include <sys/uio.h>

#include "config/tunables.hpp"
#include "runtime/base/ensure.hpp"
#include "runtime/base/fault_points.hpp"

namespace snakebridge {

namespace {

constexpr std::size_t staging_bytes = 64 * 1024;
// What the kernel may hold for us each way: a message that fits needs neither
// a copy of our own nor a second thread to send the rest. The system may give
// less (net.core.wmem_max).
constexpr int socket_bytes = 1024 * 1024;
constexpr std::size_t parts_at_once = 16;

std::size_t bytes_of(const frame_header& header) {
  return std::size_t{header.words} * sizeof(word);
}

// Room for the descriptors of one frame, as the kernel takes and gives them.
struct control_room {
  alignas(cmsghdr) char bytes[CMSG_SPACE(sizeof(int)
                                         * limits::frame_descriptors_max)];
};

void attach(msghdr& to, control_room& room,
            std::span<const descriptor> attached) {
  to.msg_control = room.bytes;
  to.msg_controllen = CMSG_SPACE(sizeof(int) * attached.size());
  auto* const rights = CMSG_FIRSTHDR(&to);
  rights->cmsg_level = SOL_SOCKET;
  rights->cmsg_type = SCM_RIGHTS;
  rights->cmsg_len = CMSG_LEN(sizeof(int) * attached.size());
  auto* into = CMSG_DATA(rights);
  for (const auto& each : attached) {
    const int number = each.get();
    std::memcpy(into, &number, sizeof number);
    into += sizeof number;
  }
}

// -1 with errno; EINTR is tried again. Descriptors go with the first byte.
ssize_t send_some(int socket, iovec* parts, std::size_t count,
                  std::span<const descriptor> attached = {}) {
  msghdr message{};
  message.msg_iov = parts;
  message.msg_iovlen = count;
  control_room room{};
  if (!attached.empty())
    attach(message, room, attached);
  for (;;) {
    const auto sent = ::sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent >= 0 || errno != EINTR)
      return sent;
  }
}

bool would_block() {
  return errno == EAGAIN || errno == EWOULDBLOCK;
}

// Sends the first bytes only, as a socket does that is almost full.
ssize_t send_first(int socket, std::span<const iovec> all, std::size_t bytes) {
  std::vector<iovec> parts{all.begin(), all.end()};
  std::size_t kept = 0;
  for (; kept < parts.size() && bytes > 0; ++kept)
    bytes -= parts[kept].iov_len = std::min(parts[kept].iov_len, bytes);
  return send_some(socket, parts.data(), kept);
}

void invert_byte(std::span<const iovec> parts, std::size_t at) {
  for (const auto& each : parts) {
    if (at < each.iov_len) {
      auto& found = static_cast<unsigned char*>(each.iov_base)[at];
      found = static_cast<unsigned char>(~found);
      return;
    }
    at -= each.iov_len;
  }
}

constexpr std::size_t header_words = sizeof(frame_header) / sizeof(word);

// A frame that is for the channel alone.
bool is_of_channel(frame_kind kind) {
  return kind == frame_kind::bell || kind == frame_kind::moved;
}

} // namespace

std::optional<socket_channel::frame_fault>
socket_channel::fault_of(frame_kind kind) {
  using enum fault_point;
  if constexpr (has_fault_points) {
    if (kind == frame_kind::request || kind == frame_kind::returned)
      if (const auto due = fault_at(channel_send_short))
        return frame_fault{channel_send_short, *due};
    if (kind == frame_kind::reply || kind == frame_kind::items
        || kind == frame_kind::called || kind == frame_kind::awaiting
        || kind == frame_kind::dropped)
      for (const auto each :
           {channel_frame_bad, channel_send_kill, channel_send_stall})
        if (const auto due = fault_at(each))
          return frame_fault{each, *due};
  }
  return {};
}

// What has been sent then; nothing: the rest is sent as if it were well.
std::optional<ssize_t>
socket_channel::send_with(const frame_fault& fault,
                          std::span<const iovec> parts) const {
  if (fault.where == fault_point::channel_frame_bad) {
    invert_byte(parts, fault.what.byte);
    return {};
  }
  const auto sent = send_first(socket_.get(), parts, fault.what.byte);
  if (fault.where == fault_point::channel_send_kill)
    ::kill(::getpid(), SIGKILL);
  if (fault.where == fault_point::channel_send_stall)
    std::this_thread::sleep_for(fault.what.time);
  return sent;
}

socket_channel::socket_channel(snakebridge::descriptor socket,
                               std::size_t frame_bytes_max)
    : socket_{std::move(socket)},
      frame_words_max_{frame_bytes_max / sizeof(word)},
      staged_(staging_bytes / sizeof(word)) {
  ::setsockopt(socket_.get(), SOL_SOCKET, SO_SNDBUF, &socket_bytes,
               sizeof socket_bytes);
}

socket_channel::socket_channel(snakebridge::descriptor socket,
                               std::size_t frame_bytes_max, ring& to,
                               ring& from)
    : socket_channel{std::move(socket), frame_bytes_max} {
  out_.emplace(to);
  in_.emplace(from);
  to_ring_ = from_ring_ = true;
}

// --- Sending -----------------------------------------------------------------

void socket_channel::post(frame_header header,
                          std::shared_ptr<message> content) {
  posted next{.header = header, .content = std::move(content)};
  std::size_t words = 0;
  if (next.content) {
    next.parts = next.content->parts();
    for (const auto& part : next.parts)
      words += part.size();
    const auto attached = next.content->descriptors().size();
    ensure(attached <= limits::frame_descriptors_max,
           "a message has no more descriptors than a frame may");
    next.header.descriptors = static_cast<std::uint16_t>(attached);
  }
  ensure(words <= std::numeric_limits<std::uint32_t>::max(),
         "a message is no larger than its frame can say");
  next.header.words = static_cast<std::uint32_t>(words);
  next.fault = fault_of(header.kind);
  const std::lock_guard lock{posting_};
  outbox_.push_back(std::move(next));
}

// And `moved` still would after it.
bool socket_channel::fits_ring(const posted& next) const {
  return !next.fault && next.header.descriptors == 0
         && out_->has_room(header_words + next.header.words + header_words);
}

void socket_channel::write_to_ring(const posted& from) {
  word header[header_words];
  std::memcpy(header, &from.header, sizeof header);
  out_->write(header);
  for (const auto& part : from.parts)
    out_->write(part);
  if (!out_->publish())
    return;
  // A socket that is too full for it wakes the reader anyway.
  frame_header bell{.kind = frame_kind::bell};
  iovec piece{&bell, sizeof bell};
  send_some(socket_.get(), &piece, 1);
}

// False when there is no room for all of it now.
bool socket_channel::send_posted(posted& next) {
  if (to_ring_ && fits_ring(next)) {
    write_to_ring(next);
    return true;
  }
  if (std::exchange(to_ring_, false))
    write_to_ring({.header = {.kind = frame_kind::moved}});
  return send_through_socket(next);
}

bool socket_channel::send_through_socket(posted& of) const {
  const auto all = sizeof of.header + bytes_of(of.header);
  while (of.sent < all) {
    std::array<iovec, parts_at_once> pieces;
    std::size_t count = 0, skip = of.sent;
    const auto add = [&](const void* data, std::size_t bytes) {
      if (skip >= bytes) {
        skip -= bytes;
      } else if (count < pieces.size()) {
        pieces[count++] = {const_cast<char*>(static_cast<const char*>(data))
                             + skip,
                           bytes - std::exchange(skip, 0)};
      }
    };
    add(&of.header, sizeof of.header);
    for (const auto& part : of.parts)
      add(part.data(), part.size_bytes());
    if (const auto fault = std::exchange(of.fault, std::nullopt)) {
      const auto sent = send_with(*fault, {pieces.data(), count});
      if (sent) {
        of.sent += static_cast<std::size_t>(std::max<ssize_t>(*sent, 0));
        return of.sent == all;
      }
    }
    const auto now = send_some(socket_.get(), pieces.data(), count,
                               of.sent == 0 && of.header.descriptors > 0
                                 ? of.content->descriptors()
                                 : std::span<const descriptor>{});
    // A broken socket is the receiver's to notice: it sees the end of file.
    if (now < 0)
      return !would_block();
    of.sent += static_cast<std::size_t>(now);
  }
  return true;
}

bool socket_channel::flush() {
  std::unique_lock lock{posting_};
  if (flushing_)
    return true;
  flushing_ = true;
  while (!outbox_.empty()) {
    // Back to the ring as soon as nothing in it could be overtaken.
    if (out_ && !to_ring_ && outbox_.front().sent == 0 && out_->is_drained()
        && outbox_.front().header.kind != frame_kind::moved
        && fits_ring(outbox_.front()))
      outbox_.push_front({.header = {.kind = frame_kind::moved}});
    auto& first = outbox_.front();
    lock.unlock();
    const bool is_move = first.header.kind == frame_kind::moved;
    const bool all = is_move ? send_through_socket(first) : send_posted(first);
    auto done = all ? std::move(first) : posted{};
    lock.lock();
    if (!all)
      break;
    to_ring_ = to_ring_ || is_move;
    outbox_.pop_front();
    if (done.content) {
      lock.unlock(); // it may be large
      done = {};
      lock.lock();
    }
  }
  flushing_ = false;
  return outbox_.empty();
}

void socket_channel::finish_sending() {
  ::shutdown(socket_.get(), SHUT_WR);
}

void socket_channel::close() {
  ::shutdown(socket_.get(), SHUT_RDWR);
}

// --- Receiving ---------------------------------------------------------------

// What is in the socket comes after what was in the ring when it had arrived:
// so the ring is read once more before that is looked at.
channel_state socket_channel::receive(std::vector<frame>& arrived, bool wait) {
  const auto before = arrived.size();
  const auto frames_max = before + limits::received_frames_max;
  std::size_t received = 0;
  bool is_empty = false; // the socket, as far as we know
  for (;;) {
    if (auto state = read_ring(arrived); state != channel_state::open)
      return state;
    if (from_ring_ && arrived.size() > before)
      return channel_state::open;
    if (std::exchange(is_unparsed_, false)) {
      // Most often all there is: the next look is spared.
      is_empty = is_empty || staged_bytes_ < staging_bytes;
      if (auto state = parse(arrived); state != channel_state::open)
        return state;
      if (from_ring_ && in_->has_come())
        continue;
    }
    const bool sleeps = wait && arrived.size() == before;
    if ((is_empty && !sleeps) || received >= limits::received_bytes_max
        || arrived.size() >= frames_max)
      return channel_state::open; // the next look brings in what there is
    if (sleeps && doze())
      continue;
    const auto got = read_socket(arrived, sleeps, is_empty);
    if (got < 0 && would_block())
      return channel_state::open;
    if (got <= 0 && from_ring_ && in_->has_come())
      continue;
    if (got <= 0)
      return channel_state::closed;
    if (lost_descriptors_)
      return channel_state::malformed;
    received += static_cast<std::size_t>(got);
  }
}

channel_state socket_channel::read_ring(std::vector<frame>& arrived) {
  if (!from_ring_ || !in_->has_come())
    return channel_state::open;
  auto ready = in_->ready();
  if (!ready)
    return channel_state::malformed;
  // Frames are seen as a whole only: less is none.
  const auto frames_max = arrived.size() + limits::received_frames_max;
  while (*ready > 0 && arrived.size() < frames_max) {
    frame next;
    if (*ready < header_words)
      return channel_state::malformed;
    word header[header_words];
    in_->read(header, header_words);
    std::memcpy(&next.header, header, sizeof next.header);
    *ready -= header_words;
    if (!is_valid(next.header) || next.header.words > *ready
        || next.header.descriptors > 0 || next.header.kind == frame_kind::bell)
      return channel_state::malformed;
    if (take_own(next.header))
      break; // it goes on in the socket
    next.message.resize(next.header.words);
    in_->read(next.message.data(), next.header.words);
    *ready -= next.header.words;
    arrived.push_back(std::move(next));
  }
  in_->give_back();
  return channel_state::open;
}

bool socket_channel::is_valid(const frame_header& header) const {
  return header.words <= frame_words_max_ && header.kind >= frame_kind::request
         && header.kind <= last_frame_kind
         && header.descriptors <= limits::frame_descriptors_max
         && (!is_of_channel(header.kind)
             || (in_ && header.words == 0 && header.descriptors == 0));
}

// True for a frame of the channel itself.
bool socket_channel::take_own(const frame_header& header) {
  if (header.kind == frame_kind::moved)
    from_ring_ = !from_ring_;
  return is_of_channel(header.kind);
}

// Also takes in the descriptors that come with it.
ssize_t socket_channel::receive_some(void* into, std::size_t bytes, int flags) {
  iovec piece{into, bytes};
  msghdr message{};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  control_room room;
  message.msg_control = room.bytes;
  message.msg_controllen = sizeof room.bytes;
  ssize_t got = 0;
  do
    got = ::recvmsg(socket_.get(), &message, flags | MSG_CMSG_CLOEXEC);
  while (got < 0 && errno == EINTR);
  if (got <= 0)
    return got;
  for (auto* each = CMSG_FIRSTHDR(&message); each != nullptr;
       each = CMSG_NXTHDR(&message, each)) {
    if (each->cmsg_level != SOL_SOCKET || each->cmsg_type != SCM_RIGHTS)
      continue;
    const auto count = (each->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int number = -1;
      std::memcpy(&number, CMSG_DATA(each) + i * sizeof number, sizeof number);
      unclaimed_.emplace_back(number);
    }
  }
  // More than one frame may have, and they come with its first byte.
  if (unclaimed_.size() > 2 * limits::frame_descriptors_max
      || (message.msg_flags & MSG_CTRUNC) != 0) {
    lost_descriptors_ = true;
    unclaimed_.clear();
  }
  return got;
}

// -1 with errno; 0 at the end. What is staged is still to be parsed then.
ssize_t socket_channel::read_socket(std::vector<frame>& arrived, bool sleeps,
                                    bool& is_empty) {
  char* into = nullptr;
  std::size_t room = 0;
  if (in_partial_)
    grow_partial();
  if (skips_partial_) { // into where nothing else is meanwhile
    into = reinterpret_cast<char*>(staged_.data());
    room = std::min(staging_bytes, bytes_of(partial_.header) - partial_bytes_);
  } else if (in_partial_) {
    into = reinterpret_cast<char*>(partial_.message.data()) + partial_bytes_;
    room = partial_.message.size() * sizeof(word) - partial_bytes_;
  } else {
    into = reinterpret_cast<char*>(staged_.data()) + staged_bytes_;
    room = staging_bytes - staged_bytes_;
  }
  const auto got = receive_some(into, room, sleeps ? 0 : MSG_DONTWAIT);
  if (got <= 0)
    return got;
  is_empty = static_cast<std::size_t>(got) < room;
  if (in_partial_) {
    partial_bytes_ += static_cast<std::size_t>(got);
    if (partial_bytes_ == bytes_of(partial_.header)) {
      arrived.push_back(std::move(partial_));
      in_partial_ = skips_partial_ = false;
    }
  } else {
    staged_bytes_ += static_cast<std::size_t>(got);
    is_unparsed_ = true;
  }
  return got;
}

// A frame gets memory as its bytes arrive: a header alone cannot ask for much.
// Four times what is there, because each step copies it.
void socket_channel::grow_partial() {
  auto& message = partial_.message;
  if (skips_partial_ || partial_bytes_ < message.size() * sizeof(word))
    return;
  try {
    message.resize(
      std::min<std::size_t>(partial_.header.words,
                            4 * message.size() + staging_bytes / sizeof(word)));
  } catch (const std::bad_alloc&) {
    message = {};
    skips_partial_ = true;
  }
}

// Takes the whole frames out of the staging buffer, up to where the ring goes
// on. A frame that is larger than what has arrived of it goes on in a buffer of
// its own.
channel_state socket_channel::parse(std::vector<frame>& arrived) {
  const auto* staged = reinterpret_cast<const char*>(staged_.data());
  std::size_t from = 0;
  while (staged_bytes_ - from >= sizeof(frame_header)) {
    frame next;
    std::memcpy(&next.header, staged + from, sizeof(frame_header));
    if (!is_valid(next.header) || !claim_descriptors(next))
      return channel_state::malformed;
    from += sizeof(frame_header);
    if (take_own(next.header)) {
      if (next.header.kind != frame_kind::moved || !from_ring_)
        continue;
      is_unparsed_ = staged_bytes_ > from;
      break;
    }
    const auto have = std::min(staged_bytes_ - from, bytes_of(next.header));
    next.message.resize((have + sizeof(word) - 1) / sizeof(word));
    if (have > 0)
      std::memcpy(static_cast<void*>(next.message.data()), staged + from, have);
    from += have;
    if (have == bytes_of(next.header)) {
      arrived.push_back(std::move(next));
      continue;
    }
    partial_ = std::move(next);
    partial_bytes_ = have;
    in_partial_ = true;
    break;
  }
  std::memmove(static_cast<void*>(staged_.data()), staged + from,
               staged_bytes_ - from);
  staged_bytes_ -= from;
  // They come with the first byte of their frame.
  if (staged_bytes_ == 0)
    unclaimed_.clear();
  return channel_state::open;
}

// False where they are not what its header says.
bool socket_channel::claim_descriptors(frame& next) {
  if (lost_descriptors_ || unclaimed_.size() < next.header.descriptors)
    return false;
  for (auto left = next.header.descriptors; left > 0; --left) {
    next.descriptors.push_back(std::move(unclaimed_.front()));
    unclaimed_.pop_front();
  }
  return true;
}

bool socket_channel::spin() {
  return spin_([this] { return has_come(); });
}

// Brings it in where it has a place; else a look is enough.
bool socket_channel::has_come() {
  if (is_unparsed_)
    return true;
  if (from_ring_)
    return in_->has_come();
  char first = 0;
  const bool has_place = !in_partial_ && staged_bytes_ < staging_bytes;
  const auto got =
    has_place
      ? receive_some(reinterpret_cast<char*>(staged_.data()) + staged_bytes_,
                     staging_bytes - staged_bytes_, MSG_DONTWAIT)
      : ::recv(socket_.get(), &first, 1, MSG_PEEK | MSG_DONTWAIT);
  if (got <= 0)
    return got == 0 || !would_block();
  if (has_place) {
    staged_bytes_ += static_cast<std::size_t>(got);
    is_unparsed_ = true;
  }
  return true;
}

} // namespace snakebridge
