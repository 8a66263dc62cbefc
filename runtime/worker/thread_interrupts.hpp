#pragma once
// Interrupts calls on threads of Python other than its main thread, which no
// signal reaches: a thread of its own waits for the GIL to do so, which Python
// code may hold for long. Any thread may ask.

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <vector>

namespace snakebridge {

class thread_interrupts {
public:
  /// It lives as long as the process.
  static thread_interrupts& start();

  /// `snakebridge.Cancelled` is raised in that call, if nobody wants it then.
  void ask(std::uint64_t call);

private:
  void loop();

  std::mutex mutex_;
  std::condition_variable asked_for_;
  std::vector<std::uint64_t> asked_;
};

} // namespace snakebridge
