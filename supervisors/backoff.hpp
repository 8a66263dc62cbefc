#pragma once
// How long a restart waits (<snakebridge/supervisor.hpp>, `backoff`): a pure
// function over plain values. Whoever calls it brings the randomness.

#include <snakebridge/supervisor.hpp>

namespace snakebridge {

/// The wait before a restart that has `before` others right before it. `chance`
/// is drawn evenly from 0 to 1.
std::chrono::milliseconds wait_before_restart(const backoff& how,
                                              unsigned before, double chance);

} // namespace snakebridge
