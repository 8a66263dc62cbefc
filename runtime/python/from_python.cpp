#include "runtime/python/from_python.hpp"

#include <fmt/format.h>

namespace snakebridge {

std::string type_name_of(py::handle object) {
  const auto* type = Py_TYPE(object.ptr());
  // A built-in type's name has its module in it already, or has none.
  if ((type->tp_flags & Py_TPFLAGS_HEAPTYPE) == 0)
    return type->tp_name;
  const auto part = [&](const char* name) -> std::string {
    const auto text = py::reinterpret_steal<py::object>(
      PyObject_GetAttrString(py::type::of(object).ptr(), name));
    const char* content = text && PyUnicode_Check(text.ptr())
                            ? PyUnicode_AsUTF8(text.ptr())
                            : nullptr;
    PyErr_Clear();
    return content ? content : "";
  };
  const auto module = part("__module__");
  auto name = part("__qualname__");
  if (name.empty())
    name = type->tp_name; // its metaclass does not tell
  return module.empty() || module == "builtins" ? name : module + "." + name;
}

void value_sink::ref(std::uint64_t slot, std::string type_name, bool is_stream,
                     std::optional<value> base) {
  *into_ = snakebridge::ref{
    .node = std::string{origin_->node},
    .session = std::string{origin_->session},
    .interpreter = origin_->interpreter,
    .epoch = origin_->epoch,
    .slot = slot,
    .type_name = std::move(type_name),
    .is_stream = is_stream,
    .base = base ? std::make_shared<const value>(std::move(*base)) : nullptr,
    .session_epoch = origin_->session_epoch};
}

void value_sink::dict(objects keys, objects items, result_writer& writer,
                      std::size_t depth) {
  std::vector<value> names(keys.size());
  writer.write_unique(keys, [&](objects told) {
    for (std::size_t at = 0; at < told.size(); ++at)
      writer.write(told[at], value_sink{names[at], *origin_}, depth);
  });
  snakebridge::dict made;
  made.reserve(keys.size());
  for (std::size_t at = 0; at < keys.size(); ++at) {
    value item;
    writer.write(items[at], value_sink{item, *origin_}, depth);
    made.append(std::move(names[at]), std::move(item));
  }
  *into_ = std::move(made);
}

void wire_sink::list(objects items, result_writer& writer, std::size_t depth) {
  writer.write_items(into_.initList(), items, depth);
}

void wire_sink::tuple(objects items, result_writer& writer, std::size_t depth) {
  writer.write_items(into_.initTuple(), items, depth);
}

void wire_sink::set(objects items, result_writer& writer, std::size_t depth) {
  writer.write_unique(items, [&](objects told) {
    writer.write_items(into_.initSet(), told, depth);
  });
}

void wire_sink::frozenset(objects items, result_writer& writer,
                          std::size_t depth) {
  writer.write_unique(items, [&](objects told) {
    writer.write_items(into_.initFrozenset(), told, depth);
  });
}

void wire_sink::dict(objects keys, objects items, result_writer& writer,
                     std::size_t depth) {
  auto made = into_.initDict();
  writer.write_unique(keys, [&](objects told) {
    writer.write_items(made.initKeys(), told, depth);
  });
  writer.write_items(made.initValues(), items, depth);
}

bool is_stream(py::handle object) {
  return PyIter_Check(object.ptr()) != 0 || is_async_iterator(object);
}

bool is_itself(py::handle object) {
  PyObject* const item = object.ptr();
  if (item == Py_None || PyBool_Check(item) || PyFloat_CheckExact(item))
    return true;
  if (PyLong_CheckExact(item)) {
    int overflow = 0;
    PyLong_AsLongLongAndOverflow(item, &overflow);
    return overflow == 0;
  }
  constexpr auto most = static_cast<Py_ssize_t>(limits::text_itself_bytes_max);
  if (PyUnicode_CheckExact(item))
    return PyUnicode_GET_LENGTH(item) * PyUnicode_KIND(item) <= most;
  return PyBytes_CheckExact(item) && PyBytes_GET_SIZE(item) <= most;
}

std::optional<value> number_of(py::handle object,
                               const conversion_config& rules) {
  auto found = scalar_of(object, rules);
  if (found && found->is_typed()
      && (found->kind() == kind::boolean || found->kind() == kind::integer
          || found->kind() == kind::floating || found->kind() == kind::complex))
    return found;
  return {};
}

void throw_too_long() {
  throw exception{
    error{errc::payload_too_large,
          "the result has a text or list of more than 2^29 items; keep it in "
          "Python and read it piece by piece"}};
}

void throw_too_deep() {
  throw exception{
    error{errc::payload_too_large,
          fmt::format("the result is more than {} containers deep; keep it in "
                      "Python and read it piece by piece",
                      limits::value_depth_max)}};
}

} // namespace snakebridge
