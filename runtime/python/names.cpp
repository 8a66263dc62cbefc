#include "runtime/python/names.hpp"

#include "config/tunables.hpp"

namespace snakebridge {

namespace {

// What a weak reference is to; null: it is gone.
py::object target_of(py::handle weak) {
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

} // namespace

py::object known_names::text(std::string_view name) {
  if (const auto place = known_.find(name); place != known_.end())
    return place->second.text;
  auto made = python_string(name);
  if (name.size() > limits::known_name_bytes_max)
    return made;
  // Names that are made up as the program goes push out those that come again;
  // these are soon here once more.
  if (known_.size() >= limits::known_names_max)
    known_.clear();
  known_.emplace(name, known{made, {}});
  return made;
}

py::object known_names::module(std::string_view name) const {
  const auto place = known_.find(name);
  if (place == known_.end() || !place->second.module)
    return {};
  PyObject* const there =
    PyDict_GetItemWithError(PyImport_GetModuleDict(), place->second.text.ptr());
  if (there == nullptr && PyErr_Occurred() != nullptr)
    throw_raised();
  auto module = target_of(place->second.module);
  return module.ptr() == there ? module : py::object{};
}

void known_names::imported(std::string_view name, py::handle module) {
  const auto place = known_.find(name);
  if (place == known_.end())
    return;
  place->second.module =
    py::reinterpret_steal<py::object>(PyWeakref_NewRef(module.ptr(), nullptr));
  if (!place->second.module)
    PyErr_Clear(); // anything may stand in `sys.modules`
}

} // namespace snakebridge
