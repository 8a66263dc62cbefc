#pragma once
// What a node is told about its links, and what nodes tell each other about
// themselves. Plain values, on any thread.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <snakebridge/config.hpp>

#include "config/tunables.hpp"

namespace snakebridge {

/// Who a node is.
struct introduction {
  std::string name; ///< 1 to 255 of a-z, 0-9, _, - and ., no . first
  /// Random, of this start of it.
  std::uint64_t incarnation = 0;
  /// 16 random bytes; empty: it knows of no cluster yet.
  std::string cluster = {};
  std::vector<std::string> pools = {}; ///< that it offers
  std::string address = {};            ///< to be dialed at; empty: nowhere

  bool operator==(const introduction&) const = default;
};

struct link_settings {
  introduction self;
  tls_files tls = {};
  /// The only peers it links with, by name; empty: all.
  std::vector<std::string> peers_allowed = {};
  /// A link that is silent so long is lost.
  std::chrono::milliseconds heartbeat_limit{5'000};
  /// From the connect to the end of `hello`.
  std::chrono::milliseconds handshake_limit{limits::handshake_ms_max};
  /// Of one request or reply; and of all that are on their way of one link, in
  /// each direction, if they are more than one.
  std::size_t payload_bytes_max = std::size_t{1} << 30U;
  /// That wait to be written: with more a link takes no new calls.
  std::size_t unwritten_bytes_max = limits::link_unwritten_bytes_max;
};

} // namespace snakebridge
