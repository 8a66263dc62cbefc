#include "uv.hpp"

#include <cstdlib>

#include <fmt/format.h>
#include <unistd.h>

#include "cli/uv_requirements.hpp"
#include "codegen/tools.hpp"

namespace snakebridge::cli {

namespace {

error no_uv(const std::string& why) {
  return {errc::environment_invalid,
          fmt::format("there is no uv, which makes environments: {}. Name one "
                      "that is installed (`pip install uv`) by the variable "
                      "SNAKEBRIDGE_UV",
                      why)};
}

} // namespace

result<std::filesystem::path> find_uv(bool offline) {
  if (const char* const named = std::getenv("SNAKEBRIDGE_UV");
      named != nullptr && *named != '\0') {
    if (::access(named, X_OK) != 0)
      return no_uv(
        fmt::format("SNAKEBRIDGE_UV names {}, which is no program", named));
    return named;
  }
  auto made = codegen::make_tools(uv_requirements, offline);
  if (!made)
    return tl::unexpected{made.error()};
  if (made->venv.empty())
    return no_uv(made->lacking);
  return made->venv / "bin/uv";
}

result<void> run_uv(const program_run& wanted) {
  const auto ended = run_program(wanted);
  if (!ended)
    return tl::unexpected{ended.error()};
  if (ended->status == no_such_program)
    return no_uv(wanted.program.string() + " cannot be run");
  if (ended->status != 0)
    return error{
      errc::environment_invalid,
      fmt::format("uv {} failed ({}):\n{}",
                  wanted.arguments.empty() ? "" : wanted.arguments[0],
                  ended->status, ended->told)};
  return {};
}

} // namespace snakebridge::cli
