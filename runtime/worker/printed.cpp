#include "runtime/worker/printed.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include "config/tunables.hpp"
#include "runtime/python/python.hpp"

namespace snakebridge {

namespace {

void flush(const char* stream) {
  // Held: flushing may run Python code that puts another in its place.
  const auto open = py::reinterpret_borrow<py::object>(PySys_GetObject(stream));
  if (!open || open.is_none())
    return;
  static PyObject* const name = PyUnicode_InternFromString("flush");
  const auto done = py::reinterpret_steal<py::object>(
    PyObject_CallMethodNoArgs(open.ptr(), name));
  if (!done)
    PyErr_Clear(); // the program closed it: nothing to flush
}

bool unread(int pipe) {
  int bytes = 0;
  return ::ioctl(pipe, FIONREAD, &bytes) == 0 && bytes > 0;
}

} // namespace

void flush_streams() {
  flush("stdout");
  flush("stderr");
}

void await_readers() {
  constexpr int looks_per_ms = 20;
  for (int looks = limits::output_read_wait_ms_max * looks_per_ms;
       looks > 0 && (unread(STDOUT_FILENO) || unread(STDERR_FILENO)); --looks) {
    const py::gil_scoped_release free_for_others;
    ::usleep(1'000 / looks_per_ms);
  }
}

} // namespace snakebridge
