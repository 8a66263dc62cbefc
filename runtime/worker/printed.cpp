#include "runtime/worker/printed.hpp"

#include <array>
#include <atomic>
#include <optional>

#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/tunables.hpp"
#include "runtime/python/python.hpp"

namespace snakebridge {

namespace {

PyObject* interned(const char* text) {
  return PyUnicode_InternFromString(text);
}

PyObject* name_of_write() {
  static PyObject* const name = interned("write");
  return name;
}

PyObject* write(PyObject* stream, PyObject* written);

// A stream's own `write`, which goes before its type's: the same to whoever
// looks at it, but it is known what it did. What is written past it, by the
// type's, is flushed with the next that is not.
PyMethodDef text_write{"write", write, METH_O, "write($self, text, /)\n--\n\n"};
PyMethodDef bytes_write{"write", write, METH_O,
                        "write($self, buffer, /)\n--\n\n"};

class watched_layer {
public:
  watched_layer(const py::object& stream, PyMethodDef& by)
      : stream_{stream},
        names_{stream.attr("__dict__")},
        write_{checked(PyCFunction_NewEx(&by, stream.ptr(), nullptr))} {
    stream.attr("write") = write_;
  }

  bool is(py::handle stream) const { return stream_.is(stream); }
  /// Code may have taken the `write` away, or put its own in the place.
  bool tells() const {
    return PyDict_GetItemWithError(names_.ptr(), name_of_write())
           == write_.ptr();
  }

private:
  py::object stream_;
  py::dict names_;
  py::object write_;
};

struct watched_stream {
  explicit watched_stream(const py::object& stream)
      : text{stream, text_write},
        bytes{stream.attr("buffer"), bytes_write},
        stream{stream} {}

  bool tells(py::handle open) const {
    return text.is(open) && text.tells() && bytes.tells();
  }

  watched_layer text, bytes;
  py::object stream;
  std::atomic<bool> unflushed = true; ///< something may have been written
};

// False where it raised: it may keep what it has for the next time.
bool flush(py::handle open) {
  if (!open || open.is_none())
    return true;
  static PyObject* const name = interned("flush");
  const auto done = py::reinterpret_steal<py::object>(
    PyObject_CallMethodNoArgs(open.ptr(), name));
  if (!done)
    PyErr_Clear();
  return static_cast<bool>(done);
}

class standard_stream {
public:
  explicit standard_stream(const char* name)
      : name_{interned(name)},
        in_{PyModule_GetDict(py::module_::import("sys").release().ptr())} {}

  /// If it is as Python makes it where nothing tells it otherwise. Else it is
  /// flushed after each call.
  void watch() try {
    const auto io = py::module_::import("io");
    const auto open = this->open();
    if (!open || !py::type::of(open).is(io.attr("TextIOWrapper")))
      return;
    const auto has_own = [](const py::object& stream) {
      return py::dict{stream.attr("__dict__")}.contains("write");
    };
    if (!has_own(open) && !has_own(open.attr("buffer")))
      watched_.emplace(open);
  } catch (const py::error_already_set&) {
    // Its layers are of types that do not let themselves be watched.
  }
  void note_write(py::handle to) {
    if (watched_ && (watched_->text.is(to) || watched_->bytes.is(to)))
      watched_->unflushed = true;
  }
  /// What is in the stream of that name, and in the one that was: others may
  /// have that.
  void flush_news() {
    // Held: flushing may run Python code that puts another in its place.
    const auto now = open();
    if (!watched_ || !watched_->tells(now))
      flush(now);
    if (watched_ && watched_->unflushed.exchange(false)
        && !flush(watched_->stream))
      watched_->unflushed = true;
  }

private:
  py::object open() const {
    return py::reinterpret_borrow<py::object>(
      PyDict_GetItemWithError(in_, name_));
  }

  PyObject* const name_;
  PyObject* const in_; // of `sys`
  std::optional<watched_stream> watched_;
};

// For ever, as Python may have ended before.
std::array<standard_stream, 2>& streams() {
  static auto& both =
    *new std::array{standard_stream{"stdout"}, standard_stream{"stderr"}};
  return both;
}

// Noted also where it failed half-way.
PyObject* write(PyObject* stream, PyObject* written) {
  const auto plain = py::reinterpret_steal<py::object>(PyObject_GetAttr(
    reinterpret_cast<PyObject*>(Py_TYPE(stream)), name_of_write()));
  if (!plain)
    return nullptr;
  PyObject* const arguments[] = {stream, written};
  auto* const outcome = PyObject_Vectorcall(plain.ptr(), arguments, 2, nullptr);
  for (auto& each : streams())
    each.note_write(stream);
  return outcome;
}

// Code may have put something else in its place.
bool is_pipe(int number) {
  struct stat kind {};
  return ::fstat(number, &kind) == 0 && S_ISFIFO(kind.st_mode);
}

bool unread(int number) {
  int bytes = 0;
  return ::ioctl(number, FIONREAD, &bytes) == 0 && bytes > 0 && is_pipe(number);
}

} // namespace

void watch_streams() {
  for (auto& each : streams())
    each.watch();
}

void flush_streams() {
  for (auto& each : streams())
    each.flush_news();
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
