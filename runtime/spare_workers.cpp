#include "runtime/spare_workers.hpp"

#include <algorithm>

#include <poll.h>

namespace snakebridge {

bool spare_workers::is_alive(const worker& which) {
  pollfd ended{which->process.watch(), POLLIN, 0};
  return ::poll(&ended, 1, 0) == 0;
}

// It has answered its orders.
bool spare_workers::is_ready(const worker& which) {
  pollfd answered{which->control->poll_descriptor(), POLLIN, 0};
  return is_alive(which) && ::poll(&answered, 1, 0) == 1;
}

void spare_workers::collect() {
  std::deque<worker> dead; // they end outside the lock
  const std::lock_guard lock{mutex_};
  const auto rest =
    std::stable_partition(living_.begin(), living_.end(), is_alive);
  std::move(rest, living_.end(), std::back_inserter(dead));
  living_.erase(rest, living_.end());
}

spare_workers::worker spare_workers::take() {
  collect();
  const std::lock_guard lock{mutex_};
  if (living_.empty())
    return nullptr;
  auto chosen = std::find_if(living_.begin(), living_.end(), is_ready);
  if (chosen == living_.end())
    chosen = living_.begin();
  auto taken = std::move(*chosen);
  living_.erase(chosen);
  return taken;
}

void spare_workers::refill(const std::function<result<worker>()>& launch) {
  collect();
  for (;;) {
    {
      const std::lock_guard lock{mutex_};
      if (closed_ || living_.size() + starting_ >= wanted_)
        return;
      ++starting_;
    }
    auto started = launch();
    const std::lock_guard lock{mutex_};
    --starting_;
    if (!started || closed_)
      return;
    living_.push_back(std::move(*started));
  }
}

std::size_t spare_workers::ready() {
  collect();
  const std::lock_guard lock{mutex_};
  return static_cast<std::size_t>(
    std::count_if(living_.begin(), living_.end(), is_ready));
}

void spare_workers::close() {
  std::deque<worker> ending;
  const std::lock_guard lock{mutex_};
  closed_ = true;
  ending.swap(living_);
  for (const auto& each : ending)
    each->process.kill(); // all at once; each is collected by its destructor
}

void spare_workers::reopen() {
  const std::lock_guard lock{mutex_};
  closed_ = false;
}

} // namespace snakebridge
