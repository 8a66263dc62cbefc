#pragma once
// One thread of a node that reads and writes its large messages: a value of a
// GiB takes seconds, in which the loop of its links must go on beating. What
// waits here has its room on a link until it is done, and so is bounded by
// that. Owned by the node; any thread.

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace snakebridge {

class value_thread {
public:
  using job = std::function<void()>;

  /// Throws std::system_error where there is no thread.
  value_thread();
  ~value_thread();
  value_thread(const value_thread&) = delete;
  value_thread& operator=(const value_thread&) = delete;

  /// Runs it there, after all that was given before; once it has stopped, here.
  /// It must not throw.
  void run(job todo);
  /// What waits is done first. Not from a job.
  void stop();

private:
  void serve();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<job> waiting_;
  bool stops_ = false;
  std::thread thread_;
};

} // namespace snakebridge
