#pragma once
// Python objects into values. Exactly: an object of just a type of
// docs/VALUES.md becomes the value of that type; everything else (subclasses
// too) becomes a ref at its place, and the containers around it stay data. A
// container met inside itself becomes a ref there; the same object twice in
// one result is the same ref.
//
// The writer is one for both directions out: a `Sink` is a C++ value being made
// (value_sink) or a message being built (wire_sink).

#include <unordered_map>
#include <unordered_set>
#include <vector>

#include <snakebridge/operation.hpp>
#include <snakebridge/value.hpp>

#include "config/tunables.hpp"
#include "runtime/python/object_table.hpp"
#include "runtime/python/scalars.hpp"
#include "runtime/wire.hpp"

#include "schemas/value.capnp.h"

// Hidden, as all of pybind11 is.
namespace [[gnu::visibility("hidden")]] snakebridge {

/// Makes a C++ value.
class value_sink {
public:
  value_sink(value& into, const ref_origin& origin)
      : into_{&into},
        origin_{&origin} {}

  void none() { *into_ = value{}; }
  void boolean(bool item) { *into_ = value::of_boolean(item); }
  void integer(std::int64_t item) { *into_ = value::of_integer(item); }
  void floating(double item) { *into_ = value::of_floating(item); }
  void string(std::string_view text) { *into_ = value{std::string{text}}; }
  void data(std::string_view data) { *into_ = value{bytes{data}}; }
  void other(value scalar) { *into_ = std::move(scalar); }
  void marker(unserializable made) { *into_ = value{std::move(made)}; }
  void ref(std::uint64_t slot, std::string type_name, bool is_stream);

  template <class WriteItem>
  void list(std::size_t size, WriteItem write) {
    items<snakebridge::list>(size, write);
  }
  template <class WriteItem>
  void tuple(std::size_t size, WriteItem write) {
    items<snakebridge::tuple>(size, write);
  }
  template <class WriteItem>
  void set(std::size_t size, WriteItem write) {
    unique_items<snakebridge::set>(size, write);
  }
  template <class WriteItem>
  void frozenset(std::size_t size, WriteItem write) {
    unique_items<snakebridge::frozenset>(size, write);
  }
  template <class ItemAt>
  void floats(std::size_t size, ItemAt item_at) {
    items<snakebridge::list>(size, [&](std::size_t at, value_sink place) {
      place.floating(item_at(at));
    });
  }
  template <class ItemAt>
  void integers(std::size_t size, ItemAt item_at) {
    items<snakebridge::list>(size, [&](std::size_t at, value_sink place) {
      place.integer(item_at(at));
    });
  }
  template <class WriteEntry>
  void dict(std::size_t size, WriteEntry write) {
    snakebridge::dict made;
    made.reserve(size);
    for (std::size_t i = 0; i < size; ++i) {
      value key, item;
      write(i, value_sink{key, *origin_}, value_sink{item, *origin_});
      made.append(std::move(key), std::move(item));
    }
    *into_ = std::move(made);
  }

private:
  template <class Items, class WriteItem>
  void items(std::size_t size, WriteItem write) {
    Items made(size);
    for (std::size_t i = 0; i < size; ++i)
      write(i, value_sink{made[i], *origin_});
    *into_ = std::move(made);
  }
  template <class Set, class WriteItem>
  void unique_items(std::size_t size, WriteItem write) {
    Set made;
    made.reserve(size);
    for (std::size_t i = 0; i < size; ++i) {
      value item;
      write(i, value_sink{item, *origin_});
      made.append(std::move(item));
    }
    *into_ = std::move(made);
  }

  value* into_;
  const ref_origin* origin_;
};

[[noreturn]] void throw_too_long();

/// True for an iterator, and for an async one.
bool is_stream(py::handle object);

/// Builds a message. What is too long for the format throws payload_too_large.
class wire_sink {
public:
  explicit wire_sink(schema::Value::Builder into) : into_{into} {}

  void none() { into_.setNone(); }
  void boolean(bool item) { into_.setBoolean(item); }
  void integer(std::int64_t item) { into_.setInteger(item); }
  void floating(double item) { into_.setFloating(item); }
  // Python's UTF-8 ends with a NUL, as the format wants.
  void string(std::string_view text) {
    into_.setString({text.data(), count(text.size() + 1) - 1});
  }
  void data(std::string_view data) {
    into_.setBytes(
      {reinterpret_cast<const kj::byte*>(data.data()), count(data.size())});
  }
  void other(const value& scalar) { wire::write_value(into_, scalar); }
  void marker(const unserializable& made) { wire::write_marker(into_, made); }
  void ref(std::uint64_t slot, const std::string& type_name, bool is_stream) {
    auto made = into_.initRef();
    made.setSlot(slot);
    made.setTypeName({type_name.data(), type_name.size()});
    made.setIsStream(is_stream);
  }

