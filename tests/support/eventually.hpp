#pragma once
// For tests on real threads and processes: waits for what must become true.
// The one place where a test looks at a clock, and only to fail rather than
// hang: nothing may depend on how long it took.

#include <chrono>

#include <poll.h>

namespace snakebridge::testing {

/// No wait in a test ends in success after this; all in practice end at once.
inline constexpr std::chrono::seconds patience{30};

/// True as soon as `holds()` is; false when it is not within `patience`.
template <class Condition>
bool eventually(Condition holds) {
  const auto until = std::chrono::steady_clock::now() + patience;
  while (!holds()) {
    if (std::chrono::steady_clock::now() > until)
      return false;
    // Somebody else has to run: another thread or another process.
    ::poll(nullptr, 0, 1);
  }
  return true;
}

} // namespace snakebridge::testing
