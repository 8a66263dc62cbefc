#pragma once
// One page of memory that a worker shares with its host, so that a few facts
// can be known without asking, and after a death. Each word has one writer; the
// host believes nothing of it that would hurt it if it were wrong.

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "config/tunables.hpp"

namespace snakebridge {

/// Objects an interpreter holds for refs, and those it has let go.
struct object_counts {
  std::atomic<std::uint64_t> live{0};
  std::atomic<std::uint64_t> pruned{0};
  std::atomic<std::uint64_t> expired{0};
};

struct status_page {
  // Of the worker.

  /// The last call the worker has started: it starts them in order.
  std::atomic<std::uint64_t> started;
  object_counts objects;
  /// How often its control thread has shown that it lives.
  std::atomic<std::uint64_t> beats;

  // Of the host.

  /// Calls nobody wants any more, each in its place.
  std::atomic<std::uint64_t> withdrawn[limits::handed_over_max];

  /// Where that call is withdrawn, by its id. Calls a worker has at a time have
  /// ids in a row, so each has a place of its own.
  std::atomic<std::uint64_t>& withdrawal(std::uint64_t call) {
    return withdrawn[call % limits::handed_over_max];
  }

  static constexpr std::size_t bytes = 4'096;
};
static_assert(std::atomic<std::uint64_t>::is_always_lock_free);
static_assert(sizeof(status_page) <= status_page::bytes);

} // namespace snakebridge
