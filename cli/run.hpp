#pragma once
// `snakebridge run`: a script in a worker, as `python FILE ARG…` would run it.

#include "command.hpp"

namespace snakebridge::cli {

/// The script's exit code; 1 if its worker crashed.
int run(const request& asked, console& out);

} // namespace snakebridge::cli
