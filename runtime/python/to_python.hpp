#pragma once
// Values into Python objects: from a C++ value in this process, or straight
// from a received message.

#include <snakebridge/value.hpp>

#include "runtime/python/object_table.hpp"

#include "schemas/value.capnp.h"

// Hidden, as all of pybind11 is.
namespace [[gnu::visibility("hidden")]] snakebridge {

/// A new object; refs are looked up among the session's. Throws Python's
/// exceptions (an unhashable key), ref_released, and payload_too_large for a
/// value that is too deep (a message's depth is limited by its reader).
py::object to_python(const value& from, const session_objects& session,
                     std::size_t depth = 0);
py::object to_python(schema::Value::Reader from,
                     const session_objects& session);

} // namespace gnu::visibility("hidden")]]snakebridge
