#pragma once
// What the system holds a worker to: the limits of its pool, set by the worker
// itself before Python starts, for itself and its children.

#include <snakebridge/config.hpp>

namespace snakebridge {

/// Errors: startup_failed, naming the setting.
result<void> apply(const worker_limits& limits);

} // namespace snakebridge
