#pragma once
// The variables and the file a bridge of the environment reads: set by a test,
// gone with it.

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/scratch_folder.hpp"

namespace snakebridge::testing {

class Environment : public ::testing::Test {
protected:
  Environment() {
    forget_all();
    std::filesystem::current_path(folder / ".");
  }
  ~Environment() override {
    forget_all();
    std::filesystem::current_path(before_);
    for (const auto& [name, text] : kept_)
      if (text)
        ::setenv(name, text->c_str(), 1);
      else
        ::unsetenv(name);
  }

  static void set(const char* name, const std::string& value) {
    ::setenv(name, value.c_str(), 1);
  }
  void write(const std::string& name, const std::string& text) {
    std::ofstream{folder / name} << text;
  }

  scratch_folder folder;

private:
  static void forget_all() {
    for (const char* name :
         {"SNAKEBRIDGE_CONFIG", "SNAKEBRIDGE_WORKER", "SNAKEBRIDGE_TIMEOUT_MS",
          "SNAKEBRIDGE_PYTHON", "SNAKEBRIDGE_POOL_SIZE",
          "SNAKEBRIDGE_PLACEMENT", "SNAKEBRIDGE_ERROR_MODE",
          "SNAKEBRIDGE_ATOM_CLASS", "SNAKEBRIDGE_MARKER_DETAIL",
          "SNAKEBRIDGE_REF_MAX", "SNAKEBRIDGE_REF_TTL_SECONDS",
          "SNAKEBRIDGE_STRICT_MODE", "SNAKEBRIDGE_STRICT_MODE_THRESHOLD",
          "SNAKEBRIDGE_VERBOSE", "SNAKEBRIDGE_SCRIPT_EXIT"})
      ::unsetenv(name);
  }

  using kept = std::pair<const char*, std::optional<std::string>>;
  static kept keep(const char* name) {
    const char* const text = std::getenv(name);
    return {name, text == nullptr ? std::optional<std::string>{} : text};
  }

  const std::filesystem::path before_ = std::filesystem::current_path();
  const std::vector<kept> kept_{keep("HOME"), keep("XDG_CACHE_HOME")};
};

} // namespace snakebridge::testing
