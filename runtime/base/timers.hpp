#pragma once
// The clock of a bridge, and what is due on it: the deadlines of calls nobody
// waits for. Owned by the bridge; any thread may set and cancel. Tests put a
// clock in its place that they move by hand (testing/actor_timers.hpp).

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>

namespace snakebridge {

using steady_clock = std::chrono::steady_clock;
using timer_token = std::pair<steady_clock::time_point, std::uint64_t>;

class timers {
public:
  timers() = default;
  /// What is due later never runs.
  virtual ~timers() = default;
  timers(const timers&) = delete;
  timers& operator=(const timers&) = delete;

  virtual steady_clock::time_point now() const = 0;
  /// Runs `due` at `when`, on the thread of the timers: it must not block.
  virtual timer_token at(steady_clock::time_point when,
                         std::function<void()> due) = 0;
  /// Forgets it if it has not begun.
  virtual void cancel(const timer_token& set) = 0;
  /// What is due later, and what is set from now on, never runs.
  virtual void stop() = 0;
  /// As a wait on that condition, until `when` on this clock.
  virtual std::cv_status wait_until(std::unique_lock<std::mutex>& lock,
                                    std::condition_variable& changed,
                                    steady_clock::time_point when) = 0;
};

/// On the machine's clock, by a thread of their own.
class thread_timers final : public timers {
public:
  thread_timers();
  ~thread_timers() override;

  steady_clock::time_point now() const override { return steady_clock::now(); }
  timer_token at(steady_clock::time_point when,
                 std::function<void()> due) override;
  void cancel(const timer_token& set) override;
  void stop() override;
  std::cv_status wait_until(std::unique_lock<std::mutex>& lock,
                            std::condition_variable& changed,
                            steady_clock::time_point when) override {
    return changed.wait_until(lock, when);
  }

private:
  // Shared with the thread: what it runs may hold the last owner of the timers,
  // which then end on their own thread.
  struct clockwork {
    using entries = std::map<timer_token, std::function<void()>>;
    /// What some of the threads have set: there are several drawers, so that
    /// threads seldom wait for each other.
    struct alignas(64) drawer {
      std::mutex mutex;
      entries due;
      std::uint64_t last = 0; // number that it gave out
    };

    void loop();
    /// The drawer that has the earliest timer, and when; null: none is set.
    std::pair<drawer*, steady_clock::time_point> first();
    static void run_first(drawer& of);

    std::array<drawer, 8> drawers;
    std::mutex mutex;
    std::condition_variable earlier;
    // When the thread will look again: only an earlier timer has to wake it.
    std::atomic<steady_clock::time_point> wake{steady_clock::time_point::max()};
    bool stopping = false;
  };

  const std::shared_ptr<clockwork> clockwork_ = std::make_shared<clockwork>();
  std::thread thread_;
};

} // namespace snakebridge
