#pragma once
// Another program that a command runs to its end: uv, or a build.

#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include <snakebridge/result.hpp>

namespace snakebridge::cli {

struct program_run {
  std::filesystem::path program; ///< found as a shell does
  std::vector<std::string> arguments;
  /// Over those of this process.
  std::map<std::string, std::string> variables = {};
  std::chrono::steady_clock::time_point deadline;
  /// Hears each line, as it comes.
  std::function<void(const std::string&)> on_line = {};
};

struct program_end {
  int status = 0;   ///< 128 and its number for a signal
  std::string told; ///< what it printed, the last 64 KiB
};

/// The status where there is no such program, as a shell has it.
inline constexpr int no_such_program = 127;

/// It ends with this process, however that ends. Errors: deadline_exceeded;
/// overloaded where it cannot be started now.
result<program_end> run_program(const program_run& wanted);

} // namespace snakebridge::cli
