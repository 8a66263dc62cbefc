#pragma once
// The namespace of a session's Python code: a module of its own in sys.modules,
// and the frame and the context (contextvars) that its calls stand in, as if
// they stood in a script. One for each session in an interpreter; made, used
// and ended with the GIL held.

#include <string_view>

#include "runtime/python/imports.hpp"

// Hidden, as all of pybind11 is.
namespace [[gnu::visibility("hidden")]] snakebridge {

/// Makes Python's side of all that ready, once. Errors: startup_failed.
result<void> define_sessions();

class session_module {
public:
  /// Code in it may import what `rules` allow. Its context is a copy of that
  /// one, where the session is known by `id` and, of a cluster, by the epoch of
  /// its grant, and the program by a callback.
  session_module(const import_rules& rules, py::handle context,
                 std::string_view id, std::uint64_t epoch,
                 const py::object& program);
  ~session_module();
  session_module(const session_module&) = delete;
  session_module& operator=(const session_module&) = delete;

  /// Ends it as Python ends a module: name by name, the built-in functions
  /// last, so that finalisers can use them. Then its sources are forgotten.
  /// Where somebody may still run code in it, it stays whole, as at the end of
  /// a script: true then, and a collection will show whether somebody has it.
  bool end();

  py::dict space() const { return space_; }
  /// Code has defined names in it.
  bool has_names() const;
  /// The code of a source, indented or not, which is kept for tracebacks, for
  /// `inspect` and for processes that Python starts, within bounds. Raises
  /// SyntaxError, ValueError.
  py::object compile(std::string_view source, bool evaluates) const;
  /// Runs `body`, which must not throw, in a frame whose globals and locals are
  /// the namespace. Throws what interrupts the frame itself: then the body has
  /// not run, or has come to its end.
  template <class Body>
  void run_in_frame(Body& body) const {
    run_in_frame({[](void* with) { (*static_cast<Body*>(with))(); }, &body});
  }

private:
  struct performance {
    void (*run)(void* with) = nullptr;
    void* with = nullptr;
  };
  static thread_local performance pending;
  static PyObject* perform_pending(PyObject*, PyObject*);
  friend result<void> define_sessions();
  void run_in_frame(performance body) const;

  class context_scope;

  py::object session_; // sessions.py's
  py::object context_;
  py::object program_; // snakebridge.py's, for code of the session
  py::dict space_;
  py::object frame_; // a function without a name in it
  Py_ssize_t own_names_ = 0;
};

/// What stands for an object without a value form (plain.py); null: nothing.
py::object plain_form_of(py::handle object);
/// What stands for the keys of a dict, or the items of a set, in plain form.
py::list plain_keys_of(const py::list& keys);

} // namespace gnu::visibility("hidden")]]snakebridge
