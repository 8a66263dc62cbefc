#pragma once
// Whose turn it is to do what one thread at a time may. Who comes while nobody
// is inside goes in; the others wait in line. Who comes may pass those in line,
// because to wake them up takes longer than a short turn, but none that has
// waited for limits::passed_us_max: so a thread that makes call after call
// keeps no other out. Owned by who has the lock it is used with.

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>

#include "config/tunables.hpp"

namespace snakebridge {

class turnstile {
public:
  using clock = std::chrono::steady_clock;

  bool is_taken() const { return taken_; }
  std::size_t waiting() const { return line_.size(); }

  /// Takes the turn if that is possible now.
  bool try_enter() {
    if (taken_ || !may_pass())
      return false;
    return taken_ = true;
  }

  /// Waits in line for the turn: false at the deadline, or once `given_up`
  /// says so, which is asked again at each `look`.
  template <class GivenUp>
  bool enter(std::unique_lock<std::mutex>& lock, clock::time_point deadline,
             const GivenUp& given_up) {
    waiter me{.woken = {}, .since = clock::now()};
    line_.push_back(&me);
    const auto is_mine = [&] { return !taken_ && line_.front() == &me; };
    me.woken.wait_until(lock, deadline,
                        [&] { return is_mine() || given_up(); });
    const bool entered = is_mine() && !given_up();
    line_.erase(std::find(line_.begin(), line_.end(), &me));
    if (entered)
      taken_ = true;
    else
      wake_next(); // the wake-up may have been meant for us
    return entered;
  }

  void leave() {
    taken_ = false;
    wake_next();
  }

  /// Asks all in line whether they have given up.
  void look() {
    for (auto* each : line_)
      each->woken.notify_one();
  }

private:
  struct waiter {
    std::condition_variable woken;
    clock::time_point since;
  };

  bool may_pass() const {
    constexpr std::chrono::microseconds passed_max{limits::passed_us_max};
    return line_.empty() || clock::now() - line_.front()->since < passed_max;
  }
  void wake_next() {
    if (!taken_ && !line_.empty())
      line_.front()->woken.notify_one();
  }

  bool taken_ = false;
  std::deque<waiter*> line_;
};

} // namespace snakebridge
