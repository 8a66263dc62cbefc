#pragma once
// `snakebridge generate` and `snakebridge regen`: C++ of Python's modules, and
// the manifest and lock that it is made of.

#include "command.hpp"

namespace snakebridge::cli {

int generate(const request& asked, console& out);
int regen(const request& asked, console& out);

/// The manifest that is named, or the project's own.
std::string manifest_of(const request& asked);

} // namespace snakebridge::cli
