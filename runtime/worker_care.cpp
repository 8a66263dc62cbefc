// What the thread of a worker_host does about time: a worker that is late to
// start, to stop or to give up a call is hurried, and killed in the end; one
// that gives no sign of life is killed; one that is long in a call is told of.
#include <fmt/format.h>

#include "config/tunables.hpp"
#include "runtime/worker_host.hpp"

namespace snakebridge {

void worker_host::say(frame_kind what, std::uint64_t call) {
  control_->send({.words = 0, .kind = what, .call = call, .deadline_ns = 0},
                 {});
}

call_stage worker_host::withdraw(std::uint64_t call) {
  process_->withdraw(call);
  // The worker looks at the withdrawal after it has said "started", so what has
  // not been started by now never will be.
  if (process_->status().started.load() < call)
    return call_stage::handed_over;
  // One that started later means that the one we waited for is back.
  if (!late_ || call > late_->id) {
    const auto again = steady_clock::now() + settings_.cancel_grace;
    late_ = late_call{call, again, again + settings_.kill_grace};
    say(frame_kind::cancel, call);
    wake();
  }
  return call_stage::running;
}

// The next stage of the late call, when it is due.
void worker_host::hurry(time_point now) {
  if (!late_ || now < late_->again)
    return;
  if (now < late_->end) {
    say(frame_kind::cancel, late_->id);
    late_->again = std::min(
      late_->end, now + std::chrono::milliseconds{limits::interrupt_again_ms});
    return;
  }
  condemn(late_->id,
          fmt::format("it was still running a call {} ms after that was given "
                      "up, its cancel_grace_ms and kill_grace_ms",
                      (settings_.cancel_grace + settings_.kill_grace).count()));
  late_.reset();
}

void worker_host::condemn(std::uint64_t call, std::string reason) {
  if (verdict_ && (call != 0 || verdict_->call == 0))
    return;
  // One that is not ready would die of the signal for it.
  const std::chrono::milliseconds most{ready_ ? limits::stacks_wait_ms_max : 0};
  verdict_ = verdict{call, std::move(reason), steady_clock::now() + most};
  if (ready_)
    say(frame_kind::sample, 0);
}

void worker_host::is_back(std::uint64_t call) {
  if (late_ && late_->id == call)
    late_.reset();
  if (verdict_ && verdict_->call == call)
    verdict_.reset();
}

void worker_host::stacks_written() {
  std::string reason;
  bool asked = false;
  {
    const std::lock_guard lock{mutex_};
    if (verdict_)
      reason = verdict_->reason;
    asked = in_call_.report_by.has_value();
    if (!verdict_ && !asked)
      process_->take_stacks(); // of a call that has come back
  }
  if (!reason.empty())
    kill(std::move(reason));
  else if (asked)
    tell_stalled();
}

// Often enough for the shortest of what is watched for. A worker shows that it
// lives far more often than its limits can tell.
void worker_host::look(time_point now) {
  if (!ready_ || (next_look_ && now < *next_look_))
    return;
  auto period = std::chrono::milliseconds::max();
  for (const auto each : {settings_.heartbeat_limit, settings_.stall_report,
                          settings_.stall_kill})
    if (each.count() > 0)
      period = std::min(period, each / 8);
  if (period == std::chrono::milliseconds::max())
    return; // nothing is
  constexpr std::chrono::milliseconds least{1}, most{limits::care_ms_max};
  period = std::clamp(period, least, most);
  const auto beats = process_->status().beats.load();
  // Also when we ourselves were held up: it may not have come to beat either.
  if (!next_look_ || beats != beats_ || now > last_look_ + 2 * period)
    last_beat_ = now;
  beats_ = beats;
  last_look_ = now;
  next_look_ = now + period;
  const auto limit = settings_.heartbeat_limit;
  // The last beat may be one interval old, and the next one late.
  constexpr std::chrono::milliseconds beats_apart{2 * limits::beat_ms};
  if (limit.count() > 0 && now - last_beat_ > limit + beats_apart)
    condemn(0, fmt::format("it gave no sign of life for {} ms, its "
                           "heartbeat_limit_ms: was it stopped?",
                           limit.count()));
  look_at_call(now);
}

void worker_host::look_at_call(time_point now) {
  const auto started = process_->status().started.load();
  if (!handed_over_.contains(started)) {
    in_call_ = {};
    return;
  }
  if (started != in_call_.id)
    in_call_ = {.id = started, .since = now, .report_by = {}};
  const auto report = settings_.stall_report, end = settings_.stall_kill;
  const auto took = now - in_call_.since;
  if (end.count() > 0 && took >= end)
    condemn(started, fmt::format("it was in one call for {} ms, its "
                                 "stall_kill_ms",
                                 end.count()));
  if (report.count() == 0 || took < report || in_call_.reported)
    return;
  in_call_.reported = true;
  in_call_.report_by =
    now + std::chrono::milliseconds{limits::stacks_wait_ms_max};
  say(frame_kind::sample, 0);
}

std::optional<steady_clock::time_point> worker_host::next_time() const {
  const std::lock_guard lock{mutex_};
  std::optional<time_point> next;
  const auto consider = [&next](const std::optional<time_point>& when) {
    if (when && (!next || *when < *next))
      next = when;
  };
  for (const auto& each : {start_by_, stop_by_, ended_by_})
    consider(each);
  if (late_)
    consider(late_->again);
  if (verdict_)
    consider(verdict_->by);
  consider(in_call_.report_by);
  consider(next_look_);
  return next;
}

// Why it has to be killed now; empty: it has not.
std::string worker_host::overdue(time_point now) const {
  if (start_by_ && now >= *start_by_)
    return fmt::format("it was not ready within {} ms, its start_timeout_ms",
                       settings_.start_timeout.count());
  if (verdict_ && now >= verdict_->by)
    return verdict_->reason;
  if (ended_by_ && now >= *ended_by_)
    return std::string{lived_on};
  return {};
}

void worker_host::check_times() {
  const auto now = steady_clock::now();
  std::string reason;
  bool unseen = false;
  {
    const std::lock_guard lock{mutex_};
    hurry(now);
    look(now);
    unseen = in_call_.report_by && now >= *in_call_.report_by;
    if (stop_by_ && now >= *stop_by_) {
      stop_by_.reset();
      condemn(0, "it was asked to stop and did not in time");
    }
    reason = overdue(now);
    if (!reason.empty()) {
      start_by_.reset();
      ended_by_.reset();
      late_.reset();
      verdict_.reset();
    }
  }
  if (unseen)
    tell_stalled(); // without its line
  if (!reason.empty())
    kill(std::move(reason));
}

} // namespace snakebridge
