#pragma once
// The check of moments on their way to Python, whichever way that is: Python
// would say so too late, and less clearly, or turn them into others.

#include <fmt/format.h>

#include <snakebridge/value.hpp>

namespace snakebridge {

/// The item itself. Throws not_convertible for one that is not `valid`.
template <class T>
const T& within_bounds(const value& from) {
  const auto& item = *from.get_if<T>();
  if (!item.valid())
    throw_error(
      {errc::not_convertible,
       fmt::format("{} has a field out of Python's bounds", repr_short(from))});
  return item;
}

} // namespace snakebridge
