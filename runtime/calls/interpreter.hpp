#pragma once
// One interpreter of a pool, as the pool's dispatcher knows it: the host that
// serves it now, what waits for it alone, and its health. Owned by the
// dispatcher, under its lock.

#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "runtime/calls/incarnations.hpp"
#include "runtime/calls/interpreter_host.hpp"
#include "runtime/calls/line.hpp"

namespace snakebridge {

struct interpreter_facts {
  std::uint32_t epoch = 0;
  bool ready = false;
  bool retired = false;
  std::size_t waiting = 0;
  std::uint64_t calls = 0; ///< taken so far
  std::uint32_t deaths = 0;
  std::uint32_t restarts = 0;
  std::uint32_t recycled = 0;
  bool due = false;
  std::optional<error> last_death;
  host_stats host;
};

/// One executor of an interpreter. A session has its calls there on the same.
struct executor {
  explicit executor(turn_numbers& turns) : waiting{turns} {}

  line waiting;          ///< calls that no other may run
  std::size_t users = 0; ///< sessions that have come and not gone
};

struct interpreter {
  interpreter(std::uint32_t number, std::uint32_t executor_count,
              turn_numbers& turns)
      : number{number} {
    for (std::uint32_t i = 0; i < executor_count; ++i)
      executors.emplace_back(turns);
  }

  const std::uint32_t number;
  std::deque<executor> executors;
  std::shared_ptr<interpreter_host> host; ///< null: none serves
  incarnations lives;
  std::size_t homeless = 0; ///< calls that wait, any may run, and began here
  /// Calls in the host on the threads of their callers.
  std::size_t on_callers_threads = 0;
  std::uint64_t calls = 0;
  std::uint64_t calls_before = 0; ///< the present incarnation
  bool retired = false;           ///< it serves nobody any more, or not yet
  bool leaves = false;            ///< no session chooses it any more
  bool due = false;               ///< it is to be replaced
  bool replacing = false;         ///< calls wait for the next host
  steady_clock::time_point replacing_since;

  bool is_in_service() const { return !retired && !leaves; }
  bool is_up() const { return host && !host->has_ended(); }
  std::size_t users() const;
  std::size_t waiting() const;
  std::size_t running() const {
    return on_callers_threads + (host ? host->running() : 0);
  }
  std::size_t running(std::uint32_t executor) const {
    return on_callers_threads + (host ? host->running(executor) : 0);
  }
  std::size_t load() const { return waiting() + homeless + running(); }
  std::size_t load(std::uint32_t executor) const {
    return executors[executor].waiting.size() + running(executor);
  }
  /// It has a host, where that executor has nothing to do.
  bool is_free(std::uint32_t executor) const {
    return is_up() && load(executor) == 0 && !replacing;
  }
  std::uint32_t least_busy_executor() const;
  /// Takes out all calls that wait for it alone.
  std::vector<exchange_ptr> take_waiting();
  interpreter_facts facts() const;
};

} // namespace snakebridge
