#include "runtime/base/batch_ticks.hpp"

#include <algorithm>
#include <system_error>

#include "config/tunables.hpp"
#include "runtime/base/no_signals.hpp"

namespace snakebridge {

namespace {

std::unique_ptr<timers> quiet_timers() {
  const no_signals inherited;
  return std::make_unique<thread_timers>();
}

} // namespace

batch_ticks::scope::scope(batch_ticks& by, batch& filled)
    : by_{by},
      filled_{filled} {
  const std::lock_guard lock{by_.mutex_};
  try {
    by_.begin_to_tick();
    by_.filled_.push_back(&filled);
  } catch (const std::system_error&) {
    is_looked_at_ = false;
  }
}

batch_ticks::scope::~scope() {
  const std::lock_guard lock{by_.mutex_};
  std::erase(by_.filled_, &filled_);
  by_.used_ = steady_clock::now();
}

batch_ticks::~batch_ticks() {
  if (clock_)
    clock_->stop();
}

// With the lock. Who finds it ticking need not wake its thread.
void batch_ticks::begin_to_tick() {
  if (ticks_)
    return;
  if (!clock_)
    clock_ = quiet_timers();
  clock_->at(steady_clock::now(), [this] { tick(); });
  ticks_ = true;
}

void batch_ticks::tick() {
  steady_clock::time_point next;
  {
    const std::lock_guard lock{mutex_};
    const auto now = steady_clock::now();
    const auto rests_at = used_ + std::chrono::milliseconds{limits::tick_on_ms};
    if (filled_.empty() && now >= rests_at) {
      ticks_ = false;
      return;
    }
    // Who begins meanwhile does not wake it: it looks as often as before.
    next = filled_.empty() ? std::min(rests_at, now + step_)
                           : steady_clock::time_point::max();
    for (auto* each : filled_)
      next = std::min(next, each->look(now));
    // Not sooner than that: a batch may be due at once, and the next, which is
    // waited for, may be long in coming.
    step_ = std::max<steady_clock::duration>(
      next - now, std::chrono::milliseconds{limits::tick_again_ms});
  }
  finish_();
  clock_->at(next, [this] { tick(); });
}

} // namespace snakebridge
