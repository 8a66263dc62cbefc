#include "runtime/python/to_python.hpp"

#include <fmt/format.h>
#include <kj/debug.h>

#include "config/tunables.hpp"

namespace snakebridge {

namespace {

Py_ssize_t signed_size(std::size_t size) {
  return static_cast<Py_ssize_t>(size);
}

py::object python_bytes(const void* data, std::size_t size) {
  return checked(PyBytes_FromStringAndSize(static_cast<const char*>(data),
                                           signed_size(size)));
}

py::object singleton(PyObject* object) {
  return py::reinterpret_borrow<py::object>(object);
}

// `Items` is a C++ list or a Cap'n Proto one: both have size and begin.
template <class Items, class... Depth>
py::object python_list(const Items& items, const session_objects& session,
                       Depth... depth) {
  auto made = checked(PyList_New(signed_size(items.size())));
  Py_ssize_t at = 0;
  for (const auto& item : items)
    PyList_SET_ITEM(made.ptr(), at++,
                    to_python(item, session, depth...).release().ptr());
  return made;
}

template <class Items, class... Depth>
py::object python_tuple(const Items& items, const session_objects& session,
                        Depth... depth) {
  auto made = checked(PyTuple_New(signed_size(items.size())));
  Py_ssize_t at = 0;
  for (const auto& item : items)
    PyTuple_SET_ITEM(made.ptr(), at++,
                     to_python(item, session, depth...).release().ptr());
  return made;
}

} // namespace

py::object to_python(const value& from, const session_objects& session,
                     std::size_t depth) {
  const bool container = from.kind() == kind::list || from.kind() == kind::tuple
                         || from.kind() == kind::dict;
  if (container && depth >= limits::value_depth_max)
    throw exception{
      error{errc::payload_too_large,
            fmt::format("the value is more than {} containers deep",
                        limits::value_depth_max)}};
  switch (from.kind()) {
  case kind::none:
    return singleton(Py_None);
  case kind::boolean:
    return singleton(*from.get_if<bool>() ? Py_True : Py_False);
  case kind::integer:
    return checked(PyLong_FromLongLong(*from.get_if<std::int64_t>()));
  case kind::floating:
    return checked(PyFloat_FromDouble(*from.get_if<double>()));
  case kind::string:
    return python_string(*from.get_if<std::string>());
  case kind::bytes: {
    const auto& data = *from.get_if<bytes>();
    return python_bytes(data.data(), data.size());
  }
  case kind::list:
    return python_list(*from.get_if<list>(), session, depth + 1);
  case kind::tuple:
    return python_tuple(*from.get_if<tuple>(), session, depth + 1);
  case kind::dict: {
    auto made = checked(PyDict_New());
    for (const auto& [key, item] : *from.get_if<dict>())
      checked(PyDict_SetItem(made.ptr(),
                             to_python(key, session, depth + 1).ptr(),
                             to_python(item, session, depth + 1).ptr()));
    return made;
  }
  case kind::ref:
    return py::reinterpret_borrow<py::object>(
      session.find(from.get_if<ref>()->slot));
  }
  std::terminate(); // a kind was added and forgotten here
}

py::object to_python(schema::Value::Reader from,
                     const session_objects& session) {
  switch (from.which()) {
  case schema::Value::NONE:
    return singleton(Py_None);
  case schema::Value::BOOLEAN:
    return singleton(from.getBoolean() ? Py_True : Py_False);
  case schema::Value::INTEGER:
    return checked(PyLong_FromLongLong(from.getInteger()));
  case schema::Value::FLOATING:
    return checked(PyFloat_FromDouble(from.getFloating()));
  case schema::Value::STRING: {
    const auto text = from.getString();
    return python_string({text.begin(), text.size()});
  }
  case schema::Value::BYTES: {
    const auto data = from.getBytes();
    return python_bytes(data.begin(), data.size());
  }
  case schema::Value::LIST:
    return python_list(from.getList(), session);
  case schema::Value::TUPLE:
    return python_tuple(from.getTuple(), session);
  case schema::Value::DICT: {
    auto made = checked(PyDict_New());
    for (auto entry : from.getDict())
      checked(PyDict_SetItem(made.ptr(),
                             to_python(entry.getKey(), session).ptr(),
                             to_python(entry.getValue(), session).ptr()));
    return made;
  }
  case schema::Value::REF:
    return py::reinterpret_borrow<py::object>(
      session.find(from.getRef().getSlot()));
  }
  throw KJ_EXCEPTION(FAILED, "a value of no known kind");
}

} // namespace snakebridge
