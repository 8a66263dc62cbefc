#include "runtime/python/forked_child.hpp"

#include <cstdio>

#include <unistd.h>

namespace snakebridge {

namespace {

// As `sys.exit(code)` ends a script.
int status_of(const py::object& code) {
  if (code.is_none())
    return 0;
  if (PyLong_Check(code.ptr()) != 0)
    return static_cast<int>(PyLong_AsUnsignedLongMask(code.ptr()) & 0xffU);
  if (PyObject* const err = PySys_GetObject("stderr")) {
    PyFile_WriteObject(code.ptr(), err, Py_PRINT_RAW);
    PyFile_WriteString("\n", err);
  }
  return 1;
}

int status_of(py::error_already_set& raised) {
  if (raised.matches(PyExc_SystemExit))
    return status_of(py::getattr(raised.value(), "code", py::none()));
  raised.restore();
  PyErr_Print();
  return 1;
}

} // namespace

void end_forked_child(py::error_already_set* raised) {
  int status = 0;
  try {
    if (raised != nullptr)
      status = status_of(*raised);
  } catch (const std::exception&) {
    status = 1;
  }
  PyErr_Clear();
  for (const char* name : {"stdout", "stderr"})
    if (const auto stream =
          py::reinterpret_borrow<py::object>(PySys_GetObject(name));
        stream && !stream.is_none()) {
      Py_XDECREF(PyObject_CallMethod(stream.ptr(), "flush", nullptr));
      PyErr_Clear();
    }
  ::_exit(status);
}

} // namespace snakebridge
