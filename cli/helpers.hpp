#pragma once
// `snakebridge helpers`: the helpers there are, with their signatures. Files
// that fail are told on stderr, and the exit code is 1.

#include "command.hpp"

namespace snakebridge::cli {

int list_helpers(const request& asked, console& out);

} // namespace snakebridge::cli
