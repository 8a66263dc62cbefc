#include "runtime/worker/control_thread.hpp"

#include <algorithm>
#include <csignal>
#include <thread>

#include <poll.h>
#include <unistd.h>

#include "config/tunables.hpp"
#include "runtime/python/awaiting.hpp"
#include "runtime/worker/signals.hpp"
#include "runtime/worker/thread_interrupts.hpp"

namespace snakebridge {

namespace {

[[noreturn]] void die_with_group() {
  if (::getpgrp() == ::getpid())
    ::kill(0, SIGKILL);
  ::_exit(1);
}

// A call on its way to be interrupted. A signal that comes just before a system
// call does not end it: so it is sent again until Python has noticed.
class interruption {
public:
  explicit interruption(pthread_t python) : python_{python} {}

  void begin(std::uint64_t call) {
    // Here and not once it is noticed: a signal may still be on its way then.
    expect_notice();
    call_ = call;
    again_ms_ = 1;
  }
  void go_on(status_page& status) {
    // A signal that comes too late for its call finds another, or none, and
    // Python's handler leaves that alone.
    if (status.started(call_).load() != call_ || noticed_call() == call_)
      call_ = 0;
    if (call_ == 0)
      return;
    ::pthread_kill(python_, interrupt_signal());
    again_ms_ = std::min(2 * again_ms_, limits::beat_ms);
  }
  int next_ms() const { return call_ == 0 ? limits::beat_ms : again_ms_; }

private:
  const pthread_t python_;
  std::uint64_t call_ = 0; // 0: none
  int again_ms_ = 0;
};

// The thread of the executor that has that call; the main thread where it has
// none yet, or not any more.
pthread_t thread_of(std::uint64_t call, const status_page& status,
                    pthread_t python) {
  const auto thread = status.executors[executor_of(call)].thread.load();
  return thread == 0 ? python : static_cast<pthread_t>(thread);
}

// The host's end of the control socket closes when the host is gone, however it
// went, unless a process lives that it has forked: that has the socket too.
[[noreturn]] void serve(channel& control, status_page& status, pthread_t python,
                        pid_t host, std::size_t executors,
                        thread_interrupts* others) {
  std::vector<frame> arrived;
  interruption late{python};
  for (;;) {
    if (::getppid() != host)
      die_with_group();
    ++status.beats;
    pollfd readable{control.poll_descriptor(), POLLIN, 0};
    ::poll(&readable, 1, late.next_ms());
    arrived.clear();
    if (control.receive(arrived, false) != channel_state::open)
      die_with_group();
    for (const auto& [told, content, descriptors] : arrived)
      if (told.kind == frame_kind::cancel && executor_of(told.call) == 0)
        late.begin(told.call);
      else if (told.kind == frame_kind::cancel
               && executor_of(told.call) == executors)
        cancel_await(number_of(told.call));
      else if (told.kind == frame_kind::cancel && others != nullptr)
        others->ask(told.call);
      else if (told.kind == frame_kind::sample)
        ::pthread_kill(thread_of(told.call, status, python), stacks_signal());
    late.go_on(status);
  }
}

} // namespace

void start_control_thread(std::shared_ptr<channel> control, status_page& status,
                          pid_t host, std::size_t executors) {
  auto* const others = executors > 1 ? &thread_interrupts::start() : nullptr;
  std::thread{[control = std::move(control), &status, python = ::pthread_self(),
               host, executors, others] {
    serve(*control, status, python, host, executors, others);
  }}.detach();
}

} // namespace snakebridge
