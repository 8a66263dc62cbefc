#include "runtime/base/timers.hpp"

namespace snakebridge {

thread_timers::thread_timers()
    : thread_{[mine = clockwork_] { mine->loop(); }} {}

thread_timers::~thread_timers() {
  stop();
}

void thread_timers::stop() {
  {
    const std::lock_guard lock{clockwork_->mutex};
    clockwork_->stopping = true;
  }
  clockwork_->earlier.notify_one();
  if (!thread_.joinable())
    return;
  if (thread_.get_id() == std::this_thread::get_id())
    thread_.detach(); // it is on its way out
  else
    thread_.join();
}

timer_token thread_timers::at(steady_clock::time_point when,
                              std::function<void()> due) {
  auto& shared = *clockwork_;
  // Many threads come here: no memory is taken or given back with the lock.
  std::map<timer_token, std::function<void()>> made;
  made.emplace(timer_token{when, 0}, std::move(due));
  auto node = made.extract(made.begin());
  const std::lock_guard lock{shared.mutex};
  const timer_token set{when, ++shared.next};
  node.key() = set;
  shared.due.insert(std::move(node));
  if (when < shared.wake)
    shared.earlier.notify_one();
  return set;
}

void thread_timers::cancel(const timer_token& set) {
  std::map<timer_token, std::function<void()>>::node_type forgotten;
  const std::lock_guard lock{clockwork_->mutex};
  forgotten = clockwork_->due.extract(set);
}

void thread_timers::clockwork::loop() {
  std::unique_lock lock{mutex};
  while (!stopping) {
    if (due.empty()) {
      wake = steady_clock::time_point::max();
      earlier.wait(lock);
      continue;
    }
    const auto first = due.begin();
    wake = first->first.first;
    if (steady_clock::now() < wake) {
      earlier.wait_until(lock, wake);
      continue;
    }
    auto run = std::move(first->second);
    due.erase(first);
    lock.unlock();
    run();
    run = nullptr;
    lock.lock();
  }
}

} // namespace snakebridge
