#include "runtime/hosts/interrupter.hpp"

#include <algorithm>

#include "config/tunables.hpp"
#include "runtime/hosts/python_stacks.hpp"

namespace snakebridge {

interrupter::interrupter(std::chrono::milliseconds grace,
                         std::chrono::milliseconds stalls_after,
                         stall_listener on_stall)
    : grace_{grace},
      stalls_after_{stalls_after},
      on_stall_{std::move(on_stall)},
      thread_{[this] { loop(); }} {}

interrupter::~interrupter() {
  stop();
}

void interrupter::stop() {
  {
    const std::lock_guard lock{mutex_};
    stopping_ = true;
  }
  earlier_.notify_one();
  if (thread_.joinable())
    thread_.join();
}

void interrupter::withdraw(std::uint64_t call) {
  const std::lock_guard lock{mutex_};
  if (call <= withdrawn_.load())
    return;
  withdrawn_.store(call);
  if (call != running_)
    return; // it looks before it begins
  due_ = steady_clock::now();
  earlier_.notify_one();
}

interrupter::scope::scope(interrupter& by, std::uint64_t call,
                          steady_clock::time_point began,
                          steady_clock::time_point deadline)
    : by_{by},
      call_{.id = call,
            .deadline_ns =
              std::chrono::nanoseconds{deadline.time_since_epoch()}.count(),
            .withdrawal = by.withdrawn_} {
  const std::lock_guard lock{by_.mutex_};
  by_.running_ = call;
  by_.python_thread_ = PyThreadState_Get();
  by_.began_ = began;
  by_.due_ = deadline;
  by_.stalls_at_ = by_.stalls_after_.count() > 0
                     ? began + by_.stalls_after_
                     : steady_clock::time_point::max();
  if (std::min(deadline, by_.stalls_at_) < by_.wake_)
    by_.earlier_.notify_one();
}

interrupter::scope::~scope() {
  by_.running_.store(0, std::memory_order_release);
  // What was not delivered must not reach what this thread runs next.
  if (std::exchange(by_.raised_, false))
    raise_nothing_in(by_.python_thread_);
}

void interrupter::loop() {
  std::uint64_t interrupted = 0;
  std::unique_lock lock{mutex_};
  while (!stopping_) {
    const auto now = steady_clock::now();
    const auto next = std::min(due_, stalls_at_);
    if (running_ == 0 || now < next) {
      // Of the last call, too: the next one's is later, and so need not wake
      // this thread.
      wake_ = now < next ? next : steady_clock::time_point::max();
      earlier_.wait_until(lock, wake_);
      continue;
    }
    const auto late = running_.load();
    if (now >= stalls_at_) {
      stalls_at_ = steady_clock::time_point::max();
      lock.unlock();
      report(late);
      lock.lock();
      continue;
    }
    withdrawn_.store(late);
    lock.unlock();
    const bool is_first = raise(late) && interrupted != late;
    lock.lock();
    if (running_ == late)
      due_ =
        steady_clock::now()
        + (is_first ? grace_
                    : std::chrono::milliseconds{limits::interrupt_again_ms});
    if (is_first)
      interrupted = late;
  }
}

void interrupter::report(std::uint64_t call) {
  std::string stacks;
  steady_clock::time_point since;
  {
    const gil_guard gil; // as in `raise`
    unsigned long thread = 0;
    {
      const std::lock_guard lock{mutex_};
      if (running_ != call)
        return;
      since = began_;
      thread = python_thread_->thread_id;
    }
    stacks = stacks_of_all_threads(thread);
  }
  on_stall_(call, since, std::move(stacks));
}

// False: it is not the time for it.
bool interrupter::raise(std::uint64_t call) {
  const gil_guard gil; // which a C function may hold for long
  const auto type = cancelled_type();
  const std::lock_guard lock{mutex_};
  if (running_ != call || !raise_in(python_thread_, type))
    return false;
  raised_ = true;
  return true;
}

} // namespace snakebridge
