#pragma once
// Counts the threads the hosts of one bridge have running, so that the bridge
// can wait for the last before it is gone. Each host's thread owns its host, so
// nobody joins it.

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>

namespace snakebridge {

class live_threads {
public:
  /// Held by a thread while it lives.
  class presence {
  public:
    explicit presence(std::shared_ptr<live_threads> counted)
        : counted_{std::move(counted)} {
      const std::lock_guard lock{counted_->mutex_};
      ++counted_->count_;
    }
    presence(presence&&) noexcept = default;
    presence& operator=(presence&&) = delete;
    ~presence() {
      if (!counted_)
        return;
      const std::lock_guard lock{counted_->mutex_};
      if (--counted_->count_ == 0)
        counted_->none_.notify_all();
    }

  private:
    std::shared_ptr<live_threads> counted_;
  };

  /// True when none is left within `patience`.
  bool wait_for_none(std::chrono::milliseconds patience) {
    std::unique_lock lock{mutex_};
    return none_.wait_for(lock, patience, [this] { return count_ == 0; });
  }

private:
  std::mutex mutex_;
  std::condition_variable none_;
  std::size_t count_ = 0;
};

} // namespace snakebridge
