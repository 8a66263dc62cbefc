#include "runtime/python/to_python.hpp"

#include <fmt/format.h>
#include <kj/debug.h>

#include <snakebridge/callback.hpp>

#include "runtime/python/any_python.hpp"
#include "runtime/python/members.hpp"
#include "runtime/python/scalars.hpp"
#include "runtime/wire/messages.hpp"

namespace snakebridge {

namespace {

Py_ssize_t signed_size(std::size_t size) {
  return static_cast<Py_ssize_t>(size);
}

py::object singleton(PyObject* object) {
  return py::reinterpret_borrow<py::object>(object);
}

py::object python_slice(const py::object& start, const py::object& stop,
                        const py::object& step) {
  return checked(PySlice_New(start.ptr(), stop.ptr(), step.ptr()));
}

void put(py::object& list, std::size_t at, py::object item) {
  PyList_SET_ITEM(list.ptr(), signed_size(at), item.release().ptr());
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

// `make`: PySet_New or PyFrozenSet_New. `list`: of Python's.
py::object python_set(PyObject* (*make)(PyObject*), const py::object& list) {
  auto made = checked(make(list.ptr()));
  check_count(py::len(list), PySet_GET_SIZE(made.ptr()));
  return made;
}

// ---- From C++ values

py::object python_list(const std::vector<value>& items,
                       const session_objects& session, std::size_t depth) {
  auto made = checked(PyList_New(signed_size(items.size())));
  for (std::size_t at = 0; at < items.size(); ++at)
    put(made, at, to_python(items[at], session, depth));
  return made;
}

py::object python_dict(const dict& entries, const session_objects& session,
                       std::size_t depth) {
  auto made = checked(PyDict_New());
  for (const auto& [key, item] : entries)
    checked(PyDict_SetItem(made.ptr(), to_python(key, session, depth).ptr(),
                           to_python(item, session, depth).ptr()));
  check_count(entries.size(), PyDict_GET_SIZE(made.ptr()));
  return made;
}

py::object python_container(const value& from, const session_objects& session,
                            std::size_t depth) {
  wire::check_depth(depth);
  if (const auto* entries = from.get_if<dict>())
    return python_dict(*entries, session, depth + 1);
  auto list = python_list(*detail::items_of(from), session, depth + 1);
  switch (from.kind()) {
  case kind::tuple:
    return checked(PyList_AsTuple(list.ptr()));
  case kind::set:
    return python_set(PySet_New, list);
  case kind::frozenset:
    return python_set(PyFrozenSet_New, list);
  default:
    return list;
  }
}

// ---- From messages: what containers hold comes as a list

py::object python_items(schema::Items::Reader from,
                        const session_objects& session);

// Of a packed list.
template <class Numbers, class Make>
py::object python_numbers(const Numbers& items, Make make) {
  auto made = checked(PyList_New(signed_size(items.size())));
  for (unsigned at = 0; at < items.size(); ++at)
    put(made, at, checked(make(items[at])));
  return made;
}

py::object python_texts(schema::Texts::Reader from) {
  auto made = checked(PyList_New(signed_size(from.getLengths().size())));
  wire::each_text(from, [&](std::string_view text, unsigned at, unsigned) {
    put(made, at, python_string(text));
  });
  return made;
}

py::object python_values(capnp::List<schema::Value>::Reader items,
                         const session_objects& session) {
  auto made = checked(PyList_New(signed_size(items.size())));
  for (unsigned at = 0; at < items.size(); ++at)
    put(made, at, to_python(items[at], session));
  return made;
}

py::object python_lists(schema::Lists::Reader from,
                        const session_objects& session) {
  const auto lengths = from.getLengths();
  const auto all = python_items(from.getItems(), session);
  auto made = checked(PyList_New(signed_size(lengths.size())));
  Py_ssize_t next = 0;
  for (unsigned at = 0; at < lengths.size(); ++at) {
    const auto end = next + Py_ssize_t{lengths[at]};
    if (end > PyList_GET_SIZE(all.ptr()))
      throw KJ_EXCEPTION(FAILED, "lists longer than their items");
    put(made, at, checked(PyList_GetSlice(all.ptr(), next, end)));
    next = end;
  }
  if (next != PyList_GET_SIZE(all.ptr()))
    throw KJ_EXCEPTION(FAILED, "items of no list");
  return made;
}

py::object python_records(schema::Records::Reader from,
                          const session_objects& session) {
  const auto keys = python_texts(from.getKeys());
  const auto width = py::len(keys);
  std::vector<py::object> columns;
  for (auto column : wire::columns_of(from, width))
    columns.push_back(python_items(column, session));
  for (const auto& column : columns)
    if (py::len(column) != from.getCount())
      throw KJ_EXCEPTION(FAILED, "a column with gaps");
  auto made = checked(PyList_New(signed_size(from.getCount())));
  for (std::size_t at = 0; at < from.getCount(); ++at) {
    auto record = dict_with_room(signed_size(width));
    for (std::size_t key = 0; key < width; ++key)
      checked(PyDict_SetItem(
        record.ptr(), PyList_GET_ITEM(keys.ptr(), signed_size(key)),
        PyList_GET_ITEM(columns[key].ptr(), signed_size(at))));
    check_count(width, PyDict_GET_SIZE(record.ptr()));
    put(made, at, std::move(record));
  }
  return made;
}

py::object python_items(schema::Items::Reader from,
                        const session_objects& session) {
  switch (from.which()) {
  case schema::Items::VALUES:
    return python_values(wire::full_size(from.getValues()), session);
  case schema::Items::FLOATS:
    return python_numbers(from.getFloats(), PyFloat_FromDouble);
  case schema::Items::INTEGERS:
    return python_numbers(from.getIntegers(), PyLong_FromLongLong);
  case schema::Items::TEXTS:
    return python_texts(from.getTexts());
  case schema::Items::LISTS:
    return python_lists(from.getLists(), session);
  case schema::Items::RECORDS:
    return python_records(from.getRecords(), session);
  }
  throw KJ_EXCEPTION(FAILED, "items of no known kind");
}

py::object python_dict(schema::Dict::Reader from,
                       const session_objects& session) {
  const auto keys = python_items(from.getKeys(), session);
  const auto values = python_items(from.getValues(), session);
  const auto count = py::len(keys);
  if (py::len(values) != count)
    throw KJ_EXCEPTION(FAILED, "a key without a value");
  auto made = dict_with_room(signed_size(count));
  for (Py_ssize_t at = 0; at < signed_size(count); ++at)
    checked(PyDict_SetItem(made.ptr(), PyList_GET_ITEM(keys.ptr(), at),
                           PyList_GET_ITEM(values.ptr(), at)));
  check_count(count, PyDict_GET_SIZE(made.ptr()));
  return made;
}

py::object python_item(const value& from, const session_objects& session) {
  return is_member(from) ? python_member(from, session)
                         : python_scalar(from, session.rules());
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
  case kind::tuple:
  case kind::set:
  case kind::frozenset:
  case kind::dict:
    return python_container(from, session, depth);
  case kind::callback:
    return session.proxy_of(from.get_if<callback>()->id());
  case kind::slice: {
    const auto& parts = *from.get_if<slice>();
    wire::check_depth(depth);
    return python_slice(to_python(parts[0], session, depth + 1),
                        to_python(parts[1], session, depth + 1),
                        to_python(parts[2], session, depth + 1));
  }
  case kind::ellipsis:
    return singleton(Py_Ellipsis);
  default:
    return python_item(from, session);
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
    return python_items(from.getList(), session);
  case schema::Value::TUPLE:
    return checked(
      PyList_AsTuple(python_items(from.getTuple(), session).ptr()));
  case schema::Value::SET:
    return python_set(PySet_New, python_items(from.getSet(), session));
  case schema::Value::FROZENSET:
    return python_set(PyFrozenSet_New,
                      python_items(from.getFrozenset(), session));
  case schema::Value::DICT:
    return python_dict(from.getDict(), session);
  case schema::Value::REF:
    return py::reinterpret_borrow<py::object>(
      session.find(from.getRef().getSlot()));
  case schema::Value::CALLBACK:
    return session.proxy_of(from.getCallback());
  case schema::Value::SLICE: {
    const auto parts = from.getSlice();
    return python_slice(to_python(parts.getStart(), session),
                        to_python(parts.getStop(), session),
                        to_python(parts.getStep(), session));
  }
  case schema::Value::ELLIPSIS:
    return singleton(Py_Ellipsis);
  default: // of one piece, or of no known kind
    return python_item(wire::read_value(from, {}), session);
  }
}

} // namespace snakebridge
