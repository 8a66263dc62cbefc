// What containers hold, into messages: packed where all of it is of one kind
// (schemas/value.capnp, Items). The counterpart of runtime/wire_items.cpp.
#include <algorithm>
#include <optional>

#include "config/tunables.hpp"
#include "runtime/python/from_python.hpp"

namespace snakebridge {

namespace {

using builder = schema::Items::Builder;

unsigned count_of(std::size_t items) {
  if (items > wire::data_bytes_max)
    throw_too_long();
  return static_cast<unsigned>(items);
}

bool all_are(PyTypeObject& type, objects items) {
  return std::all_of(items.begin(), items.end(),
                     [&](PyObject* item) { return Py_IS_TYPE(item, &type); });
}

void write_floats(builder to, objects items) {
  auto floats = to.initFloats(count_of(items.size()));
  for (unsigned at = 0; at < floats.size(); ++at)
    floats.set(at, PyFloat_AS_DOUBLE(items[at]));
}

// False when some have more than 64 bits.
bool write_integers(builder to, objects items) {
  std::vector<std::int64_t> numbers(items.size());
  for (std::size_t at = 0; at < items.size(); ++at) {
    int overflow = 0;
    numbers[at] = PyLong_AsLongLongAndOverflow(items[at], &overflow);
    if (overflow != 0)
      return false;
  }
  auto integers = to.initIntegers(count_of(items.size()));
  for (unsigned at = 0; at < integers.size(); ++at)
    integers.set(at, numbers[at]);
  return true;
}

// Nothing for a text with lone surrogates.
std::optional<std::string_view> utf8_of(PyObject* text) {
  Py_ssize_t size = 0;
  const char* utf8 = PyUnicode_AsUTF8AndSize(text, &size);
  if (utf8 != nullptr)
    return std::string_view{utf8, static_cast<std::size_t>(size)};
  PyErr_Clear();
  return {};
}

// All of them together have to be one text that the format can hold.
bool fit_together(objects texts) {
  std::size_t bytes = 0;
  return std::all_of(texts.begin(), texts.end(), [&](PyObject* text) {
    const auto utf8 = utf8_of(text);
    bytes += utf8 ? utf8->size() : 0;
    return utf8 && bytes <= wire::data_bytes_max;
  });
}

void write_texts(schema::Texts::Builder to, objects texts) {
  auto lengths = to.initLengths(count_of(texts.size()));
  std::size_t bytes = 0;
  for (unsigned at = 0; at < lengths.size(); ++at) {
    const auto length = utf8_of(texts[at])->size();
    lengths.set(at, count_of(length));
    bytes += length;
  }
  auto* place = to.initUtf8(count_of(bytes)).begin();
  for (PyObject* text : texts) {
    const auto utf8 = *utf8_of(text);
    place = std::copy(utf8.begin(), utf8.end(), place);
  }
}

bool same_text(PyObject* one, PyObject* other) {
  return one == other
         || (PyUnicode_CheckExact(one) && PyUnicode_Compare(one, other) == 0);
}

// The keys of a dict that may be one of many of its kind.
std::optional<std::vector<PyObject*>> keys_of_record(PyObject* dict) {
  std::vector<PyObject*> keys;
  Py_ssize_t position = 0;
  PyObject* key = nullptr;
  while (PyDict_Next(dict, &position, &key, nullptr) != 0) {
    if (!PyUnicode_CheckExact(key))
      return {};
    keys.push_back(key);
  }
  if (keys.size() < 2 || !fit_together(keys))
    return {};
  return keys;
}

} // namespace

void result_writer::take(std::size_t items) {
  if (items > items_left_)
    throw exception{wire::too_large(bytes_max_)};
  items_left_ -= items;
}

// True for a container inside itself: it becomes a ref.
bool result_writer::is_open(PyObject* container, const packed_row* within,
                            std::size_t at) const {
  if (open_.contains(container))
    return true;
  for (; within != nullptr; within = within->within) {
    if (!within->holder_of.empty())
      at = within->holder_of[at];
    if (within->holders[at] == container)
      return true;
  }
  return false;
}

bool result_writer::write_lists(builder to, objects items,
                                const packed_row* within, std::size_t depth) {
  std::size_t count = 0;
  for (std::size_t at = 0; at < items.size(); ++at) {
    if (is_open(items[at], within, at))
      return false;
    count += static_cast<std::size_t>(PyList_GET_SIZE(items[at]));
  }
  take(count);
  auto into = to.initLists();
  auto lengths = into.initLengths(count_of(items.size()));
  std::vector<std::uint32_t> holder_of;
  held_objects all;
  holder_of.reserve(count);
  all.reserve(count);
  for (unsigned at = 0; at < items.size(); ++at) {
    const auto length = PyList_GET_SIZE(items[at]);
    lengths.set(at, count_of(static_cast<std::size_t>(length)));
    for (Py_ssize_t i = 0; i < length; ++i)
      all.add(PyList_GET_ITEM(items[at], i));
    holder_of.resize(holder_of.size() + static_cast<std::size_t>(length), at);
  }
  const packed_row row{items, holder_of, within};
  write_items(into.initItems(), all, &row, depth);
  return true;
}

bool result_writer::write_records(builder to, objects items,
                                  const packed_row* within, std::size_t depth) {
  const auto keys = keys_of_record(items[0]);
  if (!keys)
    return false;
  // Column after column; read row by row.
  const auto width = keys->size(), count = items.size();
  if (width * count > items_left_)
    return false; // refused where it is written, if they are that many
  std::vector<PyObject*> cells(width * count);
  for (std::size_t at = 0; at < count; ++at) {
    if (is_open(items[at], within, at)
        || static_cast<std::size_t>(PyDict_GET_SIZE(items[at])) != width)
      return false;
    Py_ssize_t position = 0;
    PyObject* key = nullptr;
    PyObject* item = nullptr;
    for (std::size_t column = 0;
         PyDict_Next(items[at], &position, &key, &item) != 0; ++column) {
      if (!same_text(key, (*keys)[column]))
        return false;
      cells[column * count + at] = item;
    }
  }
  take(cells.size());
  held_objects all;
  all.reserve(cells.size());
  for (auto* cell : cells)
    all.add(cell);

  auto into = to.initRecords();
  into.setCount(count_of(count));
  write_texts(into.initKeys(), *keys);
  auto columns = into.initColumns(count_of(width));
  const packed_row row{items, {}, within};
  for (unsigned column = 0; column < width; ++column)
    write_items(columns[column], objects{all}.subspan(column * count, count),
                &row, depth);
  return true;
}

bool result_writer::write_packed(builder to, objects items,
                                 const packed_row* within, std::size_t depth) {
  auto& type = *Py_TYPE(items[0]);
  const bool container = &type == &PyList_Type || &type == &PyDict_Type;
  const bool packs = container || &type == &PyFloat_Type
                     || &type == &PyLong_Type || &type == &PyUnicode_Type;
  if (!packs || (container && items.size() < 2) || !all_are(type, items))
    return false;
  if (container && depth >= limits::value_depth_max)
    throw_too_deep();
  if (&type == &PyList_Type)
    return write_lists(to, items, within, depth + 1);
  if (&type == &PyDict_Type)
    return write_records(to, items, within, depth + 1);
  if (&type == &PyLong_Type)
    return write_integers(to, items);
  if (&type == &PyFloat_Type) {
    write_floats(to, items);
    return true;
  }
  if (!fit_together(items))
    return false;
  write_texts(to.initTexts(), items);
  return true;
}

void result_writer::write_items(builder to, objects items,
                                const packed_row* within, std::size_t depth) {
  if (items.empty() || write_packed(to, items, within, depth))
    return;
  auto values = to.initValues(count_of(items.size()));
  for (unsigned at = 0; at < values.size(); ++at)
    write_within(within, at, items[at], values[at], depth);
}

// Whose it is counts as open while it is written.
void result_writer::write_within(const packed_row* within, std::size_t at,
                                 PyObject* item, schema::Value::Builder to,
                                 std::size_t depth) {
  if (within == nullptr)
    return write(item, wire_sink{to}, depth);
  if (write_scalar(item, wire_sink{to}))
    return;
  std::vector<PyObject*> opened;
  for (; within != nullptr; within = within->within) {
    if (!within->holder_of.empty())
      at = within->holder_of[at];
    if (open_.insert(within->holders[at]).second)
      opened.push_back(within->holders[at]);
  }
  write(item, wire_sink{to}, depth);
  for (auto* holder : opened)
    open_.erase(holder);
}

} // namespace snakebridge
