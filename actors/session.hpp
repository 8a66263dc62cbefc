#pragma once
// The session actor. It owns the refs of its clients by the lease in its state:
// whatever ends it (its last client, an error, a kill, a shutdown) closes the
// session and frees the objects before anyone can see that it is down. It
// watches its clients by monitors, not links: a client's `kill` over a link
// would take the session from its other clients. It runs on the scheduler and
// only starts calls; who has the answer tells the client.

#include <map>

#include <caf/typed_event_based_actor.hpp>

#include "actors/sessions.hpp"

namespace snakebridge {

struct session_state {
  explicit session_state(caf::local_actor* self) : self{self} {}
  session_state(const session_state&) = delete;
  session_state& operator=(const session_state&) = delete;
  /// The lease: see above.
  ~session_state();

  static inline const char* name = "session";
  caf::local_actor* const self;
  std::shared_ptr<sessions> all;
  session_ptr core;
  /// The clients it watches, and what ends their calls with them.
  std::map<caf::actor_addr, cancel_source> clients;
};
// DESIGN §4.7: an aggregate would be filled with the actor itself.
static_assert(!std::is_aggregate_v<session_state>);

session_actor::behavior_type
session(session_actor::stateful_pointer<session_state> self,
        std::shared_ptr<sessions> all, session_ptr core,
        caf::actor_addr first_owner);

} // namespace snakebridge
