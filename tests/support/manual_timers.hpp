#pragma once
// A clock that a test moves by hand. A thread that waits until a moment moves
// it there, if it is not told before: so no test waits for real.

#include <functional>
#include <map>
#include <mutex>
#include <vector>

#include "runtime/base/timers.hpp"

namespace snakebridge::testing {

class manual_timers final : public timers {
public:
  steady_clock::time_point now() const override {
    const std::lock_guard lock{mutex_};
    return now_;
  }
  timer_token at(steady_clock::time_point when,
                 std::function<void()> due) override {
    const std::lock_guard lock{mutex_};
    const timer_token set{when, ++last_};
    due_.emplace(set, std::move(due));
    return set;
  }
  void cancel(const timer_token& set) override {
    const std::lock_guard lock{mutex_};
    due_.erase(set);
  }
  void stop() override {
    const std::lock_guard lock{mutex_};
    due_.clear();
  }
  std::cv_status wait_until(std::unique_lock<std::mutex>& lock,
                            std::condition_variable&,
                            steady_clock::time_point when) override {
    lock.unlock();
    advance_to(when);
    lock.lock();
    return std::cv_status::timeout;
  }

  /// Runs what is due until then.
  void advance_to(steady_clock::time_point when) {
    while (const auto due = next(when))
      due();
  }
  void advance(steady_clock::duration by) { advance_to(now() + by); }
  /// What is set and not yet due.
  std::size_t pending() const {
    const std::lock_guard lock{mutex_};
    return due_.size();
  }

private:
  std::function<void()> next(steady_clock::time_point until) {
    const std::lock_guard lock{mutex_};
    const auto first = due_.begin();
    if (first == due_.end() || first->first.first > until) {
      now_ = std::max(now_, until);
      return {};
    }
    now_ = std::max(now_, first->first.first);
    return due_.extract(first).mapped();
  }

  mutable std::mutex mutex_;
  steady_clock::time_point now_ = steady_clock::now();
  std::map<timer_token, std::function<void()>> due_;
  std::uint64_t last_ = 0;
};

} // namespace snakebridge::testing
