#pragma once
// Events that threads wait for beside their descriptors.

#include <span>

#include <poll.h>

#include "runtime/base/descriptor.hpp"
#include "runtime/base/timers.hpp"

namespace snakebridge {

/// An eventfd; none where the system has no descriptor left.
descriptor make_event();
void signal(const descriptor& event);
void drain(const descriptor& event);

/// Waits for the descriptors; false when the time has passed first.
bool poll_until(std::span<pollfd> watched, steady_clock::time_point until);

} // namespace snakebridge
