#pragma once
// `snakebridge plan` and `snakebridge coverage`: what wrappers cost, and how
// much is known of libraries. Of the manifest alone.

#include "command.hpp"

namespace snakebridge::cli {

int plan(const request& asked, console& out);
int coverage(const request& asked, console& out);

/// Writes a file, or says why not; the exit code.
int write_page(const std::string& file, const std::string& text, console& out);

} // namespace snakebridge::cli
