#include "verify.hpp"

#include <algorithm>
#include <optional>

#include <nlohmann/json.hpp>
#include <snakebridge/environment.hpp>

#include "codegen/generate.hpp"
#include "codegen/strict.hpp"
#include "generate.hpp"
#include "setup.hpp"

namespace snakebridge::cli {

namespace {

namespace fs = std::filesystem;
using drifts = std::vector<environment_drift>;

// Of wrappers; nothing where there are none, neither made nor locked.
result<std::optional<drifts>> of_wrappers(const request& asked,
                                          const config& settings) {
  const auto file = settings.environment_folder / "manifest.json";
  const auto locked = codegen::parse_lock(text_of(codegen::lock_beside(file)));
  const auto named = [](codegen::drift_kind what, const std::string& message) {
    return environment_drift{"wrapper_" + std::string{to_string(what)}, "",
                             message + "; run `snakebridge regen`"};
  };
  std::error_code unknown;
  if (!fs::exists(file, unknown)) {
    if (!locked)
      return std::optional<drifts>{};
    return drifts{named(codegen::drift_kind::manifest_drifted,
                        "manifest.json was locked, and is not there")};
  }
  const auto manifest = codegen::read_manifest(file);
  if (!manifest)
    return tl::unexpected{manifest.error()};
  const auto wrappers = read_settings(asked);
  if (!wrappers)
    return tl::unexpected{wrappers.error()};
  const auto now = codegen::lock_of(
    *manifest, text_of(file), wrappers->within(*manifest).locked_text(), {});
  drifts all;
  for (const auto& each : codegen::drifts_of_lock(locked, now))
    all.push_back(named(each.what, each.where));
  return all;
}

// What the lock has of environments and these settings do not describe is named
// too: a project that has lost its settings is not as it was locked.
result<drifts> of_environments(const request& asked, console& out,
                               const config& settings) {
  auto all = verify_environments(settings);
  if (settings.environments.empty())
    return all;
  const auto files = verify_files(settings, asked.strict ? file_check::hashes
                                                         : file_check::sizes);
  all.insert(all.end(), files.begin(), files.end());
  const auto unlike = unlike_settings(asked, out, settings);
  if (!unlike)
    return unlike;
  for (const auto& each : *unlike)
    if (std::none_of(all.begin(), all.end(), [&](const auto& known) {
          return known.name == each.name
                 && known.environment == each.environment;
        }))
      all.push_back(each);
  return all;
}

result<drifts> all_drifts(const request& asked, console& out,
                          const config& settings) {
  auto all = of_environments(asked, out, settings);
  if (!all)
    return all;
  const auto wrappers = of_wrappers(asked, settings);
  if (!wrappers)
    return tl::unexpected{wrappers.error()};
  const bool has_no_environments = settings.environments.empty()
                                   && !all->empty()
                                   && all->front().name == "lock_missing";
  if (has_no_environments && *wrappers)
    all->clear(); // of wrappers alone
  else if (has_no_environments)
    all->front().message = "there is nothing to verify: neither an "
                           "[environment] in snakebridge.toml nor a lock";
  if (*wrappers)
    all->insert(all->end(), (*wrappers)->begin(), (*wrappers)->end());
  return all;
}

std::string json_of(const drifts& all, bool is_right) {
  auto rows = nlohmann::json::array();
  for (const auto& each : all)
    rows.push_back({{"name", each.name},
                    {"environment", each.environment},
                    {"message", each.message},
                    {"warning", each.is_warning}});
  return nlohmann::json{{"ok", is_right}, {"drifts", rows}}.dump(
    1, ' ', false, nlohmann::json::error_handler_t::replace);
}

} // namespace

int lock(const request& asked, console& out) {
  const auto settings = project_settings(asked);
  if (!settings)
    return fail(out, settings.error());
  if (const auto done = lock_environments(*settings); !done)
    return fail(out, done.error());
  static_cast<void>(
    out.print((settings->environment_folder / "snakebridge.lock").string()));
  return 0;
}

int verify(const request& asked, console& out) {
  const auto settings = project_settings(asked);
  if (!settings)
    return fail(out, settings.error());
  const auto all = all_drifts(asked, out, *settings);
  if (!all)
    return fail(out, all.error());
  const bool is_right =
    asked.strict ? all->empty()
                 : std::all_of(all->begin(), all->end(), [](const auto& each) {
                     return each.is_warning;
                   });
  if (asked.json)
    static_cast<void>(out.print(json_of(*all, is_right)));
  else
    tell_drifts(*all, out);
  if (is_right && !asked.json)
    static_cast<void>(out.print("all is as it was locked"));
  return is_right ? 0 : exit_failed;
}

} // namespace snakebridge::cli
