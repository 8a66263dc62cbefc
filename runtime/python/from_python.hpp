#pragma once
// Python objects into values. Exactly: an object of just a built-in type
// becomes the value of that type; everything else (subclasses too, integers
// beyond 64 bits, text with lone surrogates) becomes a ref at its place, and
// the containers around it stay data. A container met inside itself becomes a
// ref there; the same object twice in one result is the same ref.
//
// The writer is one for both directions out: a `Sink` is a C++ value being made
// (value_sink) or a message being built (wire_sink).

#include <unordered_map>
#include <unordered_set>
#include <vector>

#include <snakebridge/value.hpp>

#include "config/tunables.hpp"
#include "runtime/python/object_table.hpp"

#include "schemas/value.capnp.h"

// Hidden, as all of pybind11 is.
namespace [[gnu::visibility("hidden")]] snakebridge {

/// "pathlib.PosixPath", "list" for built-ins.
std::string type_name_of(py::handle object);

/// What a ref made in this process is completed with.
struct ref_origin {
  std::string session;
  std::uint32_t interpreter = 0;
  std::uint32_t epoch = 0;
};

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
  void ref(std::uint64_t slot, std::string type_name);

  template <class WriteItem>
  void list(std::size_t size, WriteItem write) {
    items<snakebridge::list>(size, write);
  }
  template <class WriteItem>
  void tuple(std::size_t size, WriteItem write) {
    items<snakebridge::tuple>(size, write);
  }
  template <class WriteEntry>
  void dict(std::size_t size, WriteEntry write) {
    snakebridge::dict made;
    made.reserve(size);
    for (std::size_t i = 0; i < size; ++i) {
      value key, item;
      write(i, value_sink{key, *origin_}, value_sink{item, *origin_});
      made.set(std::move(key), std::move(item));
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

  value* into_;
  const ref_origin* origin_;
};

[[noreturn]] void throw_too_long();

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
  void ref(std::uint64_t slot, const std::string& type_name) {
    auto made = into_.initRef();
    made.setSlot(slot);
    made.setTypeName({type_name.data(), type_name.size()});
  }

  template <class WriteItem>
  void list(std::size_t size, WriteItem write) {
    items(into_.initList(count(size)), write);
  }
  template <class WriteItem>
  void tuple(std::size_t size, WriteItem write) {
    items(into_.initTuple(count(size)), write);
  }
  template <class WriteEntry>
  void dict(std::size_t size, WriteEntry write) {
    auto made = into_.initDict(count(size));
    for (unsigned i = 0; i < made.size(); ++i)
      write(i, wire_sink{made[i].initKey()}, wire_sink{made[i].initValue()});
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
  explicit result_writer(session_objects& session) : session_{session} {}
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
  void write_ref(py::handle from, Sink into);
  template <class Sink>
  bool write_scalar(py::handle from, Sink into);
  template <class Sink>
  void write_container(py::handle from, Sink into, std::size_t depth);
  template <class Sink>
  void write_dict(py::handle from, Sink into, std::size_t depth);

  session_objects& session_;
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
                         || PyDict_CheckExact(object);
  if (!container || open_.contains(object))
    return write_ref(from, into);
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
    if (overflow != 0)
      return false;
    into.integer(item);
  } else if (PyFloat_CheckExact(object)) {
    into.floating(PyFloat_AS_DOUBLE(object));
  } else if (PyUnicode_CheckExact(object)) {
    Py_ssize_t size = 0;
    const char* text = PyUnicode_AsUTF8AndSize(object, &size);
    if (text == nullptr) {
      PyErr_Clear(); // lone surrogates: no UTF-8
      return false;
    }
    into.string({text, static_cast<std::size_t>(size)});
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
  if (PyList_CheckExact(from.ptr()))
    into.list(size, write_item);
  else
    into.tuple(size, write_item);
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
  auto [place, is_new] = refs_.try_emplace(from.ptr(), 0);
  if (is_new) {
    place->second = session_.keep(py::reinterpret_borrow<py::object>(from));
    made_.push_back(place->second);
  }
  into.ref(place->second, type_name_of(from));
}

} // namespace gnu::visibility("hidden")]]snakebridge
