#pragma once
// The one way out of Python's exceptions: into a python_error.

#include "runtime/python/from_python.hpp"

// Hidden, as all of pybind11 is.
namespace [[gnu::visibility("hidden")]] snakebridge {

/// All that can be told of an exception: its chain, text, frames and notes, cut
/// at the limits. What the exception itself makes fail is left out. Throws only
/// what interrupts the call (snakebridge.Cancelled).
python_error describe_exception(py::handle raised);
python_error describe_exception(py::error_already_set& raised);

/// Where an exception object stays.
struct exception_place {
  session_objects* session = nullptr; ///< null: nowhere
  ref_origin origin = {};             ///< a worker's is empty: its host adds it
};

/// What can be told of an exception, as an error; its object kept.
error to_error(py::error_already_set& raised, const exception_place& keep_in);

} // namespace gnu::visibility("hidden")]]snakebridge
