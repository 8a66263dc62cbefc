#pragma once
// Which names C++ sources use: all their identifiers, wherever they stand but
// in comments and texts. More than is used, never less; so what is missing of
// what they call is an error of the linker.

#include <set>
#include <string>
#include <string_view>

namespace snakebridge::codegen {

/// Adds the identifiers of a source.
void add_names(std::string_view source, std::set<std::string>& to);

} // namespace snakebridge::codegen
