#include "runtime/worker/thread_interrupts.hpp"

#include <algorithm>
#include <thread>
#include <utility>

#include "runtime/python/running_call.hpp"

namespace snakebridge {

thread_interrupts& thread_interrupts::start() {
  auto* const made = new thread_interrupts; // its thread never ends
  std::thread{[made] { made->loop(); }}.detach();
  return *made;
}

void thread_interrupts::ask(std::uint64_t call) {
  {
    const std::lock_guard lock{mutex_};
    if (std::find(asked_.begin(), asked_.end(), call) == asked_.end())
      asked_.push_back(call); // it is asked again as long as it runs
  }
  asked_for_.notify_one();
}

void thread_interrupts::loop() {
  std::unique_lock lock{mutex_};
  for (;;) {
    asked_for_.wait(lock, [this] { return !asked_.empty(); });
    const auto calls = std::exchange(asked_, {});
    lock.unlock();
    {
      const gil_guard gil;
      for (const auto each : calls)
        raise_cancelled_in(each);
    }
    lock.lock();
  }
}

} // namespace snakebridge
