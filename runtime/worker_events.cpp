// What a worker_host tells of its worker besides answers: that it is there,
// that it has been in one call for long, how it died.
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "config/tunables.hpp"
#include "runtime/memory_kills.hpp"
#include "runtime/worker_host.hpp"

namespace snakebridge {

namespace {

// The innermost line of the thread that runs calls: "File "a.py", line 3 in f".
// faulthandler names the thread that got the signal, which is that one.
std::string current_line(const std::string& stacks) {
  const auto thread = stacks.find("Current thread");
  const auto line = stacks.find("\n  ", thread);
  if (thread == std::string::npos || line == std::string::npos)
    return "a line that is not known";
  const auto from = line + 3;
  return stacks.substr(from, stacks.find('\n', from) - from);
}

std::chrono::milliseconds duration_of(const timeval& used) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
    std::chrono::seconds{used.tv_sec}
    + std::chrono::microseconds{used.tv_usec});
}

} // namespace

interpreter_event worker_host::event_of(event_kind what,
                                        const call* running) const {
  interpreter_event told;
  told.what = what;
  told.pool = self_.pool;
  told.interpreter = self_.interpreter;
  told.epoch = self_.epoch;
  told.pid = process_ ? process_->pid() : 0;
  if (running != nullptr) {
    told.call = describe(running->asked);
    told.session = running->session->id;
  }
  return told;
}

void worker_host::tell(const interpreter_event& happened) const {
  if (!settings_.on_event)
    return;
  try {
    settings_.on_event(happened);
  } catch (const std::exception& failed) {
    spdlog::error("on_event threw: {}", failed.what());
  }
}

void worker_host::tell_ready() {
  auto told = event_of(event_kind::ready, nullptr);
  told.message = fmt::format("interpreter {} of pool '{}' is ready (pid {})",
                             self_.interpreter, self_.pool, told.pid);
  tell(told);
}

// Nothing if the call it was in has been answered meanwhile.
void worker_host::tell_stalled() {
  interpreter_event told;
  {
    const std::lock_guard lock{mutex_};
    in_call_.report_by.reset();
    const auto running = handed_over_.find(in_call_.id);
    if (running == handed_over_.end())
      return;
    told = event_of(event_kind::stalled, running->second.get());
    told.stacks = process_->take_stacks();
    told.message = fmt::format(
      "interpreter {} of pool '{}' (pid {}) has been running {} for session "
      "'{}' for {} ms, and is at {}",
      self_.interpreter, self_.pool, told.pid, told.call, told.session,
      std::chrono::duration_cast<std::chrono::milliseconds>(steady_clock::now()
                                                            - in_call_.since)
        .count(),
      current_line(told.stacks));
  }
  tell(told);
}

void worker_host::tell_ended(const error& why, const call* running) const {
  auto told = event_of(event_kind::ended, running);
  told.message = why.message();
  if (why.post_mortem() != nullptr)
    told.death = *why.post_mortem();
  tell(told);
}

// Under the lock.
error worker_host::death(const process_end& how, const call* running) const {
  post_mortem found{.pid = process_ ? process_->pid() : 0,
                    .exit_status = how.exit_status,
                    .signal = how.signal,
                    .reason = kill_reason_,
                    .call = running ? describe(running->asked) : std::string{},
                    .session = running ? running->session->id : std::string{},
                    .interpreter = self_.interpreter,
                    .epoch = self_.epoch,
                    .log_lines = last_lines_,
                    .stacks = how.stacks,
                    .user_time = duration_of(how.used.ru_utime),
                    .system_time = duration_of(how.used.ru_stime),
                    .resident_bytes_max =
                      static_cast<std::uint64_t>(how.used.ru_maxrss) * 1'024};
  if ((found.reason.empty() || found.reason == lived_on)
      && found.signal == "SIGKILL" && memory_kills() > memory_kills_before_)
    found.reason = "there was probably no memory left: the kernel killed a "
                   "process for that while this one lived";
  if (ready_) {
    auto text = to_string(found);
    return {errc::interpreter_died, std::move(text), std::move(found),
            running != nullptr};
  }
  auto why = start_error_
               ? start_error_->message()
               : "the worker ended before it was ready: " + to_string(found);
  return {start_error_ ? start_error_->code() : errc::startup_failed,
          fmt::format("interpreter {} of pool '{}': {}", self_.interpreter,
                      self_.pool, why),
          std::move(found), false};
}

} // namespace snakebridge
