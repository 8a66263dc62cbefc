#pragma once
// What a worker is told about a call nobody wants any more, step by step: it is
// interrupted, once its grace is over again and again, and killed in the end.
// Pure functions over plain values: the worker's host acts on them.

#include <chrono>
#include <cstdint>

#include "runtime/base/timers.hpp"

namespace snakebridge {

struct cancel_limits {
  std::chrono::milliseconds cancel_grace{}; ///< for the code to clean up
  std::chrono::milliseconds kill_grace{};   ///< after that
};

/// The call that runs, or is to run next, and that nobody wants.
struct late_call {
  std::uint64_t id = 0;
  bool had_started = true; ///< when it was given up
  steady_clock::time_point since;
  int interruptions = 0;
  steady_clock::time_point interrupted = {}; ///< for the last time
};

/// How long a worker has to be back from it. Between calls it may be busy with
/// what is nobody's call (finalisers), and has a while at least.
std::chrono::milliseconds grace_of(const late_call& late,
                                   const cancel_limits& limits);

enum class cancel_step { wait, interrupt, kill };

struct next_cancel {
  cancel_step what = cancel_step::wait;
  steady_clock::time_point again; ///< when to ask for the next step

  bool operator==(const next_cancel&) const = default;
};

/// The step that is due now. The caller counts an interruption in `late`.
next_cancel next_step(const late_call& late, const cancel_limits& limits,
                      steady_clock::time_point now);

} // namespace snakebridge
