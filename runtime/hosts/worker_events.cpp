// What a worker_host tells of its worker besides answers: how large it is, that
// it has been in one call for long, how it died.
#include <fstream>

#include <fmt/format.h>
#include <unistd.h>

#include "config/tunables.hpp"
#include "runtime/hosts/memory_kills.hpp"
#include "runtime/hosts/worker_host.hpp"

namespace snakebridge {

namespace {

std::chrono::milliseconds duration_of(const timeval& used) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
    std::chrono::seconds{used.tv_sec}
    + std::chrono::microseconds{used.tv_usec});
}

} // namespace

std::uint64_t worker_host::resident_bytes() const {
  std::ifstream facts{fmt::format("/proc/{}/statm", stats().pid)};
  std::uint64_t all = 0, resident = 0;
  facts >> all >> resident;
  return resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

interpreter_event worker_host::event_of_call(event_kind what,
                                             const exchange* running) const {
  return event_of(what, self_, process_ ? process_->pid() : 0,
                  running ? &running->asked : nullptr,
                  running ? running->session.get() : nullptr);
}

// Nothing if the call it was in has been answered meanwhile.
void worker_host::tell_stalled() {
  interpreter_event told;
  {
    const std::lock_guard lock{mutex_};
    report_by_.reset();
    const auto running = handed_over_.find(signs_.last().call);
    if (running == handed_over_.end())
      return;
    const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(
      steady_clock::now() - signs_.since());
    const auto* call = signs_.last().runs ? running->second.get() : nullptr;
    told = stalled(event_of_call(event_kind::stalled, call), took,
                   process_->take_stacks());
  }
  tell(settings_.on_event, told);
}

void worker_host::tell_ended(const error& why, const exchange* running) const {
  auto told = event_of_call(event_kind::ended, running);
  told.message = why.message();
  if (why.post_mortem() != nullptr)
    told.death = *why.post_mortem();
  tell(settings_.on_event, told);
}

// Under the lock.
error worker_host::death(const process_end& how,
                         const exchange* running) const {
  post_mortem found{.pid = process_ ? process_->pid() : 0,
                    .exit_status = how.exit_status,
                    .signal = how.signal,
                    .reason = kill_reason_,
                    .call = running ? describe(running->asked) : std::string{},
                    .session = running ? running->session->id : std::string{},
                    .interpreter = self_.interpreter,
                    .epoch = self_.epoch,
                    .log_lines = {last_lines_.begin(), last_lines_.end()},
                    .stacks = how.stacks,
                    .user_time = duration_of(how.used.ru_utime),
                    .system_time = duration_of(how.used.ru_stime),
                    .resident_bytes_max =
                      static_cast<std::uint64_t>(how.used.ru_maxrss) * 1'024};
  if ((found.reason.empty() || found.reason == lived_on)
      && found.signal == "SIGKILL"
      && memory_kills(settings_.root) > memory_kills_before_)
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
