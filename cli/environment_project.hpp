#pragma once
// The project that uv makes an environment of: its pyproject.toml, written of
// what snakebridge.toml says.

#include <filesystem>
#include <string>

#include <snakebridge/config.hpp>
#include <snakebridge/result.hpp>
#include <snakebridge/wheel_selector.hpp>

namespace snakebridge::cli {

/// "3.11", which it has or the bridge was built for.
std::string python_of(const environment_config& of);

/// The text of pyproject.toml in the folder `place`; the same settings give the
/// same bytes, on every machine unless `torch` is "auto". Where `torch` is not
/// empty, PyTorch comes from its index, whatever needs it. Errors:
/// config_invalid where an editable project tells no name, or there is no such
/// build of PyTorch.
result<std::string> project_of(const environment_config& of,
                               const std::filesystem::path& place,
                               const wheel_selector& wheels);

} // namespace snakebridge::cli
