#include "runtime/hosts/worker_care.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "config/tunables.hpp"
#include "runtime/base/ensure.hpp"
#include "runtime/wire/status_page.hpp"

namespace snakebridge {

namespace {

constexpr std::chrono::milliseconds stacks_wait{limits::stacks_wait_ms_max};

} // namespace

worker_care::worker_care(const care_limits& limits, std::size_t executors)
    : limits_{limits} {
  for (std::size_t i = 0; i < executors; ++i)
    executors_.push_back(
      {.signs = vital_signs{limits.vital}, .late = {}, .beside = {}});
}

std::vector<worker_care::step>
worker_care::look(std::span<const executor_sight> seen, std::uint64_t beats,
                  time_point now) {
  ensure(seen.size() == executors_.size(), "each executor is looked at");
  std::vector<step> due;
  look_at_verdict(seen);
  for (std::size_t at = 0; at < executors_.size(); ++at) {
    look_at_late(executors_[at], seen, at, now, due);
    look_at_signs(executors_[at], seen[at], beats, now, due);
  }
  if (!samples_.empty() && now >= sampled_by_)
    finish_sample(now, due);
  return due;
}

// It is pardoned where the call it was condemned for has come back.
void worker_care::look_at_verdict(std::span<const executor_sight> seen) {
  if (verdict_ && verdict_->call != 0
      && seen[executor_of(verdict_->call)].call != verdict_->call)
    verdict_.reset();
}

void worker_care::look_at_late(executor& one,
                               std::span<const executor_sight> all,
                               std::size_t at, time_point now,
                               std::vector<step>& due) {
  const auto& seen = all[at];
  const auto is_wanted = [](const executor_sight& each) {
    return each.runs && !each.unwanted;
  };
  if (!seen.unwanted) {
    one.late.reset();
    return;
  }
  if (!one.late || one.late->id != seen.call) {
    one.late =
      late_call{.id = seen.call, .had_started = seen.runs, .since = now};
    one.hurry_at = now;
    one.beside.clear();
    for (const auto& each : all)
      if (is_wanted(each))
        one.beside.push_back(each.call);
  }
  if (now < one.hurry_at)
    return;
  // Before it begins it needs the GIL, which a call of another may keep.
  const auto may_be_kept = [&](const executor_sight& each) {
    return is_wanted(each)
           && std::find(one.beside.begin(), one.beside.end(), each.call)
                != one.beside.end();
  };
  if (!seen.runs && std::any_of(all.begin(), all.end(), may_be_kept)) {
    one.late->since = now;
    one.hurry_at = now + grace_of(*one.late, limits_.cancel);
    return;
  }
  const auto next = next_step(*one.late, limits_.cancel, now);
  one.hurry_at = next.again;
  if (next.what == cancel_step::interrupt) {
    due.push_back({act::interrupt, seen.call});
    ++one.late->interruptions;
    one.late->interrupted = now;
  } else if (next.what == cancel_step::kill) {
    condemn(seen.call,
            fmt::format("{} {} ms after that was given up, its "
                        "cancel_grace_ms and kill_grace_ms",
                        seen.runs ? "it was still running a call"
                                  : "it was stuck between calls: it had not "
                                    "come to the next one",
                        grace_of(*one.late, limits_.cancel).count()),
            now, due);
    // Once more where it is condemned for another, who may yet come back.
    one.hurry_at = now + stacks_wait;
  }
}

void worker_care::look_at_signs(executor& one, const executor_sight& seen,
                                std::uint64_t beats, time_point now,
                                std::vector<step>& due) {
  const auto found =
    one.signs.look({.beats = beats, .call = seen.call, .runs = seen.runs}, now);
  if (found.is_silent)
    condemn(0,
            fmt::format("it gave no sign of life for {} ms, its "
                        "heartbeat_limit_ms: was it stopped?",
                        limits_.vital.heartbeat.count()),
            now, due);
  if (found.is_stuck)
    condemn(seen.call,
            fmt::format("it was {} for {} ms, its stall_kill_ms",
                        seen.runs ? "in one call" : "stuck between calls",
                        limits_.vital.stall_kill.count()),
            now, due);
  if (found.is_news)
    want({seen.call, false}, now, due);
}

void worker_care::condemn(std::uint64_t call, std::string reason,
                          time_point now, std::vector<step>& due) {
  if (verdict_ && (call != 0 || verdict_->call == 0))
    return;
  verdict_ = verdict{call, std::move(reason)};
  want({call, true}, now, due);
}

std::vector<worker_care::step> worker_care::condemn(std::uint64_t call,
                                                    std::string reason,
                                                    time_point now,
                                                    bool is_ready) {
  // One that is not ready would die of the signal for it.
  if (!is_ready)
    return {{act::kill, call, std::move(reason)}};
  std::vector<step> due;
  condemn(call, std::move(reason), now, due);
  return due;
}

void worker_care::want(sample next, time_point now, std::vector<step>& due) {
  samples_.push_back(next);
  if (samples_.size() > 1)
    return;
  sampled_by_ = now + stacks_wait;
  due.push_back({act::sample, next.call});
}

void worker_care::finish_sample(time_point now, std::vector<step>& due) {
  const auto done = samples_.front();
  samples_.pop_front();
  if (!done.to_kill)
    due.push_back({act::report, done.call});
  else if (verdict_ && verdict_->call == done.call)
    due.push_back({act::kill, done.call, verdict_->reason});
  if (samples_.empty())
    return;
  sampled_by_ = now + stacks_wait;
  due.push_back({act::sample, samples_.front().call});
}

std::vector<worker_care::step>
worker_care::stacks_written(std::span<const executor_sight> seen,
                            time_point now) {
  std::vector<step> due;
  look_at_verdict(seen);
  if (!samples_.empty())
    finish_sample(now, due);
  return due;
}

std::optional<worker_care::time_point> worker_care::next_look() const {
  std::optional<time_point> next;
  const auto consider = [&next](time_point when) {
    if (!next || when < *next)
      next = when;
  };
  for (const auto& each : executors_) {
    if (each.late)
      consider(each.hurry_at);
    if (const auto& look = each.signs.next_look())
      consider(*look);
  }
  if (!samples_.empty())
    consider(sampled_by_);
  return next;
}

worker_care::time_point worker_care::since(std::uint64_t call) const {
  return executors_[executor_of(call)].signs.since();
}

} // namespace snakebridge
