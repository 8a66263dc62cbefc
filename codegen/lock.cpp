#include "lock.hpp"

#include <array>

#include <fmt/format.h>
#include <openssl/sha.h>
#include <snakebridge/snakebridge.hpp>

#include "codegen/sources.hpp"

namespace snakebridge::codegen {

namespace {

using json = nlohmann::json;

constexpr int lock_version = 1;

} // namespace

std::string hash_of(std::string_view text) {
  std::array<unsigned char, SHA256_DIGEST_LENGTH> hash{};
  ::SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(),
           hash.data());
  return fmt::format("{:02x}", fmt::join(hash, ""));
}

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
  made.manifest = hash_of(text);
  made.settings = hash_of(settings);
  for (const auto& [path, header] : headers)
    made.headers.emplace(path, hash_of(header));
  return made;
}

std::string to_text(const lock& of) {
  const json all = {{"version", lock_version},
                    {"generator", of.generator},
                    {"snakebridge", of.snakebridge},
                    {"python", of.python},
                    {"platform", of.platform},
                    {"libraries", of.libraries},
                    {"manifest", of.manifest},
                    {"settings", of.settings},
                    {"stubs", of.stubs},
                    {"headers", of.headers}};
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
