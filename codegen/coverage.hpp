#pragma once
// How much is known of a library: counted in its manifest. Pure functions.

#include <string>

#include <nlohmann/json.hpp>

namespace snakebridge::codegen {

/// {"modules": [{"module", "callables", "named", "typed_parameters",
/// "typed_returns", "concrete", "documented", "tiers": {tier: callables}}],
///  "dropped", "renamed", "holes": [{"symbol", "reason"}]}
/// in percent but for what counts callables: of those whose names are known, of
/// parameters and of returns whose type is, of both those that C++ has more of
/// than a value or an object, and of those with a docstring. The last row is
/// all.
nlohmann::json coverage_of(const nlohmann::json& manifest);

/// The same for readers.
std::string coverage_page(const nlohmann::json& coverage);

} // namespace snakebridge::codegen
