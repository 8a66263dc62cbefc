#include "generate.hpp"

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <filesystem>
#include <string_view>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "codegen/generate.hpp"
#include "setup.hpp"

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

// Throws CLI::ValidationError for what says neither.
bool is_strict(const request& asked,
               const codegen::wrapper_settings& settings) {
  auto said = variable("SNAKEBRIDGE_STRICT");
  std::transform(said.begin(), said.end(), said.begin(), [](unsigned char c) {
    return static_cast<char>(std::tolower(c));
  });
  const bool is_said =
    said == "1" || said == "true" || said == "yes" || said == "on";
  if (!is_said && !said.empty() && said != "0" && said != "false"
      && said != "no" && said != "off")
    throw CLI::ValidationError{"SNAKEBRIDGE_STRICT",
                               "must be 1, true, yes or on, or 0, false, no or "
                               "off, not "
                                 + said};
  return asked.strict || settings.is_strict || is_said;
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

result<codegen::wrapper_settings> read_settings(const request& asked) {
  const auto file = settings_of(asked);
  std::error_code unknown;
  if (file != settings_file && !std::filesystem::exists(file, unknown))
    return error{errc::config_invalid, "there is no file " + file};
  return codegen::read_settings(file);
}

std::string manifest_of(const request& asked) {
  return asked.manifest.empty() ? manifest_file : asked.manifest;
}

int generate(const request& asked, console& out) {
  const log_scope unlogged{nullptr}; // workers that die are told as notes
  codegen::generation_request wanted;
  auto settings = read_settings(asked);
  if (!settings)
    return fail(out, settings.error());
  wanted.settings = *std::move(settings);
  wanted.of = description_of(asked, wanted.settings);
  wanted.stubs.assign(asked.stubs.begin(), asked.stubs.end());
  wanted.when = is_strict(asked, wanted.settings) ? codegen::asking::never
                : asked.if_lacking                ? codegen::asking::lacking
                                                  : codegen::asking::always;
  if (wanted.when != codegen::asking::never && !wanted.of.modules.empty())
    if (const auto ready = install_if_wanted(asked, out); !ready)
      return fail(out, ready.error());
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
  auto settings = read_settings(asked);
  if (!settings)
    return fail(out, settings.error());
  wanted.settings = *std::move(settings);
  wanted.of = description_of(asked, wanted.settings);
  wanted.stubs.assign(asked.stubs.begin(), asked.stubs.end());
  wanted.manifest = manifest_of(asked);
  wanted.may_forget = asked.clean;
  for (const auto& [name, each] : wanted.settings.libraries)
    add_modules(wanted.settings, name, wanted.of.modules);
  std::error_code unknown;
  if (!asked.clean && std::filesystem::exists(wanted.manifest, unknown)) {
    const auto before = codegen::read_manifest(wanted.manifest);
    if (!before)
      return fail(out, before.error());
    for (const auto& each : before->at("modules"))
      add_once(wanted.of.modules, each.at("name"));
    for (const auto& each : codegen::patterns_of(*before))
      add_once(wanted.of.modules, each);
  }
  if (wanted.of.modules.empty())
    return fail(out,
                {errc::config_invalid,
                 fmt::format("neither {} nor {} names a library",
                             settings_of(asked), wanted.manifest.string())});
  if (const auto ready = install_if_wanted(asked, out); !ready)
    return fail(out, ready.error());
  const auto made = codegen::generate(wanted);
  if (!made)
    return fail(out, made.error());
  return tell(*made, out);
}

} // namespace snakebridge::cli
