#include "runtime/hosts/cancel_ladder.hpp"

#include <algorithm>

#include "config/tunables.hpp"

namespace snakebridge {

namespace {

constexpr std::chrono::milliseconds apart{limits::interrupt_again_ms};

// When it is interrupted next.
steady_clock::time_point next_interruption(const late_call& late,
                                           const cancel_limits& limits) {
  if (late.interruptions == 0)
    return late.since;
  if (late.interruptions == 1)
    return late.since + limits.cancel_grace;
  return late.interrupted + apart;
}

} // namespace

std::chrono::milliseconds grace_of(const late_call& late,
                                   const cancel_limits& limits) {
  const std::chrono::milliseconds least{
    late.had_started ? 0 : limits::between_calls_ms_min};
  return std::max(limits.cancel_grace + limits.kill_grace, least);
}

next_cancel next_step(const late_call& late, const cancel_limits& limits,
                      steady_clock::time_point now) {
  const auto end = late.since + grace_of(late, limits);
  if (late.interruptions > 0 && now >= end)
    return {cancel_step::kill, end};
  const auto due = std::min(next_interruption(late, limits), end);
  if (now < due)
    return {cancel_step::wait, due};
  auto counted = late;
  ++counted.interruptions;
  counted.interrupted = now;
  return {cancel_step::interrupt,
          std::min(next_interruption(counted, limits), end)};
}

} // namespace snakebridge
