#include "runtime/python/perform.hpp"

#include <fmt/format.h>

namespace snakebridge {

namespace {

// The module itself, also where it lies in a package.
py::object import_module(std::string_view name, const import_rules& rules) {
  rules.check(name);
  const auto text = python_string(name);
  // Without a from-list, which costs a failed look for a `__path__`, this
  // answers the outermost package; the module itself is in sys.modules then.
  auto outermost = checked(
    PyImport_ImportModuleLevelObject(text.ptr(), nullptr, nullptr, nullptr, 0));
  if (name.find('.') == std::string_view::npos)
    return outermost;
  PyObject* const module = PyImport_GetModule(text.ptr());
  if (module == nullptr && PyErr_Occurred() == nullptr)
    PyErr_Format(PyExc_ImportError, "%U is not in sys.modules after its import",
                 text.ptr());
  return checked(module);
}

// `object.a.b.c`
py::object attribute_at(py::object object, std::string_view path) {
  for (;;) {
    const auto dot = path.find('.');
    const auto name = python_string(path.substr(0, dot));
    object = checked(PyObject_GetAttr(object.ptr(), name.ptr()));
    if (dot == std::string_view::npos)
      return object;
    path.remove_prefix(dot + 1);
  }
}

py::object call(py::handle callable, const python_operation& asked) {
  std::vector<PyObject*> stack;
  stack.reserve(1 + asked.positional.size() + asked.named.size());
  stack.push_back(nullptr); // for a bound method to put itself in
  for (const auto& item : asked.positional)
    stack.push_back(item.ptr());
  py::object names;
  if (!asked.named.empty()) {
    names = checked(PyTuple_New(static_cast<Py_ssize_t>(asked.named.size())));
    Py_ssize_t at = 0;
    for (const auto& [name, item] : asked.named) {
      for (Py_ssize_t i = 0; i < at; ++i)
        if (asked.named[static_cast<std::size_t>(i)].first == name)
          throw py::type_error{
            fmt::format("got multiple values for keyword argument '{}'", name)};
      stack.push_back(item.ptr());
      PyTuple_SET_ITEM(names.ptr(), at++, python_string(name).release().ptr());
    }
  }
  return checked(PyObject_Vectorcall(
    callable.ptr(), stack.data() + 1,
    asked.positional.size() | PY_VECTORCALL_ARGUMENTS_OFFSET, names.ptr()));
}

void set_variables(PyObject* space, const python_operation& asked) {
  for (const auto& [name, item] : asked.named)
    checked(PyDict_SetItem(space, python_string(name).ptr(), item.ptr()));
}

py::object run_code(const python_operation& asked, session_objects& session) {
  const bool evaluates = asked.what == verb::evaluate;
  const std::string code{asked.name};
  if (code.find('\0') != std::string::npos)
    throw py::value_error{"source code cannot contain null bytes"};
  py::object space = session.name_space();
  // Variables of an expression are there for it alone: it sees a copy.
  if (evaluates && !asked.named.empty())
    space = checked(PyDict_Copy(space.ptr()));
  set_variables(space.ptr(), asked);
  const auto compiled =
    checked(Py_CompileString(code.c_str(), evaluates ? "<eval>" : "<exec>",
                             evaluates ? Py_eval_input : Py_file_input));
  return checked(PyEval_EvalCode(compiled.ptr(), space.ptr(), space.ptr()));
}

const py::object& argument(const python_operation& asked, std::size_t at) {
  if (at >= asked.positional.size())
    throw py::type_error{"an argument is missing"};
  return asked.positional[at];
}

} // namespace

py::object perform(const python_operation& asked, session_objects& session) {
  const auto target = py::reinterpret_borrow<py::object>(asked.target);
  switch (asked.what) {
  case verb::call:
    return call(
      attribute_at(import_module(asked.module, session.imports()), asked.name),
      asked);
  case verb::get:
    return attribute_at(import_module(asked.module, session.imports()),
                        asked.name);
  case verb::method:
    return call(attribute_at(target, asked.name), asked);
  case verb::attribute:
    return attribute_at(target, asked.name);
  case verb::set_attribute:
    checked(PyObject_SetAttr(target.ptr(), python_string(asked.name).ptr(),
                             argument(asked, 0).ptr()));
    return py::none();
  case verb::item:
    return checked(PyObject_GetItem(target.ptr(), argument(asked, 0).ptr()));
  case verb::set_item:
    checked(PyObject_SetItem(target.ptr(), argument(asked, 0).ptr(),
                             argument(asked, 1).ptr()));
    return py::none();
  case verb::call_object:
    return call(target, asked);
  case verb::repr:
    return checked(PyObject_Repr(target.ptr()));
  case verb::str:
    return checked(PyObject_Str(target.ptr()));
  case verb::length: {
    const auto length = PyObject_Size(target.ptr());
    checked(length < 0 ? -1 : 0);
    return py::int_(length);
  }
  case verb::evaluate:
  case verb::execute:
    return run_code(asked, session);
  case verb::release:
  case verb::release_session:
    break;
  }
  throw exception{error{errc::message_malformed, "no such verb"}};
}

} // namespace snakebridge
