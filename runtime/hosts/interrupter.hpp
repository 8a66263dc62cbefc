#pragma once
// Watches the call that Python runs in this process. One that is late or not
// wanted any more it ends: its thread raises `snakebridge.Cancelled` in the
// thread that runs the call, again and again until the call ends. It reaches
// Python code only: a C function is not interrupted. Of one that takes long it
// tells. Owned by an embedded_host, whose calls run one at a time and have
// ascending numbers.

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

#include "runtime/base/timers.hpp"
#include "runtime/python/running_call.hpp"

// Hidden, as all of pybind11 is.
namespace [[gnu::visibility("hidden")]] snakebridge {

class interrupter {
public:
  /// Told of a call that runs since then, with the stacks of all threads of
  /// Python, as faulthandler writes them.
  using stall_listener = std::function<void(
    std::uint64_t call, steady_clock::time_point since, std::string stacks)>;

  /// `grace`: for a call to clean up, between the first time and the second.
  /// `stalls_after`: when `on_stall` is told of a call, once; 0: never. It is
  /// called without the GIL, but had to wait for it.
  interrupter(std::chrono::milliseconds grace,
              std::chrono::milliseconds stalls_after, stall_listener on_stall);
  ~interrupter();
  interrupter(const interrupter&) = delete;
  interrupter& operator=(const interrupter&) = delete;

  /// Nobody wants that call any more, whether it has begun or not. Any thread.
  void withdraw(std::uint64_t call);
  /// True once that is so, or the call's time ran out while it ran.
  bool is_withdrawn(std::uint64_t call) const {
    return withdrawn_.load() == call;
  }
  /// Interrupts nothing from now on. Not with the GIL.
  void stop();

  /// The call runs on this thread while the scope lasts; with the GIL.
  class scope {
  public:
    scope(interrupter& by, std::uint64_t call, steady_clock::time_point began,
          steady_clock::time_point deadline);
    ~scope();
    scope(const scope&) = delete;
    scope& operator=(const scope&) = delete;

  private:
    interrupter& by_;
    const running_call call_;
    const running_scope here_{call_};
  };

private:
  using time_point = steady_clock::time_point;

  /// What the thread has done about a call.
  struct care {
    std::uint64_t call = 0;
    bool is_reported = false;
    time_point again = time_point::min(); ///< not before that
    bool is_interrupted = false;
  };

  time_point stalls_at(time_point began) const {
    return stalls_after_.count() > 0 ? began + stalls_after_
                                     : time_point::max();
  }
  void loop();
  bool raise(std::uint64_t call);
  void report(std::uint64_t call);

  const std::chrono::milliseconds grace_;
  const std::chrono::milliseconds stalls_after_;
  const stall_listener on_stall_;
  std::atomic<std::uint64_t> withdrawn_{0}; // ascends, with the lock
  // With the GIL.
  PyThreadState* python_thread_ = nullptr;
  bool raised_ = false; // and perhaps not delivered yet
  // Of the call that runs: written before its number, with the GIL.
  std::atomic<time_point> began_{}, deadline_{};
  std::atomic<std::uint64_t> running_ = 0; // 0: none
  // When the thread will look again: only an earlier time has to wake it. It
  // writes this and then looks at what runs; a call writes what runs and then
  // looks at this.
  std::atomic<time_point> wake_ = time_point::min();
  std::mutex mutex_; // taken with the GIL, never the other way round
  std::condition_variable earlier_;
  bool stopping_ = false;
  std::thread thread_;
};

} // namespace gnu::visibility("hidden")]]snakebridge
