#pragma once
// Deadlines. One thread runs functions at points in time: the deadlines of
// calls nobody waits for, the grace of calls given up. Owned by the bridge;
// any thread may set and cancel.

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <thread>

#include "runtime/call.hpp"

namespace snakebridge {

class timers {
public:
  timers();
  /// What is due later never runs.
  ~timers();
  /// The same, early: what is set from now on never runs.
  void stop();
  timers(const timers&) = delete;
  timers& operator=(const timers&) = delete;

  /// Runs `due` at `when`, on the thread of the timers: it must not block.
  timer_token at(steady_clock::time_point when, std::function<void()> due);
  /// Forgets it if it has not begun.
  void cancel(const timer_token& set);

private:
  // Shared with the thread: what it runs may hold the last owner of the timers,
  // which then end on their own thread.
  struct clockwork {
    void loop();

    std::mutex mutex;
    std::condition_variable earlier;
    std::map<timer_token, std::function<void()>> due;
    std::uint64_t next = 0;
    // When the thread will look again: only an earlier timer has to wake it.
    steady_clock::time_point wake = steady_clock::time_point::max();
    bool stopping = false;
  };

  const std::shared_ptr<clockwork> clockwork_ = std::make_shared<clockwork>();
  std::thread thread_;
};

} // namespace snakebridge
