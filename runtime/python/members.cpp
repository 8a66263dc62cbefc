#include "runtime/python/members.hpp"

#include <fmt/format.h>

#include "config/tunables.hpp"
#include "runtime/python/lookup.hpp"
#include "runtime/python/object_table.hpp"

namespace snakebridge {

namespace {

// Python has loaded the module `enum` where there is one; null: it has not.
py::object metaclass() {
  const auto module = py::reinterpret_steal<py::object>(
    PyImport_GetModule(py::str("enum").ptr()));
  if (!module && PyErr_Occurred() != nullptr)
    throw_raised();
  return module ? py::getattr(module, "EnumMeta", py::none()) : py::none();
}

bool is_enum(py::handle type) {
  if (Py_IS_TYPE(type.ptr(), &PyType_Type) || PyType_Check(type.ptr()) == 0)
    return false;
  const auto of = metaclass();
  return PyType_Check(of.ptr()) != 0
         && PyObject_TypeCheck(type.ptr(),
                               reinterpret_cast<PyTypeObject*>(of.ptr()));
}

std::optional<value> plain_value(py::handle object) {
  PyObject* const item = object.ptr();
  if (PyBool_Check(item))
    return value{item == Py_True};
  if (PyFloat_CheckExact(item))
    return value{PyFloat_AS_DOUBLE(item)};
  if (PyLong_CheckExact(item)) {
    int overflow = 0;
    const auto number = PyLong_AsLongLongAndOverflow(item, &overflow);
    if (overflow == 0)
      return value::of_integer(number);
  }
  constexpr auto most = static_cast<Py_ssize_t>(limits::ref_base_bytes_max);
  if (PyUnicode_CheckExact(item) && PyUnicode_GET_LENGTH(item) <= most)
    return value{text_with_surrogates(object)};
  return {};
}

// What a member has said of itself; null: it has not.
py::object told_by(py::handle member, const char* name) {
  auto told = py::reinterpret_steal<py::object>(
    PyObject_GetAttrString(member.ptr(), name));
  if (!told && PyErr_ExceptionMatches(PyExc_AttributeError) == 0)
    throw_raised(); // the call was interrupted in code of its class
  PyErr_Clear();
  return told;
}

// Of one that has none Python 3.12 takes a value for the name of a new class.
bool has_members(py::handle of) {
  const auto count = PyObject_Size(of.ptr());
  if (count < 0)
    throw_raised();
  return count > 0;
}

} // namespace

bool is_member(const value& from) {
  return from.is_typed() && from.type_name().find(':') != std::string::npos;
}

py::object python_member(const value& from, const session_objects& session) {
  const auto type = from.type_name();
  const auto colon = type.find(':');
  const auto of =
    attribute_at(import_module(type.substr(0, colon), session),
                 std::string_view{type}.substr(colon + 1), session.names());
  const auto& plain = from.plain();
  py::object found;
  if (!is_enum(of))
    found = {};
  else if (const auto* name = plain.get_if<std::string>())
    found = py::reinterpret_steal<py::object>(
      PyObject_GetItem(of.ptr(), python_string(*name).ptr()));
  else if (const auto* number = plain.get_if<std::int64_t>();
           number != nullptr && has_members(of))
    found = py::reinterpret_steal<py::object>(PyObject_CallOneArg(
      of.ptr(), checked(PyLong_FromLongLong(*number)).ptr()));
  if (found)
    return found;
  if (PyErr_Occurred() != nullptr && PyErr_ExceptionMatches(PyExc_KeyError) == 0
      && PyErr_ExceptionMatches(PyExc_ValueError) == 0)
    throw_raised();
  PyErr_Clear();
  throw exception{
    error{errc::not_convertible, fmt::format("the enum {} has no member {}",
                                             type, repr_short(plain))}};
}

std::optional<value> value_of_member(py::handle object, member_word word) {
  if (!is_enum(py::type::of(object)))
    return {};
  const auto told =
    told_by(object, word == member_word::value ? "_value_" : "_name_");
  return told ? plain_value(told) : std::nullopt;
}

} // namespace snakebridge
