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
  if (call == running_) // else it looks before it begins
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
  by_.python_thread_ = PyThreadState_Get();
  by_.began_.store(began, std::memory_order_relaxed);
  by_.deadline_.store(deadline, std::memory_order_relaxed);
  by_.running_.store(call);
  if (std::min(deadline, by_.stalls_at(began)) >= by_.wake_.load())
    return;
  const std::lock_guard lock{by_.mutex_};
  by_.earlier_.notify_one();
}

interrupter::scope::~scope() {
  by_.running_.store(0, std::memory_order_release);
  // What was not delivered must not reach what this thread runs next.
  if (std::exchange(by_.raised_, false))
    raise_nothing_in(by_.python_thread_);
}

void interrupter::loop() {
  care last;
  std::unique_lock lock{mutex_};
  while (!stopping_) {
    const auto running = running_.load();
    if (running != 0 && running != last.call)
      last = {.call = running};
    // Of the last call, too, where none runs: the next one's is later, and so
    // need not wake this thread.
    const auto stalls = last.is_reported
                          ? time_point::max()
                          : stalls_at(began_.load(std::memory_order_relaxed));
    const auto due =
      is_withdrawn(last.call)
        ? last.again
        : std::max(deadline_.load(std::memory_order_relaxed), last.again);
    const auto now = steady_clock::now();
    const auto next = std::min(due, stalls);
    if (running == 0 || now < next) {
      const auto until = now < next ? next : time_point::max();
      wake_.store(until);
      if (running_.load() == running)
        earlier_.wait_until(lock, until);
      continue;
    }
    if (now >= stalls) {
      last.is_reported = true;
      lock.unlock();
      report(running);
      lock.lock();
      continue;
    }
    if (withdrawn_.load() < running)
      withdrawn_.store(running);
    lock.unlock();
    const bool is_first = raise(running) && !last.is_interrupted;
    lock.lock();
    last.again =
      steady_clock::now()
      + (is_first ? grace_
                  : std::chrono::milliseconds{limits::interrupt_again_ms});
    last.is_interrupted = last.is_interrupted || is_first;
  }
}

void interrupter::report(std::uint64_t call) {
  std::string stacks;
  time_point since;
  {
    const gil_guard gil; // as in `raise`
    if (running_ != call)
      return;
    since = began_;
    stacks = stacks_of_all_threads(python_thread_->thread_id);
  }
  on_stall_(call, since, std::move(stacks));
}

// False: it is not the time for it.
bool interrupter::raise(std::uint64_t call) {
  const gil_guard gil; // which a C function may hold for long
  const auto type = cancelled_type();
  if (running_ != call || !raise_in(python_thread_, type))
    return false;
  raised_ = true;
  return true;
}

} // namespace snakebridge
