#include "bridge/background.hpp"

#include <system_error>
#include <thread>

namespace snakebridge {

void background::run(std::function<void()> what) {
  {
    const std::lock_guard held{mutex_};
    if (!stopped_ && has_thread()) {
      waiting_.push_back(std::move(what));
      changed_.notify_one();
      return;
    }
  }
  what();
}

// With the lock: one that will look at what waits.
bool background::has_thread() {
  if (idle_ > waiting_.size() || threads_ == threads_max_)
    return true;
  try {
    // It owns this, so that to leave it alone is safe.
    std::thread{[self = shared_from_this(),
                 here = live_threads::presence{living_}] {
      self->serve();
    }}.detach();
    ++threads_;
  } catch (const std::system_error&) {
    // Those there are do it.
  }
  return threads_ > 0;
}

void background::serve() {
  std::unique_lock held{mutex_};
  for (;;) {
    ++idle_;
    changed_.wait(held, [this] { return stopped_ || !waiting_.empty(); });
    --idle_;
    if (waiting_.empty())
      return;
    auto next = std::move(waiting_.front());
    waiting_.pop_front();
    held.unlock();
    next();
    next = nullptr; // what it holds goes before the lock is taken
    held.lock();
  }
}

bool background::stop(std::chrono::milliseconds patience) {
  {
    const std::lock_guard held{mutex_};
    stopped_ = true;
  }
  changed_.notify_all();
  return living_->wait_for_none(patience);
}

} // namespace snakebridge
