#pragma once
// Python objects of one piece that are no plain number, text or bytes: complex,
// the types of datetime, Decimal, UUID, atoms, byte arrays, NumPy's scalars.
// Only objects of just these types are values; a subclass is not.

#include <optional>

#include <snakebridge/config.hpp>
#include <snakebridge/value.hpp>

#include "runtime/python/python.hpp"

namespace [[gnu::visibility("hidden")]] snakebridge {

/// "pathlib.PosixPath", "list" for built-ins.
std::string type_name_of(py::handle object);

/// Nothing for an object that is no such scalar.
std::optional<value> scalar_of(py::handle from, const conversion_config& rules);

/// A new object of a value that is no container and no ref. Throws Python's
/// exceptions, and not_convertible for what Python cannot be given.
py::object python_scalar(const value& from, const conversion_config& rules);

/// Python's ints beyond 64 bits.
value big_integer_of(py::handle from);

/// Of an object whose class is derived from str, bytes, int, float or complex:
/// what it is as that, if it is not large; of a member of an Enum its value,
/// and its name where that is nothing of these.
std::optional<value> base_of(py::handle from);

/// What a marker tells of an object.
unserializable marker_of(py::handle object, const conversion_config& rules);

} // namespace gnu::visibility("hidden")]]snakebridge