  template <class WriteItem>
  void list(std::size_t size, WriteItem write) {
    items(into_.initList(count(size)), write);
  }
  template <class WriteItem>
  void tuple(std::size_t size, WriteItem write) {
    items(into_.initTuple(count(size)), write);
  }
  template <class WriteItem>
  void set(std::size_t size, WriteItem write) {
    items(into_.initSet(count(size)), write);
  }
  template <class WriteItem>
  void frozenset(std::size_t size, WriteItem write) {
    items(into_.initFrozenset(count(size)), write);
  }
  template <class ItemAt>
  void floats(std::size_t size, ItemAt item_at) {
    auto made = into_.initFloats(count(size));
    for (unsigned i = 0; i < made.size(); ++i)
      made.set(i, item_at(i));
  }
  template <class ItemAt>
  void integers(std::size_t size, ItemAt item_at) {
    auto made = into_.initIntegers(count(size));
    for (unsigned i = 0; i < made.size(); ++i)
      made.set(i, item_at(i));
  }
  template <class WriteEntry>
  void dict(std::size_t size, WriteEntry write) {
    auto made = into_.initDict(count(2 * size));
    for (unsigned i = 0; i < made.size(); i += 2)
      write(i / 2, wire_sink{made[i]}, wire_sink{made[i + 1]});
  }

private:
  static unsigned count(std::size_t size) {
    if (size >= std::size_t{1} << 29U)
      throw_too_long();
    return static_cast<unsigned>(size);
  }
  template <class WriteItem>
  void items(capnp::List<schema::Value>::Builder made, WriteItem write) {
    for (unsigned i = 0; i < made.size(); ++i)
      write(i, wire_sink{made[i]});
  }

  schema::Value::Builder into_;
};

/// Writes one result. What it kept for refs is undone unless `commit` says that
/// the result is whole.
class result_writer {
public:
  explicit result_writer(session_objects& session, leaves as = leaves::refs)
      : session_{session},
        leaves_{as} {}
  ~result_writer() {
    for (const auto slot : made_)
      session_.forget(slot);
  }
  result_writer(const result_writer&) = delete;
  result_writer& operator=(const result_writer&) = delete;

  void commit() { made_.clear(); }

  /// Throws payload_too_large for a result that is too deep.
  template <class Sink>
  void write(py::handle from, Sink into, std::size_t depth = 0);

private:
  template <class Sink>
  void write_other(py::handle from, Sink into);
  template <class Sink>
  void write_ref(py::handle from, Sink into);
  template <class Sink>
  bool write_packed(PyObject* items, Sink into);
  template <class Sink>
  bool write_scalar(py::handle from, Sink into);
  template <class Sink>
  void write_container(py::handle from, Sink into, std::size_t depth);
  template <class Sink>
  void write_dict(py::handle from, Sink into, std::size_t depth);

