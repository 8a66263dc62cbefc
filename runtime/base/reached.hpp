#pragma once
// Which errors callers were answered, counted in builds with fault points: the
// suite fails if it never reached one (tests/reached). Of the process, as its
// tests are. Any thread.

#include <array>
#include <atomic>
#include <cstdint>

#include <snakebridge/result.hpp>

#include "runtime/base/fault_build.hpp"

namespace snakebridge {

inline std::array<std::atomic<std::uint64_t>, 256> errors_answered;

/// Counts the error of what a caller is about to be answered.
template <class T>
result<T> reached(result<T> outcome) {
  if constexpr (has_fault_points)
    if (!outcome)
      ++errors_answered[static_cast<std::uint8_t>(outcome.error().code())];
  return outcome;
}

} // namespace snakebridge
