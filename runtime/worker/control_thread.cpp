#include "runtime/worker/control_thread.hpp"

#include <algorithm>
#include <atomic>
#include <csignal>
#include <thread>

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/python/running_call.hpp"
#include "runtime/worker_process.hpp"

namespace snakebridge {

namespace {

// Of the real-time signals, which programs hardly use.
int interrupt_signal() {
  return SIGRTMAX - 1;
}
int stacks_signal() {
  return SIGRTMAX - 2;
}

[[noreturn]] void die_with_group() {
  if (::getpgrp() == ::getpid())
    ::kill(0, SIGKILL);
  ::_exit(1);
}

// The call that was last interrupted, once Python has come to that.
std::atomic<std::uint64_t> noticed{0};

// A call on its way to be interrupted. A signal that comes just before a system
// call does not end it: so it is sent again until Python has noticed.
class interruption {
public:
  explicit interruption(pthread_t python) : python_{python} {}

  void begin(std::uint64_t call) {
    // Here and not once it is noticed: a signal may still be on its way then.
    noticed.store(0);
    call_ = call;
    again_ms_ = 1;
  }
  void go_on(const status_page& status) {
    // A signal that comes too late for its call finds another, or none, and
    // Python's handler leaves that alone.
    if (status.started.load() != call_ || noticed.load() == call_)
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

// The host's end of the control socket closes when the host is gone, however it
// went, unless a process lives that it has forked: that has the socket too.
[[noreturn]] void serve(channel& control, status_page& status, pthread_t python,
                        pid_t host) {
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
    for (const auto& [told, content] : arrived)
      if (told.kind == frame_kind::cancel)
        late.begin(told.call);
      else if (told.kind == frame_kind::sample)
        ::pthread_kill(python, stacks_signal());
    late.go_on(status);
  }
}

// Of faulthandler.
void (*write_stacks)(int) = nullptr;

void sample(int signal) {
  const int before = errno;
  write_stacks(signal);
  const frame_header told{
    .words = 0, .kind = frame_kind::sampled, .call = 0, .deadline_ns = 0};
  ::send(worker_descriptor::control, &told, sizeof told,
         MSG_DONTWAIT | MSG_NOSIGNAL);
  errno = before;
}

// Python runs it on its main thread, between two steps of its code or when a
// system call was interrupted: so the call it looks at is the one it ends.
void raise_if_withdrawn(int, const py::object&) {
  const auto* running = call_of_this_thread();
  if (running == nullptr || !running->is_withdrawn())
    return;
  // Once for each interruption, however many signals that took: the next would
  // disturb what it does about the first.
  if (noticed.exchange(running->id) == running->id)
    return;
  PyErr_SetNone(cancelled_type().ptr());
  throw py::error_already_set{};
}

} // namespace

void start_control_thread(std::shared_ptr<channel> control, status_page& status,
                          pid_t host) {
  std::thread{[control = std::move(control), &status, python = ::pthread_self(),
               host] {
    serve(*control, status, python, host);
  }}.detach();
}

void take_signals() {
  py::module_::import("_signal").attr("signal")(
    interrupt_signal(), py::cpp_function{raise_if_withdrawn});
  const auto stacks = py::module_::import("faulthandler");
  stacks.attr("register")(stacks_signal(), worker_descriptor::stacks,
                          py::arg("all_threads") = true);
  // Around its handler, not chained to it: one that is chained makes the system
  // calls of C code fail with EINTR, in a call that is only looked at.
  struct sigaction sampling {};
  ::sigaction(stacks_signal(), nullptr, &sampling);
  write_stacks = std::exchange(sampling.sa_handler, sample);
  sampling.sa_flags |= SA_RESTART;
  ::sigaction(stacks_signal(), &sampling, nullptr);
  stacks.attr("enable")(worker_descriptor::stacks,
                        py::arg("all_threads") = true);
}

} // namespace snakebridge
