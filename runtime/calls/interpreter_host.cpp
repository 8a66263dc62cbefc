#include "runtime/calls/interpreter_host.hpp"

#include "runtime/base/ensure.hpp"

namespace snakebridge {

// Reached only by a caller that did not ask `runs_in_caller`.
std::optional<result<value>> interpreter_host::run(const operation&,
                                                   const session_gate&,
                                                   steady_clock::time_point,
                                                   const callers_side&) {
  ensure(false, "a host that runs calls on their caller's thread says how");
  return std::nullopt;
}

} // namespace snakebridge
