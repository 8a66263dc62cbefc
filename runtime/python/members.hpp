#pragma once
// Members of Python's enums. To Python they go as values with the type
// "module:Class" (`value::of_type`), by their number or by their name; from
// there they come as refs, whose `base` is what `value_of_member` tells. Used
// with the GIL held.

#include <optional>

#include <snakebridge/value.hpp>

#include "runtime/python/python.hpp"

namespace [[gnu::visibility("hidden")]] snakebridge {

class session_objects;

bool is_member(const value& from);

/// Throws not_convertible where the class has no such member or is no Enum, and
/// what the import of its module raises.
py::object python_member(const value& from, const session_objects& session);

/// The value of an Enum's member, or its name, where that is a plain number or
/// a short text; nothing for another, and for what is no member.
enum class member_word { value, name };
std::optional<value> value_of_member(py::handle object, member_word word);

} // namespace gnu::visibility("hidden")]]snakebridge
