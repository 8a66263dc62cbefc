#include "runtime/python/to_python.hpp"

#include <array>
#include <cstring>

#include <fmt/format.h>
#include <kj/debug.h>

#include "config/tunables.hpp"
#include "runtime/python/scalars.hpp"
#include "runtime/wire.hpp"

namespace snakebridge {

namespace {

Py_ssize_t signed_size(std::size_t size) {
  return static_cast<Py_ssize_t>(size);
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

// Of a packed list.
template <class Numbers, class Make>
py::object python_numbers(const Numbers& items, Make make) {
  auto made = checked(PyList_New(signed_size(items.size())));
  Py_ssize_t at = 0;
  for (const auto item : items)
    PyList_SET_ITEM(made.ptr(), at++, checked(make(item)).release().ptr());
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

// Keys that differ here may be one there: 1 and Decimal(1), an atom and a str.
void check_count(std::size_t given, Py_ssize_t made) {
  if (signed_size(given) != made)
    throw exception{error{
      errc::not_convertible,
      fmt::format("{} keys of a dict or items of a set are {} in Python, where "
                  "some of them are equal",
                  given, made)}};
}

// `make`: PySet_New or PyFrozenSet_New.
template <class Items, class... Depth>
py::object python_set(PyObject* (*make)(PyObject*), const Items& items,
                      const session_objects& session, Depth... depth) {
  auto made = checked(make(nullptr));
  for (const auto& item : items)
    checked(PySet_Add(made.ptr(), to_python(item, session, depth...).ptr()));
  check_count(items.size(), PySet_GET_SIZE(made.ptr()));
  return made;
}

// The names in small dicts come again and again: each is made once while it
// stays here, and hashed once. ASCII alone, which Python stores as it came.
constexpr unsigned small_dict_max = 64;

py::object known_key(std::string_view text) {
  constexpr std::size_t places = 512;
  static auto& known = *new std::array<PyObject*, places>{};
  auto& place = known[std::hash<std::string_view>{}(text) % places];
  if (place != nullptr
      && PyUnicode_GET_LENGTH(place) == signed_size(text.size())
      && std::memcmp(PyUnicode_DATA(place), text.data(), text.size()) == 0)
    return py::reinterpret_borrow<py::object>(place);
  auto made = python_string(text);
  if (PyUnicode_IS_COMPACT_ASCII(made.ptr())) {
    Py_XDECREF(place);
    place = py::object{made}.release().ptr();
  }
  return made;
}

py::object python_key(schema::Value::Reader from,
                      const session_objects& session, bool may_be_known) {
  constexpr std::size_t bytes_of_a_name = 32;
  if (!may_be_known || !from.isString())
    return to_python(from, session);
  const auto given = from.getString();
  const std::string_view text{given.begin(), given.size()};
  return text.size() <= bytes_of_a_name ? known_key(text) : python_string(text);
}

py::object python_dict(capnp::List<schema::Value>::Reader from,
                       const session_objects& session) {
  if (from.size() % 2 != 0)
    throw KJ_EXCEPTION(FAILED, "a key without a value");
  const bool small = from.size() <= 2 * small_dict_max;
  // With room for all: else it would be built anew a dozen times as it grows.
  auto made = checked(_PyDict_NewPresized(signed_size(from.size() / 2)));
  for (unsigned at = 0; at < from.size(); at += 2)
    checked(PyDict_SetItem(made.ptr(),
                           python_key(from[at], session, small).ptr(),
                           to_python(from[at + 1], session).ptr()));
  check_count(from.size() / 2, PyDict_GET_SIZE(made.ptr()));
  return made;
}

void check_depth(std::size_t depth) {
  if (depth >= limits::value_depth_max)
    throw exception{
      error{errc::payload_too_large,
            fmt::format("the value is more than {} containers deep",
                        limits::value_depth_max)}};
}

} // namespace

py::object to_python(const value& from, const session_objects& session,
                     std::size_t depth) {
  switch (from.kind()) {
  case kind::none:
    return singleton(Py_None);
  case kind::ref:
    return py::reinterpret_borrow<py::object>(
      session.find(from.get_if<ref>()->slot));
  case kind::list:
    check_depth(depth);
    return python_list(*from.get_if<list>(), session, depth + 1);
  case kind::tuple:
    check_depth(depth);
    return python_tuple(*from.get_if<tuple>(), session, depth + 1);
  case kind::set:
    check_depth(depth);
    return python_set(PySet_New, *from.get_if<set>(), session, depth + 1);
  case kind::frozenset:
    check_depth(depth);
    return python_set(PyFrozenSet_New, *from.get_if<frozenset>(), session,
                      depth + 1);
  case kind::dict: {
    check_depth(depth);
    auto made = checked(PyDict_New());
    for (const auto& [key, item] : *from.get_if<dict>())
      checked(PyDict_SetItem(made.ptr(),
                             to_python(key, session, depth + 1).ptr(),
                             to_python(item, session, depth + 1).ptr()));
    check_count(from.size(), PyDict_GET_SIZE(made.ptr()));
    return made;
  }
  default:
    return python_scalar(from, session.rules());
  }
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
    return checked(PyBytes_FromStringAndSize(
      reinterpret_cast<const char*>(data.begin()), signed_size(data.size())));
  }
  case schema::Value::LIST:
    return python_list(wire::full_size(from.getList()), session);
  case schema::Value::TUPLE:
    return python_tuple(wire::full_size(from.getTuple()), session);
  case schema::Value::FLOATS:
    return python_numbers(from.getFloats(), PyFloat_FromDouble);
  case schema::Value::INTEGERS:
    return python_numbers(from.getIntegers(), PyLong_FromLongLong);
  case schema::Value::SET:
    return python_set(PySet_New, wire::full_size(from.getSet()), session);
  case schema::Value::FROZENSET:
    return python_set(PyFrozenSet_New, wire::full_size(from.getFrozenset()),
                      session);
  case schema::Value::DICT:
    return python_dict(wire::full_size(from.getDict()), session);
  case schema::Value::REF:
    return py::reinterpret_borrow<py::object>(
      session.find(from.getRef().getSlot()));
  default: // of one piece, or of no known kind
    return python_scalar(wire::read_value(from, {}), session.rules());
  }
}

} // namespace snakebridge
