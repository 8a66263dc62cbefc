#include "lock.hpp"

#include <snakebridge/snakebridge.hpp>

#include "codegen/sources.hpp"
#include "sha256.hpp"

namespace snakebridge::codegen {

namespace {

using json = nlohmann::json;

constexpr int lock_version = 1;

} // namespace

std::filesystem::path lock_beside(const std::filesystem::path& manifest) {
  return manifest.parent_path() / "snakebridge.lock";
}

lock lock_of(const json& manifest, const std::string& text,
             const std::string& settings,
             const std::map<std::string, std::string>& headers) {
  lock made;
  made.generator = generator_hash;
  made.snakebridge = version();
  made.python = manifest.value("python", "");
  made.platform = manifest.value("platform", "");
  made.libraries = manifest.value("libraries", made.libraries);
  made.manifest = sha256(text);
  made.settings = sha256(settings);
  for (const auto& [path, header] : headers)
    made.headers.emplace(path, sha256(header));
  return made;
}

std::string to_text(const lock& of, const std::string& before) {
  auto all = json::parse(before, nullptr, false);
  if (!all.is_object() || all.value("version", json{}) != lock_version)
    all = json::object();
  const json ours = {{"version", lock_version},
                     {"generator", of.generator},
                     {"snakebridge", of.snakebridge},
                     {"python", of.python},
                     {"platform", of.platform},
                     {"libraries", of.libraries},
                     {"manifest", of.manifest},
                     {"settings", of.settings},
                     {"stubs", of.stubs},
                     {"headers", of.headers}};
  all.update(ours);
  return all.dump(1, ' ', false) + "\n";
}

std::optional<lock> parse_lock(const std::string& text) {
  const auto all = json::parse(text, nullptr, false);
  if (!all.is_object() || all.value("version", json{}) != lock_version)
    return std::nullopt;
  try {
    return lock{.generator = all.at("generator"),
                .snakebridge = all.at("snakebridge"),
                .python = all.at("python"),
                .platform = all.at("platform"),
                .libraries = all.at("libraries"),
                .manifest = all.at("manifest"),
                .settings = all.at("settings"),
                .stubs = all.value("stubs", lock{}.stubs),
                .headers = all.at("headers")};
  } catch (const json::exception&) {
    return std::nullopt;
  }
}

} // namespace snakebridge::codegen
