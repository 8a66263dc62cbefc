#pragma once
// The pools of a bridge and the call queues of their interpreters: where calls
// can go. Made before the first interpreter starts and unchanged after, so any
// thread may read it; how many of a pool's interpreters are in service is all
// that changes. The interpreters themselves are actors below the pools'
// supervisors.

#include <atomic>
#include <memory>
#include <mutex>
#include <span>
#include <string_view>
#include <vector>

#include <caf/actor_addr.hpp>

#include <snakebridge/config.hpp>

#include "actors/circuit_breaker.hpp"
#include "runtime/calls/call_queue.hpp"
#include "runtime/hosts/spare_workers.hpp"

namespace snakebridge {

/// What changes in a pool.
struct pool_service : call_queue_mates {
  std::mutex choosing; ///< a session chooses, and joins
  std::mutex resizing; ///< one at a time

  std::mutex mutex;           ///< of what follows
  caf::actor_addr supervisor; ///< of the pool, while it runs
  caf::actor_addr above;      ///< who starts that
};

struct pool {
  pool_config settings;
  /// Those in service, and those that may come to be by a resize.
  std::vector<std::shared_ptr<call_queue>> interpreters;
  std::shared_ptr<pool_service> service;
  std::shared_ptr<circuit_breaker> breaker;
  std::shared_ptr<spare_workers> spares; ///< null: there are to be none

  std::span<const std::shared_ptr<call_queue>> in_service() const {
    return std::span{interpreters}.first(service->size);
  }
  /// For a session that comes to the pool. One that is due or died of late is
  /// the last choice but for one that is not there at all.
  std::shared_ptr<call_queue> least_busy() const;
  /// `home` if it is free; else another that is, if there is one; else `home`.
  std::shared_ptr<call_queue>
  any_free(const std::shared_ptr<call_queue>& home) const;
};

class pools {
public:
  /// Takes configurations that have been checked.
  pools(const std::vector<pool_config>& wanted,
        std::shared_ptr<timers> deadlines);

  const std::vector<pool>& all() const { return pools_; }
  const pool* find(std::string_view name) const;
  /// Null when there is none of that number.
  std::shared_ptr<call_queue> interpreter(std::uint32_t number) const;
  /// The one of that interpreter; null as above.
  const pool* of(std::uint32_t number) const;
  /// The time on the clock their calls have deadlines of.
  steady_clock::time_point now() const { return deadlines_->now(); }

private:
  void add(pool& to, std::uint32_t count, std::size_t place);

  const std::shared_ptr<timers> deadlines_;
  std::vector<pool> pools_;
  // By number, from 1: the place of its pool, and its queue.
  std::vector<std::pair<std::size_t, std::shared_ptr<call_queue>>> numbered_;
};

} // namespace snakebridge
