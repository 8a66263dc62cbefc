#pragma once
// JSON and values. What JSON has is exact both ways; what it has not (bytes,
// tuples, keys that are no strings, nan) is written as its repr, an object as
// {"type": …, "repr": …}.

#include <optional>
#include <string>

#include <snakebridge/value.hpp>

namespace snakebridge::cli {

/// The value of a JSON text; the text itself, as a string, if it is none.
value from_argument(const std::string& text);

std::string to_json(const value& item);

} // namespace snakebridge::cli
