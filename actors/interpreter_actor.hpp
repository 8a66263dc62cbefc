#pragma once
// The interpreter actor: owns one incarnation of a host, from its start to its
// end, and ends with it. Its supervisor starts the next, with epoch + 1. It is
// not on the way of calls: those go through the dispatcher, which outlives it.
// Told to end, it lets its host end in order first; killed, the lease in its
// state kills the host. A host that is due by the pool's recycle_limits it
// replaces itself, once the next is ready and no session uses the present one:
// that is no death, and counts as none.

#include <functional>
#include <memory>
#include <optional>

#include <caf/event_based_actor.hpp>
#include <caf/stateful_actor.hpp>

#include <snakebridge/actors.hpp>

#include "runtime/calls/dispatcher.hpp"

namespace snakebridge {

/// Makes a host that has not started yet.
using host_factory =
  std::function<std::shared_ptr<interpreter_host>(incarnation)>;

struct interpreter_spec {
  std::string pool;
  std::shared_ptr<dispatcher> calls;
  std::uint32_t number = 0;
  host_factory make_host;
  recycle_limits recycle = {};
};

/// From a host to its interpreter actor.
struct host_ended {
  error why;
  bool asked = false;
  std::uint32_t epoch = 0;
};

/// From a host that is to replace another: it is ready.
struct successor_ready {
  std::uint32_t epoch = 0;
};

struct interpreter_state {
  explicit interpreter_state(caf::local_actor*) {}
  interpreter_state(const interpreter_state&) = delete;
  interpreter_state& operator=(const interpreter_state&) = delete;
  /// The lease: no host outlives its actor.
  ~interpreter_state();

  static inline const char* name = "interpreter";
  std::shared_ptr<interpreter_host> host, successor;
  std::uint32_t epoch = 0, successor_epoch = 0;
  bool is_successor_ready = false;
  bool asks_again = false;               ///< whether that may take over now
  caf::actor_clock::time_point since;    ///< the present host serves
  std::optional<caf::error> told_to_end; ///< and with which reason
};
static_assert(!std::is_aggregate_v<interpreter_state>);

caf::behavior interpreter_actor(caf::stateful_actor<interpreter_state>* self,
                                const interpreter_spec& spec);

} // namespace snakebridge

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(snakebridge::host_ended)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(snakebridge::successor_ready)
