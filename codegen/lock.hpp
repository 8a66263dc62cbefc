#pragma once
// snakebridge.lock, beside the manifest: by which generator, of what and with
// what outcome wrappers were made. A strict build compares it.

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>
#include <snakebridge/result.hpp>

namespace snakebridge::codegen {

struct lock {
  std::string generator; ///< a hash, as all below but versions
  std::string snakebridge;
  std::string python;
  std::string platform;
  std::map<std::string, std::string> libraries; ///< their versions
  std::string manifest;
  std::string settings;
  /// By library, of folders that the command line has named; of others nothing.
  std::map<std::string, std::string> stubs = {};
  std::map<std::string, std::string> headers; ///< by their paths
  bool operator==(const lock&) const = default;
};

/// "…/.snakebridge/manifest.json" -> "…/.snakebridge/snakebridge.lock"
std::filesystem::path lock_beside(const std::filesystem::path& manifest);

/// Of this generator. `text`: of the manifest, as it lies in its file;
/// `headers`: texts by path.
lock lock_of(const nlohmann::json& manifest, const std::string& text,
             const std::string& settings,
             const std::map<std::string, std::string>& headers);

/// As the file has it, which had `before`: what is not of wrappers there stays
/// (environment/environment_lock.hpp). The same lock gives the same bytes.
std::string to_text(const lock& of, const std::string& before = {});

/// Nothing: that is no lock of this version.
std::optional<lock> parse_lock(const std::string& text);

} // namespace snakebridge::codegen
