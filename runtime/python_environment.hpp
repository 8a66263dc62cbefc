#pragma once
// Which Python a setting names.

#include <filesystem>
#include <string>

#include <snakebridge/error.hpp>

namespace snakebridge {

/// "3.11": the Python version the bridge was built with.
std::string_view built_for_python();

/// The interpreter to be: of a venv (a folder), or the file itself; empty for
/// empty. Errors: environment_invalid when there is none, or when a venv's
/// Python has another minor version than the bridge.
result<std::filesystem::path>
python_executable(const std::filesystem::path& wanted);

} // namespace snakebridge
