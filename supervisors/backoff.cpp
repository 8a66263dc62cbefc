#include "supervisors/backoff.hpp"

#include <algorithm>
#include <cmath>

namespace snakebridge {

std::chrono::milliseconds wait_before_restart(const backoff& how,
                                              unsigned before, double chance) {
  // In floating point: doubling again and again becomes infinite, not wrong.
  const auto doubled = std::ldexp(static_cast<double>(how.minimum.count()),
                                  static_cast<int>(std::min(before, 1'000U)));
  const auto capped =
    std::min(doubled, static_cast<double>(how.maximum.count()));
  return std::chrono::milliseconds{
    std::llround(capped * (1 - how.jitter * chance))};
}

} // namespace snakebridge
