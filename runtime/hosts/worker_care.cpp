#include "runtime/hosts/worker_care.hpp"

#include <algorithm>
#include <iterator>

#include <fmt/format.h>

#include "config/tunables.hpp"
#include "runtime/wire/status_page.hpp"

namespace snakebridge {

namespace {

constexpr std::chrono::milliseconds stacks_wait{limits::stacks_wait_ms_max};

} // namespace

worker_care::worker_care(const care_limits& limits, std::size_t executors)
    : limits_{limits} {
  for (std::size_t i = 0; i < executors; ++i)
    executors_.push_back({.signs = vital_signs{limits.vital}, .late = {}});
}

std::vector<worker_care::step>
worker_care::look(std::span<const executor_sight> seen, std::uint64_t beats,
                  time_point now) {
  std::vector<step> due;
  if (is_pardoned(seen))
    verdict_.reset();
  for (std::size_t at = 0; at < executors_.size(); ++at) {
    look_at_late(executors_[at], seen[at], now, due);
    look_at_signs(executors_[at], seen[at], beats, now, due);
  }
  if (verdict_ && now >= verdict_->by)
    due.push_back({act::kill, verdict_->call, verdict_->reason});
  return due;
}

// The call it was condemned for has come back.
bool worker_care::is_pardoned(std::span<const executor_sight> seen) const {
  return verdict_ && verdict_->call != 0
         && seen[executor_of(verdict_->call)].call != verdict_->call;
}

void worker_care::look_at_late(executor& one, const executor_sight& seen,
                               time_point now, std::vector<step>& due) {
  if (!seen.unwanted) {
    one.late.reset();
    return;
  }
  if (!one.late || one.late->id != seen.call) {
    one.late =
      late_call{.id = seen.call, .had_started = seen.runs, .since = now};
    one.hurry_at = now;
  }
  if (now < one.hurry_at)
    return;
  const auto next = next_step(*one.late, limits_.cancel, now);
  one.hurry_at = next.again;
  if (next.what == cancel_step::interrupt) {
    due.push_back({act::interrupt, seen.call});
    ++one.late->interruptions;
    one.late->interrupted = now;
  } else if (next.what == cancel_step::kill) {
    one.hurry_at = time_point::max(); // it has had its last
    add(condemn(seen.call,
                fmt::format("{} {} ms after that was given up, its "
                            "cancel_grace_ms and kill_grace_ms",
                            seen.runs ? "it was still running a call"
                                      : "it was stuck between calls: it had "
                                        "not come to the next one",
                            grace_of(*one.late, limits_.cancel).count()),
                now),
        due);
  }
}

void worker_care::look_at_signs(executor& one, const executor_sight& seen,
                                std::uint64_t beats, time_point now,
                                std::vector<step>& due) {
  const auto found = one.signs.look(
    {.beats = beats, .call = seen.call, .runs = seen.runs}, now);
  if (found.is_silent)
    add(condemn(0,
                fmt::format("it gave no sign of life for {} ms, its "
                            "heartbeat_limit_ms: was it stopped?",
                            limits_.vital.heartbeat.count()),
                now),
        due);
  if (found.is_stuck)
    add(condemn(seen.call,
                fmt::format("it was {} for {} ms, its stall_kill_ms",
                            seen.runs ? "in one call" : "stuck between calls",
                            limits_.vital.stall_kill.count()),
                now),
        due);
  if (found.is_news) {
    one.reported = seen.call;
    one.report_by = now + stacks_wait;
    due.push_back({act::sample, seen.call});
  } else if (one.reported != 0 && now >= one.report_by) {
    due.push_back({act::report, std::exchange(one.reported, 0)});
  }
}

std::vector<worker_care::step>
worker_care::condemn(std::uint64_t call, std::string reason, time_point now,
                     bool is_ready) {
  if (verdict_ && (call != 0 || verdict_->call == 0))
    return {};
  // One that is not ready would die of the signal for it.
  if (!is_ready)
    return {{act::kill, call, std::move(reason)}};
  verdict_ = verdict{call, std::move(reason), now + stacks_wait};
  return {{act::sample, call}};
}

std::vector<worker_care::step>
worker_care::stacks_written(std::span<const executor_sight> seen) {
  if (is_pardoned(seen))
    verdict_.reset();
  if (verdict_)
    return {{act::kill, verdict_->call, verdict_->reason}};
  std::vector<step> due;
  for (auto& each : executors_)
    if (each.reported != 0)
      due.push_back({act::report, std::exchange(each.reported, 0)});
  return due;
}

void worker_care::add(std::vector<step>&& more, std::vector<step>& due) const {
  std::move(more.begin(), more.end(), std::back_inserter(due));
}

std::optional<worker_care::time_point> worker_care::next_look() const {
  std::optional<time_point> next;
  const auto consider = [&next](time_point when) {
    if (when != time_point::max() && (!next || when < *next))
      next = when;
  };
  for (const auto& each : executors_) {
    if (each.late)
      consider(each.hurry_at);
    if (each.reported != 0)
      consider(each.report_by);
    if (const auto& look = each.signs.next_look())
      consider(*look);
  }
  if (verdict_)
    consider(verdict_->by);
  return next;
}

worker_care::time_point worker_care::since(std::uint64_t call) const {
  return executors_[executor_of(call)].signs.since();
}

} // namespace snakebridge
