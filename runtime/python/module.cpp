// The module `snakebridge` that Python code sees: snakebridge.py.
#include <fmt/format.h>

#include "runtime/python/awaiting.hpp"

#include "runtime/python/snakebridge.hpp"

namespace snakebridge {

result<void> define_module() {
  const gil_guard gil;
  try {
    const py::dict modules = py::module_::import("sys").attr("modules");
    if (modules.contains("snakebridge"))
      return {};
    const auto module = checked(PyModule_New("snakebridge"));
    const py::dict space = module.attr("__dict__");
    space["__builtins__"] = py::module_::import("builtins");
    space["cancelled"] = py::cpp_function{
      [] {
        const auto* running = call_here();
        return running != nullptr && running->is_over();
      },
      py::name("cancelled"),
      "True when nobody wants the result of the call that runs on this thread, "
      "or has started it: it was cancelled, or is past its deadline."};
    define_awaiting(space);
    const auto code = checked(
      Py_CompileString(snakebridge_source, "<snakebridge>", Py_file_input));
    checked(PyEval_EvalCode(code.ptr(), space.ptr(), space.ptr()));
    modules["snakebridge"] = module;
    return {};
  } catch (const py::error_already_set& raised) {
    return error{
      errc::startup_failed,
      fmt::format("Python's side could not be set up: {}", raised.what())};
  }
}

} // namespace snakebridge
