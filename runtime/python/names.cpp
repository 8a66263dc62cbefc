#include "runtime/python/names.hpp"

#include "config/tunables.hpp"
#include "runtime/python/any_python.hpp"

namespace snakebridge {

namespace {

// An import of it has ended: one that goes on answers it as well, to the thread
// that it runs on. What stands in for a module is not looked into.
bool is_whole(py::handle module) {
  if (!PyModule_CheckExact(module.ptr()))
    return false;
  const auto spec = py::reinterpret_borrow<py::object>(
    PyDict_GetItemString(PyModule_GetDict(module.ptr()), "__spec__"));
  if (!spec || spec.is_none()) // nobody imported it
    return true;
  const auto goes_on = py::reinterpret_steal<py::object>(
    PyObject_GetAttrString(spec.ptr(), "_initializing"));
  const int is_true = goes_on ? PyObject_IsTrue(goes_on.ptr()) : 0;
  PyErr_Clear();
  return is_true == 0;
}

} // namespace

// Null: it is not known.
const known_names::table::value_type*
known_names::find(std::string_view name) const {
  const auto place_of_it =
    name.empty() ? 0U
                 : name.size() + 3U * static_cast<unsigned char>(name.front())
                     + 5U * static_cast<unsigned char>(name.back());
  auto& recent = recent_[place_of_it % recent_.size()];
  if (recent != nullptr && recent->first == name)
    return recent;
  const auto place = known_.find(name);
  return place == known_.end() ? nullptr : recent = &*place;
}

py::object known_names::text(std::string_view name) {
  if (const auto* const known = find(name))
    return known->second.text;
  auto made = python_string(name);
  if (name.size() > limits::known_name_bytes_max)
    return made;
  // Names that are made up as the program goes push out those that come again;
  // these are soon here once more.
  if (known_.size() >= limits::known_names_max) {
    recent_ = {};
    known_.clear();
  }
  known_.emplace(name, known{made, {}});
  return made;
}

py::object known_names::module(std::string_view name) const {
  const auto* const found = find(name);
  if (found == nullptr || !found->second.module)
    return {};
  // A look may run code, which may forget it.
  const auto [known, weak] = found->second;
  PyObject* const there =
    PyDict_GetItemWithError(PyImport_GetModuleDict(), known.ptr());
  if (there == nullptr && PyErr_Occurred() != nullptr)
    throw_raised();
  auto module = referent(weak);
  return module.ptr() == there ? module : py::object{};
}

void known_names::imported(std::string_view name, py::handle module) {
  if (!is_whole(module))
    return;
  auto weak =
    py::reinterpret_steal<py::object>(PyWeakref_NewRef(module.ptr(), nullptr));
  if (!weak)
    return PyErr_Clear(); // no memory: it is looked up again
  text(name);
  // Last, as all of that may run code.
  if (const auto place = known_.find(name); place != known_.end())
    place->second.module = std::move(weak);
}

} // namespace snakebridge
