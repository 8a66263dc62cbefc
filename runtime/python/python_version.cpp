#include "runtime/python/python_version.hpp"

#include <Python.h>

namespace snakebridge {

std::string_view library_version() {
  return Py_GetVersion();
}

} // namespace snakebridge
