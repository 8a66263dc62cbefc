#include "runtime/python/imports.hpp"

#include "config/tunables.hpp"
#include "runtime/base/process_mark.hpp"
#include "runtime/base/utf8.hpp"
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

// It has to go into one message of the control channel.
std::string short_text(const error& failed) {
  return utf8::cut(failed.message(), limits::start_refusal_bytes_max);
}

// A child that it forks ends where it comes back.
template <class Run>
result<void> run_in_this_process(Run run) {
  const process_mark here;
  return guarded([&] {
    try {
      run();
    } catch (py::error_already_set& raised) {
      if (here.forked())
        end_forked_child(&raised);
      throw;
    }
    if (here.forked())
      end_forked_child();
  });
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
  for (const auto& name : modules) {
    const auto done =
      run_in_this_process([&] { py::module_::import(name.c_str()); });
    if (!done)
      return tl::unexpected{error{
        errc::environment_invalid,
        fmt::format("preload: module '{}' cannot be imported: {}. Install "
                    "it, or leave it out",
                    name, short_text(done.error()))}};
  }
  return {};
}

result<void> call_on_start(const std::string& function) {
  const auto dot = function.rfind('.');
  const auto done = run_in_this_process([&] {
    const auto module = py::module_::import(function.substr(0, dot).c_str());
    const py::object answered = module.attr(function.c_str() + dot + 1)();
    if (PyCoro_CheckExact(answered.ptr()) == 0)
      return;
    answered.attr("close")();
    throw py::type_error{"it is a coroutine, which nobody would await"};
  });
  if (done)
    return {};
  const auto& failed = done.error();
  std::string place;
  if (const auto* raised = failed.python(); raised && !raised->frames.empty())
    place = fmt::format(" ({}:{})", raised->frames.back().file,
                        raised->frames.back().line);
  return error{errc::startup_failed, fmt::format("on_start: {}: {}{}", function,
                                                 short_text(failed), place)};
}

bool import_rules::allow(std::string_view module) const {
  if (importable_.empty())
    return true;
  const auto top = module.substr(0, module.find('.'));
  return top == "snakebridge" || importable_.contains(top);
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
