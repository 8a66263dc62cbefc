#include "generate.hpp"

#include <fmt/format.h>

#include "codegen/generate.hpp"

namespace snakebridge::cli {

int generate(const request& asked, console& out) {
  const log_scope unlogged{nullptr}; // workers that die are told as notes
  codegen::generation_request wanted;
  wanted.of.modules = asked.arguments;
  wanted.of.python = asked.python;
  wanted.of.path.assign(asked.path.begin(), asked.path.end());
  wanted.of.stubs.assign(asked.stubs.begin(), asked.stubs.end());
  wanted.of.tools = asked.tools;
  if (asked.timeout_ms > 0)
    wanted.of.timeout = std::chrono::milliseconds{asked.timeout_ms};
  wanted.manifest = asked.manifest;
  wanted.output = asked.name;
  wanted.sources.assign(asked.sources.begin(), asked.sources.end());
  const auto made = codegen::generate(wanted);
  if (!made)
    return fail(out, made.error());
  if (!made->lacking.empty())
    out.complain(
      fmt::format("no stubs of the standard library: {}\n", made->lacking));
  for (const auto& each : made->notes)
    if (each.what == "hole")
      out.complain(fmt::format("{}: {}\n", each.symbol, each.reason));
  static_cast<void>(out.print(fmt::format(
    "{} modules, {} files written", made->headers.size(), made->written)));
  return 0;
}

} // namespace snakebridge::cli
