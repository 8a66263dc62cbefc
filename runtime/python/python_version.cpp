#include "runtime/python/python_version.hpp"

#include <fmt/format.h>
#include <Python.h>

namespace snakebridge {

std::string_view library_version() {
  return Py_GetVersion();
}

std::string built_for_abi() {
  auto abi = fmt::format("cpython-{}{}", PY_MAJOR_VERSION, PY_MINOR_VERSION);
#ifdef Py_GIL_DISABLED
  abi += 't';
#endif
#ifdef Py_DEBUG
  abi += 'd';
#endif
  return abi;
}

} // namespace snakebridge
