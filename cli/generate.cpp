#include "generate.hpp"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <string_view>

#include <fmt/format.h>

#include "codegen/generate.hpp"

namespace snakebridge::cli {

namespace {

constexpr auto manifest_file = ".snakebridge/manifest.json";
constexpr auto settings_file = "snakebridge.toml";

// A variable of the environment; an empty one counts as unset.
std::string variable(const char* name) {
  const char* text = std::getenv(name);
  return text == nullptr ? "" : text;
}

std::string settings_of(const request& asked) {
  if (!asked.config.empty())
    return asked.config;
  const auto named = variable("SNAKEBRIDGE_CONFIG");
  return named.empty() ? settings_file : named;
}

bool is_strict(const request& asked,
               const codegen::wrapper_settings& settings) {
  const auto said = variable("SNAKEBRIDGE_STRICT");
  return asked.strict || settings.is_strict || said == "1" || said == "true";
}

void add_once(std::vector<std::string>& to, const std::string& name) {
  if (std::find(to.begin(), to.end(), name) == to.end())
    to.push_back(name);
}

// A library's name stands for its modules.
void add_modules(const codegen::wrapper_settings& settings,
                 const std::string& name, std::vector<std::string>& to) {
  const auto found = settings.libraries.find(name);
  if (found == settings.libraries.end() || found->second.modules.empty())
    return add_once(to, name);
  for (const auto& each : found->second.modules)
    add_once(to, each);
}

codegen::description_request
description_of(const request& asked,
               const codegen::wrapper_settings& settings) {
  codegen::description_request made;
  for (const auto& each : asked.arguments)
    add_modules(settings, each, made.modules);
  made.python = asked.python;
  if (made.python.empty())
    made.python = variable("SNAKEBRIDGE_PYTHON");
  if (made.python.empty())
    made.python = settings.python;
  made.path.assign(asked.path.begin(), asked.path.end());
  made.path.insert(made.path.end(), settings.path.begin(), settings.path.end());
  made.stubs.assign(asked.stubs.begin(), asked.stubs.end());
  for (const auto& [name, each] : settings.libraries) {
    made.stubs.insert(made.stubs.end(), each.stubs.begin(), each.stubs.end());
    if (each.depth)
      made.depths.emplace(name, *each.depth);
  }
  made.tools = asked.tools;
  if (asked.timeout_ms > 0)
    made.timeout = std::chrono::milliseconds{asked.timeout_ms};
  return made;
}

int tell(const codegen::generation& made, console& out) {
  if (!made.lacking.empty())
    out.complain(
      fmt::format("no stubs of the standard library: {}\n", made.lacking));
  for (const auto& each : made.changes)
    static_cast<void>(out.print(each));
  const auto what = made.headers.empty()
                      ? fmt::format("{} changes", made.changes.size())
                      : fmt::format("{} modules", made.headers.size());
  static_cast<void>(
    out.print(fmt::format("{}, {} files written", what, made.written)));
  return 0;
}

} // namespace

std::string manifest_of(const request& asked) {
  return asked.manifest.empty() ? manifest_file : asked.manifest;
}

int generate(const request& asked, console& out) {
  const log_scope unlogged{nullptr}; // workers that die are told as notes
  codegen::generation_request wanted;
  auto settings = codegen::read_settings(settings_of(asked));
  if (!settings)
    return fail(out, settings.error());
  wanted.settings = *std::move(settings);
  wanted.of = description_of(asked, wanted.settings);
  wanted.when = is_strict(asked, wanted.settings) ? codegen::asking::never
                : asked.if_lacking                ? codegen::asking::lacking
                                                  : codegen::asking::always;
  wanted.manifest = asked.manifest;
  wanted.output = asked.output;
  wanted.has_sources = !asked.headers_only;
  wanted.sources.assign(asked.sources.begin(), asked.sources.end());
  wanted.includes.assign(asked.includes.begin(), asked.includes.end());
  wanted.depfile.file = asked.depfile;
  wanted.depfile.target = asked.depends;
  const auto made = codegen::generate(wanted);
  if (!made)
    return fail(out, made.error());
  return tell(*made, out);
}

int regen(const request& asked, console& out) {
  const log_scope unlogged{nullptr};
  codegen::generation_request wanted;
  auto settings = codegen::read_settings(settings_of(asked));
  if (!settings)
    return fail(out, settings.error());
  wanted.settings = *std::move(settings);
  wanted.of = description_of(asked, wanted.settings);
  wanted.manifest = manifest_of(asked);
  for (const auto& [name, each] : wanted.settings.libraries)
    add_modules(wanted.settings, name, wanted.of.modules);
  std::error_code unknown;
  if (!asked.clean && std::filesystem::exists(wanted.manifest, unknown)) {
    const auto before = codegen::read_manifest(wanted.manifest);
    if (!before)
      return fail(out, before.error());
    for (const auto& each : before->at("modules"))
      add_once(wanted.of.modules, each.at("name"));
  }
  if (wanted.of.modules.empty())
    return fail(out,
                {errc::config_invalid,
                 fmt::format("neither {} nor {} names a library",
                             settings_of(asked), wanted.manifest.string())});
  const auto made = codegen::generate(wanted);
  if (!made)
    return fail(out, made.error());
  return tell(*made, out);
}

} // namespace snakebridge::cli
