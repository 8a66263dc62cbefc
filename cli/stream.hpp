#pragma once
// `snakebridge stream`: what a function yields, each item as it comes.

#include "command.hpp"

namespace snakebridge::cli {

int stream(const request& asked, console& out);

} // namespace snakebridge::cli
