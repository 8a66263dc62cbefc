#pragma once
// What calls name: modules, and what is in them. Used with the GIL held.

#include <string_view>

#include "runtime/python/python.hpp"

namespace [[gnu::visibility("hidden")]] snakebridge {

class known_names;
class session_objects;

/// The module itself, also where it lies in a package. Throws not_authorized
/// for one that the session may not import, and what its import raises.
py::object import_module(std::string_view name, const session_objects& session);

/// `object.a.b.c`; a submodule as if it had been imported.
py::object attribute_at(py::object object, std::string_view path,
                        known_names& names);

} // namespace gnu::visibility("hidden")]]snakebridge
