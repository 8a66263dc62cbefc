#include "runtime/python/object_table.hpp"

#include <fmt/format.h>

namespace snakebridge {

namespace {

// As Python ends a module: name by name, and the built-in functions last, so
// that finalisers can use them.
void end_name_space(PyObject* space) {
  const auto names = py::reinterpret_steal<py::list>(PyDict_Keys(space));
  if (!names) // no memory: then all at once
    PyErr_Clear();
  for (Py_ssize_t at = 0; names && at < PyList_GET_SIZE(names.ptr()); ++at) {
    const py::handle name{PyList_GET_ITEM(names.ptr(), at)};
    if (PyUnicode_Check(name.ptr())
        && PyUnicode_CompareWithASCIIString(name.ptr(), "__builtins__") == 0)
      continue;
    // A finaliser may have taken it out before us.
    if (PyDict_DelItem(space, name.ptr()) != 0)
      PyErr_Clear();
  }
  PyDict_Clear(space);
}

} // namespace

session_objects::~session_objects() {
  forget_all();
}

const conversion_config& session_objects::rules() const {
  return table_.rules_;
}

std::uint64_t session_objects::keep(py::object kept) {
  const auto slot = ++table_.last_slot_;
  objects_.emplace(slot, std::move(kept));
  table_.live_.fetch_add(1, std::memory_order_relaxed);
  return slot;
}

py::handle session_objects::find(std::uint64_t slot) const {
  const auto place = objects_.find(slot);
  if (place == objects_.end())
    throw exception{
      error{errc::ref_released,
            fmt::format("object {} was released; make it again", slot)}};
  return place->second;
}

bool session_objects::forget(std::uint64_t slot) {
  // Taken out first: its finaliser may run Python code.
  const auto taken = objects_.extract(slot);
  if (taken.empty())
    return false;
  table_.live_.fetch_sub(1, std::memory_order_relaxed);
  return true;
}

std::size_t session_objects::forget_all() {
  auto taken = std::exchange(objects_, {});
  const auto space = std::exchange(namespace_, {});
  const auto count = taken.size();
  // Before the namespace: their finalisers may use what it defines.
  taken.clear();
  // Functions of the namespace refer to it: a circle only its contents break.
  if (space)
    end_name_space(space.ptr());
  table_.live_.fetch_sub(count, std::memory_order_relaxed);
  return count;
}

py::dict session_objects::name_space() {
  if (!namespace_) {
    py::dict made;
    made["__builtins__"] = py::module_::import("builtins");
    made["__name__"] = "__snakebridge_session__";
    namespace_ = std::move(made);
  }
  return py::reinterpret_borrow<py::dict>(namespace_);
}

session_objects& object_table::of(std::uint64_t session) {
  auto& place = sessions_[session];
  if (!place)
    place = std::make_unique<session_objects>(*this);
  return *place;
}

std::size_t object_table::release(std::uint64_t session) {
  const auto taken = sessions_.extract(session);
  return taken.empty() ? 0 : taken.mapped()->forget_all();
}

void object_table::release_all() {
  const auto taken = std::exchange(sessions_, {});
}

} // namespace snakebridge
