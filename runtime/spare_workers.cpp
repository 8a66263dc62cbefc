#include "runtime/spare_workers.hpp"

#include <algorithm>

#include <poll.h>

namespace snakebridge {

bool spare_workers::is_alive(const worker& which) {
  pollfd ended{which->process.watch(), POLLIN, 0};
  return ::poll(&ended, 1, 0) == 0;
}

spare_workers::worker spare_workers::take() {
  std::deque<worker> dead; // collected outside the lock
  const std::lock_guard lock{mutex_};
  while (!ready_.empty()) {
    auto next = std::move(ready_.front());
    ready_.pop_front();
    if (is_alive(next))
      return next;
    dead.push_back(std::move(next));
  }
  return nullptr;
}

void spare_workers::refill(const std::function<result<worker>()>& launch) {
  size();
  for (;;) {
    {
      const std::lock_guard lock{mutex_};
      if (closed_ || ready_.size() + starting_ >= wanted_)
        return;
      ++starting_;
    }
    auto started = launch();
    const std::lock_guard lock{mutex_};
    --starting_;
    if (!started || closed_)
      return;
    ready_.push_back(std::move(*started));
  }
}

std::size_t spare_workers::size() {
  std::deque<worker> dead;
  const std::lock_guard lock{mutex_};
  const auto living =
    std::stable_partition(ready_.begin(), ready_.end(), is_alive);
  std::move(living, ready_.end(), std::back_inserter(dead));
  ready_.erase(living, ready_.end());
  return ready_.size();
}

void spare_workers::close() {
  std::deque<worker> ending;
  const std::lock_guard lock{mutex_};
  closed_ = true;
  ending.swap(ready_);
  for (const auto& each : ending)
    each->process.kill(); // all at once; each is collected by its destructor
}

void spare_workers::reopen() {
  const std::lock_guard lock{mutex_};
  closed_ = false;
}

} // namespace snakebridge
