#pragma once
// One class of Python's in C++: its constructors, members and operators.

#include <nlohmann/json.hpp>

#include "module_part.hpp"

namespace snakebridge::codegen {

/// Writes what `into` has of the class that `symbol` tells of.
void write_class(const nlohmann::json& symbol, module_part& into);

} // namespace snakebridge::codegen
