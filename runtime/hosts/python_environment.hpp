#pragma once
// Which Python a setting names.

#include <filesystem>
#include <string>
#include <vector>

#include <snakebridge/result.hpp>

namespace snakebridge {

/// The Python that a setting names, and what can run it.
struct chosen_python {
  /// The interpreter to be; empty: the one the bridge was built with.
  std::filesystem::path executable;
  std::string version; ///< "3.13.0"
  /// Why the bridge's own worker, and the bridge itself, cannot run it: it is
  /// of another minor version, a newer patch, or another kind of build. Empty:
  /// they can.
  std::string unlike;
  /// Else the program that runs it, which is there once `snakebridge setup` has
  /// built it.
  std::filesystem::path worker;
};

/// `wanted`: a venv (a folder), or the interpreter itself, or empty. It is run
/// for a moment, to see that it is Python, which, and what a shim runs. One of
/// another build is warned of. Errors: environment_invalid when it is no
/// Python, or there is none; overloaded when the system has too little left now
/// to ask it.
result<chosen_python> choose_python(const std::filesystem::path& wanted);

/// The interpreter, for a bridge that runs it in its own process. Errors:
/// environment_invalid where it cannot.
result<std::filesystem::path> embeddable(const chosen_python& python);

/// The program that runs it as a worker. `wanted`: to be the bridge's own.
/// Errors: environment_invalid where it has not been built; those of
/// `find_worker`.
result<std::filesystem::path>
worker_program(const chosen_python& python,
               const std::filesystem::path& wanted);

/// As Python takes them.
std::vector<std::string>
names_of(const std::vector<std::filesystem::path>& folders);

/// For ModuleNotFoundError: which Python of which pool has no such module, and
/// what to do about it. Other errors stay as they are.
error with_import_advice(error raised, std::string_view pool,
                         const std::filesystem::path& python);

} // namespace snakebridge
