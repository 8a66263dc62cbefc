#pragma once
// Python objects into values. Exactly: an object of just a type of
// docs/VALUES.md becomes the value of that type; everything else (subclasses
// too) becomes a ref at its place, and the containers around it stay data. A
// container met inside itself becomes a ref there; the same object twice in
// one result is the same ref.
//
// The writer is one for both directions out: a `Sink` is a C++ value being made
// (value_sink) or a message being built (wire_sink).

#include <algorithm>
#include <optional>
#include <span>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include <snakebridge/operation.hpp>
#include <snakebridge/value.hpp>

#include "config/tunables.hpp"
#include "runtime/python/any_python.hpp"
#include "runtime/python/object_table.hpp"
#include "runtime/python/scalars.hpp"
#include "runtime/wire/messages.hpp"

#include "schemas/value.capnp.h"

// Hidden, as all of pybind11 is.
namespace [[gnu::visibility("hidden")]] snakebridge {

class result_writer;

/// What a container holds, kept alive by whoever made this view.
using objects = std::span<PyObject* const>;

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
  void ref(std::uint64_t slot, std::string type_name, bool is_stream,
           std::optional<value> base);

  void list(objects items, result_writer& writer, std::size_t depth) {
    in_order<snakebridge::list>(items, writer, depth);
  }
  void tuple(objects items, result_writer& writer, std::size_t depth) {
    in_order<snakebridge::tuple>(items, writer, depth);
  }
  void set(objects items, result_writer& writer, std::size_t depth) {
    unique<snakebridge::set>(items, writer, depth);
  }
  void frozenset(objects items, result_writer& writer, std::size_t depth) {
    unique<snakebridge::frozenset>(items, writer, depth);
  }
  void dict(objects keys, objects items, result_writer& writer,
            std::size_t depth);

private:
  template <class Items>
  void in_order(objects items, result_writer& writer, std::size_t depth);
  template <class Set>
  void unique(objects items, result_writer& writer, std::size_t depth);

  value* into_;
  const ref_origin* origin_;
};

[[noreturn]] void throw_too_long();

/// True for an iterator, and for an async one.
bool is_stream(py::handle object);

/// True for a None, a bool, and a small number or text of just that type.
bool is_itself(py::handle object);
/// A number of a type with a name of its own, "numpy.float64"; else nothing.
std::optional<value> number_of(py::handle object,
                               const conversion_config& rules);

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
  void ref(std::uint64_t slot, const std::string& type_name, bool is_stream,
           const std::optional<value>& base) {
    auto made = into_.initRef();
    made.setSlot(slot);
    made.setTypeName({type_name.data(), type_name.size()});
    made.setIsStream(is_stream);
    if (base)
      wire::write_value(made.initBase(), *base);
  }

  void list(objects items, result_writer& writer, std::size_t depth);
  void tuple(objects items, result_writer& writer, std::size_t depth);
  void set(objects items, result_writer& writer, std::size_t depth);
  void frozenset(objects items, result_writer& writer, std::size_t depth);
  void dict(objects keys, objects items, result_writer& writer,
            std::size_t depth);

private:
  static unsigned count(std::size_t size) {
    if (size > wire::data_bytes_max)
      throw_too_long();
    return static_cast<unsigned>(size);
  }

  schema::Value::Builder into_;
};

/// Writes one result. What it kept for refs is undone unless `commit` says that
/// the result is whole.
class result_writer {
public:
  /// `bytes_max`: of the message it is for.
  result_writer(session_objects& session, leaves as,
                std::size_t bytes_max = ~std::size_t{0})
      : session_{session},
        leaves_{as},
        bytes_max_{bytes_max},
        items_left_{bytes_max / wire::bytes_of_an_item_min} {}
  ~result_writer() {
    for (const auto slot : made_)
      session_.forget(slot);
  }
  result_writer(const result_writer&) = delete;
  result_writer& operator=(const result_writer&) = delete;

  void commit() { made_.clear(); }
  /// How many refs there are in what was written.
  std::size_t made() const { return made_.size(); }

  /// Writes a whole result, in the form asked for. Throws payload_too_large for
  /// one that is too deep or surely too large.
  template <class Sink>
  void write_result(py::handle from, Sink into) {
    if (leaves_ == leaves::all_refs)
      write_ref(from, into);
    else if (leaves_ == leaves::objects)
      write_object(from, into);
    else
      write(from, into);
  }

  /// Writes what is in it.
  template <class Sink>
  void write(py::handle from, Sink into, std::size_t depth = 0);

  /// Writes keys of a dict, or items of a set, by `put`: in plain form they
  /// have to stay apart.
  template <class Put>
  void write_unique(objects items, Put put);

  /// What a container holds, packed where it can be.
  void write_items(schema::Items::Builder to, objects items,
                   std::size_t depth) {
    write_items(to, items, nullptr, depth);
  }

private:
  // Lists or dicts that are written together, packed: for each item of theirs,
  // whose it is.
  struct packed_row {
    objects holders;
    std::span<const std::uint32_t> holder_of; // empty: in the same place
    const packed_row* within;
  };

  template <class Sink>
  void write_other(py::handle from, Sink into, std::size_t depth);
  template <class Sink>
  void write_ref(py::handle from, Sink into);
  template <class Sink>
  void write_object(py::handle from, Sink into);
  template <class Sink>
  bool write_scalar(py::handle from, Sink into);
  template <class Sink>
  void write_container(py::handle from, Sink into, std::size_t depth);

