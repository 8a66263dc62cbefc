#pragma once
// What a supervisor makes of its spec: the first bad option by name, so that it
// never runs on a spec it would misread, and the errors it ends or answers
// with. Functions over plain values, on any thread.

#include <snakebridge/supervisor.hpp>

#include "config/tunables.hpp"

namespace snakebridge {

/// How long a killed child may still sit in a handler before the supervisor
/// logs it as abandoned and goes on: CAF cannot preempt a busy actor.
inline constexpr std::chrono::milliseconds abandon_after{
  limits::child_death_wait_ms_max};

/// The time `spec` gives its child to stop, the default filled in.
shutdown_limit shutdown_of(const child_spec& spec);

/// The first bad option of `spec` by name, or no error. `under` is what its
/// supervisor does when significant children end.
caf::error validate(const child_spec& spec,
                    auto_shutdown under = auto_shutdown::never);

/// The first bad option of `spec`, its children included, or no error.
caf::error validate(const supervisor_spec& spec);

/// The refusal of a start because `running` is already there.
caf::error already_started_error(std::string text, const caf::actor& running);

/// `user_shutdown`, and why in words.
caf::error shutdown_because(std::string text);

} // namespace snakebridge
