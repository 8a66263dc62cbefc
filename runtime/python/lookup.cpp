#include "runtime/python/lookup.hpp"

#include "runtime/python/object_table.hpp"
#include "runtime/python/running_call.hpp"

namespace snakebridge {

namespace {

// The submodule of a package that has not been imported yet; null: it has none
// of that name. Leaves no exception but that of a submodule that fails.
py::object submodule(py::handle package, py::handle name) {
  const auto path = py::reinterpret_steal<py::object>(
    PyObject_GetAttrString(package.ptr(), "__path__"));
  if (!path) {
    const auto failed = take_raised();
    if (failed.matches(cancelled_type()))
      throw failed;
    return {};
  }
  const auto of =
    py::reinterpret_steal<py::object>(PyModule_GetNameObject(package.ptr()));
  PyErr_Clear();
  if (!of)
    return {};
  const auto full =
    checked(PyUnicode_FromFormat("%U.%U", of.ptr(), name.ptr()));
  if (const auto made =
        py::reinterpret_steal<py::object>(PyImport_Import(full.ptr())))
    return checked(PyImport_GetModule(full.ptr()));
  auto failed = take_raised();
  if (failed.matches(PyExc_ModuleNotFoundError)
      && py::getattr(failed.value(), "name", py::none()).equal(full))
    return {};
  throw failed;
}

// `object.name`; a submodule as if it had been imported.
py::object attribute_of(const py::object& object, const py::object& name) {
  if (auto found = py::reinterpret_steal<py::object>(
        PyObject_GetAttr(object.ptr(), name.ptr())))
    return found;
  auto missing = take_raised();
  if (PyModule_Check(object.ptr()) == 0
      || !missing.matches(PyExc_AttributeError))
    throw missing;
  if (auto found = submodule(object, name))
    return found;
  throw missing;
}

} // namespace

py::object import_module(std::string_view name,
                         const session_objects& session) {
  session.imports().check(name);
  auto& names = session.names();
  const auto top = name.substr(0, name.find('.'));
  if (auto known = names.module(name);
      known && (top == name || names.module(top)))
    return known;
  const auto text = names.text(name);
  // Without a from-list, which costs a failed look for a `__path__`, this
  // answers the outermost package; the module itself is in sys.modules then.
  auto outermost = checked(
    PyImport_ImportModuleLevelObject(text.ptr(), nullptr, nullptr, nullptr, 0));
  names.imported(top, outermost);
  if (top == name)
    return outermost;
  PyObject* const module = PyImport_GetModule(text.ptr());
  if (module == nullptr && PyErr_Occurred() == nullptr)
    PyErr_Format(PyExc_ImportError, "%U is not in sys.modules after its import",
                 text.ptr());
  auto found = checked(module);
  names.imported(name, found);
  return found;
}

py::object attribute_at(py::object object, std::string_view path,
                        known_names& names) {
  for (;;) {
    const auto dot = path.find('.');
    object = attribute_of(object, names.text(path.substr(0, dot)));
    if (dot == std::string_view::npos)
      return object;
    path.remove_prefix(dot + 1);
  }
}

} // namespace snakebridge
