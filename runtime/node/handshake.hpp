#pragma once
// What two nodes tell each other before they are linked, and whether one may
// link with the other. Pure functions, on any thread.

#include <chrono>
#include <optional>

#include "runtime/node/link_settings.hpp"
#include "runtime/node/opening.hpp"

#include "schemas/node.capnp.h"

namespace snakebridge {

/// An introduction, as it came.
struct introduced {
  introduction who;
  std::uint16_t protocol = schema::PROTOCOL_VERSION;
  std::uint16_t messages = schema::MESSAGES_VERSION;
  std::chrono::milliseconds heartbeat_limit{};
};

void write_introduction(schema::Introduction::Builder to,
                        const link_settings& self);
/// Nothing: no node would say that.
std::optional<introduced> read_introduction(schema::Introduction::Reader from);

/// Why we do not link with that peer; nothing: we may. `is_certified`: it may
/// say its name.
std::optional<refused_error> judge(const link_settings& self,
                                   const introduced& peer, bool is_certified);

/// What is known here of a peer that says hello.
struct known_peer {
  /// Of the link that is there, be it up or about to be; 0: there is none.
  std::uint64_t link = 0;
  std::uint64_t incarnation = 0;
  bool is_dialed = false; ///< and is about to be linked by us
};

/// What one side does with the hello of the other.
enum class hello_plan { link, replace, already_linked, name_taken };
hello_plan plan_hello(const introduction& self, const introduction& peer,
                      const known_peer& known, std::uint64_t ended);

} // namespace snakebridge
