#pragma once
// Small things every actor here needs: errors as CAF has them, and watching.

#include <exception>

#include <caf/local_actor.hpp>

#include <snakebridge/actors.hpp>

namespace snakebridge {

/// What an exception that ended a handler becomes: the actor's exit reason,
/// with what the exception said.
caf::error crash_reason(std::exception_ptr& thrown);

/// What a call that fails so was about has gone from Python, with its
/// incarnation or its session.
bool is_gone(errc why);

/// Monitors an actor that may have ended already: its DOWN comes either way.
void watch(caf::local_actor* self, const caf::actor_addr& other);

} // namespace snakebridge
