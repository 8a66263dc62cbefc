#pragma once
// A thread that spawns actors is left with the system's logger by CAF 0.17.6,
// and a system's end waits for every thread that has it: a thread of the
// program that called once, and lives on, would hold up the end for ever.

#include <caf/actor_system.hpp>
#include <caf/logger.hpp>

namespace snakebridge {

/// What spawns on a thread that may not be the system's stands inside one, the
/// making of the system too. Scopes of one thread nest.
class system_visit {
public:
  system_visit() : before_{caf::logger::current_logger()} {}
  ~system_visit() {
    // Of another system's there is no way back to it: it has none then, which
    // only costs that system's log some lines.
    if (caf::logger::current_logger() != before_)
      caf::logger::set_current_actor_system(nullptr);
  }
  system_visit(const system_visit&) = delete;
  system_visit& operator=(const system_visit&) = delete;

private:
  const caf::logger* const before_;
};

} // namespace snakebridge
