#pragma once
// In which process something was made. After a fork the child has a copy of
// everything, but none of its threads, and locks that nobody will ever free: it
// must leave the copy alone.

#include <atomic>
#include <cstdint>

namespace snakebridge {

/// Marks the process that makes it. Any thread.
class process_mark {
public:
  process_mark();

  /// This process is a child of the one that made the mark, or a child's.
  bool forked() const {
    return forks.load(std::memory_order_relaxed) != made_at_;
  }

private:
  /// On the way from the first process here.
  static std::atomic<std::uint64_t> forks;

  std::uint64_t made_at_;
};

} // namespace snakebridge
