// What the thread of a worker_host does about time: a worker that is late to
// start, to stop or to give up a call is hurried, and killed in the end; one
// that gives no sign of life is killed; one that is long in a call, or between
// two, is told of.
#include <fmt/format.h>

#include "config/tunables.hpp"
#include "runtime/hosts/worker_host.hpp"

namespace snakebridge {

void worker_host::say(frame_kind what, std::uint64_t call) {
  control_->send({.words = 0, .kind = what, .call = call, .deadline_ns = 0});
}

call_stage worker_host::withdraw_call(std::uint64_t call) {
  process_->withdraw(call);
  expect_back();
  // The worker looks at the withdrawal after it has said "started", so what has
  // not been started by now never will be.
  return process_->status().started.load() < call ? call_stage::handed_over
                                                  : call_stage::running;
}

// A worker serves its calls in order: the first of them is what it runs, or
// comes to when it is done with what it does between calls, which is Python
// code as well (finalisers). If nobody wants that call it must soon be back.
void worker_host::expect_back() {
  if (handed_over_.empty())
    return;
  const auto first = handed_over_.begin()->first;
  if (!process_->is_withdrawn(first) || (late_ && late_->id == first))
    return;
  const auto now = steady_clock::now();
  late_ = late_call{.id = first,
                    .had_started = process_->status().started.load() >= first,
                    .since = now};
  hurry(now);
  wake();
}

// The next step for the late call, if it is due.
void worker_host::hurry(time_point now) {
  if (!late_)
    return;
  const cancel_limits limits{settings_.cancel_grace, settings_.kill_grace};
  const auto next = next_step(*late_, limits, now);
  hurry_at_ = next.again;
  if (next.what == cancel_step::interrupt) {
    say(frame_kind::cancel, late_->id);
    ++late_->interruptions;
    late_->interrupted = now;
  } else if (next.what == cancel_step::kill) {
    const bool has_started = process_->status().started.load() >= late_->id;
    condemn(late_->id,
            fmt::format("{} {} ms after that was given up, its "
                        "cancel_grace_ms and kill_grace_ms",
                        has_started ? "it was still running a call"
                                    : "it was stuck between calls: it had not "
                                      "come to the next one",
                        grace_of(*late_, limits).count()));
    late_.reset();
  }
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
    asked = report_by_.has_value();
    if (!verdict_ && !asked)
      process_->take_stacks(); // of a call that has come back
  }
  if (!reason.empty())
    kill(std::move(reason));
  else if (asked)
    tell_stalled();
}

// What its status page shows.
vital_signs::sight worker_host::look_at_worker() const {
  const auto& page = process_->status();
  vital_signs::sight seen{.beats = page.beats.load()};
  if (handed_over_.empty())
    return seen;
  const auto started = page.started.load();
  seen.runs = handed_over_.contains(started);
  seen.call = seen.runs ? started : handed_over_.begin()->first;
  return seen;
}

void worker_host::look(time_point now) {
  if (!ready_)
    return;
  const auto found = signs_.look(look_at_worker(), now);
  const auto& seen = signs_.last();
  if (found.is_silent)
    condemn(0, fmt::format("it gave no sign of life for {} ms, its "
                           "heartbeat_limit_ms: was it stopped?",
                           settings_.heartbeat_limit.count()));
  if (found.is_stuck)
    condemn(seen.call, fmt::format("it was {} for {} ms, its stall_kill_ms",
                                   seen.runs ? "in one call"
                                             : "stuck between calls",
                                   settings_.stall_kill.count()));
  if (!found.is_news)
    return;
  report_by_ = now + std::chrono::milliseconds{limits::stacks_wait_ms_max};
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
    consider(hurry_at_);
  if (verdict_)
    consider(verdict_->by);
  if (settings_.spares && open_)
    consider(refill_at_);
  consider(report_by_);
  consider(signs_.next_look());
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
  if (settings_.spares && now >= refill_at_ && is_serving())
    refill_at_ = settings_.spares->refill(
      [this] { return launch_worker(settings_, true); }, now);
  std::string reason;
  bool unseen = false;
  {
    const std::lock_guard lock{mutex_};
    hurry(now);
    look(now);
    unseen = report_by_ && now >= *report_by_;
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
