#include "runtime/calls/interpreter_events.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "runtime/base/log.hpp"

namespace snakebridge {

namespace {

// The innermost line of the thread that runs calls: "File "a.py", line 3 in f".
// The stacks are as faulthandler writes them, and name that thread.
std::string current_line(const std::string& stacks) {
  const auto thread = stacks.find("Current thread");
  const auto line = stacks.find("\n  ", thread);
  if (thread == std::string::npos || line == std::string::npos)
    return "a line that is not known";
  const auto from = line + 3;
  return stacks.substr(from, stacks.find('\n', from) - from);
}

} // namespace

interpreter_event event_of(event_kind what, const incarnation& self, int pid,
                           const operation* running,
                           const session_gate* session) {
  interpreter_event told;
  told.what = what;
  told.pool = self.pool;
  told.interpreter = self.interpreter;
  told.epoch = self.epoch;
  told.pid = pid;
  if (running != nullptr)
    told.call = describe(*running);
  if (session != nullptr)
    told.session = session->id;
  return told;
}

interpreter_event stalled(interpreter_event told,
                          std::chrono::milliseconds took, std::string stacks) {
  told.stacks = std::move(stacks);
  const auto what =
    told.call.empty()
      ? std::string{"stuck between calls"}
      : fmt::format("running {} for session '{}'", told.call, told.session);
  told.message = fmt::format(
    "interpreter {} of pool '{}' (pid {}) has been {} for {} ms, and is at {}",
    told.interpreter, told.pool, told.pid, what, took.count(),
    current_line(told.stacks));
  return told;
}

interpreter_event ready(const incarnation& self, int pid) {
  auto told = event_of(event_kind::ready, self, pid, nullptr, nullptr);
  told.message = fmt::format("interpreter {} of pool '{}' is ready (pid {})",
                             self.interpreter, self.pool, pid);
  return told;
}

bool is_told_of(verb what) {
  return what != verb::next && what != verb::close && !frees_objects(what);
}

interpreter_event call_started(const operation& asked,
                               const session_gate& session,
                               const std::string& pool) {
  interpreter_event told;
  told.what = event_kind::call_start;
  told.pool = pool;
  told.call = describe(asked);
  told.session = session.id;
  told.module = asked.module;
  told.function = asked.name;
  told.message = fmt::format("{} was called in session '{}' of pool '{}'",
                             told.call, told.session, told.pool);
  return told;
}

interpreter_event
call_ended(const operation& asked, const session_gate& session,
           const std::string& pool, std::chrono::nanoseconds took,
           std::chrono::nanoseconds ran, const result<value>& outcome) {
  auto told = call_started(asked, session, pool);
  told.what = outcome ? event_kind::call_stop : event_kind::call_exception;
  told.ran = std::min(ran, took);
  told.queued = took - told.ran;
  if (!outcome)
    told.failure = outcome.error();
  const auto us = [](std::chrono::nanoseconds time) {
    return std::chrono::duration<double, std::micro>{time}.count();
  };
  told.message = fmt::format(
    "{} in session '{}' of pool '{}' {} after {:.1f} us, {:.1f} of them in "
    "Python{}{}",
    told.call, told.session, told.pool, outcome ? "returned" : "failed",
    us(took), us(told.ran), outcome ? "" : ": ",
    outcome ? "" : outcome.error().message());
  return told;
}

void tell(const event_listener& listener, const interpreter_event& happened) {
  if (!listener)
    return;
  try {
    listener(happened);
  } catch (const std::exception& failed) {
    logger()->error("on_event threw: {}", failed.what());
  } catch (...) {
    logger()->error("on_event threw what is no std::exception");
  }
}

} // namespace snakebridge
