#pragma once
// Actor systems that are run by hand, as tests do: nothing happens in them
// while their thread waits.

#include <caf/fwd.hpp>

namespace snakebridge {

bool is_run_by_hand(caf::actor_system& system);

/// Lets happen what the calling thread is about to wait for. True for such a
/// system; any other is left to itself.
bool run_by_hand(caf::actor_system& system);

} // namespace snakebridge
