#pragma once
// The pools of a bridge and the call queues of their interpreters: where calls
// can go. Made before the first interpreter starts and unchanged after, so any
// thread may read it. The interpreters themselves are actors below the pools'
// supervisors.

#include <memory>
#include <mutex>
#include <string_view>
#include <vector>

#include <snakebridge/config.hpp>

#include "actors/circuit_breaker.hpp"
#include "runtime/call_queue.hpp"
#include "runtime/spare_workers.hpp"

namespace snakebridge {

struct pool {
  pool_config settings;
  std::vector<std::shared_ptr<call_queue>> interpreters;
  std::shared_ptr<std::mutex> choosing; ///< a session chooses, and joins
  std::shared_ptr<circuit_breaker> breaker;
  std::shared_ptr<spare_workers> spares; ///< null: there are to be none

  /// For a session that comes to the pool. One that is due or died of late is
  /// the last choice.
  std::shared_ptr<call_queue> least_busy() const;
  /// `home` if it is free; else another that is, if there is one; else `home`.
  std::shared_ptr<call_queue>
  any_free(const std::shared_ptr<call_queue>& home) const;
};

class pools {
public:
  /// Takes configurations that have been checked.
  pools(const std::vector<pool_config>& wanted,
        const std::shared_ptr<timers>& deadlines);

  const std::vector<pool>& all() const { return pools_; }
  const pool* find(std::string_view name) const;
  /// Null when there is none of that number.
  std::shared_ptr<call_queue> interpreter(std::uint32_t number) const;
  /// The one of that interpreter; null as above.
  const pool* of(std::uint32_t number) const;

private:
  std::vector<pool> pools_;
};

} // namespace snakebridge
