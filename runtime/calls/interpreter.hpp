#pragma once
// One interpreter of a pool, as the pool's dispatcher knows it: the host that
// serves it now, what waits for it alone, and its health. Owned by the
// dispatcher, under its lock.

#include <cstdint>
#include <memory>

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

struct interpreter {
  interpreter(std::uint32_t number, turn_numbers& turns)
      : number{number},
        waiting{turns} {}

  const std::uint32_t number;
  std::shared_ptr<interpreter_host> host; ///< null: none serves
  incarnations lives;
  line waiting;             ///< calls that no other may run
  std::size_t homeless = 0; ///< calls that wait, any may run, and began here
  std::size_t users = 0;    ///< sessions that have come and not gone
  /// Calls in the host on the threads of their callers.
  std::size_t on_callers_threads = 0;
  std::uint64_t calls = 0;
  std::uint64_t calls_before = 0; ///< the present incarnation
  bool retired = false;   ///< it serves nobody any more, or not yet
  bool leaves = false;    ///< no session chooses it any more
  bool due = false;       ///< it is to be replaced
  bool replacing = false; ///< calls wait for the next host

  bool is_in_service() const { return !retired && !leaves; }
  bool is_up() const { return host && !host->has_ended(); }
  std::size_t running() const {
    return on_callers_threads + (host ? host->running() : 0);
  }
  std::size_t load() const { return waiting.size() + homeless + running(); }
  /// It has a host, which has nothing to do.
  bool is_free() const {
    return is_up() && waiting.empty() && running() == 0 && !replacing;
  }
  interpreter_facts facts() const;
};

} // namespace snakebridge
