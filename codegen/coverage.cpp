#include "coverage.hpp"

#include <cmath>
#include <map>

#include <fmt/format.h>

#include "settings.hpp"
#include "types.hpp"

namespace snakebridge::codegen {

namespace {

using json = nlohmann::json;

struct part {
  std::size_t all = 0;
  std::size_t such = 0;

  void add(bool is_such) {
    ++all;
    such += is_such;
  }
  // In percent, by tenths; of nothing all are so.
  double percentage() const {
    return all == 0 ? 100.0
                    : std::floor(1'000.0 * static_cast<double>(such)
                                 / static_cast<double>(all))
                        / 10.0;
  }
  part& operator+=(const part& other) {
    all += other.all;
    such += other.such;
    return *this;
  }
};

struct counts {
  part named, parameters, returns, concrete, documented;
  std::map<std::string, std::size_t> tiers;

  counts& operator+=(const counts& other) {
    named += other.named;
    parameters += other.parameters;
    returns += other.returns;
    concrete += other.concrete;
    documented += other.documented;
    for (const auto& [tier, count] : other.tiers)
      tiers[tier] += count;
    return *this;
  }
};

// C++ has a type of its own for it.
bool is_concrete(const cpp_type& type) {
  return type.given != "sb::value" && type.given != "sb::object";
}

class counter {
public:
  explicit counter(const json& manifest) {
    for (const auto& module : manifest.at("modules"))
      for (const auto& each : module.at("symbols"))
        if (each.at("kind") == "class" || each.at("kind") == "enum")
          classes_[fmt::format("{}.{}", module.at("name").get<std::string>(),
                               each.at("name").get<std::string>())] = {};
  }

  counts count(const json& module) const {
    counts made;
    for (const auto& each : module.at("symbols")) {
      add(each, made);
      if (each.contains("constructor"))
        add(each.at("constructor"), made);
      if (each.at("kind") == "class")
        for (const auto& member : each.at("members"))
          add(member, made);
    }
    return made;
  }

private:
  void add(const json& told, counts& to) const {
    if (!told.contains("overloads"))
      return;
    const auto tier = told.value("tier", "variadic");
    ++to.tiers[tier];
    to.named.add(tier != "variadic");
    to.documented.add(!told.value("doc", "").empty());
    for (const auto& overload : told.at("overloads")) {
      for (const auto& each : overload.at("parameters"))
        if (each.at("kind") != "rest" && each.at("kind") != "more")
          add_type(each.at("type"), to.parameters, to.concrete);
      add_type(overload.at("returns"), to.returns, to.concrete);
    }
  }
  void add_type(const json& type, part& typed, part& concrete) const {
    typed.add(!type.is_null());
    concrete.add(!type.is_null() && is_concrete(type_of(type, classes_, "")));
  }

  generated_classes classes_;
};

json row_of(const std::string& name, const counts& of) {
  return {{"module", name},
          {"callables", of.named.all},
          {"named", of.named.percentage()},
          {"typed_parameters", of.parameters.percentage()},
          {"typed_returns", of.returns.percentage()},
          {"concrete", of.concrete.percentage()},
          {"documented", of.documented.percentage()},
          {"tiers", of.tiers}};
}

json notes_of(const json& manifest, std::string_view what) {
  json made = json::array();
  for (const auto& each : manifest.value("notes", json::array()))
    if (each.at("what") == what)
      made.push_back(
        {{"symbol", each.at("symbol")}, {"reason", each.at("reason")}});
  return made;
}

std::string notes_page(const json& notes, std::string_view title) {
  if (notes.empty())
    return {};
  auto made = fmt::format("\n## {}\n\n", title);
  for (const auto& each : notes)
    made += fmt::format("- `{}`: {}\n", each.at("symbol").get<std::string>(),
                        each.at("reason").get<std::string>());
  return made;
}

} // namespace

json coverage_of(const json& manifest) {
  json rows = json::array();
  counts all;
  const counter of{manifest};
  for (const auto& module : manifest.at("modules")) {
    const auto counted = of.count(module);
    all += counted;
    rows.push_back(row_of(module.at("name"), counted));
  }
  rows.push_back(row_of("all", all));
  return {{"modules", rows},
          {"dropped", notes_of(manifest, "dropped")},
          {"renamed", notes_of(manifest, "renamed")},
          {"holes", notes_of(manifest, "hole")}};
}

std::string coverage_page(const json& coverage) {
  std::string made =
    "# Coverage\n\n| module | callables | named % | typed parameters % | typed "
    "returns % | concrete % | documented % |";
  for (const auto& tier : tiers())
    made += fmt::format(" {} |", tier);
  made += "\n|---|---|---|---|---|---|---|";
  for (std::size_t at = 0; at < tiers().size(); ++at)
    made += "---|";
  for (const auto& each : coverage.at("modules")) {
    made += fmt::format("\n| {} | {} |", each.at("module").get<std::string>(),
                        each.at("callables").get<std::size_t>());
    for (const auto* key : {"named", "typed_parameters", "typed_returns",
                            "concrete", "documented"})
      made += fmt::format(" {} |", each.at(key).get<double>());
    for (const auto& tier : tiers())
      made += fmt::format(" {} |", each.at("tiers").value(tier, 0));
  }
  return made + "\n"
         + notes_page(coverage.at("dropped"), "Keywords that are not there")
         + notes_page(coverage.at("renamed"), "Other names in C++")
         + notes_page(coverage.at("holes"), "Not there in C++");
}

} // namespace snakebridge::codegen
