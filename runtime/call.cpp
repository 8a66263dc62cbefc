#include "runtime/call.hpp"

#include "runtime/timers.hpp"

namespace snakebridge {

bool call::answer(result<value> outcome) {
  if (!claim())
    return false;
  settle(std::move(outcome));
  return true;
}

void call::settle(result<value> outcome) {
  if (deadlines_) {
    timer_token set;
    {
      const std::lock_guard lock{mutex_};
      set = timer_;
    }
    deadlines_->cancel(set);
  }
  if (!waited_for_) {
    // The completion goes with the call, so what it captured is freed now.
    std::exchange(done_, completion{})(std::move(outcome));
    settled_.store(true, std::memory_order_release);
    return;
  }
  {
    const std::lock_guard lock{mutex_};
    outcome_ = std::move(outcome);
  }
  changed_.notify_one();
}

call::news call::wait() {
  std::unique_lock lock{mutex_};
  changed_.wait_until(lock, deadline,
                      [this] { return outcome_.has_value() || appointed_; });
  if (outcome_)
    return news::answered;
  // Who leads comes back here at its deadline, and is appointed again if it is
  // the only one: that must not keep it.
  if (!appointed_ || steady_clock::now() >= deadline)
    return news::deadline;
  appointed_ = false;
  return news::lead;
}

bool call::appoint() {
  {
    const std::lock_guard lock{mutex_};
    if (outcome_ || answered())
      return false;
    appointed_ = true;
  }
  changed_.notify_one();
  return true;
}

result<value> call::await() {
  std::unique_lock lock{mutex_};
  changed_.wait(lock, [this] { return outcome_.has_value(); });
  return std::move(*outcome_);
}

void call::watch(std::shared_ptr<timers> deadlines,
                 std::function<void()> expired) {
  deadlines_ = std::move(deadlines);
  // It may be due at once, and settle on the timers' thread.
  const std::lock_guard lock{mutex_};
  timer_ = deadlines_->at(deadline, std::move(expired));
}

} // namespace snakebridge
