#pragma once
// What snakebridge.lock has of environments, under "environment": the machine
// they were locked on, and each of them. The rest of that file is of wrappers
// (codegen/lock.hpp).

#include <map>
#include <optional>
#include <string>

#include <nlohmann/json.hpp>
#include <snakebridge/config.hpp>
#include <snakebridge/hardware.hpp>
#include <snakebridge/result.hpp>

#include "environment/installed.hpp"

namespace snakebridge {

struct locked_environment {
  installed_python installed;
  std::string project; ///< hash of pyproject.toml
  std::string uv_lock; ///< hash of uv.lock
  std::string torch;   ///< the build of PyTorch: "cu128"; empty: none was asked
  bool operator==(const locked_environment&) const = default;
};

struct environment_lock {
  std::string snakebridge; ///< its version
  hardware machine;
  std::map<std::string, locked_environment> environments; ///< by their names
  bool operator==(const environment_lock&) const = default;
};

/// As they are now; one that is not set up has no version of Python.
environment_lock environments_now(const config& settings,
                                  const hardware& machine);

nlohmann::json to_json(const environment_lock& of);
/// Nothing: that is none.
std::optional<environment_lock>
parse_environment_lock(const nlohmann::json& from);

} // namespace snakebridge
