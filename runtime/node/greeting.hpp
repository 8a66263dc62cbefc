#pragma once
// The first bytes of a connection, in the clear: the side that was dialed says
// what it is, and who, so that the other knows which name its certificate must
// have. Nobody believes it before that has been shown. Plain values.

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

#include "config/settings.hpp"

namespace snakebridge {

struct greeting {
  enum class way : std::uint8_t {
    plain, ///< RPC follows
    tls,   ///< TLS follows
    full,  ///< nothing does: too many are in their handshake
  };

  way next = way::plain;
  std::string name = {};

  /// As it is sent: "sb-node\n", the way, the length of the name, 6 zeros, the
  /// name, zeros.
  using bytes = std::array<char, 272>;
  static_assert(sizeof(bytes) > 16 + limits::node_name_bytes_max);
  bytes encoded() const {
    bytes made{};
    std::memcpy(made.data(), mark.data(), mark.size());
    made[8] = static_cast<char>(next);
    made[9] = static_cast<char>(name.size());
    std::copy(name.begin(), name.end(), made.begin() + 16);
    return made;
  }
  /// Nothing: it is none.
  static std::optional<greeting> decoded(const bytes& from) {
    const auto way_said = static_cast<std::uint8_t>(from[8]);
    const auto length = static_cast<std::uint8_t>(from[9]);
    if (std::string_view{from.data(), mark.size()} != mark
        || way_said > static_cast<std::uint8_t>(way::full))
      return std::nullopt;
    greeting made{static_cast<way>(way_said), {from.data() + 16, length}};
    if (wrong_with_node_name(made.name) || made.encoded() != from)
      return std::nullopt;
    return made;
  }

private:
  static constexpr std::string_view mark = "sb-node\n";
};

} // namespace snakebridge
