#pragma once
// Which names C++ sources use: all their identifiers, wherever they stand but
// in comments and texts. More than is used, never less; so what is missing of
// what they call is an error of the linker. Pure functions over text.

#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace snakebridge::codegen {

/// A name below snakebridge::py that a source has in full, or by an alias of a
/// namespace: "numpy", "linalg", "norm".
struct used_path {
  std::vector<std::string> names;
  std::size_t line = 0;
  auto operator<=>(const used_path&) const = default;
};

/// Adds the identifiers of a source.
void add_names(std::string_view source, std::set<std::string>& to);

/// In order. What `using namespace` brings in is not told.
std::vector<used_path> paths_of(std::string_view source);

struct included {
  std::string name;
  bool is_quoted = false; ///< false: <name>
  auto operator<=>(const included&) const = default;
};

/// What it includes, in order.
std::vector<included> includes_of(std::string_view source);

} // namespace snakebridge::codegen
