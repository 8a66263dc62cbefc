#include "runtime/python/scalars.hpp"

#include <algorithm>
#include <unordered_map>

#include <fmt/format.h>

#include "config/tunables.hpp"
#include "runtime/python/members.hpp"
#include "runtime/python/moments.hpp"
#include "runtime/values/python_bounds.hpp"

namespace snakebridge {

namespace {

enum class scalar {
  decimal,
  uuid,
  atom,
  date,
  time,
  datetime,
  timedelta,
  numpy
};

struct known_type {
  std::string_view name;
  scalar what;
};

constexpr known_type known_types[] = {
  {"decimal.Decimal", scalar::decimal},
  {"uuid.UUID", scalar::uuid},
  {"snakebridge.Atom", scalar::atom},
  {"datetime.date", scalar::date},
  {"datetime.time", scalar::time},
  {"datetime.datetime", scalar::datetime},
  {"datetime.timedelta", scalar::timedelta},
};

// Those whose `item()` is just the same number or text.
constexpr std::string_view numpy_types[] = {
  "bool_",     "bool",       "int8",    "int16",   "int32",
  "int64",     "uint8",      "uint16",  "uint32",  "uint64",
  "longlong",  "ulonglong",  "float16", "float32", "float64",
  "complex64", "complex128", "str_",    "bytes_"};

constexpr std::string_view numpy_prefix = "numpy.";

bool is_numpy_scalar(std::string_view type) {
  if (!type.starts_with(numpy_prefix))
    return false;
  type.remove_prefix(numpy_prefix.size());
  return std::find(std::begin(numpy_types), std::end(numpy_types), type)
         != std::end(numpy_types);
}

// NumPy makes as many zeros of an int for its bytes as the int says.
bool numpy_takes(std::string_view type, const value& plain) {
  type.remove_prefix(numpy_prefix.size());
  return (type == "str_") == (plain.kind() == kind::string)
         && (type == "bytes_") == (plain.kind() == kind::bytes);
}

// As its module has it.
py::object imported_type(const std::string& name) {
  const auto dot = name.rfind('.');
  const auto module = py::reinterpret_steal<py::object>(
    PyImport_GetModule(py::str(name.substr(0, dot)).ptr()));
  return module ? py::getattr(module, name.c_str() + dot + 1, py::none())
                : py::object{py::none()};
}

// It has that name in truth, and does not only say so. Tests put others in the
// places of those of datetime.
bool is_really(PyTypeObject* type, const std::string& name) {
  return name.starts_with("datetime.")
           ? moments::is_type(type)
           : imported_type(name).ptr() == reinterpret_cast<PyObject*>(type);
}

std::optional<scalar> look_up(PyTypeObject* type, const std::string& name) {
  std::optional<scalar> found;
  for (const auto& each : known_types)
    if (each.name == name)
      found = each.what;
  if (is_numpy_scalar(name))
    found = scalar::numpy;
  return found && is_really(type, name) ? found : std::nullopt;
}

// What objects of that type are; remembered, with the type kept alive.
std::optional<scalar> recognise(py::handle object) {
  static auto& known = *new std::unordered_map<PyTypeObject*, scalar>;
  auto* const type = Py_TYPE(object.ptr());
  const auto place = known.find(type);
  if (place != known.end())
    return place->second;
  const auto found = look_up(type, type_name_of(object));
  if (found) {
    Py_INCREF(type);
    known.emplace(type, *found);
  }
  return found;
}

py::object attribute_of(const char* module, const char* name) {
  return py::module_::import(module).attr(name);
}

std::string text_of(py::handle object) {
  return text_with_surrogates(py::str(object));
}

value uuid_of(py::handle from) {
  uuid made;
  const auto data = from.attr("bytes").cast<std::string>();
  if (data.size() == made.bytes.size())
    std::copy(data.begin(), data.end(), made.bytes.begin());
  const auto safety = text_of(from.attr("is_safe").attr("name"));
  made.is_safe = safety == "safe"     ? uuid::safety::safe
                 : safety == "unsafe" ? uuid::safety::unsafe
                                      : uuid::safety::unknown;
  return value{made};
}

value atom_of(py::handle from, const conversion_config& rules) {
  auto name = text_of(from);
  const auto& allowed = rules.atoms;
  const auto is = [&](const std::string& each) {
    return each == name || each == "*";
  };
  if (std::any_of(allowed.begin(), allowed.end(), is))
    return value{atom{std::move(name)}};
  return value{std::move(name)};
}

// A number of just a built-in type; text or bytes of any.
std::optional<value> plain_of(py::handle from) {
  PyObject* const object = from.ptr();
  if (PyBool_Check(object))
    return value{object == Py_True};
  if (PyLong_CheckExact(object))
    return big_integer_of(from);
  if (PyFloat_CheckExact(object))
    return value{PyFloat_AS_DOUBLE(object)};
  if (PyComplex_CheckExact(object))
    return value{std::complex<double>{PyComplex_RealAsDouble(object),
                                      PyComplex_ImagAsDouble(object)}};
  if (PyBytes_Check(object))
    return value{bytes{PyBytes_AS_STRING(object),
                       static_cast<std::size_t>(PyBytes_GET_SIZE(object))}};
  if (PyUnicode_Check(object))
    return value{text_with_surrogates(from)};
  return {};
}

} // namespace

std::optional<value> base_of(py::handle from) {
  // A member that is a text as well may have another value than that text.
  if (auto told = value_of_member(from, member_word::value))
    return told;
  PyObject* const object = from.ptr();
  constexpr auto most = static_cast<Py_ssize_t>(limits::ref_base_bytes_max);
  if (PyUnicode_Check(object) && !PyUnicode_CheckExact(object)
      && PyUnicode_GET_LENGTH(object) <= most)
    return value{text_with_surrogates(from)};
  if (PyBytes_Check(object) && !PyBytes_CheckExact(object)
      && PyBytes_GET_SIZE(object) <= most)
    return plain_of(from);
  if (PyLong_Check(object) && !PyLong_CheckExact(object)) {
    int overflow = 0;
    const auto number = PyLong_AsLongLongAndOverflow(object, &overflow);
    if (overflow == 0)
      return value::of_integer(number);
  }
  if (PyFloat_Check(object) && !PyFloat_CheckExact(object))
    return value{PyFloat_AS_DOUBLE(object)};
  if (PyComplex_Check(object) && !PyComplex_CheckExact(object)) {
    const auto& number = reinterpret_cast<PyComplexObject*>(object)->cval;
    return value{std::complex<double>{number.real, number.imag}};
  }
  return value_of_member(from, member_word::name);
}

namespace {

std::optional<value> numpy_of(py::handle from) {
  // Its `item` leaves out what NULs are at the end of a text.
  const bool as_it_is =
    PyUnicode_Check(from.ptr()) || PyBytes_Check(from.ptr());
  auto plain = plain_of(as_it_is ? py::reinterpret_borrow<py::object>(from)
                                 : py::object{from.attr("item")()});
  if (!plain)
    return {};
  return value::of_type(type_name_of(from), std::move(*plain));
}

// A snapshot. Only of plain bytes: other formats mean more than their bytes.
std::optional<value> memory_of(py::handle from) {
  Py_buffer view{};
  if (PyObject_GetBuffer(from.ptr(), &view, PyBUF_FORMAT | PyBUF_STRIDES)
      != 0) {
    PyErr_Clear(); // it was released
    return {};
  }
  const std::string_view format = view.format ? view.format : "B";
  std::optional<value> made;
  if (view.ndim == 1 && view.itemsize == 1 && format == "B"
      && PyBuffer_IsContiguous(&view, 'C'))
    made = value::of_type(
      "memoryview", value{bytes{view.buf, static_cast<std::size_t>(view.len)}});
  PyBuffer_Release(&view);
  return made;
}

py::object python_bytes(const bytes& from) {
  return checked(PyBytes_FromStringAndSize(
    from.data(), static_cast<Py_ssize_t>(from.size())));
}

py::object python_uuid(const uuid& from) {
  static constexpr const char* names[] = {"unknown", "safe", "unsafe"};
  const auto module = py::module_::import("uuid");
  const auto safety =
    module.attr("SafeUUID").attr(names[static_cast<std::size_t>(from.is_safe)]);
  return module.attr("UUID")(py::arg("bytes") = python_bytes(
                               bytes{from.bytes.data(), from.bytes.size()}),
                             py::arg("is_safe") = safety);
}

py::object python_atom(const std::string& name,
                       const conversion_config& rules) {
  auto text = python_string(name);
  return rules.atom_class ? attribute_of("snakebridge", "Atom")(text) : text;
}

// What its type cannot hold NumPy 1 would round or wrap around, and NumPy 2
// rounds or refuses.
py::object python_numpy(const std::string& type, const py::object& plain,
                        const value& from) {
  const auto make = attribute_of("numpy", type.c_str() + numpy_prefix.size());
  auto made = py::reinterpret_steal<py::object>(
    PyObject_CallOneArg(make.ptr(), plain.ptr()));
  if (!made && PyErr_ExceptionMatches(PyExc_OverflowError) == 0)
    throw_raised();
  PyErr_Clear();
  const auto back = made ? numpy_of(made) : std::nullopt;
  if (!back || back->kind() != from.kind() || repr(*back) != repr(from))
    throw exception{
      error{errc::not_convertible,
            fmt::format("{} is no exact {}", repr_short(from), type)}};
  return made;
}

py::object python_typed(const value& from, const conversion_config& rules) {
  const auto type = from.type_name();
  const auto plain = python_scalar(from.plain(), rules);
  if (type == "bytearray" && PyBytes_Check(plain.ptr()))
    return checked(PyByteArray_FromObject(plain.ptr()));
  if (type == "memoryview" && PyBytes_Check(plain.ptr()))
    return checked(PyMemoryView_FromObject(plain.ptr()));
  if (is_numpy_scalar(type) && numpy_takes(type, from.plain()))
    return python_numpy(type, plain, from);
  throw exception{error{
    errc::not_convertible,
    fmt::format("nothing is known of the type '{}', of which {} is said to be",
                type, repr_short(from))}};
}

} // namespace

value big_integer_of(py::handle from) {
  int overflow = 0;
  const auto small = PyLong_AsLongLongAndOverflow(from.ptr(), &overflow);
  if (overflow == 0)
    return value::of_integer(small);
  const auto bits = from.attr("bit_length")().cast<std::size_t>();
  const auto data =
    from.attr("to_bytes")(bits / 8 + 1, "little", py::arg("signed") = true);
  return value::of_integer(integer::from_bytes(
    {PyBytes_AS_STRING(data.ptr()),
     static_cast<std::size_t>(PyBytes_GET_SIZE(data.ptr()))}));
}

std::optional<value> scalar_of(py::handle from,
                               const conversion_config& rules) {
  PyObject* const object = from.ptr();
  if (PyComplex_CheckExact(object))
    return plain_of(from);
  if (PyByteArray_CheckExact(object))
    return value::of_type(
      "bytearray",
      value{bytes{PyByteArray_AS_STRING(object),
                  static_cast<std::size_t>(PyByteArray_GET_SIZE(object))}});
  if (PyMemoryView_Check(object))
    return memory_of(from);
  const auto what = recognise(from);
  if (!what)
    return {};
  switch (*what) {
  case scalar::decimal:
    return value{decimal{text_of(from)}};
  case scalar::uuid:
    return uuid_of(from);
  case scalar::atom:
    return atom_of(from, rules);
  case scalar::date:
    return moments::date_of(from);
  case scalar::time:
    return moments::time_of(from);
  case scalar::datetime:
    return moments::datetime_of(from);
  case scalar::timedelta:
    return moments::timedelta_of(from);
  case scalar::numpy:
    return numpy_of(from);
  }
  return {};
}

py::object python_scalar(const value& from, const conversion_config& rules) {
  if (from.is_typed())
    return python_typed(from, rules);
  switch (from.kind()) {
  case kind::boolean:
    return py::bool_(*from.get_if<bool>());
  case kind::integer: {
    if (const auto* small = from.get_if<std::int64_t>())
      return checked(PyLong_FromLongLong(*small));
    const auto& data = from.get_if<integer>()->bytes();
    return py::reinterpret_borrow<py::object>(
             reinterpret_cast<PyObject*>(&PyLong_Type))
      .attr("from_bytes")(python_bytes(bytes{data}), "little",
                          py::arg("signed") = true);
  }
  case kind::floating:
    return checked(PyFloat_FromDouble(*from.get_if<double>()));
  case kind::complex: {
    const auto& item = *from.get_if<std::complex<double>>();
    return checked(PyComplex_FromDoubles(item.real(), item.imag()));
  }
  case kind::string:
    return python_string(*from.get_if<std::string>());
  case kind::bytes:
    return python_bytes(*from.get_if<bytes>());
  case kind::decimal:
    return attribute_of("decimal", "Decimal")(from.get_if<decimal>()->text());
  case kind::uuid:
    return python_uuid(*from.get_if<uuid>());
  case kind::atom:
    return python_atom(from.get_if<atom>()->name, rules);
  case kind::date:
    return moments::python_date(within_bounds<date>(from));
  case kind::time:
    return moments::python_time(within_bounds<time>(from));
  case kind::datetime:
    return moments::python_datetime(within_bounds<datetime>(from));
  case kind::timedelta:
    return moments::python_timedelta(within_bounds<timedelta>(from));
  case kind::unserializable:
    throw exception{
      error{errc::not_convertible,
            fmt::format("{} stands for an object that could not cross: it "
                        "cannot be sent back",
                        repr_short(from))}};
  default:
    return py::none();
  }
}

} // namespace snakebridge
