#pragma once
// `snakebridge call`, `get` and `eval`: one call, and its result as Python's
// repr or as JSON.

#include "command.hpp"

namespace snakebridge::cli {

int call(const request& asked, console& out);
int get(const request& asked, console& out);
int eval(const request& asked, console& out);

} // namespace snakebridge::cli
