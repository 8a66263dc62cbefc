#pragma once
// uv, which resolves, locks and installs what environments are made of.

#include <filesystem>

#include <snakebridge/result.hpp>

#include "program.hpp"

namespace snakebridge::cli {

/// The one that SNAKEBRIDGE_UV names, else that of uv.txt in the user's cache,
/// which is made first where it lacks, unless `offline`. Errors:
/// environment_invalid where there is none, saying what to do.
result<std::filesystem::path> find_uv(bool offline);

/// Runs it to its end. Errors: environment_invalid with what it said where it
/// fails; deadline_exceeded.
result<void> run_uv(const program_run& wanted);

} // namespace snakebridge::cli
