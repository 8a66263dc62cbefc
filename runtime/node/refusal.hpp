#pragma once
// Why two nodes are not linked, by name, and what to do about it. Plain values,
// on any thread.

#include <cstdint>
#include <string>
#include <string_view>

#include <snakebridge/error.hpp>

namespace snakebridge {

/// The first are those that one side tells the other (schemas/node.capnp,
/// Refusal, in that order).
enum class refusal : std::uint8_t {
  wrong_protocol,
  wrong_messages,
  wrong_cluster,
  name_invalid,
  name_differs,
  not_allowed,
  name_taken,
  already_linked,
  is_self,
  not_admitted,
  // What one side sees alone.
  tls_wanted,      ///< we have none, and the other side wants it
  tls_missing,     ///< the other side has none
  tls_failed,      ///< one of the two certificates was not accepted
  tls_files,       ///< ours cannot be read
  loopback_only,   ///< without TLS
  too_many,        ///< that are not authenticated yet
  too_late,        ///< the handshake has taken too long
  malformed,       ///< what came is no handshake
  refused,         ///< nobody listens there: its process is gone
  unreachable,     ///< no answer, no way, or no such host
  ended,           ///< the connection, in the handshake
  address_invalid, ///< it is no "host:port"
};
inline constexpr auto last_told_refusal = refusal::not_admitted;
inline constexpr auto last_refusal = refusal::address_invalid;

/// "wrong_cluster"
std::string_view to_string(refusal why);

/// "wrong_cluster: <of_what>; <what to do>"
error to_error(refusal why, const std::string& of_what);

} // namespace snakebridge
