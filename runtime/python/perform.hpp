#pragma once
// What a verb does, in Python. Shared by the worker, which reads operations
// from messages, and the embedded host, which is given them as they are.

#include <span>
#include <vector>

#include <snakebridge/operation.hpp>

#include "runtime/python/object_table.hpp"

// Hidden, as all of pybind11 is.
namespace [[gnu::visibility("hidden")]] snakebridge {

/// An operation whose values are Python objects already.
struct python_operation {
  verb what = verb::call;
  std::string_view module;
  std::string_view name;
  py::handle target;
  std::vector<py::object> positional;
  std::vector<std::pair<std::string_view, py::object>> named;
};

/// Throws py::error_already_set when Python raises. Not for the verbs that
/// release.
py::object perform(const python_operation& asked, session_objects& session);

} // namespace gnu::visibility("hidden")]]snakebridge
