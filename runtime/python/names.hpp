#pragma once
// Names that calls use again and again, as Python's strings, and the modules
// that go by them. Python finds what has a name fastest by the very object that
// it was found by before. Used with the GIL held.

#include <array>
#include <string>
#include <string_view>
#include <unordered_map>

#include "runtime/python/python.hpp"

// Hidden, as all of pybind11 is.
namespace [[gnu::visibility("hidden")]] snakebridge {

class known_names {
public:
  /// The name as a str: the one of the last time, if that is known still.
  /// Throws what Python raises for bytes that are no text.
  py::object text(std::string_view name);
  /// The module that `sys.modules` has under that name, if it is the one that
  /// `imported` was told of; else null.
  py::object module(std::string_view name) const;
  /// An import has answered it. It is found from now on, once it is whole.
  void imported(std::string_view name, py::handle module);

private:
  struct known {
    py::object text;
    py::object module; ///< a weak reference; null: none was imported
  };
  struct hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view name) const {
      return std::hash<std::string_view>{}(name);
    }
  };
  using table = std::unordered_map<std::string, known, hash, std::equal_to<>>;

  const table::value_type* find(std::string_view name) const;

  table known_;
  // What was found of late, by a look at the name's size and ends.
  mutable std::array<const table::value_type*, 16> recent_{};
};

} // namespace gnu::visibility("hidden")]]snakebridge
