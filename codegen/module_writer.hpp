#pragma once
// One module of Python's as text in C++.

#include <string>

#include "module_part.hpp"

namespace snakebridge::codegen {

/// The text of that part; of sources empty where nothing of it is used. All
/// names that it declares are in `part.names` then.
std::string text_of(module_part& part);

/// "snakebridge/py/numpy/linalg.hpp"
std::string header_path(const std::string& module);

} // namespace snakebridge::codegen
