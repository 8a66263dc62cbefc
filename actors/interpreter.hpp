#pragma once
// The interpreter actor: owns one incarnation of a host, from its start to its
// end, and ends with it. Its supervisor starts the next, with epoch + 1. It is
// not on the way of calls: those go through the call queue, which outlives it.
// Told to end, it lets its host end in order first; killed, the lease in its
// state kills the host.

#include <functional>
#include <memory>
#include <optional>

#include <caf/event_based_actor.hpp>
#include <caf/stateful_actor.hpp>

#include <snakebridge/actors.hpp>

#include "runtime/call_queue.hpp"

namespace snakebridge {

/// Makes a host that has not started yet.
using host_factory =
  std::function<std::shared_ptr<interpreter_host>(incarnation)>;

struct interpreter_spec {
  std::string pool;
  std::shared_ptr<call_queue> queue;
  host_factory make_host;
};

/// From a host to its interpreter actor.
struct host_ended {
  error why;
  bool asked = false;
};

struct interpreter_state {
  explicit interpreter_state(caf::local_actor*) {}
  interpreter_state(const interpreter_state&) = delete;
  interpreter_state& operator=(const interpreter_state&) = delete;
  /// The lease: a host does not outlive its actor.
  ~interpreter_state();

  static inline const char* name = "interpreter";
  std::shared_ptr<interpreter_host> host;
  std::optional<caf::error> told_to_end; ///< and with which reason
};
static_assert(!std::is_aggregate_v<interpreter_state>);

caf::behavior interpreter(caf::stateful_actor<interpreter_state>* self,
                          const interpreter_spec& spec);

} // namespace snakebridge

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(snakebridge::host_ended)
