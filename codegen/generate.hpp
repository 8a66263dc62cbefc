#pragma once
// From libraries to files: what they have is told into a manifest, and that is
// written as headers and definitions. Files that would be the same are left
// alone, so nothing that includes them is compiled again.

#include <filesystem>
#include <string>
#include <vector>

#include "describe.hpp"
#include "emit.hpp"

namespace snakebridge::codegen {

struct generation_request {
  /// Without modules: of a manifest that is there, and no Python is needed.
  description_request of;
  /// Where the manifest is written to, or read from; empty: nowhere.
  std::filesystem::path manifest = {};
  /// Headers lie there by the paths they are included as, sources beside.
  std::filesystem::path output;
  /// Definitions of what these use; none: of all there is.
  std::vector<std::filesystem::path> sources = {};
};

struct generation {
  std::vector<std::filesystem::path> headers;
  std::vector<std::filesystem::path> sources;
  std::size_t written = 0; ///< of these, and of the manifest; others are as
                           ///< they were
  std::vector<emission_note> notes;
  std::string lacking; ///< as `description::lacking`
};

/// Errors: those of `describe`; config_invalid for a file that cannot be read
/// or written, or is no manifest.
result<generation> generate(const generation_request& asked);

} // namespace snakebridge::codegen
