#pragma once
// What is known of the nodes of a cluster, on each of them: plain values.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <snakebridge/row.hpp>

namespace snakebridge {

/// A pool of a node, in short: the sums over its interpreters.
struct node_pool_stats {
  std::string name;
  bool takes_calls = false; ///< it is up, and not drained
  std::size_t interpreters = 0;
  std::size_t ready = 0;          ///< of them, that are up
  std::size_t waiting = 0;        ///< calls in their queues
  std::size_t running = 0;        ///< calls handed to Python
  std::uint64_t calls = 0;        ///< taken so far
  std::uint64_t live_objects = 0; ///< objects held for refs
  std::uint32_t deaths = 0;       ///< incarnations that ended unasked
  std::uint32_t restarts = 0;     ///< incarnations started after a death

  friend bool operator==(const node_pool_stats&,
                         const node_pool_stats&) = default;
};

/// What `stats` tells on that node, in short.
struct node_stats {
  std::size_t sessions = 0; ///< open there: of the cluster and of its own
  row<node_pool_stats> pools;

  std::uint64_t live_objects() const;

  friend bool operator==(const node_stats&, const node_stats&) = default;
};

/// A node of the cluster, as the directory knows it.
struct node_facts {
  enum class state : std::uint8_t {
    up,
    draining, ///< it takes no new sessions
    silent,   ///< its link is lost, and nobody knows what became of it
  };

  std::string name;
  std::string address; ///< where it listens, or is
  std::uint64_t incarnation = 0;
  state now = state::up;
  std::vector<std::string> pools;
  std::size_t sessions = 0; ///< of the cluster, on it
  std::uint64_t load = 0;   ///< its calls that run or wait
  std::chrono::milliseconds silent_for{0};
  /// As it was when the node last told of it: each second, if it has changed.
  node_stats stats;
};

} // namespace snakebridge
