#include "runtime/hosts/vital_signs.hpp"

#include <algorithm>

#include "config/tunables.hpp"

namespace snakebridge {

// Often enough for the shortest of what is watched for; 0: nothing is. A worker
// shows that it lives far more often than its limits can tell.
std::chrono::milliseconds vital_signs::period() const {
  auto shortest = std::chrono::milliseconds::max();
  for (const auto each :
       {limits_.heartbeat, limits_.stall_report, limits_.stall_kill})
    if (each.count() > 0)
      shortest = std::min(shortest, each / 8);
  constexpr std::chrono::milliseconds least{1}, most{limits::care_ms_max};
  return shortest == std::chrono::milliseconds::max()
           ? std::chrono::milliseconds{0}
           : std::clamp(shortest, least, most);
}

// Also when we ourselves were held up: it may not have come to beat either.
void vital_signs::feel_pulse(const sight& seen, steady_clock::time_point now) {
  if (!next_look_ || seen.beats != last_.beats
      || now > last_look_ + 2 * period())
    last_beat_ = now;
}

vital_signs::finding vital_signs::look(const sight& seen,
                                       steady_clock::time_point now) {
  const auto apart = period();
  if (apart.count() == 0 || (next_look_ && now < *next_look_))
    return {};
  feel_pulse(seen, now);
  if (seen.call != last_.call || seen.runs != last_.runs) {
    since_ = now;
    told_ = false;
  }
  last_ = seen;
  last_look_ = now;
  next_look_ = now + apart;
  // The last beat may be one interval old, and the next one late.
  constexpr std::chrono::milliseconds beats_apart{2 * limits::beat_ms};
  finding found;
  found.is_silent = limits_.heartbeat.count() > 0
                    && now - last_beat_ > limits_.heartbeat + beats_apart;
  if (seen.call == 0)
    return found;
  const auto took = now - since_;
  found.is_stuck = limits_.stall_kill.count() > 0 && took >= limits_.stall_kill;
  found.is_news =
    limits_.stall_report.count() > 0 && took >= limits_.stall_report && !told_;
  told_ = told_ || found.is_news;
  return found;
}

} // namespace snakebridge
