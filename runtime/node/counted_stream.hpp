#pragma once
// A stream that notes each time something arrives or is sent, by whatever
// piece, and how much has come. It lies directly over the socket, below TLS and
// below RPC: a value that takes minutes is a sign of life all the time. Owned
// by its connection; on the loop's thread.

#include <array>
#include <cstring>
#include <functional>
#include <memory>

#include <kj/async-io.h>
#include <kj/debug.h>

#include "runtime/base/timers.hpp"
#include "runtime/node/link_faults.hpp"

namespace snakebridge {

/// What is known of the bytes of one connection.
struct traffic {
  steady_clock::time_point heard = steady_clock::now();
  steady_clock::time_point sent = heard;
  std::size_t writing = 0; ///< pieces that the system has no room for yet
  /// That may still come: what is beyond ends the stream.
  std::uint64_t allowed = ~std::uint64_t{0};
  link_faults faults = {};
  std::function<void()> on_heard = {};
};

class counted_stream final : public kj::AsyncIoStream {
public:
  counted_stream(kj::Own<kj::AsyncIoStream> socket,
                 std::shared_ptr<traffic> counts)
      : socket_{kj::mv(socket)},
        counts_{std::move(counts)} {
    KJ_IF_MAYBE (number, socket_->getFd())
      counts_->faults.socket = *number;
  }

  kj::Promise<size_t> tryRead(void* into, size_t least, size_t most) override {
    return read_on(static_cast<kj::byte*>(into), least, most, 0);
  }
  kj::Promise<void> write(const void* from, size_t bytes) override {
    const auto piece = kj::arrayPtr(static_cast<const kj::byte*>(from), bytes);
    if (counts_->faults.is_due())
      return write(kj::arrayPtr(&piece, 1));
    return note_sent(socket_->write(from, bytes));
  }
  kj::Promise<void>
  write(kj::ArrayPtr<const kj::ArrayPtr<const kj::byte>> pieces) override {
    if (counts_->faults.is_due())
      return note_sent(counts_->faults.write(*socket_, pieces));
    return note_sent(socket_->write(pieces));
  }
  kj::Promise<void> whenWriteDisconnected() override {
    return socket_->whenWriteDisconnected();
  }
  void shutdownWrite() override { socket_->shutdownWrite(); }
  void abortRead() override { socket_->abortRead(); }
  void getsockopt(int level, int option, void* value,
                  kj::uint* length) override {
    socket_->getsockopt(level, option, value, length);
  }
  void setsockopt(int level, int option, const void* value,
                  kj::uint length) override {
    socket_->setsockopt(level, option, value, length);
  }

private:
  // A read of many bytes asks for any, so that each piece counts. Small ones
  // take what came with the one before: a message is read in two.
  kj::Promise<size_t> read_on(kj::byte* into, size_t least, size_t most,
                              size_t had) {
    const auto ready = kj::min(most, came_ - taken_);
    if (ready > 0) {
      std::memcpy(into, ahead_.data() + taken_, ready);
      taken_ += ready;
    }
    if (ready >= least)
      return had + ready;
    into += ready, least -= ready, most -= ready, had += ready;
    const bool is_small = most < ahead_.size();
    auto reading = is_small ? socket_->tryRead(ahead_.data(), 1, ahead_.size())
                            : socket_->tryRead(into, 1, most);
    return reading.then([this, into, least, most, had,
                         is_small](size_t came) -> kj::Promise<size_t> {
      note_heard(came);
      if (is_small) {
        came_ = came;
        taken_ = 0;
      }
      if (came == 0)
        return had;
      if (is_small)
        return read_on(into, least, most, had);
      if (came >= least)
        return had + came;
      return read_on(into + came, least - came, most - came, had + came);
    });
  }
  void note_heard(size_t bytes) {
    if (bytes == 0)
      return;
    counts_->heard = steady_clock::now();
    if (counts_->on_heard)
      counts_->on_heard();
    if (bytes > counts_->allowed)
      throw KJ_EXCEPTION(FAILED, "more bytes than a handshake has");
    if (counts_->allowed != ~std::uint64_t{0})
      counts_->allowed -= bytes;
  }
  kj::Promise<void> note_sent(kj::Promise<void> writing) {
    ++counts_->writing;
    return writing.then([this] {
      --counts_->writing;
      counts_->sent = steady_clock::now();
    });
  }

  kj::Own<kj::AsyncIoStream> socket_;
  const std::shared_ptr<traffic> counts_;
  std::array<kj::byte, 4'096> ahead_;
  std::size_t came_ = 0, taken_ = 0; // of `ahead_`
};

} // namespace snakebridge
