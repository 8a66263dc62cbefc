#include "runtime/worker/control_thread.hpp"

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

void obey(const frame_header& told, const status_page& status,
          pthread_t python) {
  // A signal that comes too late for its call finds another, or none, and
  // Python's handler leaves that alone.
  if (told.kind == frame_kind::cancel && status.started.load() == told.call)
    ::pthread_kill(python, interrupt_signal());
  else if (told.kind == frame_kind::sample)
    ::pthread_kill(python, stacks_signal());
}

// The host's end of the control socket closes when the host is gone, however it
// went.
[[noreturn]] void serve(channel& control, status_page& status,
                        pthread_t python) {
  std::vector<frame> arrived;
  for (;;) {
    ++status.beats;
    pollfd readable{control.poll_descriptor(), POLLIN, 0};
    ::poll(&readable, 1, limits::beat_ms);
    arrived.clear();
    if (control.receive(arrived, false) != channel_state::open)
      die_with_group();
    for (const auto& each : arrived)
      obey(each.header, status, python);
  }
}

// After faulthandler, which has written the stacks.
void tell_sampled(int) {
  const int before = errno;
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
  PyErr_SetNone(cancelled_type().ptr());
  throw py::error_already_set{};
}

} // namespace

void start_control_thread(std::shared_ptr<channel> control,
                          status_page& status) {
  std::thread{[control = std::move(control), &status,
               python = ::pthread_self()] {
    serve(*control, status, python);
  }}.detach();
}

void take_signals() {
  py::module_::import("_signal").attr("signal")(
    interrupt_signal(), py::cpp_function{raise_if_withdrawn});
  struct sigaction told {};
  told.sa_handler = tell_sampled;
  told.sa_flags = SA_RESTART;
  ::sigaction(stacks_signal(), &told, nullptr);
  const auto stacks = py::module_::import("faulthandler");
  stacks.attr("register")(stacks_signal(), worker_descriptor::stacks,
                          py::arg("all_threads") = true,
                          py::arg("chain") = true);
  stacks.attr("enable")(worker_descriptor::stacks,
                        py::arg("all_threads") = true);
}

} // namespace snakebridge
