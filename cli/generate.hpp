#pragma once
// `snakebridge generate`: typed C++ of Python's modules, into a folder.

#include "command.hpp"

namespace snakebridge::cli {

int generate(const request& asked, console& out);

} // namespace snakebridge::cli
