#pragma once
// Stands for a session of the cluster while a thread opens it for an actor,
// which must not wait: what it is sent it keeps until then, and passes on as it
// came, so that the session answers its sender. If it cannot be opened it
// answers why. It ends with the session, or with the actor it is opened for.

#include <caf/actor_system.hpp>

#include <snakebridge/actors.hpp>
#include <snakebridge/result.hpp>

namespace snakebridge {

/// `client`: the actor it is opened for, which owns the session then.
session_actor spawn_opening_session(caf::actor_system& system,
                                    const caf::actor_addr& client);
/// Once, from any thread: what has become of it.
void end_opening(const session_actor& which, result<session_actor> outcome);

} // namespace snakebridge
