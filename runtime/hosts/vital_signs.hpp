#pragma once
// Whether a worker lives, and how long it has been in one call, or stuck
// between two, by what its status page shows from look to look. No clock of its
// own: the time comes with each look. Owned by a worker_care.

#include <chrono>
#include <cstdint>
#include <optional>

#include "runtime/base/timers.hpp"

namespace snakebridge {

struct vital_limits {
  std::chrono::milliseconds heartbeat{};    ///< 0: it may be silent for ever
  std::chrono::milliseconds stall_report{}; ///< 0: it is not told of
  std::chrono::milliseconds stall_kill{};   ///< 0: it may take for ever
};

class vital_signs {
public:
  explicit vital_signs(const vital_limits& limits) : limits_{limits} {}

  /// What is seen at a look.
  struct sight {
    std::uint64_t beats = 0; ///< so far
    std::uint64_t call = 0;  ///< it has that one; 0: none
    bool runs = false;       ///< and has started it
  };
  struct finding {
    bool is_silent = false; ///< for longer than it may
    bool is_stuck = false;  ///< for longer than it may
    bool is_news = false;   ///< it is to be told of the call, once

    bool operator==(const finding&) const = default;
  };
  /// Between two looks that are due nothing is found.
  finding look(const sight& seen, steady_clock::time_point now);

  /// When the next is due; nothing: not before the first, or never.
  const std::optional<steady_clock::time_point>& next_look() const {
    return next_look_;
  }
  /// What the worker was at, at the last look.
  const sight& last() const { return last_; }
  /// Since when it has been at that.
  steady_clock::time_point since() const { return since_; }

private:
  std::chrono::milliseconds period() const;
  void feel_pulse(const sight& seen, steady_clock::time_point now);

  const vital_limits limits_;
  std::optional<steady_clock::time_point> next_look_;
  steady_clock::time_point last_look_, last_beat_, since_;
  sight last_;
  bool told_ = false;
};

} // namespace snakebridge
