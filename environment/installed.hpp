#pragma once
// What is installed in a venv, as its files tell: nothing is run or imported.

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>

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
  bool operator==(const installed_python&) const = default;
};

/// Nothing where there is no venv.
std::optional<installed_python> installed_in(const std::filesystem::path& venv);

/// As indexes compare names of packages: "Typing_Extensions" is
/// "typing-extensions".
std::string normalized_name(std::string_view name);

} // namespace snakebridge
