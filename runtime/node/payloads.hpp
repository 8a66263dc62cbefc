#pragma once
// Messages that cross a link: small ones whole, large ones part by part, read
// by the side that wants them. Owned by a link; on the loop's thread.

#include <cstddef>
#include <memory>
#include <vector>

#include <kj/async.h>
#include <snakebridge/result.hpp>

#include "config/tunables.hpp"
#include "runtime/base/timers.hpp"
#include "runtime/node/allowance.hpp"
#include "runtime/node/counted_stream.hpp"
#include "runtime/node/large_message.hpp"
#include "runtime/wire/channel.hpp"

#include "schemas/node.capnp.h"

namespace snakebridge {

/// What one side of a link sends.
class outgoing_payloads {
public:
  /// `bytes_max`: of those that are held until the other side has read them,
  /// unless it is one alone.
  explicit outgoing_payloads(std::size_t bytes_max) : bytes_max_{bytes_max} {}

  /// Always for a small one: it is not held here.
  bool has_room(std::size_t bytes) const {
    return !is_large(bytes) || unread_->bytes == 0
           || unread_->bytes + bytes <= bytes_max_;
  }
  /// For what the other side has asked for: one that reads nothing has less.
  bool has_room_for_reply(std::size_t bytes,
                          steady_clock::time_point now) const {
    constexpr std::chrono::milliseconds reading{limits::link_reading_ms};
    return has_room(bytes)
           && (!is_large(bytes) || unread_->bytes <= bytes
               || unread_->bytes + bytes <= limits::link_unread_bytes_max
               || now - unread_->last_read <= reading);
  }
  /// Its parts go over that connection.
  void over(std::shared_ptr<traffic> connection) {
    over_ = std::move(connection);
  }
  /// A large one is kept until the other side drops its source.
  void write(schema::Payload::Builder to, std::shared_ptr<message> content);

private:
  class source;

  /// What the other side is to read, and when it has, or has been told that
  /// there is something.
  struct unread {
    std::size_t bytes = 0;
    steady_clock::time_point last_read = {};
  };
  const std::shared_ptr<unread> unread_ = std::make_shared<unread>();
  const std::size_t bytes_max_;
  std::shared_ptr<traffic> over_; ///< null: over none
};

/// One that has come. It counts as long as its share is held.
struct arrived {
  std::vector<word> words;
  allowance::share held;
};

/// What one side of a link receives: of requests, or of replies. Who serves a
/// large request may itself wait for a large reply.
class incoming_payloads {
public:
  /// `bytes_max`: of one; and of all large ones, where they are more.
  /// `wholes_bytes_max`: of all small ones.
  explicit incoming_payloads(
    std::size_t bytes_max,
    std::size_t wholes_bytes_max = limits::link_wholes_bytes_max);

  /// Reads one to its end; a large one waits until there is room for it.
  /// Errors: message_malformed, payload_too_large, overloaded. What KJ throws
  /// is of the link.
  kj::Promise<result<arrived>> read(schema::Payload::Reader from);

private:
  class arrival;

  const std::size_t bytes_max_;
  kj::Own<allowance> memory_; // of large ones
  kj::Own<allowance> wholes_;
  kj::Own<allowance> window_;
};

} // namespace snakebridge
