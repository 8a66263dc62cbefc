#include "runtime/calls/incarnations.hpp"

#include <algorithm>
#include <utility>

#include "runtime/base/ensure.hpp"

namespace snakebridge {

std::uint32_t incarnations::begin() {
  if (std::exchange(made_good_, deaths_) < deaths_)
    ++restarts_;
  return epoch_ = ++last_;
}

void incarnations::replace(std::uint32_t successor) {
  ensure(successor > epoch_, "epochs rise");
  ended_ = std::max(ended_, epoch_);
  epoch_ = successor;
  ++replaced_;
}

void incarnations::end(std::uint32_t epoch) {
  ended_ = std::max(ended_, epoch);
}

void incarnations::die(const error& why, steady_clock::time_point when) {
  ++deaths_;
  last_death_ = why;
  last_death_at_ = when;
}

} // namespace snakebridge
