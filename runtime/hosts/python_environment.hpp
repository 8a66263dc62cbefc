#pragma once
// Which Python a setting names.

#include <filesystem>
#include <string>
#include <vector>

#include <snakebridge/result.hpp>

namespace snakebridge {

/// The interpreter to be: of a venv (a folder), or the file itself; empty for
/// empty. It is run for a moment, to see that it is Python, which, and what a
/// shim runs. One of another build is warned of. Errors: environment_invalid
/// when it is no Python, when there is none, or when it is of another minor
/// version than the bridge, or newer; overloaded when the system has too little
/// left now to ask it.
result<std::filesystem::path>
python_executable(const std::filesystem::path& wanted);

/// As Python takes them.
std::vector<std::string>
names_of(const std::vector<std::filesystem::path>& folders);

/// For ModuleNotFoundError: which Python of which pool has no such module, and
/// what to do about it. Other errors stay as they are.
error with_import_advice(error raised, std::string_view pool,
                         const std::filesystem::path& python);

} // namespace snakebridge