  void take(std::size_t items);
  void write_items(schema::Items::Builder to, objects items,
                   const packed_row* within, std::size_t depth);
  bool write_packed(schema::Items::Builder to, objects items,
                    const packed_row* within, std::size_t depth);
  bool write_lists(schema::Items::Builder to, objects items,
                   const packed_row* within, std::size_t depth);
  bool write_records(schema::Items::Builder to, objects items,
                     const packed_row* within, std::size_t depth);
  void write_within(const packed_row* within, std::size_t at, PyObject* item,
                    schema::Value::Builder to, std::size_t depth);
  bool is_open(PyObject* container, const packed_row* within,
               std::size_t at) const;

  session_objects& session_;
  const leaves leaves_;
  const std::size_t bytes_max_;
  std::size_t items_left_;
  std::vector<std::uint64_t> made_;
  std::unordered_map<PyObject*, std::uint64_t> refs_;
  std::unordered_set<PyObject*> open_; // containers being written
  bool among_keys_ = false;            // which are in their plain form already
};

// Objects held while they are written.
class held_objects {
public:
  held_objects() = default;
  ~held_objects() {
    for (auto* object : objects_)
      Py_DECREF(object);
  }
  held_objects(const held_objects&) = delete;
  held_objects& operator=(const held_objects&) = delete;

  void reserve(std::size_t count) { objects_.reserve(count); }
  void add(PyObject* object) {
    objects_.push_back(object);
    Py_INCREF(object);
  }
  operator objects() const { return objects_; }

private:
  std::vector<PyObject*> objects_;
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
    return write_other(from, into, depth);
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
  // A snapshot: writing a ref may run Python code that changes the container.
  if (PyDict_CheckExact(from.ptr())) {
    held_objects keys, items;
    const auto size = static_cast<std::size_t>(PyDict_GET_SIZE(from.ptr()));
    take(2 * size);
    keys.reserve(size);
    items.reserve(size);
    Py_ssize_t position = 0;
    PyObject* key = nullptr;
    PyObject* item = nullptr;
    while (PyDict_Next(from.ptr(), &position, &key, &item) != 0) {
      keys.add(key);
      items.add(item);
    }
    return into.dict(keys, items, *this, depth);
  }
  const auto copy = checked(PySequence_Tuple(from.ptr())); // a tuple is its own
  const objects items{PySequence_Fast_ITEMS(copy.ptr()),
                      static_cast<std::size_t>(PyTuple_GET_SIZE(copy.ptr()))};
  take(items.size());
  if (is_exact_set(from))
    into.set(items, *this, depth);
  else if (PyFrozenSet_CheckExact(from.ptr()))
    into.frozenset(items, *this, depth);
  else if (PyTuple_CheckExact(from.ptr()))
    into.tuple(items, *this, depth);
  else
    into.list(items, *this, depth);
}

template <class Sink>
void result_writer::write_other(py::handle from, Sink into, std::size_t depth) {
  // In itself, at some depth: a ref stands for it there.
  if (open_.contains(from.ptr()))
    return write_ref(from, into);
  const bool is_plain = leaves_ == leaves::plain;
  if (auto scalar = scalar_of(from, session_.rules()))
    return into.other(is_plain ? scalar->plain() : std::move(*scalar));
  const auto instead =
    is_plain && !among_keys_ ? plain_form_of(from) : py::object{};
  if (!instead)
    return write_ref(from, into);
  if (depth >= limits::value_depth_max)
    throw_too_deep();
  open_.insert(from.ptr());
  write(instead, into, depth + 1);
  open_.erase(from.ptr());
}

template <class Put>
void result_writer::write_unique(objects items, Put put) {
  const auto is_plain = [](PyObject* each) {
    return PyUnicode_CheckExact(each) || PyLong_CheckExact(each)
           || PyFloat_CheckExact(each) || PyBytes_CheckExact(each);
  };
  if (leaves_ != leaves::plain || among_keys_
      || std::all_of(items.begin(), items.end(), is_plain))
    return put(items);
  py::list found;
  for (PyObject* each : items)
    found.append(py::handle{each});
  const auto told = plain_keys_of(found);
  std::vector<PyObject*> keys;
  for (const auto& each : told)
    keys.push_back(each.ptr());
  among_keys_ = true;
  put(objects{keys});
  among_keys_ = false;
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
  into.ref(place->second, type_name_of(from), is_stream(from), base_of(from));
}

// What does not change, and is small, is as good as the object.
template <class Sink>
void result_writer::write_object(py::handle from, Sink into) {
  if (is_itself(from)) {
    write_scalar(from, into);
  } else if (auto number = number_of(from, session_.rules())) {
    into.other(*std::move(number));
  } else {
    write_ref(from, into);
  }
}

template <class Items>
void value_sink::in_order(objects items, result_writer& writer,
                          std::size_t depth) {
  Items made(items.size());
  for (std::size_t at = 0; at < items.size(); ++at)
    writer.write(items[at], value_sink{made[at], *origin_}, depth);
  *into_ = std::move(made);
}

template <class Set>
void value_sink::unique(objects items, result_writer& writer,
                        std::size_t depth) {
  Set made;
  made.reserve(items.size());
  writer.write_unique(items, [&](objects told) {
    for (PyObject* each : told) {
      value item;
      writer.write(each, value_sink{item, *origin_}, depth);
      made.append(std::move(item));
    }
  });
  *into_ = std::move(made);
}

} // namespace gnu::visibility("hidden")]]snakebridge
