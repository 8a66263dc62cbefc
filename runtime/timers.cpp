#include "runtime/timers.hpp"

namespace snakebridge {

timers::timers()
    : wake_{steady_clock::time_point::max()}, thread_{[this] { loop(); }} {}

timers::~timers() {
  {
    const std::lock_guard lock{mutex_};
    stopping_ = true;
  }
  earlier_.notify_one();
  thread_.join();
}

timer_token timers::at(steady_clock::time_point when,
                         std::function<void()> due) {
  const std::lock_guard lock{mutex_};
  const timer_token set{when, ++next_};
  due_.emplace(set, std::move(due));
  if (when < wake_)
    earlier_.notify_one();
  return set;
}

void timers::cancel(const timer_token& set) {
  const std::lock_guard lock{mutex_};
  due_.erase(set);
}

void timers::loop() {
  std::unique_lock lock{mutex_};
  while (!stopping_) {
    if (due_.empty()) {
      wake_ = steady_clock::time_point::max();
      earlier_.wait(lock);
      continue;
    }
    const auto first = due_.begin();
    wake_ = first->first.first;
    if (steady_clock::now() < wake_) {
      earlier_.wait_until(lock, wake_);
      continue;
    }
    auto run = std::move(first->second);
    due_.erase(first);
    lock.unlock();
    run();
    run = nullptr;
    lock.lock();
  }
}

} // namespace snakebridge
