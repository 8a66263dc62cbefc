#include "symbol_table.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "names.hpp"

namespace snakebridge::codegen {

using json = nlohmann::json;

std::string text_in(const json& of, const char* key) {
  const auto found = of.find(key);
  return found != of.end() && found->is_string() ? found->get<std::string>()
                                                 : std::string{};
}

symbol_table::symbol_table(const json& manifest) : manifest_{manifest} {
  for (const auto& module : manifest.at("modules")) {
    const auto name = module.at("name").get<std::string>();
    for (const auto& symbol : module.at("symbols")) {
      const auto path = fmt::format("{}.{}", name, text_in(symbol, "name"));
      const auto kind = text_in(symbol, "kind");
      auto cpp = cpp_name(text_in(symbol, "name"));
      if (has_module(path) && cpp == text_in(symbol, "name"))
        cpp += '_';
      if (kind != "reexport" && kind != "hole") {
        symbols_[path] = {&symbol, name, cpp};
      }
      const bool is_enum = kind == "enum" && !symbol.at("members").empty();
      if (!is_enum && kind != "class")
        continue;
      if (!is_enum
          && has_value_form(path,
                            symbol.at("mro").get<std::vector<std::string>>()))
        continue;
      classes_[path] = {.module = name, .name = cpp, .is_enum = is_enum};
    }
  }
  for (auto& [path, known] : classes_)
    if (!known.is_enum)
      for (const auto& each : symbols_.at(path).told->at("mro"))
        if (classes_.contains(each.get<std::string>()))
          known.bases.insert(each.get<std::string>());
}

bool symbol_table::has_module(const std::string& name) const {
  const auto& all = manifest_.at("modules");
  return std::any_of(all.begin(), all.end(), [&](const json& each) {
    return text_in(each, "name") == name;
  });
}

const symbol_table::symbol* symbol_table::find(const std::string& path) const {
  const auto found = symbols_.find(path);
  return found == symbols_.end() ? nullptr : &found->second;
}

namespace {

// Adds the classes that a type names, and what is above them.
void add_classes(const json& type, const generated_classes& classes,
                 const std::string& self, std::set<std::string>& to) {
  if (type.is_array())
    for (const auto& each : type)
      add_classes(each, classes, self, to);
  if (!type.is_string())
    return;
  const auto found =
    classes.find(type == "Self" ? self : type.get<std::string>());
  if (found == classes.end())
    return;
  to.insert(found->first);
  to.insert(found->second.bases.begin(), found->second.bases.end());
}

void add_answers(const json& told, const generated_classes& classes,
                 const std::string& self, std::set<std::string>& to) {
  if (told.contains("type"))
    add_classes(told.at("type"), classes, self, to);
  if (told.contains("overloads"))
    for (const auto& each : told.at("overloads"))
      add_classes(each.at("returns"), classes, self, to);
}

} // namespace

// Those that are named, those that come from what is, and from their operators.
std::set<std::string>
symbol_table::classes_seen(const std::set<std::string>& used) const {
  std::set<std::string> seen;
  const auto is_used = [&](const std::string& python) {
    return used.contains(cpp_name(python))
           || used.contains(python.substr(python.rfind('.') + 1));
  };
  std::size_t before = 0;
  do {
    before = seen.size();
    for (const auto& [path, place] : symbols_) {
      const auto* const symbol = place.told;
      if (is_used(text_in(*symbol, "name"))) {
        add_classes(path, classes_, path, seen);
        add_answers(*symbol, classes_, path, seen);
      }
      if (symbol->at("kind") != "class")
        continue;
      for (const auto& each : symbol->at("members")) {
        const auto name = text_in(each, "name");
        if (seen.contains(path) && (is_used(name) || name.starts_with("__")))
          add_answers(each, classes_, path, seen);
      }
    }
  } while (seen.size() != before);
  return seen;
}

} // namespace snakebridge::codegen
