#pragma once
// The thread of a worker that never takes the GIL, so that nothing Python does
// delays it: it shows the host that the process lives, brings what the host
// says of a running call to the thread that runs it, and dies with the host. It
// owns the receiving side of the control channel.

#include <memory>

#include <sys/types.h>

#include "runtime/wire/channel.hpp"
#include "runtime/wire/status_page.hpp"

namespace snakebridge {

/// From Python's main thread, before Python is started. `host`: our parent, as
/// long as that lives.
void start_control_thread(std::shared_ptr<channel> control, status_page& status,
                          pid_t host, std::size_t executors);

} // namespace snakebridge
