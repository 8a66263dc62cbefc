#pragma once
// fmt prints values, refs, objects and errors as `<<` does.

#include <fmt/format.h>

#include <snakebridge/object.hpp>
#include <snakebridge/value.hpp>

template <>
struct fmt::formatter<snakebridge::value> : fmt::formatter<std::string> {
  auto format(const snakebridge::value& item, format_context& out) const {
    return fmt::formatter<std::string>::format(snakebridge::repr(item), out);
  }
};

template <>
struct fmt::formatter<snakebridge::ref> : fmt::formatter<std::string> {
  auto format(const snakebridge::ref& name, format_context& out) const {
    return fmt::formatter<std::string>::format(
      snakebridge::repr(snakebridge::value{name}), out);
  }
};

template <std::derived_from<snakebridge::operand> T>
struct fmt::formatter<T> : fmt::formatter<std::string> {
  auto format(const T& item, format_context& out) const {
    return fmt::formatter<std::string>::format(item.str(), out);
  }
};

template <>
struct fmt::formatter<snakebridge::errc> : fmt::formatter<std::string_view> {
  auto format(snakebridge::errc code, format_context& out) const {
    return fmt::formatter<std::string_view>::format(
      snakebridge::to_string(code), out);
  }
};

template <>
struct fmt::formatter<snakebridge::error> : fmt::formatter<std::string> {
  auto format(const snakebridge::error& failed, format_context& out) const {
    return fmt::formatter<std::string>::format(snakebridge::to_string(failed),
                                               out);
  }
};
