#pragma once
// Workers of other Pythons than the library's own, which `snakebridge setup`
// builds for those that a project's pools and environments name. Plain
// functions, on any thread.

#include <filesystem>
#include <string>

#include <snakebridge/result.hpp>

namespace snakebridge {

/// What runs one Python as a worker.
struct python_worker {
  std::filesystem::path python; ///< the interpreter
  std::string version;          ///< of it: "3.13.0"
  /// The program, which `snakebridge setup` builds; empty: the library's own
  /// worker runs it.
  std::filesystem::path program;
  bool is_there = true;
};

/// Of a venv or an interpreter, as a pool's `python` names it; that is run for
/// a moment. Errors: environment_invalid where it is no Python, or needs a
/// worker of its own and the user has no cache; overloaded when the system has
/// too little left now to ask it.
result<python_worker> worker_for(const std::filesystem::path& python);

/// What workers of other Pythons are built of: a folder that is installed with
/// the library. Errors: environment_invalid where it lacks.
result<std::filesystem::path> worker_sources();

} // namespace snakebridge
