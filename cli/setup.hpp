#pragma once
// `snakebridge setup`: the environments that snakebridge.toml describes, each
// made beside the one in use and put in its place when it is whole.

#include <filesystem>
#include <string>
#include <vector>

#include <snakebridge/environment.hpp>

#include "command.hpp"

namespace snakebridge::cli {

int setup(const request& asked, console& out);

/// All of it; empty where it cannot be read.
std::string text_of(const std::filesystem::path& file);

/// What `snakebridge.toml` says, or the file that `asked` names instead.
/// Errors: config_invalid.
result<config> project_settings(const request& asked);

/// In what environments are not what these settings say: "project_outdated",
/// "uv_lock_missing", "venv_missing", "venv_outdated", "packages_drifted", each
/// with what to do; "uv_missing": the last was not looked for. Asks no index.
/// Errors: config_invalid.
result<std::vector<environment_drift>>
unlike_settings(const request& asked, console& out, const config& settings);

/// Prints each, by its name; false: there is one that is no warning.
bool tell_drifts(const std::vector<environment_drift>& all, console& out);

/// Makes what lacks or is not as it should be, where the policy
/// (`auto_install`) says so, once nobody else does; environments that are as
/// they should be cost a few milliseconds, and each Python that is used one
/// start of it. Errors: config_invalid, environment_invalid, deadline_exceeded.
result<void> install_if_wanted(const request& asked, console& out);

} // namespace snakebridge::cli
