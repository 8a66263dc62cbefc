#pragma once
// The signals of a worker: those that are meant for the program and come to its
// workers with it, those of its own control thread, and those of a crash.

#include <csignal>
#include <cstdint>

#include "runtime/wire/status_page.hpp"

namespace snakebridge {

/// First of all in `main`: signals that are meant for the program do nothing.
/// The host has blocked them until here.
void leave_service_signals();

/// The same in Python code, with their defaults in the children it forks, which
/// lose what this process shares with the host; makes
/// Python obey the signals below, and write its stacks where the host reads
/// them when one is asked for or a crash is under way. On Python's main thread,
/// with the GIL. Throws py::error_already_set.
void take_signals(shared_memory& shared);

/// Takes those again that Python code has given back their defaults. As above,
/// between calls.
void take_service_signals_again();

/// Ends the call that Python's main thread is in, if that was withdrawn.
int interrupt_signal();
/// Has Python's main thread write its stacks, and say so to the host.
int stacks_signal();

/// The call that was last interrupted, once Python has come to that; 0: none
/// since `expect_notice`. Any thread.
void expect_notice();
std::uint64_t noticed_call();

} // namespace snakebridge
