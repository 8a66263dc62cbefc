#include "runtime/wire/socket_channel.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <optional>
#include <thread>

#include <sys/socket.h>
#include <sys/uio.h>

#include "config/tunables.hpp"
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

// -1 with errno; EINTR is tried again.
ssize_t send_some(int socket, iovec* parts, std::size_t count) {
  msghdr message{};
  message.msg_iov = parts;
  message.msg_iovlen = count;
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

// The fault of this frame, if one is due: what has been sent of it then.
std::optional<ssize_t>
send_with_fault(int socket, std::span<const iovec> parts, frame_kind kind) {
  if (kind == frame_kind::request) {
    if (const auto due = fault_at(fault_point::channel_send_short))
      return send_first(socket, parts, due->byte);
  }
  if (kind != frame_kind::reply)
    return {};
  if (const auto due = fault_at(fault_point::channel_frame_bad))
    invert_byte(parts, due->byte);
  if (const auto due = fault_at(fault_point::channel_send_kill)) {
    send_first(socket, parts, due->byte);
    ::kill(::getpid(), SIGKILL);
  }
  if (const auto due = fault_at(fault_point::channel_send_stall)) {
    const auto sent = send_first(socket, parts, due->byte);
    std::this_thread::sleep_for(due->time);
    return sent;
  }
  return {};
}

} // namespace

socket_channel::socket_channel(snakebridge::descriptor socket,
                               std::size_t frame_bytes_max)
    : socket_{std::move(socket)},
      frame_words_max_{frame_bytes_max / sizeof(word)},
      staged_(staging_bytes / sizeof(word)) {
  ::setsockopt(socket_.get(), SOL_SOCKET, SO_SNDBUF, &socket_bytes,
               sizeof socket_bytes);
}

void socket_channel::post(frame_header header,
                          std::shared_ptr<message> content) {
  posted next{.header = header, .content = std::move(content), .parts = {}};
  std::size_t words = 0;
  if (next.content)
    for (const auto& part : next.content->parts()) {
      next.parts.push_back(part);
      words += part.size();
    }
  next.header.words = static_cast<std::uint32_t>(words);
  const std::lock_guard lock{posting_};
  outbox_.push_back(std::move(next));
}

// False when there is no room for all of it now.
bool socket_channel::send_rest(posted& of) const {
  const auto all = sizeof of.header + bytes_of(of.header);
  while (of.sent < all) {
    std::array<iovec, parts_at_once> pieces;
    std::size_t count = 0, skip = of.sent;
    const auto add = [&](const void* data, std::size_t bytes) {
      if (skip >= bytes) {
        skip -= bytes;
      } else if (count < pieces.size()) {
        pieces[count++] = {
          const_cast<char*>(static_cast<const char*>(data)) + skip,
          bytes - std::exchange(skip, 0)};
      }
    };
    add(&of.header, sizeof of.header);
    for (const auto& part : of.parts)
      add(part.data(), part.size_bytes());
    std::optional<ssize_t> faulty;
    if constexpr (has_fault_points)
      if (of.sent == 0)
        faulty = send_with_fault(socket_.get(), {pieces.data(), count},
                                 of.header.kind);
    const auto now =
      faulty ? *faulty : send_some(socket_.get(), pieces.data(), count);
    // A broken socket is the receiver's to notice: it sees the end of file.
    if (now < 0)
      return !would_block();
    of.sent += static_cast<std::size_t>(now);
    if (faulty)
      return of.sent == all;
  }
  return true;
}

bool socket_channel::flush() {
  std::unique_lock lock{posting_};
  if (flushing_)
    return true;
  flushing_ = true;
  while (!outbox_.empty()) {
    auto& first = outbox_.front();
    lock.unlock();
    const bool all = send_rest(first);
    auto done = all ? std::move(first) : posted{};
    lock.lock();
    if (!all)
      break;
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

channel_state socket_channel::receive(std::vector<frame>& arrived, bool wait) {
  const auto frames_max = arrived.size() + limits::received_frames_max;
  std::size_t received = 0;
  if (std::exchange(is_unparsed_, false)) {
    // Most often all there is: the next look is spared.
    const bool was_full = staged_bytes_ == staging_bytes;
    const auto before = arrived.size();
    if (auto state = parse(arrived); state != channel_state::open)
      return state;
    if (arrived.size() > before && !was_full)
      return channel_state::open;
  }
  while (received < limits::received_bytes_max && arrived.size() < frames_max) {
    char* into = nullptr;
    std::size_t room = 0;
    if (in_partial_) {
      grow_partial();
      into = reinterpret_cast<char*>(partial_.message.data()) + partial_bytes_;
      room = partial_.message.size() * sizeof(word) - partial_bytes_;
    } else {
      into = reinterpret_cast<char*>(staged_.data()) + staged_bytes_;
      room = staging_bytes - staged_bytes_;
    }
    const auto got = ::recv(socket_.get(), into, room,
                            wait && arrived.empty() ? 0 : MSG_DONTWAIT);
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0)
      return would_block() ? channel_state::open : channel_state::closed;
    if (got == 0)
      return channel_state::closed;
    received += static_cast<std::size_t>(got);
    if (in_partial_) {
      partial_bytes_ += static_cast<std::size_t>(got);
      if (partial_bytes_ == bytes_of(partial_.header)) {
        arrived.push_back(std::move(partial_));
        in_partial_ = false;
      }
    } else {
      staged_bytes_ += static_cast<std::size_t>(got);
      if (auto state = parse(arrived); state != channel_state::open)
        return state;
    }
    // Less than was asked for: the socket is empty, spare the next look.
    if (static_cast<std::size_t>(got) < room && !(wait && arrived.empty()))
      return channel_state::open;
  }
  return channel_state::open; // there may be more: the next look brings it in
}

// A frame gets memory as its bytes arrive: a header alone cannot ask for much.
// Four times what is there, because each step copies it.
void socket_channel::grow_partial() {
  auto& message = partial_.message;
  if (partial_bytes_ < message.size() * sizeof(word))
    return;
  message.resize(std::min<std::size_t>(
    partial_.header.words, 4 * message.size() + staging_bytes / sizeof(word)));
}

// Takes the whole frames out of the staging buffer. A frame that is larger than
// what has arrived of it goes on in a buffer of its own.
channel_state socket_channel::parse(std::vector<frame>& arrived) {
  const auto* staged = reinterpret_cast<const char*>(staged_.data());
  std::size_t from = 0;
  while (staged_bytes_ - from >= sizeof(frame_header)) {
    frame next;
    std::memcpy(&next.header, staged + from, sizeof(frame_header));
    if (next.header.words > frame_words_max_
        || next.header.kind < frame_kind::request
        || next.header.kind > last_frame_kind)
      return channel_state::malformed;
    from += sizeof(frame_header);
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
  return channel_state::open;
}

bool socket_channel::spin() {
  return spin_([this] { return has_come(); });
}

// Brings it in where it has a place; else a look is enough.
bool socket_channel::has_come() {
  if (is_unparsed_)
    return true;
  char first = 0;
  const bool has_place = !in_partial_ && staged_bytes_ < staging_bytes;
  const auto got =
    has_place ? ::recv(socket_.get(),
                       reinterpret_cast<char*>(staged_.data()) + staged_bytes_,
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

void socket_channel::finish_sending() {
  ::shutdown(socket_.get(), SHUT_WR);
}

void socket_channel::close() {
  ::shutdown(socket_.get(), SHUT_RDWR);
}

} // namespace snakebridge
