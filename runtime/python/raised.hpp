#pragma once
// The one way out of Python's exceptions: into a python_error.

#include "runtime/python/python.hpp"

// Hidden, as all of pybind11 is.
namespace [[gnu::visibility("hidden")]] snakebridge {

/// All that can be told of an exception: its chain, text, frames and notes, cut
/// at the limits. Never raises: what the exception itself makes fail is left
/// out.
python_error describe_exception(py::handle raised);
python_error describe_exception(py::error_already_set& raised);

} // namespace gnu::visibility("hidden")]]snakebridge