  session_objects& session_;
  const leaves leaves_;
  std::vector<std::uint64_t> made_;
  std::unordered_map<PyObject*, std::uint64_t> refs_;
  std::unordered_set<PyObject*> open_; // containers being written
};

[[noreturn]] void throw_too_deep();

template <class Sink>
void result_writer::write(py::handle from, Sink into, std::size_t depth) {
  if (write_scalar(from, into))
    return;
  PyObject* object = from.ptr();
  const bool container = PyList_CheckExact(object) || PyTuple_CheckExact(object)
                         || PyDict_CheckExact(object)
                         || PyAnySet_CheckExact(object);
  if (!container || open_.contains(object))
    return write_other(from, into);
  if (depth >= limits::value_depth_max)
    throw_too_deep();
  open_.insert(object);
  write_container(from, into, depth + 1);
  open_.erase(object);
}

template <class Sink>
bool result_writer::write_scalar(py::handle from, Sink into) {
  PyObject* object = from.ptr();
  if (object == Py_None) {
    into.none();
  } else if (PyBool_Check(object)) {
    into.boolean(object == Py_True);
  } else if (PyLong_CheckExact(object)) {
    int overflow = 0;
    const auto item = PyLong_AsLongLongAndOverflow(object, &overflow);
    if (overflow == 0)
      into.integer(item);
    else
      into.other(big_integer_of(from));
  } else if (PyFloat_CheckExact(object)) {
    into.floating(PyFloat_AS_DOUBLE(object));
  } else if (PyUnicode_CheckExact(object)) {
    Py_ssize_t size = 0;
    const char* text = PyUnicode_AsUTF8AndSize(object, &size);
    if (text == nullptr) {
      PyErr_Clear(); // lone surrogates: no UTF-8
      into.string(text_with_surrogates(from));
    } else {
      into.string({text, static_cast<std::size_t>(size)});
    }
  } else if (PyBytes_CheckExact(object)) {
    into.data({PyBytes_AS_STRING(object),
               static_cast<std::size_t>(PyBytes_GET_SIZE(object))});
  } else {
    return false;
  }
  return true;
}

template <class Sink>
void result_writer::write_container(py::handle from, Sink into,
                                    std::size_t depth) {
  if (PyDict_CheckExact(from.ptr()))
    return write_dict(from, into, depth);
  // A snapshot: writing a ref may run Python code that changes the list. The
  // snapshot of a tuple is the tuple itself.
  const auto items = checked(PySequence_Tuple(from.ptr()));
  const auto size = static_cast<std::size_t>(PyTuple_GET_SIZE(items.ptr()));
  const auto write_item = [&](std::size_t at, Sink place) {
    write(PyTuple_GET_ITEM(items.ptr(), static_cast<Py_ssize_t>(at)), place,
          depth);
  };
  if (PySet_CheckExact(from.ptr()))
    into.set(size, write_item);
  else if (PyFrozenSet_CheckExact(from.ptr()))
    into.frozenset(size, write_item);
  else if (PyTuple_CheckExact(from.ptr()))
    into.tuple(size, write_item);
  else if (!write_packed(items.ptr(), into))
    into.list(size, write_item);
}

// A list of floats alone or of small ints alone; false for any other.
template <class Sink>
bool result_writer::write_packed(PyObject* items, Sink into) {
  const auto size = PyTuple_GET_SIZE(items);
  const auto at = [items](std::size_t place) {
    return PyTuple_GET_ITEM(items, static_cast<Py_ssize_t>(place));
  };
  if (size == 0)
    return false;
  auto* const type = Py_TYPE(at(0));
  if (type != &PyFloat_Type && type != &PyLong_Type)
    return false;
  for (Py_ssize_t i = 0; i < size; ++i)
    if (Py_TYPE(PyTuple_GET_ITEM(items, i)) != type)
      return false;
  const auto count = static_cast<std::size_t>(size);
  if (type == &PyFloat_Type) {
    into.floats(count, [&](std::size_t i) { return PyFloat_AS_DOUBLE(at(i)); });
    return true;
  }
  std::vector<std::int64_t> numbers(count);
  for (std::size_t i = 0; i < count; ++i) {
    int overflow = 0;
    numbers[i] = PyLong_AsLongLongAndOverflow(at(i), &overflow);
    if (overflow != 0)
      return false;
  }
  into.integers(count, [&](std::size_t i) { return numbers[i]; });
  return true;
}

template <class Sink>
void result_writer::write_other(py::handle from, Sink into) {
  auto scalar = open_.contains(from.ptr()) ? std::nullopt
                                           : scalar_of(from, session_.rules());
  if (scalar)
    into.other(std::move(*scalar));
  else
    write_ref(from, into);
}

template <class Sink>
void result_writer::write_dict(py::handle from, Sink into, std::size_t depth) {
  std::vector<std::pair<py::object, py::object>> entries;
  entries.reserve(static_cast<std::size_t>(PyDict_GET_SIZE(from.ptr())));
  Py_ssize_t position = 0;
  PyObject* key = nullptr;
  PyObject* item = nullptr;
  while (PyDict_Next(from.ptr(), &position, &key, &item) != 0)
    entries.emplace_back(py::reinterpret_borrow<py::object>(key),
                         py::reinterpret_borrow<py::object>(item));
  into.dict(entries.size(),
            [&](std::size_t at, Sink key_place, Sink item_place) {
              write(entries[at].first, key_place, depth);
              write(entries[at].second, item_place, depth);
            });
}

template <class Sink>
void result_writer::write_ref(py::handle from, Sink into) {
  if (leaves_ == leaves::markers)
    return into.marker(marker_of(from, session_.rules()));
  auto [place, is_new] = refs_.try_emplace(from.ptr(), 0);
  if (is_new) {
    place->second = session_.keep(py::reinterpret_borrow<py::object>(from));
    made_.push_back(place->second);
  }
  into.ref(place->second, type_name_of(from), is_stream(from));
}

} // namespace gnu::visibility("hidden")]]snakebridge
