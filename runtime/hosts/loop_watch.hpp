#pragma once
// Watches the calls that await something on the event loop of this process. One
// that is not wanted any more it cancels, again and again until its task ends;
// where that runs Python code meanwhile, and does not come back to the loop,
// `snakebridge.Cancelled` is raised in it. Of a loop that stands still it
// tells. Its thread begins with the first such call. Owned by an embedded_host;
// any thread.

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>
#include <unordered_map>

#include "runtime/base/timers.hpp"
#include "runtime/python/python.hpp"

// Hidden, as all of pybind11 is.
namespace [[gnu::visibility("hidden")]] snakebridge {

class loop_watch {
public:
  /// Told of a loop that has not gone on since then, with the call whose task
  /// runs, 0 where that is not known, and the stacks of all threads of Python.
  using stall_listener = std::function<void(
    std::uint64_t call, steady_clock::time_point since, std::string stacks)>;

  /// `grace`: for a task to clean up, between the first time and the second.
  /// `stalls_after`: when `on_stall` is told, once each time; 0: never. It is
  /// called without the GIL, but had to wait for it.
  loop_watch(std::chrono::milliseconds grace,
             std::chrono::milliseconds stalls_after, stall_listener on_stall);
  ~loop_watch();
  loop_watch(const loop_watch&) = delete;
  loop_watch& operator=(const loop_watch&) = delete;

  /// The call of that number (awaiting.hpp) awaits something, until `end`.
  void begin(std::uint64_t call);
  void end(std::uint64_t call);
  /// Nobody wants it any more.
  void withdraw(std::uint64_t call);
  /// Does nothing from now on. Not with the GIL.
  void stop();

private:
  struct watched {
    bool withdrawn = false;
    steady_clock::time_point due = {}; ///< when it is cancelled again
  };

  void loop();
  bool has_stalled(steady_clock::time_point now);
  void report(steady_clock::time_point since) const;

  const std::chrono::milliseconds grace_;
  const std::chrono::milliseconds stalls_after_;
  const stall_listener on_stall_;
  std::mutex mutex_; // not kept while the GIL is waited for
  std::condition_variable changed_;
  std::unordered_map<std::uint64_t, watched> calls_;
  std::uint64_t beats_ = 0;
  steady_clock::time_point beaten_at_;
  bool told_ = false; // of this stall
  bool stopping_ = false;
  std::thread thread_;
};

} // namespace gnu::visibility("hidden")]]snakebridge
