#include "module_part.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace snakebridge::codegen {

using json = nlohmann::json;

module_part::module_part(const symbol_table& known, const json& module_told,
                         kind what, const used_names& used,
                         std::set<emission_note>& notes)
    : told{module_told},
      module{module_told.at("name")},
      known_{known},
      what_{what},
      used_{used},
      notes_{notes},
      has_async_{is_used("async") || is_used("async_caller")},
      has_actors_{is_used("as_message") || is_used("as_message_t")},
      seen_{used ? known.classes_seen(*used) : std::set<std::string>{}} {
  for (const auto& each : told.at("symbols"))
    if (each.at("kind") == "class" && classes().contains(path_of(each)))
      sort_class(each);
}

// Bases before what is derived from them.
void module_part::sort_class(const json& symbol) {
  if (std::find(ordered_.begin(), ordered_.end(), &symbol) != ordered_.end())
    return;
  if (const auto* base = base_of(symbol))
    if (const auto* const found = known_.find(*base);
        found != nullptr && found->module == module)
      sort_class(*found->told);
  ordered_.push_back(&symbol);
}

std::string module_part::path_of(const json& symbol) const {
  return fmt::format("{}.{}", module, text_in(symbol, "name"));
}

std::string module_part::name_of(const json& symbol) const {
  const auto python = text_in(symbol, "name");
  auto made = cpp_name(python);
  // A namespace has the name of a submodule.
  if (known_.has_module(fmt::format("{}.{}", module, python)) && made == python)
    made += '_';
  return made;
}

std::string module_part::qualified(const std::string& path) const {
  const auto& known = classes().at(path);
  return fmt::format("{}::{}", namespace_of(known.module), known.name);
}

const std::string* module_part::base_of(const json& symbol) const {
  for (const auto& each : symbol.at("mro"))
    if (const auto found = known_.classes().find(each.get<std::string>());
        found != known_.classes().end() && !found->second.is_enum)
      return &found->first;
  return nullptr;
}

bool module_part::is_used(const std::string& name) const {
  return !used_ || used_->contains(name);
}

// One inside a class goes by its own name as well, as a member of that.
bool module_part::is_class_used(const std::string& path) const {
  return is_used(known_.classes().at(path).name)
         || is_used(path.substr(path.rfind('.') + 1));
}

bool module_part::is_seen(const std::string& path) const {
  return !used_ || seen_.contains(path);
}

std::string module_part::home_of(const std::string& path) const {
  const auto* const found = known_.find(path);
  return found == nullptr ? "" : text_in(*found->told, "home");
}

void module_part::note(const std::string& symbol, const char* what,
                       std::string reason) {
  if (is_header())
    notes_.insert({symbol, what, std::move(reason)});
}

bool module_part::claim(scope& in, const std::string& cpp,
                        const std::string& python) {
  if (!in.take(cpp, python)) {
    const auto& owner = *in.owner(cpp);
    if (home_of(owner).empty() || home_of(owner) != home_of(python))
      note(python, "clash", fmt::format("{} is {} in C++ as well", owner, cpp));
    return false;
  }
  const auto own = python.substr(python.rfind('.') + 1);
  if (cpp != own && !cpp.ends_with("_" + own))
    note(python, "renamed", fmt::format("{} in C++", cpp));
  return true;
}

void module_part::see(const cpp_type& type) {
  for (const auto& each : type.classes)
    if (known_.classes().at(each).module != module)
      foreign.insert(each);
}

void module_part::add_options(const std::vector<signature>& all,
                              const std::string& path,
                              const std::string& scope) {
  const auto add = [&](const parameter& each) {
    see(each.cpp);
    if (each.name != each.python)
      note(fmt::format("{}({})", path, each.python), "renamed",
           fmt::format("{} in C++", each.name));
  };
  for (const auto& each : all) {
    see(each.returns);
    std::for_each(each.options.begin(), each.options.end(), add);
    for (const auto& way : each.forms)
      std::for_each(way.given.begin(), way.given.end(), add);
  }
  for (const auto& each : all)
    options += options_struct(each, scope);
}

std::string module_part::define(const callable& of,
                                const std::vector<cpp_function>& all) const {
  std::string made;
  for (const auto& each : all)
    if (is_messages() == (each.of == audience::actor)
        && (each.of != audience::async_caller || has_async_)
        && (each.of != audience::actor || has_actors_))
      made += definition(of, each);
  return made;
}

std::string module_part::declare(const callable& of,
                                 const std::vector<signature>& all,
                                 const std::string& path,
                                 const std::string& comment) {
  add_options(all, path, of.of_class);
  return declarations(of, functions_of(of, all), comment,
                      of.where == place::free ? "" : "  ");
}

} // namespace snakebridge::codegen
