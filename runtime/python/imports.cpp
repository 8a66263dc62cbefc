#include "runtime/python/imports.hpp"

#include "runtime/base/process_mark.hpp"
#include "runtime/python/forked_child.hpp"
#include "runtime/python/guarded.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace snakebridge {

namespace {

// snakebridge.NotAuthorizedError, an ImportError (module.cpp): code that does
// without the module goes on.
py::object refusal_type() {
  return py::module_::import("snakebridge").attr("NotAuthorizedError");
}

} // namespace

result<void> import_from(const std::vector<std::string>& folders) {
  auto done = guarded([&] {
    const py::list path = py::module_::import("sys").attr("path");
    Py_ssize_t at = 0;
    for (const auto& each : folders)
      if (const auto folder = python_string(each); !path.contains(folder))
        checked(PyList_Insert(path.ptr(), at++, folder.ptr()));
  });
  return done ? result<void>{}
              : error{errc::environment_invalid,
                      fmt::format("path: {}", done.error().message())};
}

result<void> import_all(const std::vector<std::string>& modules) {
  const process_mark here;
  for (const auto& name : modules) {
    const auto done = guarded([&] {
      try {
        py::module_::import(name.c_str());
      } catch (py::error_already_set& raised) {
        if (here.forked())
          end_forked_child(&raised);
        throw;
      }
      if (here.forked())
        end_forked_child();
    });
    if (!done)
      return tl::unexpected{error{
        errc::environment_invalid,
        fmt::format("preload: module '{}' cannot be imported: {}. Install "
                    "it, or leave it out",
                    name, done.error().message())}};
  }
  return {};
}

bool import_rules::allow(std::string_view module) const {
  const auto top = module.substr(0, module.find('.'));
  return importable_.empty() || top == "snakebridge"
         || importable_.contains(top);
}

error import_rules::refusal(std::string_view module) const {
  return {errc::not_authorized,
          fmt::format("module '{}' is not among those the pool's setting "
                      "importable allows ({}); add it there, or ask another "
                      "pool",
                      module, fmt::join(importable_, ", "))};
}

py::object import_rules::builtins() const {
  py::object all = py::module_::import("builtins");
  if (importable_.empty())
    return all;
  auto mine = checked(PyDict_Copy(PyModule_GetDict(all.ptr())));
  mine["__import__"] = py::cpp_function(
    [rules = *this, import = py::object{all.attr("__import__")}](
      const py::str& name, const py::args& rest, const py::kwargs& named) {
      const auto text = text_with_surrogates(name);
      if (!rules.allow(text)) {
        const auto why = rules.refusal(text).message();
        PyErr_SetString(refusal_type().ptr(), why.c_str());
        throw_raised();
      }
      return import(name, *rest, **named);
    },
    py::name("__import__"));
  return mine;
}

std::optional<error> refused_import(py::error_already_set& raised) {
  if (!raised.matches(PyExc_ImportError) || !raised.matches(refusal_type()))
    return std::nullopt;
  return error{errc::not_authorized, std::string{py::str(raised.value())}};
}

} // namespace snakebridge
