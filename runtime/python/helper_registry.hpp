#pragma once
// The helpers of one interpreter: Python functions that calls name, from files,
// from the library, and from the program. Which there are, helpers.py knows.
// Made, used and ended with the GIL held.

#include <string_view>

#include <snakebridge/config.hpp>

#include "runtime/python/python.hpp"

// Hidden, as all of pybind11 is.
namespace [[gnu::visibility("hidden")]] snakebridge {

class helper_registry {
public:
  explicit helper_registry(helper_rules rules) : rules_{std::move(rules)} {}

  /// The function of that name. Files are looked for and loaded at first use,
  /// what the program gave when `given` is higher than ever. Throws
  /// not_authorized, symbol_unknown, and what Python raises: HelperLoadError
  /// where the file of that name fails.
  py::object find(std::string_view name, std::uint32_t given);
  /// A dict: `found` has (name, signature, doc, file) of each, `failed` (file,
  /// message). Throws what Python raises.
  py::object list(std::uint32_t given);

private:
  const py::object& side();

  helper_rules rules_;
  py::object side_; // helpers.py's; null until first use
};

} // namespace gnu::visibility("hidden")]]snakebridge
