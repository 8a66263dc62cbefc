#include "supervisors/restart_window.hpp"

namespace snakebridge {

restart_window::restart_window(int intensity, std::chrono::milliseconds period)
    : intensity_(static_cast<std::size_t>(intensity)),
      period_(period) {}

bool restart_window::add(time_point now) {
  while (!restarts_.empty() && restarts_.front() < now - period_)
    restarts_.pop_front();
  restarts_.push_back(now);
  if (restarts_.size() <= intensity_)
    return true;
  // One more than we bear is all that has to be remembered: the bound.
  if (restarts_.size() > intensity_ + 1)
    restarts_.pop_front();
  return false;
}

} // namespace snakebridge
