#pragma once
// What is installed in a venv, as its files tell: nothing is run or imported.

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace snakebridge {

struct installed_package {
  std::string version;
  /// SHA-256 of its RECORD, without what depends on where and when it was
  /// installed; "editable" for one that is used as it lies in its folder.
  std::string record;
  bool operator==(const installed_package&) const = default;
};

struct installed_python {
  std::string version;                               ///< "3.11.2"
  std::map<std::string, installed_package> packages; ///< by their names
  /// What lies in the top level of its site-packages and is of no package, by
  /// name; that is not locked, as there should be none.
  std::vector<std::string> unowned = {};
  bool operator==(const installed_python&) const = default;
};

/// A package as it is installed: its folder, "alpha-1.0.dist-info".
struct dist_info {
  std::filesystem::path folder;
  std::string name;    ///< normalized; never empty
  std::string version; ///< in ASCII, whatever its METADATA has
};

/// Nothing where there is no venv.
std::optional<installed_python> installed_in(const std::filesystem::path& venv);

/// Each `site-packages` of a venv.
std::vector<std::filesystem::path>
site_packages_of(const std::filesystem::path& venv);

/// What is installed in one of them, in the order of their folders.
std::vector<dist_info> dist_infos_in(const std::filesystem::path& site);

using lines = std::vector<std::string_view>;
/// Without what ends them: "\n" or "\r\n".
lines lines_of(std::string_view text);

/// As indexes compare names of packages: "Typing_Extensions" is
/// "typing-extensions".
std::string normalized_name(std::string_view name);

} // namespace snakebridge
