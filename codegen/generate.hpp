#pragma once
// From libraries to files: what they have is told into a manifest, and that is
// written as headers and definitions. Files that would be the same are left
// alone, so nothing that includes them is compiled again.

#include <filesystem>
#include <string>
#include <vector>

#include "describe.hpp"
#include "emit.hpp"
#include "settings.hpp"

namespace snakebridge::codegen {

/// When Python is asked.
enum class asking {
  always,  ///< whenever modules are named
  lacking, ///< if the manifest lacks one of them, or was made by other settings
           ///< or stubs
  never    ///< and what was locked must be what lies there: a strict build
};

struct generation_request {
  /// Without modules: of a manifest that is there, and no Python is needed.
  description_request of;
  asking when = asking::always;
  /// Whether a module that the manifest describes may be absent by now: else it
  /// is an error.
  bool may_forget = false;
  wrapper_settings settings = {};
  /// Of `of.stubs` those that no settings name: the lock has them for each
  /// library that is described.
  std::vector<std::filesystem::path> stubs = {};
  /// Where the manifest is written to, or read from; empty: nowhere. The lock
  /// lies beside it.
  std::filesystem::path manifest = {};
  /// Headers lie there by the paths they are included as, sources beside;
  /// `wrappers.cpp` and `wrappers_messages.cpp` are all of these. Empty:
  /// nothing but the manifest and its lock is written.
  std::filesystem::path output = {};
  /// Definitions of what these use, and what they include; none: of all there
  /// is.
  std::vector<std::filesystem::path> sources = {};
  /// Where includes are looked for; those in quotes also beside what has them.
  std::vector<std::filesystem::path> includes = {};
  bool has_sources = true; ///< false: headers alone are written
  /// In the way of make(1): that `depfile.target` depends on all that was read.
  struct {
    std::filesystem::path file, target;
  } depfile = {};
};

struct generation {
  std::vector<std::filesystem::path> headers;
  std::vector<std::filesystem::path> sources;
  std::size_t written = 0; ///< of these, and of the manifest; others are as
                           ///< they were
  std::vector<emission_note> notes;
  std::string lacking; ///< as `description::lacking`
  /// Of the manifest: "added math.cbrt", in order.
  std::vector<std::string> changes;
};

/// Errors: those of `describe` and `apply`; config_invalid for a file that
/// cannot be read or written, or is no manifest, and for two names of Python's
/// that are one in C++; library_unknown for a module
/// that is not there, or not any more; where Python is never asked those of
/// strict.hpp.
result<generation> generate(const generation_request& asked);

/// What was asked for of it as "numpy.*".
std::vector<std::string> patterns_of(const nlohmann::json& manifest);

/// One that was written. Errors: config_invalid.
result<nlohmann::json> read_manifest(const std::filesystem::path& file);

} // namespace snakebridge::codegen
