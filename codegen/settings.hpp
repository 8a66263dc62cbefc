#pragma once
// What snakebridge.toml says of wrappers: [libraries.NAME], and `strict`. The
// rest of that file is the bridge's, which leaves these alone.

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>
#include <snakebridge/error.hpp>
#include <snakebridge/result.hpp>

namespace snakebridge::codegen {

enum class public_names {
  all,     ///< what has no `_` before it
  exports, ///< what `__all__` names, where a module has that
  docs     ///< what the docs manifest names
};

struct library_settings {
  /// "numpy", "numpy.*"; empty: the one of the library's name.
  std::vector<std::string> modules;
  std::string version; ///< "2.4.*", ">=2.4,<3"; empty: any
  /// Patterns of what is taken and left out, "linalg.norm", "*_like": a symbol
  /// below the library. `include` wins.
  std::vector<std::string> include, exclude;
  /// Of "numpy.*": modules with at most so many dots below it; else 1.
  std::optional<std::size_t> depth;
  public_names names = public_names::all;
  std::filesystem::path docs; ///< the docs manifest, for `public = "docs"`
  /// Functions, below the library, whose results are awaited or iterated
  /// though nothing says so.
  std::vector<std::string> awaited, streaming;
  /// Types that win over all others: "factorial" is what it returns,
  /// "factorial.x" a parameter.
  std::map<std::string, std::string> types;
  std::vector<std::filesystem::path> stubs;
  std::string min_tier; ///< strict builds refuse symbols below it; or empty
  std::string text;     ///< of all this, always in one form
};

struct wrapper_settings {
  std::map<std::string, library_settings> libraries;
  bool is_strict = false;
  /// Of pool `default`: where the libraries are.
  std::filesystem::path python;
  std::vector<std::filesystem::path> path;
  std::filesystem::path file; ///< that says so; empty: there is none

  /// The library that a module belongs to, or null.
  const library_settings* of(const std::string& module) const;
  /// Those of libraries with a module in the manifest: of others there is
  /// nothing to change.
  wrapper_settings within(const nlohmann::json& manifest) const;
  /// What of them a lock holds to: what they say, and what is in the stubs and
  /// the docs manifests that they name.
  std::string locked_text() const;
};

/// The stubs and the docs manifest that it names, as far as they are there.
std::vector<std::filesystem::path> files_of(const library_settings& of);

/// What is in files, each below its name: for a lock to hold to.
std::string contents_of(const std::vector<std::filesystem::path>& files);

/// Of that file; a file that is not there says nothing. Errors: config_invalid,
/// with file and line.
result<wrapper_settings> read_settings(const std::filesystem::path& file);

/// Names without what is left out, and types as the settings have them. Errors:
/// symbol_unknown for a name of the settings that the library does not have,
/// environment_invalid for another version than they ask for.
result<void> apply(const wrapper_settings& settings, nlohmann::json& manifest);

/// "sklearn.linear_model" belongs to "sklearn".
bool belongs(const std::string& module, const std::string& library);

/// "*" is any text, "?" any character.
bool fits(std::string_view text, std::string_view pattern);

/// Whether "2.4.1" is what ">=2.4,<3" asks for; also ==, !=, <=, >, ~=, a
/// trailing ".*", and a version alone.
bool is_version(std::string_view version, std::string_view wanted);

/// Tiers of signatures, the best first.
const std::vector<std::string>& tiers();

} // namespace snakebridge::codegen
