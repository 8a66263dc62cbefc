#pragma once
// Messages that cross a link: small ones whole, large ones part by part, read
// by the side that wants them. Owned by a link; on the loop's thread.

#include <cstddef>
#include <memory>
#include <vector>

#include <kj/async.h>
#include <snakebridge/result.hpp>

#include "runtime/node/allowance.hpp"
#include "runtime/wire/channel.hpp"

#include "schemas/node.capnp.h"

namespace snakebridge {

std::size_t bytes_of(message& content);

/// What one side of a link sends.
class outgoing_payloads {
public:
  /// `bytes_max`: of those that are held until the other side has read them,
  /// unless it is one alone.
  explicit outgoing_payloads(std::size_t bytes_max)
      : held_{std::make_shared<std::size_t>(0)},
        bytes_max_{bytes_max} {}

  bool has_room(std::size_t bytes) const {
    return *held_ == 0 || *held_ + bytes <= bytes_max_;
  }
  /// A large one is kept until the other side drops its source.
  void write(schema::Payload::Builder to, std::shared_ptr<message> content);

private:
  const std::shared_ptr<std::size_t> held_; // bytes
  const std::size_t bytes_max_;
};

/// What one side of a link receives.
class incoming_payloads {
public:
  /// `bytes_max`: of one; and of all that are being read, where they are more.
  explicit incoming_payloads(std::size_t bytes_max);

  /// Reads one to its end. Errors: message_malformed, payload_too_large. What
  /// KJ throws is of the link.
  kj::Promise<result<std::vector<word>>> read(schema::Payload::Reader from);

private:
  class arrival;

  const std::size_t bytes_max_;
  kj::Own<allowance> memory_;
  kj::Own<allowance> window_;
};

} // namespace snakebridge
