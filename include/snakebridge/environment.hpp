#pragma once
// The environments of a project, which `snakebridge setup` makes and
// `snakebridge lock` records in `.snakebridge/snakebridge.lock`: what they are
// made for, and how far they are what was recorded. Plain functions, on any
// thread.

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include <snakebridge/config.hpp>
#include <snakebridge/hardware.hpp>
#include <snakebridge/result.hpp>

namespace snakebridge {

/// The version of Python that the library runs: "3.11".
std::string_view python_built_for();
/// The interpreter that it was built with; it may not be on this machine.
std::filesystem::path python_built_with();

/// One way in which something is not as it was locked.
struct environment_drift {
  /// "package_version_drifted"; docs/ENVIRONMENTS.md has all of them.
  std::string name;
  /// Whose it is; empty: of the environment without a name, or the machine.
  std::string environment;
  std::string message;     ///< what was locked, what is, what to do
  bool is_warning = false; ///< it works, though it may work otherwise
  bool operator==(const environment_drift&) const = default;
};

/// Records the environments of these settings, as they are now on that machine,
/// in the lock; what is locked of wrappers stays as it is. Errors:
/// environment_invalid where one is not set up, or the file cannot be written.
result<void> lock_environments(const config& settings,
                               const hardware& machine = probe_hardware());

/// What has become other than the lock has it, errors first; empty: nothing.
/// Reads files, and runs nothing.
std::vector<environment_drift>
verify_environments(const config& settings,
                    const hardware& machine = probe_hardware());

/// environment_invalid with all of them, one in a line by its name; nothing
/// where none is an error.
result<void> refused_by(const std::vector<environment_drift>& all);

} // namespace snakebridge
