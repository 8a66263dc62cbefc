#pragma once
// uv, which resolves, locks and installs what environments are made of.

#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include <snakebridge/result.hpp>

namespace snakebridge::cli {

struct uv_run {
  std::filesystem::path program;
  std::vector<std::string> arguments;
  /// Over those of this process.
  std::map<std::string, std::string> variables = {};
  std::chrono::steady_clock::time_point deadline;
  /// Hears each line, as it comes.
  std::function<void(const std::string&)> on_line = {};
};

/// The one that SNAKEBRIDGE_UV names, else that of uv.txt in the user's cache,
/// which is made first where it lacks. Errors: environment_invalid where there
/// is none, saying what to do.
result<std::filesystem::path> find_uv();

/// Runs it to its end. Errors: environment_invalid with what it said where it
/// fails; deadline_exceeded.
result<void> run_uv(const uv_run& wanted);

} // namespace snakebridge::cli
