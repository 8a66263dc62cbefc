#pragma once
// How a result is printed: as Python's repr, or as JSON. Objects without a
// value form, told by markers, are shown by their own repr wherever they are.

#include <string>

#include <snakebridge/value.hpp>

namespace snakebridge::cli {

std::string shown(const value& item, bool json);

/// "<Thing object>" where it has no repr to show.
std::string shown(const unserializable& item);

} // namespace snakebridge::cli
