#pragma once
// What differs among the versions of CPython that we run, 3.9 to 3.14: told
// apart here, and nowhere else. (Our Python code asks for names instead.) With
// the GIL held.

#include "runtime/python/python.hpp"

// Hidden, as all of pybind11 is.
namespace [[gnu::visibility("hidden")]] snakebridge {

/// What a weak reference is to; null: it is gone.
inline py::object referent(py::handle weak) {
#if PY_VERSION_HEX >= 0x030D0000
  PyObject* found = nullptr;
  checked(PyWeakref_GetRef(weak.ptr(), &found));
  return py::reinterpret_steal<py::object>(found);
#else
  const py::handle found{PyWeakref_GET_OBJECT(weak.ptr())};
  return found.is_none() ? py::object{}
                         : py::reinterpret_borrow<py::object>(found);
#endif
}

inline bool is_exception_group([[maybe_unused]] py::handle raised) {
#if PY_VERSION_HEX >= 0x030B0000
  return py::isinstance(raised, PyExc_BaseExceptionGroup);
#else
  return false;
#endif
}

inline bool is_exact_set(py::handle object) {
  return Py_IS_TYPE(object.ptr(), &PySet_Type);
}

inline bool is_async_iterator(py::handle object) {
#if PY_VERSION_HEX >= 0x030A0000
  return PyAIter_Check(object.ptr()) != 0;
#else
  const auto* const as_async = Py_TYPE(object.ptr())->tp_as_async;
  return as_async != nullptr && as_async->am_anext != nullptr;
#endif
}

/// With room for all: else it would be built anew a dozen times as it grows.
inline py::object dict_with_room(Py_ssize_t entries) {
  return checked(_PyDict_NewPresized(entries));
}

/// A free-threaded build runs with a GIL: what is ours relies on that.
inline void keep_gil([[maybe_unused]] PyConfig& config) {
#ifdef Py_GIL_DISABLED
  config.enable_gil = 1;
#endif
}

} // namespace snakebridge
