#pragma once
// Deadlines. One thread runs functions at points in time: the deadlines of
// calls nobody waits for, the grace of calls given up. Owned by the bridge;
// any thread may set and cancel.

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <thread>

#include "runtime/call.hpp"

namespace snakebridge {

class timers {
public:
  timers();
  /// What is due later never runs.
  ~timers();
  timers(const timers&) = delete;
  timers& operator=(const timers&) = delete;

  /// Runs `due` at `when`, on the thread of the timers: it must not block.
  timer_token at(steady_clock::time_point when, std::function<void()> due);
  /// Forgets it if it has not begun.
  void cancel(const timer_token& set);

private:
  void loop();

  std::mutex mutex_;
  std::condition_variable earlier_;
  std::map<timer_token, std::function<void()>> due_;
  std::uint64_t next_ = 0;
  // When the thread will look again: only an earlier timer has to wake it.
  steady_clock::time_point wake_;
  bool stopping_ = false;
  std::thread thread_;
};

} // namespace snakebridge
