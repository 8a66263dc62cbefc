#pragma once
// The pools of a bridge: where calls can go. Made before the first interpreter
// starts and unchanged after, so any thread may read it; which of a pool's
// interpreters are in service its dispatcher knows. The interpreters themselves
// are actors below the pools' supervisors.

#include <atomic>
#include <memory>
#include <mutex>
#include <string_view>
#include <vector>

#include <caf/actor_addr.hpp>

#include <snakebridge/config.hpp>

#include "actors/circuit_breaker.hpp"
#include "runtime/calls/dispatcher.hpp"
#include "runtime/hosts/spare_workers.hpp"

namespace snakebridge {

/// Who runs a pool.
struct pool_service {
  std::mutex resizing; ///< one at a time

  std::mutex mutex;           ///< of what follows
  caf::actor_addr supervisor; ///< of the pool, while it runs
  caf::actor_addr above;      ///< who starts that
};

/// The numbers of a pool's interpreters: those that are there from the start,
/// and those that may come to be by a resize.
struct pool_places {
  std::uint32_t first = 1;
  std::uint32_t from_the_start = 0;
  std::uint32_t first_of_others = 1;
  std::uint32_t others = 0;

  std::uint32_t size() const { return from_the_start + others; }
  /// Of the place, from 0.
  std::uint32_t number(std::uint32_t place) const {
    return place < from_the_start ? first + place
                                  : first_of_others + place - from_the_start;
  }
  bool has(std::uint32_t number) const {
    return number - first < from_the_start || number - first_of_others < others;
  }
};

struct pool {
  pool_config settings;
  pool_places places;
  std::shared_ptr<dispatcher> calls;
  std::shared_ptr<pool_service> service;
  std::shared_ptr<circuit_breaker> breaker;
  std::shared_ptr<spare_workers> spares; ///< null: there are to be none
};

/// Of the streams of a bridge, as they are now.
struct stream_counts {
  std::atomic<std::size_t> open = 0;
  std::atomic<std::size_t> items = 0; ///< that have come and were not taken
};

class pools {
public:
  /// Takes configurations that have been checked. `payload_bytes_max`: as in
  /// dispatcher_settings, for workers. `on_event`: hears of calls.
  pools(const std::vector<pool_config>& wanted, std::shared_ptr<timers> clock,
        std::size_t payload_bytes_max = 0,
        const std::function<void(const interpreter_event&)>& on_event = {});

  const std::vector<pool>& all() const { return pools_; }
  /// Null: there is none of that name. No name: the one named default.
  const pool* find(std::string_view name) const;
  /// The one of that interpreter; null: there is none of that number.
  const pool* of(std::uint32_t number) const;
  /// The clock their calls have deadlines on.
  timers& clock() const { return *clock_; }
  steady_clock::time_point now() const { return clock_->now(); }
  stream_counts& streams() const { return streams_; }

private:
  mutable stream_counts streams_;
  const std::shared_ptr<timers> clock_;
  std::vector<pool> pools_;
  const pool* default_ = nullptr;
};

} // namespace snakebridge
