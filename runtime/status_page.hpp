#pragma once
// One page of memory that a worker shares with its host, so that a few facts
// can be known without asking, and after a death. The worker writes, the host
// reads; the host believes nothing that would hurt it if it were wrong.

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace snakebridge {

/// Objects an interpreter holds for refs, and those it has let go.
struct object_counts {
  std::atomic<std::uint64_t> live{0};
  std::atomic<std::uint64_t> pruned{0};
  std::atomic<std::uint64_t> expired{0};
};

struct status_page {
  /// The last call the worker has started: it starts them in order.
  std::atomic<std::uint64_t> started;
  object_counts objects;

  static constexpr std::size_t bytes = 4'096;
};
static_assert(std::atomic<std::uint64_t>::is_always_lock_free);

} // namespace snakebridge
