#pragma once
// What a node is told about its links, and what nodes tell each other about
// themselves. Plain values, on any thread.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

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

/// Of a node's own certificate, which both sides of a link need. All three or
/// none: then its links are plain, and on loopback. Read at each handshake.
struct tls_files {
  std::filesystem::path certificate = {}; ///< PEM: its own, then its issuers
  std::filesystem::path key = {};         ///< PEM, without a password
  std::filesystem::path ca = {};          ///< PEM: who signs those of peers

  bool empty() const {
    return certificate.empty() && key.empty() && ca.empty();
  }
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
