#pragma once
// Stops calls to a pool whose interpreters crash again and again, before they
// take it down: closed, it counts crashes; open, it refuses calls at once;
// after a while it lets one through, and what becomes of that one decides.
// Times are given to it. Any thread.

#include <chrono>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <string>

#include <snakebridge/bridge.hpp>

namespace snakebridge {

class circuit_breaker {
public:
  using time_point = std::chrono::steady_clock::time_point;

  /// What an admitted call gives back with its outcome.
  struct ticket {
    bool probes = false; ///< it decides whether the circuit closes
  };

  circuit_breaker(std::string pool, const breaker_limits& limits)
      : pool_{std::move(pool)},
        limits_{limits} {}

  bool is_on() const { return limits_.failures > 0; }
  /// Errors: pool_down, saying until when.
  result<ticket> admit(time_point now);
  /// What became of an admitted call.
  enum class outcome {
    worked,  ///< Python ran it, whatever it made of it
    crashed, ///< an interpreter died of it
    untried, ///< it never came to that: it tells nothing
  };
  /// Each admitted call once.
  void record(ticket of, outcome what, time_point now);
  circuit_state state(time_point now) const;

private:
  void open(time_point now);

  const std::string pool_;
  const breaker_limits limits_;

  mutable std::mutex mutex_;
  std::deque<time_point> failures_; // at most limits_.failures
  std::optional<time_point> open_until_;
  bool probing_ = false; // the one call is out
};

} // namespace snakebridge
