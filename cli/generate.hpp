#pragma once
// `snakebridge generate` and `snakebridge regen`: C++ of Python's modules, and
// the manifest and lock that it is made of.

#include "codegen/settings.hpp"
#include "command.hpp"

namespace snakebridge::cli {

int generate(const request& asked, console& out);
int regen(const request& asked, console& out);

/// What the settings say of wrappers. Errors: config_invalid, also for a file
/// that was named and is not there.
result<codegen::wrapper_settings> read_settings(const request& asked);

/// The manifest that is named, or the project's own.
std::string manifest_of(const request& asked);

} // namespace snakebridge::cli
