#include "runtime/python_environment.hpp"

#include <fstream>

#include <unistd.h>

#include <fmt/format.h>

namespace snakebridge {

namespace {

// "3.11" of the line "version = 3.11.2" in pyvenv.cfg; empty when not told.
std::string minor_version_of(const std::filesystem::path& venv) {
  std::ifstream settings{venv / "pyvenv.cfg"};
  for (std::string line; std::getline(settings, line);) {
    if (!line.starts_with("version"))
      continue;
    const auto digits = line.find_first_of("0123456789");
    if (digits == std::string::npos)
      continue;
    const auto number = line.substr(digits);
    return number.substr(0, number.find('.', number.find('.') + 1));
  }
  return {};
}

} // namespace

std::string_view built_for_python() {
  return SNAKEBRIDGE_PYTHON_VERSION;
}

result<std::filesystem::path>
python_executable(const std::filesystem::path& wanted) {
  if (wanted.empty())
    return wanted;
  std::error_code ignored;
  const auto named = std::filesystem::absolute(wanted, ignored);
  const bool is_folder = std::filesystem::is_directory(named, ignored);
  const auto program = is_folder ? named / "bin/python3" : named;
  if (::access(program.c_str(), X_OK) != 0)
    return tl::unexpected{error{
      errc::environment_invalid,
      fmt::format("python = '{}' is neither a venv nor an interpreter: no {}",
                  wanted.string(), program.string())}};
  // A venv's interpreter may also be named itself.
  const auto venv = is_folder ? named : named.parent_path().parent_path();
  const auto version = minor_version_of(venv);
  if (!version.empty() && version != built_for_python())
    return tl::unexpected{error{
      errc::environment_invalid,
      fmt::format("python = '{}' is a venv of Python {}, but the bridge was "
                  "built with {}; make the venv with python{}",
                  wanted.string(), version, built_for_python(),
                  built_for_python())}};
  return program;
}

} // namespace snakebridge
