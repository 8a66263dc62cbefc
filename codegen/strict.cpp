#include "strict.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "names.hpp"

namespace snakebridge::codegen {

namespace {

using json = nlohmann::json;

// "math.sqrt"; null: there is no such thing.
const json* symbol_of(const json& manifest, const std::string& path) {
  for (const auto& module : manifest.at("modules"))
    for (const auto& symbol : module.at("symbols"))
      if (fmt::format("{}.{}", module.at("name").get<std::string>(),
                      symbol.at("name").get<std::string>())
          == path)
        return &symbol;
  return nullptr;
}

// "math.sqrt" and its tier; of a class also those of its members that the
// source may use, as it has their names in it.
std::vector<std::pair<std::string, std::string>>
tiers_of(const json& manifest, const std::string& path,
         const std::set<std::string>& names) {
  const auto* symbol = symbol_of(manifest, path);
  if (symbol != nullptr && symbol->at("kind") == "reexport")
    symbol = symbol_of(manifest, symbol->at("of").get<std::string>());
  if (symbol == nullptr)
    return {};
  const auto& of =
    symbol->contains("constructor") ? symbol->at("constructor") : *symbol;
  std::vector<std::pair<std::string, std::string>> made{
    {path, of.value("tier", "")}};
  if (symbol->at("kind") == "class")
    for (const auto& each : symbol->at("members")) {
      const auto name = each.at("name").get<std::string>();
      if (names.contains(cpp_name(name)))
        made.emplace_back(fmt::format("{}.{}", path, name),
                          each.value("tier", ""));
    }
  return made;
}

bool is_below(const std::string& tier, const std::string& least) {
  const auto& all = tiers();
  return !tier.empty()
         && std::find(all.begin(), all.end(), tier)
              > std::find(all.begin(), all.end(), least);
}

std::optional<drift> drift_of(const emitter& emits, const json& manifest,
                              const wrapper_settings& settings,
                              const used_path& used,
                              const source_uses& source) {
  const auto at = fmt::format("{}:{}: sb::py::{}", source.file, used.line,
                              fmt::join(used.names, "::"));
  const auto found = emits.find(used.names);
  if (found.what == found_name::kind::library_unknown)
    return drift{drift_kind::library_unknown, at};
  if (found.what == found_name::kind::symbol_unknown)
    return drift{drift_kind::symbol_unknown,
                 fmt::format("{}: {} has no such name", at, found.module)};
  const auto* library = settings.of(found.module);
  if (library == nullptr || library->min_tier.empty())
    return std::nullopt;
  for (const auto& [name, tier] :
       tiers_of(manifest, found.python, source.names))
    if (is_below(tier, library->min_tier))
      return drift{drift_kind::tier_below,
                   fmt::format("{}: {} is of tier {}, below {}", at, name, tier,
                               library->min_tier)};
  return std::nullopt;
}

} // namespace

std::string_view to_string(drift_kind kind) {
  switch (kind) {
  case drift_kind::library_unknown:
    return "library_unknown";
  case drift_kind::symbol_unknown:
    return "symbol_unknown";
  case drift_kind::tier_below:
    return "tier_below";
  case drift_kind::lock_missing:
    return "lock_missing";
  case drift_kind::generator_other:
    return "generator_other";
  case drift_kind::manifest_drifted:
    return "manifest_drifted";
  case drift_kind::settings_drifted:
    return "settings_drifted";
  case drift_kind::stubs_drifted:
    return "stubs_drifted";
  default:
    return "header_drifted";
  }
}

std::vector<drift> drifts_of_uses(const emitter& emits, const json& manifest,
                                  const wrapper_settings& settings,
                                  const std::vector<source_uses>& sources) {
  std::vector<drift> made;
  for (const auto& source : sources) {
    std::set<std::vector<std::string>> seen;
    for (const auto& each : source.paths)
      if (seen.insert(each.names).second)
        if (auto found = drift_of(emits, manifest, settings, each, source))
          made.push_back(*std::move(found));
  }
  std::sort(made.begin(), made.end());
  return made;
}

std::vector<drift> drifts_of_lock(const std::optional<lock>& locked,
                                  const lock& now) {
  if (!locked)
    return {{drift_kind::lock_missing, "no snakebridge.lock of this version"}};
  std::vector<drift> made;
  if (locked->generator != now.generator)
    made.push_back({drift_kind::generator_other,
                    fmt::format("locked by SnakeBridge {}, this is {}",
                                locked->snakebridge, now.snakebridge)});
  if (locked->manifest != now.manifest)
    made.push_back({drift_kind::manifest_drifted,
                    "manifest.json is not the one that was locked"});
  if (locked->settings != now.settings)
    made.push_back({drift_kind::settings_drifted,
                    "[libraries] of snakebridge.toml are not as they were"});
  for (const auto& [library, hash] : now.stubs)
    if (const auto found = locked->stubs.find(library);
        found == locked->stubs.end() ? !hash.empty() : found->second != hash)
      made.push_back(
        {drift_kind::stubs_drifted,
         fmt::format("the stubs given for {} are not as they were", library)});
  // A consequence of those above, where there are any.
  if (made.empty())
    for (const auto& [path, hash] : now.headers) {
      const auto before = locked->headers.find(path);
      if (before == locked->headers.end() || before->second != hash)
        made.push_back({drift_kind::header_drifted, path});
    }
  return made;
}

error error_of(const std::vector<drift>& all) {
  std::string text = "strict:";
  for (const auto& each : all)
    text += fmt::format("\n  {}: {}", to_string(each.what), each.where);
  text +=
    "\nRun `snakebridge regen`, look at what it changes, and commit that.";
  const auto first = all.front().what;
  return {first == drift_kind::library_unknown  ? errc::library_unknown
          : first == drift_kind::symbol_unknown ? errc::symbol_unknown
                                                : errc::environment_invalid,
          text};
}

} // namespace snakebridge::codegen
