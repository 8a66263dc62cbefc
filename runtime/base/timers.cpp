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

// The number of a timer tells the drawer it is in.
timer_token thread_timers::at(steady_clock::time_point when,
                              std::function<void()> due) {
  auto& shared = *clockwork_;
  const auto number = std::hash<std::thread::id>{}(std::this_thread::get_id())
                      % shared.drawers.size();
  auto& drawer = shared.drawers[number];
  // No memory is taken with the lock.
  clockwork::entries made;
  made.emplace(timer_token{when, 0}, std::move(due));
  auto node = made.extract(made.begin());
  timer_token set;
  {
    const std::lock_guard lock{drawer.mutex};
    node.key().second = ++drawer.last * shared.drawers.size() + number;
    set = node.key();
    drawer.due.insert(std::move(node));
  }
  if (when < shared.wake.load()) {
    // With the lock it is known that the thread waits and no longer looks.
    { const std::lock_guard lock{shared.mutex}; }
    shared.earlier.notify_one();
  }
  return set;
}

void thread_timers::cancel(const timer_token& set) {
  auto& drawer = clockwork_->drawers[set.second % clockwork_->drawers.size()];
  clockwork::entries::node_type forgotten; // freed outside the lock
  const std::lock_guard lock{drawer.mutex};
  forgotten = drawer.due.extract(set);
}

std::pair<thread_timers::clockwork::drawer*, steady_clock::time_point>
thread_timers::clockwork::first() {
  std::pair<drawer*, steady_clock::time_point> found{
    nullptr, steady_clock::time_point::max()};
  for (auto& each : drawers) {
    const std::lock_guard lock{each.mutex};
    if (!each.due.empty() && each.due.begin()->first.first < found.second)
      found = {&each, each.due.begin()->first.first};
  }
  return found;
}

// The first of a drawer, unless it was cancelled since `first` looked.
void thread_timers::clockwork::run_first(drawer& of) {
  entries::node_type due;
  {
    const std::lock_guard lock{of.mutex};
    if (!of.due.empty() && of.due.begin()->first.first <= steady_clock::now())
      due = of.due.extract(of.due.begin());
  }
  if (due)
    due.mapped()();
}

void thread_timers::clockwork::loop() {
  std::unique_lock lock{mutex};
  while (!stopping) {
    // While this looks any timer counts as earlier, so that none is missed
    // between the look and the wait.
    wake = steady_clock::time_point::max();
    const auto [of, when] = first();
    if (of == nullptr || steady_clock::now() < when) {
      wake = when;
      if (of == nullptr)
        earlier.wait(lock);
      else
        earlier.wait_until(lock, when);
      continue;
    }
    lock.unlock();
    run_first(*of);
    lock.lock();
  }
}

} // namespace snakebridge
