#pragma once
// How many restarts a supervisor has seen of late, against how many it bears.
// A value owned by one supervisor; its times come from the actor clock, so it
// is as fake in tests as that clock is.

#include <chrono>
#include <cstddef>
#include <deque>

namespace snakebridge {

/// Counts restarts within a sliding period.
class restart_window {
public:
  using time_point = std::chrono::steady_clock::time_point;

  restart_window(int intensity, std::chrono::milliseconds period);

  /// Counts a restart at `now` (never earlier than the last one). False: there
  /// are more than `intensity` of them within `period`, give up. A restart
  /// exactly `period` ago still counts.
  bool add(time_point now);

  /// The restarts counted at the last `add`; at most intensity + 1.
  std::size_t count() const { return restarts_.size(); }

private:
  std::size_t intensity_;
  std::chrono::milliseconds period_;
  std::deque<time_point> restarts_;
};

} // namespace snakebridge
