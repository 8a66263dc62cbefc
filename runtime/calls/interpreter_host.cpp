#include "runtime/calls/interpreter_host.hpp"

#include <cassert>

namespace snakebridge {

// Reached only by a caller that did not ask `runs_in_caller`.
std::optional<result<value>> interpreter_host::run(const operation&,
                                                   const session_gate&,
                                                   steady_clock::time_point) {
  assert(!"this host does not execute calls on their caller's thread");
  return std::nullopt;
}

} // namespace snakebridge
