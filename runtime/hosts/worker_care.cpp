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
  const std::chrono::milliseconds least{
    process_->status().started.load() < first ? limits::between_calls_ms_min
                                              : 0};
  const auto grace =
    std::max(settings_.cancel_grace + settings_.kill_grace, least);
  late_ = late_call{first, now + settings_.cancel_grace, now + grace, grace};
  say(frame_kind::cancel, first);
  wake();
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
  const bool has_started = process_->status().started.load() >= late_->id;
  condemn(late_->id,
          fmt::format("{} {} ms after that was given up, its cancel_grace_ms "
                      "and kill_grace_ms",
                      has_started ? "it was still running a call"
                                  : "it was stuck between calls: it had not "
                                    "come to the next one",
                      late_->grace.count()));
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
  if (handed_over_.empty()) {
    in_call_ = {};
    return;
  }
  const auto started = process_->status().started.load();
  const bool runs = handed_over_.contains(started);
  const auto id = runs ? started : handed_over_.begin()->first;
  if (id != in_call_.id || runs != in_call_.runs)
    in_call_ = {.id = id, .runs = runs, .since = now, .report_by = {}};
  const auto report = settings_.stall_report, end = settings_.stall_kill;
  const auto took = now - in_call_.since;
  if (end.count() > 0 && took >= end)
    condemn(id, fmt::format("it was {} for {} ms, its stall_kill_ms",
                            runs ? "in one call" : "stuck between calls",
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
  if (settings_.spares && open_)
    consider(refill_at_);
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
  if (settings_.spares && now >= refill_at_ && is_serving())
    refill_at_ = settings_.spares->refill(
      [this] { return launch_worker(settings_, true); }, now);
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
