#include "emit.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "module_writer.hpp"

namespace snakebridge::codegen {

using json = nlohmann::json;

emitter::emitter(const json& manifest)
    : manifest_{manifest},
      known_{manifest} {}

std::vector<std::string> emitter::modules() const {
  std::vector<std::string> made;
  for (const auto& each : manifest_.at("modules"))
    made.push_back(each.at("name"));
  return made;
}

const json& emitter::module_of(const std::string& name) const {
  const auto& all = manifest_.at("modules");
  return *std::find_if(all.begin(), all.end(), [&](const json& each) {
    return text_in(each, "name") == name;
  });
}

found_name emitter::find(const std::vector<std::string>& names) const {
  std::string path = "sb::py";
  std::vector<std::string> prefixes = {path};
  for (const auto& each : names)
    prefixes.push_back(path += "::" + each);
  const std::string* found = nullptr;
  std::size_t parts = 0;
  bool is_begun = false;
  for (const auto& [module, declared] : declared_) {
    const auto own = namespace_of(module);
    is_begun |= own.starts_with(path + "::");
    for (std::size_t at = 1; at < prefixes.size(); ++at)
      if (prefixes[at] == own && at > parts) {
        found = &module;
        parts = at;
      }
  }
  if (found == nullptr)
    return {.what = is_begun ? found_name::kind::known
                             : found_name::kind::library_unknown};
  if (parts == names.size())
    return {.module = *found};
  const auto& declared = declared_.at(*found);
  auto name = names[parts];
  for (const std::string_view end : {"", "_async", "_options"}) {
    if (!name.ends_with(end))
      continue;
    const auto known = declared.find(name.substr(0, name.size() - end.size()));
    if (known != declared.end())
      return {.module = *found, .python = known->second};
  }
  return {.what = found_name::kind::symbol_unknown, .module = *found};
}

std::string emitter::text(const std::string& module, module_part::kind what,
                          const used_names& used) {
  module_part part{known_, module_of(module), what, used, notes_};
  auto made = text_of(part);
  if (part.is_header())
    declared_[module] = part.names.all();
  return made;
}

std::string emitter::header(const std::string& module) {
  return text(module, module_part::kind::header, {});
}

std::string emitter::source(const std::string& module, const used_names& used) {
  return text(module, module_part::kind::source, used);
}

std::string emitter::messages(const std::string& module,
                              const used_names& used) {
  if (used && !used->contains("as_message"))
    return {};
  return text(module, module_part::kind::messages, used);
}

} // namespace snakebridge::codegen
