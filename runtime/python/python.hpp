#pragma once
// CPython, and the one way to hold the GIL. Everything under runtime/python
// runs with it held unless it says otherwise.

#include <pybind11/embed.h>

#include <chrono>
#include <filesystem>
#include <string>

#include <snakebridge/result.hpp>

// Hidden, as all of pybind11 is.
namespace [[gnu::visibility("hidden")]] snakebridge {

namespace py = pybind11;

/// How this process runs Python.
enum class python_role {
  worker,   ///< the process is Python's: it handles signals, prints by line
  embedded, ///< the process is somebody else's: signals are left alone
};

/// Starts Python in this process, once; the GIL is free afterwards. Python is
/// never finalised: restarting it in one process breaks numpy.
/// `executable` is the interpreter to be; empty: the one we were built with.
/// Errors: environment_invalid, startup_failed.
result<void> start_python(const std::filesystem::path& executable,
                          python_role role);

/// Runs what `python3` runs at its end, where Python is ours and lives on with
/// the program: waits for threads that are no daemons, at most so long; runs
/// the functions of `atexit`; flushes open files. With the GIL; no exception
/// comes of it.
void end_as_guest(std::chrono::milliseconds patience);

/// Defines the module `snakebridge` for Python code, where it is not yet.
/// Takes the GIL. Errors: startup_failed.
result<void> define_module();

/// Holds the GIL. A thread keeps its Python thread state between guards, so a
/// guard costs no more than the lock.
class gil_guard {
public:
  gil_guard();
  ~gil_guard();
  gil_guard(const gil_guard&) = delete;
  gil_guard& operator=(const gil_guard&) = delete;

private:
  bool held_before_;
  bool is_for_once_ = false; // the thread has ended
};

/// The Python exception that the C API left. Hostile ones too: a C function may
/// fail and leave none, or the class of one, whose objects cannot be made.
py::error_already_set take_raised();
[[noreturn]] inline void throw_raised() {
  throw take_raised();
}

/// A new reference from the C API, or the exception it left.
inline py::object checked(PyObject* made) {
  if (made == nullptr)
    throw_raised();
  return py::reinterpret_steal<py::object>(made);
}

inline void checked(int outcome) {
  if (outcome < 0)
    throw_raised();
}

/// A str of generalised UTF-8 (runtime/utf8.hpp): lone surrogates may be in it.
inline py::object python_string(std::string_view text) {
  return checked(PyUnicode_DecodeUTF8(
    text.data(), static_cast<Py_ssize_t>(text.size()), "surrogatepass"));
}

/// The generalised UTF-8 of a str.
std::string text_with_surrogates(py::handle from);

} // namespace gnu::visibility("hidden")]]snakebridge
