#include "runtime/interrupter.hpp"

#include "config/tunables.hpp"

namespace snakebridge {

interrupter::interrupter(std::chrono::milliseconds grace)
    : grace_{grace},
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
                          steady_clock::time_point deadline)
    : by_{by},
      call_{.id = call,
            .deadline_ns =
              std::chrono::nanoseconds{deadline.time_since_epoch()}.count(),
            .withdrawal = by.withdrawn_} {
  const std::lock_guard lock{by_.mutex_};
  by_.running_ = call;
  by_.python_thread_ = PyThread_get_thread_ident();
  by_.due_ = deadline;
  if (deadline < by_.wake_)
    by_.earlier_.notify_one();
}

interrupter::scope::~scope() {
  const std::lock_guard lock{by_.mutex_};
  by_.running_ = 0;
  // What was not delivered must not reach what this thread runs next.
  if (std::exchange(by_.raised_, false))
    PyThreadState_SetAsyncExc(by_.python_thread_, nullptr);
}

void interrupter::loop() {
  bool again = false;
  std::unique_lock lock{mutex_};
  while (!stopping_) {
    const auto now = steady_clock::now();
    if (running_ == 0 || now < due_) {
      again = again && running_ != 0;
      wake_ = running_ == 0 ? steady_clock::time_point::max() : due_;
      earlier_.wait_until(lock, wake_);
      continue;
    }
    const auto late = running_;
    lock.unlock();
    raise(late);
    lock.lock();
    if (running_ == late)
      due_ = steady_clock::now()
             + (again ? std::chrono::milliseconds{limits::interrupt_again_ms}
                      : grace_);
    again = running_ == late;
  }
}

void interrupter::raise(std::uint64_t call) {
  const gil_guard gil; // which a C function may hold for long
  const auto type = cancelled_type();
  const std::lock_guard lock{mutex_};
  if (running_ != call)
    return;
  raised_ = true;
  PyThreadState_SetAsyncExc(python_thread_, type.ptr());
}

} // namespace snakebridge
