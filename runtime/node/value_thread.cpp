#include "runtime/node/value_thread.hpp"

#include <new>
#include <utility>

#include "runtime/base/log.hpp"
#include "runtime/base/no_signals.hpp"

namespace snakebridge {

value_thread::value_thread() {
  const no_signals inherited;
  thread_ = std::thread{[this] { serve(); }};
}

value_thread::~value_thread() {
  stop();
}

void value_thread::run(job todo) {
  {
    const std::lock_guard lock{mutex_};
    if (!stops_) {
      waiting_.push_back(std::move(todo));
      changed_.notify_one();
      return;
    }
  }
  todo();
}

void value_thread::stop() {
  {
    const std::lock_guard lock{mutex_};
    if (std::exchange(stops_, true))
      return;
    changed_.notify_one();
  }
  thread_.join();
}

void value_thread::serve() {
  std::unique_lock lock{mutex_};
  for (;;) {
    changed_.wait(lock, [this] { return stops_ || !waiting_.empty(); });
    if (waiting_.empty())
      return;
    auto next = std::move(waiting_.front());
    waiting_.pop_front();
    lock.unlock();
    try {
      next();
    } catch (const std::bad_alloc&) {
      // Whoever waits for it hears of that when its time is over.
      logger()->error("no memory for a value that came from another node");
    }
    next = nullptr;
    lock.lock();
  }
}

} // namespace snakebridge
