#include <cerrno>
#include <cstring>
#include <fstream>

#include <fmt/format.h>
#include <snakebridge/environment.hpp>

#include "environment/drift.hpp"
#include "environment/environment_lock.hpp"
#include "environment/files.hpp"
#include "environment/recorded_files.hpp"

namespace snakebridge {

namespace {

using json = nlohmann::json;

constexpr auto of_environments = "environment";
constexpr int lock_version = 1; // of the file; codegen/lock.cpp has the same

std::filesystem::path lock_of(const config& settings) {
  return settings.environment_folder / "snakebridge.lock";
}

// What is not of that version, or no JSON, has nothing that counts.
json read_lock(const std::filesystem::path& file) {
  auto all = json::parse(file_text(file), nullptr, false);
  if (!all.is_object() || all.value("version", json{}) != lock_version)
    return json::object();
  return all;
}

// An empty file is none. What is none, as one with marks of a merge, or of
// another version, would be lost if it were written over.
result<json> lock_to_write(const std::filesystem::path& file) {
  const auto text = file_text(file);
  if (text.empty())
    return json::object();
  auto all = json::parse(text, nullptr, false);
  if (!all.is_object())
    return error{errc::environment_invalid,
                 fmt::format("{} is no lock (was it merged?): put it right, or "
                             "remove it and run `snakebridge regen` and `lock`",
                             file.string())};
  if (!all.empty() && all.value("version", json{}) != lock_version)
    return error{errc::environment_invalid,
                 fmt::format("{} is of another version of SnakeBridge: remove "
                             "it, and run `snakebridge regen` and `lock`",
                             file.string())};
  return all;
}

// Whoever reads it sees the old text or the new.
result<void> write_lock(const std::filesystem::path& file, const json& all) {
  auto next = file;
  next += ".new";
  std::ofstream to{next, std::ios::binary};
  to << all.dump(1, ' ', false, json::error_handler_t::replace) << '\n';
  to.close();
  std::error_code failed;
  if (!to)
    failed = {errno, std::generic_category()};
  else
    std::filesystem::rename(next, file, failed);
  if (failed)
    return error{
      errc::environment_invalid,
      fmt::format("cannot write {}: {}", file.string(), failed.message())};
  return {};
}

} // namespace

result<void> lock_environments(const config& settings,
                               const hardware& machine) {
  const auto now = environments_now(settings, machine);
  for (const auto& [name, each] : now.environments)
    if (each.installed.version.empty())
      return error{errc::environment_invalid,
                   fmt::format("there is no environment at {} to lock: run "
                               "`snakebridge setup`",
                               environment_place(settings, name).string())};
  const auto file = lock_of(settings);
  auto all = lock_to_write(file);
  if (!all)
    return tl::unexpected{all.error()};
  (*all)["version"] = lock_version;
  (*all)[of_environments] = to_json(now);
  return write_lock(file, *all);
}

std::vector<environment_drift> verify_environments(const config& settings,
                                                   const hardware& machine) {
  const auto all = read_lock(lock_of(settings));
  std::optional<environment_lock> locked;
  if (all.contains(of_environments))
    locked = parse_environment_lock(all.at(of_environments));
  return drifts_between(locked, environments_now(settings, machine));
}

std::vector<environment_drift> verify_files(const config& settings,
                                            file_check how) {
  std::vector<environment_drift> all;
  for (const auto& each : settings.environments)
    for (auto& [package, change] :
         changed_files(environment_place(settings, each.name) / "venv", how))
      all.push_back({"package_files_drifted", each.name,
                     fmt::format("{}: {}", package, change)});
  return all;
}

result<void> refused_by(const std::vector<environment_drift>& all) {
  std::string text;
  for (const auto& each : all)
    if (!each.is_warning)
      text += fmt::format("\n  {}: {}{}{}", each.name, each.environment,
                          each.environment.empty() ? "" : ": ", each.message);
  if (text.empty())
    return {};
  return error{errc::environment_invalid,
               "not as snakebridge.lock has it:" + text};
}

} // namespace snakebridge
