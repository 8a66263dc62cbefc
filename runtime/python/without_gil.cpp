#include "runtime/python/without_gil.hpp"

#include <Python.h>

namespace snakebridge {

// Before Python has started every thread passes for one that holds the GIL.
without_gil::without_gil()
    : held_{Py_IsInitialized() != 0 && PyGILState_Check() != 0
              ? PyEval_SaveThread()
              : nullptr} {}

without_gil::~without_gil() {
  if (held_ != nullptr)
    PyEval_RestoreThread(static_cast<PyThreadState*>(held_));
}

} // namespace snakebridge
