#pragma once
// The memory that a worker shares with its host. A page of facts that can be
// known without asking, and after a death: each word has one writer, and the
// host believes nothing of it that would hurt it if it were wrong. And the two
// rings that small frames take.

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "config/tunables.hpp"
#include "runtime/wire/ring.hpp"

namespace snakebridge {

/// Objects an interpreter holds for refs, and those it has let go.
struct object_counts {
  std::atomic<std::uint64_t> live{0};
  std::atomic<std::uint64_t> pruned{0};
  std::atomic<std::uint64_t> expired{0};
};

/// Where calls are in a worker: at executors, and at the event loop, which
/// comes after the last of them.
inline constexpr std::size_t call_places_max = limits::executors_max + 1;

/// The ids of calls in a worker: the number of the executor that runs it, or of
/// the loop, is in the lowest digits. Those made by callbacks, inside a call,
/// are numbered apart. Of both kinds they ascend for each executor, of the
/// others by one. 0 is none.
inline constexpr std::uint64_t
call_id(std::uint64_t number, std::size_t executor, bool inside = false) {
  return (2 * number + (inside ? 1 : 0)) * call_places_max + executor;
}
inline constexpr bool is_inside(std::uint64_t call) {
  return call / call_places_max % 2 == 1;
}
inline constexpr std::uint64_t number_of(std::uint64_t call) {
  return call / call_places_max / 2;
}
inline constexpr std::size_t executor_of(std::uint64_t call) {
  return call % call_places_max;
}

struct status_page {
  struct executor {
    // Of the worker.

    /// The last call it has started: it starts them in order.
    std::atomic<std::uint64_t> started;
    /// The same of those inside another.
    std::atomic<std::uint64_t> started_inside;
    /// Its thread, as the stacks of Python's threads name it.
    std::atomic<std::uint64_t> thread;

    // Of the host.

    /// Calls nobody wants any more, each in its place.
    std::atomic<std::uint64_t> withdrawn[limits::handed_over_max];
    std::atomic<std::uint64_t> withdrawn_inside[limits::inside_max];
  };
  executor executors[call_places_max];

  // Of the worker.

  object_counts objects;
  /// How often its control thread has shown that it lives.
  std::atomic<std::uint64_t> beats;
  /// The same of its event loop, while calls await something.
  std::atomic<std::uint64_t> loop_beats;

  std::atomic<std::uint64_t>& started(std::uint64_t call) {
    auto& at = executors[executor_of(call)];
    return is_inside(call) ? at.started_inside : at.started;
  }
  bool has_started(std::uint64_t call) const {
    const auto& at = executors[executor_of(call)];
    return (is_inside(call) ? at.started_inside : at.started).load() >= call;
  }
  /// Where that call is withdrawn. Calls an executor has at a time have numbers
  /// in a row, or are numbered so (worker_link), that each has a place of its
  /// own.
  std::atomic<std::uint64_t>& withdrawal(std::uint64_t call) {
    auto& at = executors[executor_of(call)];
    return is_inside(call)
             ? at.withdrawn_inside[number_of(call) % limits::inside_max]
             : at.withdrawn[number_of(call) % limits::handed_over_max];
  }
};
static_assert(std::atomic<std::uint64_t>::is_always_lock_free);

struct shared_memory {
  status_page status;
  ring to_worker;
  ring to_host;
};

} // namespace snakebridge
