#include "runtime/worker/printed.hpp"

#include <array>
#include <atomic>
#include <optional>

#include <sys/ioctl.h>
#include <unistd.h>

#include "config/tunables.hpp"
#include "runtime/python/python.hpp"

namespace snakebridge {

namespace {

// Something may have been written to a watched stream since the last flush.
std::atomic<bool> unflushed = true;

PyObject* name_of_write() {
  static PyObject* const name = PyUnicode_InternFromString("write");
  return name;
}

// A stream's own `write`, which goes before its type's: the same to whoever
// looks at it, but it is known what it did, also where that failed half-way.
PyObject* write(PyObject* stream, PyObject* written) {
  const auto plain = py::reinterpret_steal<py::object>(PyObject_GetAttr(
    reinterpret_cast<PyObject*>(Py_TYPE(stream)), name_of_write()));
  if (!plain)
    return nullptr;
  PyObject* const arguments[] = {stream, written};
  auto* const outcome =
    PyObject_Vectorcall(plain.ptr(), arguments, 2, nullptr);
  unflushed = true;
  return outcome;
}

PyMethodDef own_write{"write", write, METH_O, nullptr};

// Of text, or of the bytes below.
class watched_layer {
public:
  explicit watched_layer(const py::object& stream)
      : names_{stream.attr("__dict__")},
        write_{checked(PyCFunction_NewEx(&own_write, stream.ptr(), nullptr))} {
    stream.attr("write") = write_;
  }

  /// Code may have taken the `write` away, or put its own in the place.
  bool tells() const {
    return PyDict_GetItemWithError(names_.ptr(), name_of_write())
           == write_.ptr();
  }

private:
  py::dict names_;
  py::object write_;
};

struct watched_stream {
  explicit watched_stream(const py::object& stream)
      : stream{stream},
        as_text{stream},
        as_bytes{stream.attr("buffer")} {}

  bool tells(py::handle open) const {
    return stream.is(open) && as_text.tells() && as_bytes.tells();
  }

  py::object stream;
  watched_layer as_text, as_bytes;
};

struct standard_stream {
  explicit standard_stream(const char* text)
      : name{PyUnicode_InternFromString(text)},
        in{PyModule_GetDict(py::module_::import("sys").release().ptr())} {}

  // Held: flushing may run Python code that puts another in its place.
  py::object open() const {
    return py::reinterpret_borrow<py::object>(
      PyDict_GetItemWithError(in, name));
  }

  PyObject* const name;
  PyObject* const in;                       // of `sys`
  std::optional<watched_stream> watched = {};
};

std::array<standard_stream, 2>& streams() {
  // For ever, as Python may have ended before.
  static auto& both = *new std::array{standard_stream{"stdout"},
                                      standard_stream{"stderr"}};
  return both;
}

void flush(py::handle open) {
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

void watch_streams() {
  const auto text = py::module_::import("io").attr("TextIOWrapper");
  for (auto& each : streams())
    // As Python makes them where nothing tells it otherwise.
    if (const auto open = each.open(); open && py::type::of(open).is(text))
      each.watched.emplace(open);
}

void flush_streams() {
  const bool is_news = unflushed.exchange(false);
  for (const auto& each : streams()) {
    const auto open = each.open();
    if (is_news || !each.watched || !each.watched->tells(open))
      flush(open);
  }
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
