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
/// environment_invalid where one is not set up, the file cannot be written, or
/// what lies there is no lock (merge it, or remove it).
result<void> lock_environments(const config& settings,
                               const hardware& machine = probe_hardware());

/// What has become other than the lock has it, errors first; empty: nothing.
/// Reads files, and runs nothing.
std::vector<environment_drift>
verify_environments(const config& settings,
                    const hardware& machine = probe_hardware());

/// How closely files of packages are looked at.
enum class file_check {
  sizes, ///< each is there, and as large as it was installed
  hashes ///< and has the same content: all of it is read
};

/// Packages whose files are not what their RECORD says, which
/// `verify_environments` compares with the lock: "package_files_drifted" for
/// each, with the first such file. Reads files, and runs nothing; `hashes`
/// takes a second for each gigabyte or two.
std::vector<environment_drift> verify_files(const config& settings,
                                            file_check how);

/// environment_invalid with all of them, one in a line by its name; nothing
/// where none is an error.
result<void> refused_by(const std::vector<environment_drift>& all);

} // namespace snakebridge
