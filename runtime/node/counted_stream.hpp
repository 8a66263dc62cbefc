#pragma once
// A stream that notes each time something arrives or is sent, by whatever
// piece, and how much has come. It lies directly over the socket, below TLS and
// below RPC: a value that takes minutes is a sign of life all the time. Owned
// by its connection; on the loop's thread.

#include <memory>

#include <kj/async-io.h>
#include <kj/debug.h>

#include "runtime/base/timers.hpp"

namespace snakebridge {

/// What is known of the bytes of one connection.
struct traffic {
  steady_clock::time_point heard = steady_clock::now();
  steady_clock::time_point sent = heard;
  std::size_t writing = 0; ///< pieces that the system has no room for yet
  /// That may still come: what is beyond ends the stream.
  std::uint64_t allowed = ~std::uint64_t{0};
};

class counted_stream final : public kj::AsyncIoStream {
public:
  counted_stream(kj::Own<kj::AsyncIoStream> socket,
                 std::shared_ptr<traffic> counts)
      : socket_{kj::mv(socket)},
        counts_{std::move(counts)} {}

  kj::Promise<size_t> tryRead(void* into, size_t least, size_t most) override {
    return read_on(static_cast<kj::byte*>(into), least, most, 0);
  }
  kj::Promise<void> write(const void* from, size_t bytes) override {
    return note_sent(socket_->write(from, bytes));
  }
  kj::Promise<void>
  write(kj::ArrayPtr<const kj::ArrayPtr<const kj::byte>> pieces) override {
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
  // A read of many bytes asks for any, so that each piece counts.
  kj::Promise<size_t> read_on(kj::byte* into, size_t least, size_t most,
                              size_t had) {
    return socket_->tryRead(into, kj::min(least, 1), most)
      .then([this, into, least, most, had](size_t came) -> kj::Promise<size_t> {
        if (came > 0)
          note_heard(came);
        if (came == 0 || came >= least)
          return had + came;
        return read_on(into + came, least - came, most - came, had + came);
      });
  }
  void note_heard(size_t bytes) {
    counts_->heard = steady_clock::now();
    if (bytes > counts_->allowed)
      throw KJ_EXCEPTION(FAILED, "more bytes than a handshake has");
    if (counts_->allowed != ~std::uint64_t{0})
      counts_->allowed -= bytes;
  }
  kj::Promise<void> note_sent(kj::Promise<void> writing) {
    ++counts_->writing;
    return writing.then([this] { counts_->sent = steady_clock::now(); })
      .attach(kj::defer([counts = counts_] { --counts->writing; }));
  }

  kj::Own<kj::AsyncIoStream> socket_;
  const std::shared_ptr<traffic> counts_;
};

} // namespace snakebridge
