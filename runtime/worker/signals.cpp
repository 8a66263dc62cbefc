#include "runtime/worker/signals.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <iterator>
#include <optional>
#include <utility>

#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/python/running_call.hpp"
#include "runtime/wire/channel.hpp"
#include "runtime/wire/worker_start.hpp"

#include "runtime/python/service_signals.hpp"

namespace snakebridge {

namespace {

std::atomic<std::uint64_t> noticed{0};

// Never freed, as Python itself is not.
PyObject* take_again = nullptr; // of service_signals.py
PyObject* handler_of = nullptr; // `_signal.getsignal`, which it asks
PyObject* default_of_sigint = nullptr;

// Whether Python code has given one back its default, as asyncio does. SIG_DFL
// is the int 0.
bool is_lost(PyObject* number) {
  const auto handler =
    py::reinterpret_steal<py::object>(PyObject_CallOneArg(handler_of, number));
  if (!handler)
    PyErr_Clear();
  return handler
         && (handler.is(py::handle{default_of_sigint})
             || (PyLong_Check(handler.ptr()) != 0
                 && PyLong_AsLong(handler.ptr()) == 0));
}

// Of a thread that forks.
thread_local std::optional<sigset_t> mask_before_fork;

// What is sent to a child at once waits until it has its defaults.
PyObject* hold_service_signals(PyObject*, PyObject*) {
  sigset_t held, before;
  sigemptyset(&held);
  for (const int each : service_signals)
    sigaddset(&held, each);
  ::pthread_sigmask(SIG_BLOCK, &held, &before);
  if (!mask_before_fork)
    mask_before_fork = before;
  Py_RETURN_NONE;
}

PyObject* let_service_signals_go(PyObject*, PyObject*) {
  if (const auto before = std::exchange(mask_before_fork, std::nullopt))
    ::pthread_sigmask(SIG_SETMASK, &*before, nullptr);
  Py_RETURN_NONE;
}

shared_memory* shared_with_host = nullptr;

// A child that is forked has our descriptors and memory too: what it does is
// not told to the host as ours.
void leave_host_in_child() {
  ::mmap(shared_with_host, sizeof(shared_memory), PROT_READ | PROT_WRITE,
         MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  const int nothing = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  for (const int each : {worker_descriptor::data, worker_descriptor::control,
                         worker_descriptor::stacks})
    if (nothing < 0)
      ::close(each); // it may have no more descriptors
    else
      ::dup3(nothing, each, O_CLOEXEC);
  if (nothing >= 0)
    ::close(nothing);
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

constexpr int crash_signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
struct sigaction before_crash[std::size(crash_signals)];

// Below faulthandler's, which the program may enable for a file of its own, or
// disable: the host gets its stacks all the same, once.
void crash(int signal) {
  for (std::size_t at = 0; at < std::size(crash_signals); ++at)
    if (crash_signals[at] == signal)
      ::sigaction(signal, &before_crash[at], nullptr);
  struct sigaction sampling {};
  struct stat written {};
  if (::sigaction(stacks_signal(), nullptr, &sampling) == 0
      && sampling.sa_handler == sample
      && ::fstat(worker_descriptor::stacks, &written) == 0
      && written.st_size == 0)
    write_stacks(stacks_signal());
  ::raise(signal);
}

void take_crashes() {
  struct sigaction crashing {};
  crashing.sa_handler = crash;
  crashing.sa_flags = SA_NODEFER | SA_ONSTACK;
  for (std::size_t at = 0; at < std::size(crash_signals); ++at)
    ::sigaction(crash_signals[at], &crashing, &before_crash[at]);
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

int interrupt_signal() {
  // Of the real-time signals, which programs hardly use.
  return SIGRTMAX - 1;
}

int stacks_signal() {
  return SIGRTMAX - 2;
}

void expect_notice() {
  noticed.store(0);
}

std::uint64_t noticed_call() {
  return noticed.load();
}

void take_service_signals_again() {
  static PyObject* const numbers[] = {
    PyLong_FromLong(SIGTERM), PyLong_FromLong(SIGINT), PyLong_FromLong(SIGHUP)};
  static_assert(std::size(numbers) == std::size(service_signals));
  if (std::none_of(std::begin(numbers), std::end(numbers), is_lost))
    return;
  if (!py::reinterpret_steal<py::object>(PyObject_CallNoArgs(take_again)))
    PyErr_Clear(); // it was not allowed to: at the next call
}

void leave_service_signals() {
  struct sigaction nothing {};
  nothing.sa_handler = [](int) {};
  nothing.sa_flags = SA_RESTART;
  sigset_t blocked;
  sigemptyset(&blocked);
  for (const int each : service_signals) {
    ::sigaction(each, &nothing, nullptr);
    sigaddset(&blocked, each);
  }
  ::pthread_sigmask(SIG_UNBLOCK, &blocked, nullptr);
}

void take_signals(shared_memory& shared) {
  const auto signals = py::module_::import("_signal");
  py::dict space;
  space["__builtins__"] = py::module_::import("builtins");
  py::list numbers;
  for (const int each : service_signals)
    numbers.append(each);
  space["signals"] = numbers;
  static PyMethodDef hold{"hold", hold_service_signals, METH_NOARGS, nullptr};
  static PyMethodDef let_go{"let_go", let_service_signals_go, METH_NOARGS,
                            nullptr};
  space["hold"] = checked(PyCFunction_New(&hold, nullptr));
  space["let_go"] = checked(PyCFunction_New(&let_go, nullptr));
  const auto code = checked(
    Py_CompileString(service_signals_source, "<snakebridge>", Py_file_input));
  checked(PyEval_EvalCode(code.ptr(), space.ptr(), space.ptr()));
  take_again = py::object{space["take"]}.release().ptr();
  handler_of = py::object{signals.attr("getsignal")}.release().ptr();
  default_of_sigint =
    py::object{signals.attr("default_int_handler")}.release().ptr();
  shared_with_host = &shared;
  ::pthread_atfork(nullptr, nullptr, leave_host_in_child);

  signals.attr("signal")(interrupt_signal(),
                         py::cpp_function{raise_if_withdrawn});
  take_crashes();
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
