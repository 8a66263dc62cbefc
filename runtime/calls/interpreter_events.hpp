#pragma once
// What is told besides answers: of an interpreter that it is there, that it has
// been in one call for long, that it has ended; of a call that it was made, and
// how it ended. Any thread.

#include <chrono>
#include <functional>
#include <string>

#include <snakebridge/config.hpp>

#include "runtime/calls/interpreter_host.hpp"

namespace snakebridge {

using event_listener = std::function<void(const interpreter_event&)>;

/// `running`: what it runs, for which session; null: nothing.
interpreter_event event_of(event_kind what, const incarnation& self, int pid,
                           const operation* running,
                           const session_gate* session);
/// With its message. `told`: who has been in that call for so long, or between
/// calls where it names none.
interpreter_event stalled(interpreter_event told,
                          std::chrono::milliseconds took, std::string stacks);
interpreter_event ready(const incarnation& self, int pid);

/// A call was made, or is over, after so long.
bool is_told_of(verb what);
interpreter_event call_started(const operation& asked,
                               const session_gate& session,
                               const std::string& pool);
interpreter_event
call_ended(const operation& asked, const session_gate& session,
           const std::string& pool, std::chrono::nanoseconds took,
           std::chrono::nanoseconds ran, const result<value>& outcome);

/// Tells whoever listens; what that throws goes to the log.
void tell(const event_listener& listener, const interpreter_event& happened);

} // namespace snakebridge
