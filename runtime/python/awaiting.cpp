#include "runtime/python/awaiting.hpp"

namespace snakebridge {

py::object next_awaited(py::handle iterator) {
  const auto step = py::module_::import("snakebridge").attr("_next_awaited");
  PyObject* const item = PyObject_CallOneArg(step.ptr(), iterator.ptr());
  if (item != nullptr)
    return py::reinterpret_steal<py::object>(item);
  auto raised = take_raised();
  if (!raised.matches(PyExc_StopAsyncIteration))
    throw raised;
  return {};
}

py::object awaited(py::handle awaitable) {
  return py::module_::import("snakebridge").attr("_awaited")(awaitable);
}

py::object close_awaited(py::handle iterator) {
  return py::module_::import("snakebridge").attr("_close_awaited")(iterator);
}

} // namespace snakebridge
