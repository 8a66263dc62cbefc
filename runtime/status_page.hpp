#pragma once
// One page of memory that a worker shares with its host, so that a few facts
// can be known without asking, and after a death. The worker writes, the host
// reads; the host believes nothing that would hurt it if it were wrong.

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace snakebridge {

struct status_page {
  /// The last call the worker has started: it starts them in order.
  std::atomic<std::uint64_t> started;
  /// Objects it holds for refs.
  std::atomic<std::uint64_t> live_objects;

  static constexpr std::size_t bytes = 4'096;
};
static_assert(std::atomic<std::uint64_t>::is_always_lock_free);

} // namespace snakebridge
