#include "runtime/python/helper_registry.hpp"

#include "config/tunables.hpp"

#include "runtime/python/helper_pack.hpp"
#include "runtime/python/helpers.hpp"

namespace snakebridge {

namespace {

// What helpers.py defines: never freed, as Python itself is not. Another thread
// may define it, too, while its code runs: the first is kept.
py::object registry_type() {
  static PyObject* made = nullptr;
  if (made == nullptr) {
    py::dict space;
    // An import would be that of the session's code, which may be refused.
    space["__builtins__"] =
      py::reinterpret_borrow<py::object>(PyImport_AddModule("builtins"));
    space["__name__"] = "snakebridge";
    space["pack_text"] = python_string(helper_pack_source);
    space["files_max"] = limits::helper_files_max;
    space["helpers_max"] = limits::helpers_max;
    space["bytes_max"] = limits::helper_bytes_max;
    space["name_bytes_max"] = limits::helper_name_bytes_max;
    space["signature_max"] = limits::helper_signature_max;
    space["doc_max"] = limits::helper_doc_max;
    const auto code =
      checked(Py_CompileString(helpers_source, "<snakebridge>", Py_file_input));
    checked(PyEval_EvalCode(code.ptr(), space.ptr(), space.ptr()));
    if (made == nullptr)
      made = py::object{space["Helpers"]}.release().ptr();
  }
  return py::reinterpret_borrow<py::object>(made);
}

py::list list_of(const std::vector<std::string>& from) {
  py::list names;
  for (const auto& each : from)
    names.append(python_string(each));
  return names;
}

} // namespace

const py::object& helper_registry::side() {
  if (!side_) {
    py::list paths;
    for (const auto& each : rules_.paths)
      paths.append(checked(PyUnicode_DecodeFSDefault(each.c_str())));
    auto made = registry_type()(paths, rules_.pack_enabled,
                                list_of(rules_.allowlist), rules_.reload);
    if (!side_) // another thread may have made one meanwhile
      side_ = std::move(made);
  }
  return side_;
}

py::object helper_registry::find(std::string_view name, std::uint32_t given) {
  const py::tuple found =
    py::object{side()}.attr("find")(python_string(name), given);
  if (!found[0].is_none())
    return found[0];
  const py::object why = found[2];
  // Raised here, it has no frame of ours.
  if (PyExceptionInstance_Check(why.ptr()) != 0) {
    PyErr_SetObject(py::type::of(why).ptr(), why.ptr());
    throw_raised();
  }
  throw exception{
    error{found[1].cast<bool>() ? errc::not_authorized : errc::symbol_unknown,
          text_with_surrogates(why)}};
}

py::object helper_registry::list(std::uint32_t given) {
  return py::object{side()}.attr("list")(given);
}

} // namespace snakebridge
