#pragma once
// The callback threads of a bridge: code of the program runs there, and so
// never on a thread that brings answers. Each is started when there is
// something for it to do. Shared by the bridge and what is to run; any thread.

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>

#include "runtime/base/live_threads.hpp"

namespace snakebridge {

class background : public std::enable_shared_from_this<background> {
public:
  explicit background(std::size_t threads_max) : threads_max_{threads_max} {}
  background(const background&) = delete;
  background& operator=(const background&) = delete;

  /// Runs it soon, in turn; here and now once this has stopped, or where no
  /// thread can be started.
  void run(std::function<void()> what);
  /// No thread waits for more. True when all have ended, with all that was
  /// waiting, within `patience`; what goes on then is left to itself.
  bool stop(std::chrono::milliseconds patience);

private:
  bool has_thread();
  void serve();

  const std::size_t threads_max_;
  const std::shared_ptr<live_threads> living_ =
    std::make_shared<live_threads>();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> waiting_;
  std::size_t threads_ = 0;
  std::size_t idle_ = 0;
  bool stopped_ = false;
};

} // namespace snakebridge
