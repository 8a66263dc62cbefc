#pragma once
// Looking for something a moment before sleeping for it: waking up takes
// longer than a small call, on an idle core much longer. Where looking was in
// vain lately it is left out for a while. Any thread; several may share one.

#include <atomic>
#include <chrono>
#include <thread>

#include "config/tunables.hpp"

namespace snakebridge {

class spinner {
public:
  static constexpr std::chrono::microseconds time_max{limits::spin_us_max};

  /// False: it is left out this time. With one core whoever we wait for could
  /// not run meanwhile.
  bool begin() {
    static const bool has_cores = std::thread::hardware_concurrency() > 1;
    return has_cores && !(to_leave_out_ > 0 && to_leave_out_-- > 0);
  }
  /// What came of one that has begun.
  void end(bool found) {
    if (found) {
      in_vain_ = 0;
    } else if (++in_vain_ >= limits::spins_in_vain_max) {
      in_vain_ = 0;
      to_leave_out_ = limits::spins_left_out;
    }
  }

  /// Looks until `found` says so; false when it did not in time.
  template <class Found>
  bool operator()(const Found& found) {
    if (!begin())
      return false;
    const auto until = std::chrono::steady_clock::now() + time_max;
    do {
      // Whoever else has something to do on this core does that first.
      std::this_thread::yield();
      for (int looks = limits::spin_looks; looks > 0; --looks)
        if (found()) {
          end(true);
          return true;
        }
    } while (std::chrono::steady_clock::now() < until);
    end(false);
    return false;
  }

private:
  std::atomic<int> in_vain_ = 0;
  std::atomic<int> to_leave_out_ = 0;
};

} // namespace snakebridge
