#include "settings.hpp"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <iterator>
#include <set>
#include <sstream>

#include <fmt/format.h>
#include <snakebridge/config.hpp>
#include <toml++/toml.h>

#include "symbol_table.hpp"

namespace snakebridge::codegen {

namespace {

using json = nlohmann::json;
namespace fs = std::filesystem;

constexpr std::string_view library_words =
  "modules, version, include, exclude, depth, public, docs, async, streaming, "
  "types, stubs, min_tier";

error wrong(std::string message) {
  return {errc::config_invalid, std::move(message)};
}

/// Reads one library's table, and keeps the first mistake.
class library_reader {
public:
  library_reader(std::string file, std::string library)
      : file_{std::move(file)},
        library_{std::move(library)} {}

  result<library_settings> read(const toml::table& all) {
    for (const auto& [key, value] : all)
      if (!failed_)
        read_one(key.str(), value);
    if (failed_)
      return *failed_;
    std::ostringstream text;
    text << all;
    made_.text = text.str();
    return std::move(made_);
  }

private:
  void read_one(std::string_view key, const toml::node& value) {
    if (key == "modules")
      read_names(key, value, made_.modules);
    else if (key == "include")
      read_names(key, value, made_.include);
    else if (key == "exclude")
      read_names(key, value, made_.exclude);
    else if (key == "async")
      read_names(key, value, made_.awaited);
    else if (key == "streaming")
      read_names(key, value, made_.streaming);
    else if (key == "stubs")
      read_folders(key, value);
    else if (key == "version")
      made_.version = text_of(key, value);
    else if (key == "docs")
      read_docs(key, value);
    else if (key == "depth")
      read_depth(key, value);
    else if (key == "types")
      read_types(key, value);
    else if (key == "public")
      read_public(key, value);
    else if (key == "min_tier")
      read_tier(key, value);
    else
      refuse(key, value,
             fmt::format("no such setting; a library has {}", library_words));
  }

  void refuse(std::string_view key, const toml::node& value,
              std::string_view why) {
    if (!failed_)
      failed_ =
        wrong(fmt::format("{}:{}: libraries.{}.{}: {}", file_,
                          value.source().begin.line, library_, key, why));
  }
  std::string text_of(std::string_view key, const toml::node& value) {
    if (const auto* text = value.as_string())
      return text->get();
    refuse(key, value, "must be text in quotes");
    return {};
  }
  void read_names(std::string_view key, const toml::node& value,
                  std::vector<std::string>& into) {
    const auto* items = value.as_array();
    if (items == nullptr)
      return refuse(key, value, "must be names: [\"linalg.norm\", \"*_like\"]");
    for (const auto& each : *items)
      into.push_back(text_of(key, each));
  }
  void read_folders(std::string_view key, const toml::node& value) {
    std::vector<std::string> names;
    read_names(key, value, names);
    for (const auto& each : names)
      made_.stubs.push_back(fs::path{file_}.parent_path() / each);
  }
  void read_docs(std::string_view key, const toml::node& value) {
    if (const auto name = text_of(key, value); !name.empty())
      made_.docs = fs::path{file_}.parent_path() / name;
  }
  void read_depth(std::string_view key, const toml::node& value) {
    const auto* number = value.as_integer();
    if (number == nullptr || number->get() < 0)
      return refuse(key, value, "must be an integer, 0 or more");
    made_.depth = static_cast<std::size_t>(number->get());
  }
  void read_types(std::string_view key, const toml::node& value) {
    const auto* all = value.as_table();
    if (all == nullptr)
      return refuse(key, value, "must be a table: {\"factorial\" = \"int\"}");
    for (const auto& [name, type] : *all)
      made_.types.emplace(name.str(), text_of(key, type));
  }
  void read_public(std::string_view key, const toml::node& value) {
    const auto word = text_of(key, value);
    if (word == "exports")
      made_.names = public_names::exports;
    else if (word == "docs")
      made_.names = public_names::docs;
    else if (word != "all")
      refuse(key, value, R"(must be "all" or "exports" or "docs")");
  }
  void read_tier(std::string_view key, const toml::node& value) {
    made_.min_tier = text_of(key, value);
    const auto& all = tiers();
    if (!made_.min_tier.empty()
        && std::find(all.begin(), all.end(), made_.min_tier) == all.end())
      refuse(key, value,
             fmt::format("must be one of {}", fmt::join(all, ", ")));
  }

  std::string file_;
  std::string library_;
  library_settings made_;
  std::optional<error> failed_;
};

result<void> read_libraries(const toml::node& given, const std::string& file,
                            wrapper_settings& into) {
  const auto* all = given.as_table();
  const auto refused = [&](const toml::node& at) {
    return wrong(fmt::format("{}:{}: libraries: must be tables: "
                             "[libraries.NAME]",
                             file, at.source().begin.line));
  };
  if (all == nullptr)
    return refused(given);
  for (const auto& [name, value] : *all) {
    const auto* table = value.as_table();
    if (table == nullptr)
      return refused(value);
    const std::string library{name.str()};
    auto read = library_reader{file, library}.read(*table);
    if (!read)
      return read.error();
    into.libraries.emplace(library, *std::move(read));
  }
  return {};
}

// What pool `default` has, the way the bridge reads it.
result<void> read_places(const std::string& text, const fs::path& file,
                         wrapper_settings& into) {
  const auto parsed = parse_config(text, file.string());
  if (!parsed)
    return parsed.error();
  for (const auto& each : parsed->pools)
    if (each.name == pool_config{}.name) {
      into.python = each.python;
      into.path = each.path;
    }
  return {};
}

// --- Types -------------------------------------------------------------------

/// "dict[str, int | None]" as manifest.json has types.
class type_reader {
public:
  explicit type_reader(std::string_view text) : text_{text} {}

  /// Null: it is no type.
  json read() {
    auto made = choice();
    skip();
    return at_ == text_.size() ? made : json{};
  }

private:
  static bool is_in_name(char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'
           || c == '.' || c == ':';
  }
  void skip() {
    while (at_ < text_.size() && text_[at_] == ' ')
      ++at_;
  }
  bool take(char sign) {
    skip();
    if (at_ == text_.size() || text_[at_] != sign)
      return false;
    ++at_;
    return true;
  }
  json choice() {
    auto made = one();
    if (!take('|'))
      return made;
    json all = json::array({"union", std::move(made)});
    do
      all.push_back(one());
    while (take('|'));
    return has_null(all) ? json{} : all;
  }
  json one() {
    skip();
    const auto begin = at_;
    while (at_ < text_.size() && is_in_name(text_[at_]))
      ++at_;
    if (at_ == begin)
      return {};
    const std::string name{text_.substr(begin, at_ - begin)};
    if (!take('['))
      return name;
    json all = json::array({name});
    do
      all.push_back(choice());
    while (take(','));
    if (!take(']') || has_null(all))
      return {};
    if (name == "Optional")
      return json::array({"union", all.at(1), "None"});
    if (name == "Union")
      all[0] = "union";
    return all;
  }
  static bool has_null(const json& all) {
    return std::any_of(all.begin(), all.end(),
                       [](const json& each) { return each.is_null(); });
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

// --- Names -------------------------------------------------------------------

// "numpy.linalg", "norm" -> "linalg.norm"
std::string below(const std::string& library, const std::string& module,
                  const std::string& name) {
  return module == library
           ? name
           : fmt::format("{}.{}", module.substr(library.size() + 1), name);
}

bool fits_any(const std::string& name, const std::vector<std::string>& all) {
  return std::any_of(all.begin(), all.end(),
                     [&](const std::string& each) { return fits(name, each); });
}

result<std::set<std::string>> documented(const fs::path& file) {
  std::ifstream in{file, std::ios::binary};
  const auto all = json::parse(in, nullptr, false);
  if (!all.is_object() || !all.contains("objects"))
    return wrong(fmt::format("{} is no docs manifest: `snakebridge "
                             "docs-manifest` writes one",
                             file.string()));
  std::set<std::string> names;
  for (const auto& each : all.at("objects"))
    names.insert(text_in(each, "name"));
  return names;
}

/// One library's settings over its modules.
class application {
public:
  application(const std::string& library, const library_settings& settings,
              json& manifest)
      : library_{library},
        settings_{settings},
        manifest_{manifest} {}

  result<void> apply() {
    if (settings_.names == public_names::docs) {
      auto names = documented(settings_.docs);
      if (!names)
        return names.error();
      documented_ = *std::move(names);
    }
    if (auto done = check_version(); !done)
      return done;
    for (auto& module : manifest_.at("modules"))
      if (belongs(text_in(module, "name"), library_))
        filter(module);
    for (const auto& each : settings_.awaited)
      if (!set_async(each))
        return unknown("async", each);
    for (const auto& each : settings_.streaming)
      if (!set_streaming(each))
        return unknown("streaming", each);
    for (const auto& [name, type] : settings_.types)
      if (auto done = set_type(name, type); !done)
        return done;
    return {};
  }

private:
  error unknown(const char* setting, const std::string& name) const {
    return {errc::symbol_unknown,
            fmt::format("libraries.{0}.{1}: {0} has no {2}", library_, setting,
                        name)};
  }

  result<void> check_version() const {
    const auto version =
      text_in(manifest_.value("libraries", json::object()), library_.c_str());
    if (settings_.version.empty() || version.empty()
        || is_version(version, settings_.version))
      return {};
    return error{errc::environment_invalid,
                 fmt::format("{0} is {1} there, and libraries.{0}.version asks "
                             "for {2}",
                             library_, version, settings_.version)};
  }

  void filter(json& module) const {
    const auto name = text_in(module, "name");
    json kept = json::array();
    for (auto& each : module.at("symbols"))
      if (is_public(module, name, text_in(each, "name")))
        kept.push_back(std::move(each));
    for (auto& each : kept)
      if (text_in(each, "kind") == "class")
        filter_members(each, below(library_, name, text_in(each, "name")));
    module["symbols"] = std::move(kept);
  }
  void filter_members(json& symbol, const std::string& path) const {
    json kept = json::array();
    for (auto& each : symbol.at("members")) {
      const auto own = fmt::format("{}.{}", path, text_in(each, "name"));
      if (!fits_any(own, settings_.exclude) || fits_any(own, settings_.include))
        kept.push_back(std::move(each));
    }
    symbol["members"] = std::move(kept);
  }
  bool is_public(const json& module, const std::string& module_name,
                 const std::string& name) const {
    // A class inside a class is as public as that.
    if (const auto dot = name.rfind('.'); dot != std::string::npos) {
      const auto own = below(library_, module_name, name);
      return is_public(module, module_name, name.substr(0, dot))
             && !fits_any(own, settings_.exclude);
    }
    const auto path = below(library_, module_name, name);
    if (fits_any(path, settings_.include))
      return true;
    if (fits_any(path, settings_.exclude))
      return false;
    if (settings_.names == public_names::docs)
      return documented_.contains(fmt::format("{}.{}", module_name, name));
    if (settings_.names == public_names::exports
        && module.contains("exports")) {
      const auto& all = module.at("exports");
      return std::find(all.begin(), all.end(), name) != all.end();
    }
    return true;
  }

  // A function, or a method: "Store.scan"; null: there is none.
  json* callable(const std::string& path) const {
    for (auto& module : manifest_.at("modules")) {
      const auto name = text_in(module, "name");
      if (!belongs(name, library_))
        continue;
      for (auto& symbol : module.at("symbols")) {
        const auto own = below(library_, name, text_in(symbol, "name"));
        if (own == path && symbol.contains("overloads"))
          return &symbol;
        if (path.starts_with(own + ".") && symbol.contains("members"))
          for (auto& member : symbol.at("members"))
            if (member.is_object() && member.contains("overloads")
                && path == fmt::format("{}.{}", own, text_in(member, "name")))
              return &member;
      }
    }
    return nullptr;
  }
  bool set_async(const std::string& path) const {
    auto* const found = callable(path);
    if (found != nullptr)
      (*found)["async"] = true;
    return found != nullptr;
  }
  bool set_streaming(const std::string& path) const {
    auto* const found = callable(path);
    if (found == nullptr)
      return false;
    for (auto& each : found->at("overloads")) {
      auto& type = each["returns"];
      const bool has_items =
        type.is_array() && type.size() == 2 && type[0] != "union";
      type = json::array({"Iterator", has_items ? type[1] : json("Any")});
    }
    return true;
  }
  result<void> set_type(const std::string& path,
                        const std::string& text) const {
    const auto type = type_reader{text}.read();
    if (type.is_null())
      return wrong(
        fmt::format("libraries.{}.types: {:?} is no type", library_, text));
    if (auto* const found = callable(path)) {
      for (auto& each : found->at("overloads"))
        each["returns"] = type;
      return {};
    }
    const auto dot = path.rfind('.');
    auto* const of =
      dot == std::string::npos ? nullptr : callable(path.substr(0, dot));
    bool is_known = false;
    if (of != nullptr)
      for (auto& each : of->at("overloads"))
        for (auto& parameter : each.at("parameters"))
          if (text_in(parameter, "name") == path.substr(dot + 1)) {
            parameter["type"] = type;
            is_known = true;
          }
    if (!is_known)
      return unknown("types", path);
    return {};
  }

  const std::string& library_;
  const library_settings& settings_;
  json& manifest_;
  std::set<std::string> documented_;
};

// --- Versions ----------------------------------------------------------------

std::vector<std::uint64_t> numbers_of(std::string_view version) {
  std::vector<std::uint64_t> made;
  const char* at = version.data();
  const char* const end = at + version.size();
  while (at != end) {
    std::uint64_t number = 0;
    const auto [rest, failed] = std::from_chars(at, end, number);
    if (failed != std::errc{})
      break; // "rc1" comes after all that is compared
    made.push_back(number);
    at = rest;
    if (at == end || *at != '.')
      break;
    ++at;
  }
  return made;
}

// Negative: it is the older one. What is left out is 0.
int compared(std::string_view one, std::string_view other) {
  auto mine = numbers_of(one), theirs = numbers_of(other);
  const auto count = std::max(mine.size(), theirs.size());
  mine.resize(count);
  theirs.resize(count);
  return mine < theirs ? -1 : mine > theirs ? 1 : 0;
}

bool has_prefix(std::string_view version, std::string_view prefix) {
  const auto all = numbers_of(version), wanted = numbers_of(prefix);
  return all.size() >= wanted.size()
         && std::equal(wanted.begin(), wanted.end(), all.begin());
}

bool is_one(std::string_view version, std::string_view wanted) {
  std::string_view sign = "==";
  for (const std::string_view each : {"==", "!=", "<=", ">=", "~=", "<", ">"})
    if (wanted.starts_with(each)) {
      sign = each;
      wanted.remove_prefix(each.size());
      break;
    }
  while (wanted.starts_with(' '))
    wanted.remove_prefix(1);
  if (sign == "~=")
    return compared(version, wanted) >= 0
           && has_prefix(version, wanted.substr(0, wanted.rfind('.')));
  const bool is_equal =
    wanted.ends_with(".*")
      ? has_prefix(version, wanted.substr(0, wanted.size() - 2))
      : compared(version, wanted) == 0;
  if (sign == "==" || sign == "!=")
    return is_equal == (sign == "==");
  const int order = compared(version, wanted);
  return sign == "<"    ? order < 0
         : sign == "<=" ? order <= 0
         : sign == ">"  ? order > 0
                        : order >= 0;
}

// --- Files -------------------------------------------------------------------

std::string text_of(const fs::path& file) {
  std::ifstream in{file, std::ios::binary};
  return {std::istreambuf_iterator<char>{in}, {}};
}

} // namespace

std::vector<fs::path> files_of(const library_settings& of) {
  std::vector<fs::path> made;
  std::error_code unknown;
  if (!of.docs.empty() && fs::exists(of.docs, unknown))
    made.push_back(of.docs);
  for (const auto& folder : of.stubs)
    for (auto at = fs::recursive_directory_iterator{folder, unknown};
         at != fs::recursive_directory_iterator{}; at.increment(unknown))
      if (at->path().extension() == ".pyi")
        made.push_back(at->path());
  std::sort(made.begin(), made.end());
  return made;
}

std::string contents_of(const std::vector<fs::path>& files) {
  std::string made;
  for (const auto& each : files)
    made += fmt::format("{}\n{}\n", each.filename().string(), text_of(each));
  return made;
}

const library_settings* wrapper_settings::of(const std::string& module) const {
  const library_settings* found = nullptr;
  std::size_t length = 0;
  for (const auto& [name, each] : libraries)
    if (belongs(module, name) && name.size() >= length) {
      found = &each;
      length = name.size();
    }
  return found;
}

wrapper_settings wrapper_settings::within(const json& manifest) const {
  auto made = *this;
  std::erase_if(made.libraries, [&](const auto& each) {
    const auto& modules = manifest.at("modules");
    return std::none_of(modules.begin(), modules.end(),
                        [&](const json& module) {
                          return belongs(text_in(module, "name"), each.first);
                        });
  });
  return made;
}

std::string wrapper_settings::locked_text() const {
  std::string made;
  for (const auto& [name, each] : libraries)
    made +=
      fmt::format("[{}]\n{}\n{}", name, each.text, contents_of(files_of(each)));
  return made;
}

result<wrapper_settings> read_settings(const fs::path& file) {
  wrapper_settings made;
  std::error_code unknown;
  if (file.empty() || !fs::exists(file, unknown))
    return made;
  std::ifstream in{file, std::ios::binary};
  const std::string text{std::istreambuf_iterator<char>{in}, {}};
  if (!in.is_open() || in.bad())
    return wrong("cannot read " + file.string());
  made.file = file;
  if (auto done = read_places(text, file, made); !done)
    return done.error();
  const auto all = toml::parse(text, file.string());
  if (const auto* flag = all.get("strict")) {
    if (!flag->is_boolean())
      return wrong(fmt::format("{}:{}: strict: must be true or false",
                               file.string(), flag->source().begin.line));
    made.is_strict = flag->as_boolean()->get();
  }
  if (const auto* libraries = all.get("libraries"))
    if (auto done = read_libraries(*libraries, file.string(), made); !done)
      return done.error();
  return made;
}

result<void> apply(const wrapper_settings& settings, json& manifest) {
  for (const auto& [name, each] : settings.libraries)
    if (auto done = application{name, each, manifest}.apply(); !done)
      return done;
  return {};
}

bool belongs(const std::string& module, const std::string& library) {
  return module == library || module.starts_with(library + ".");
}

bool fits(std::string_view text, std::string_view pattern) {
  std::size_t at = 0, in = 0, star = pattern.size(), from = 0;
  while (at < text.size())
    if (in < pattern.size() && pattern[in] == '*') {
      star = in++;
      from = at;
    } else if (in < pattern.size()
               && (pattern[in] == '?' || pattern[in] == text[at])) {
      ++in, ++at;
    } else if (star < pattern.size()) {
      in = star + 1;
      at = ++from;
    } else {
      return false;
    }
  return pattern.find_first_not_of('*', in) == std::string_view::npos;
}

bool is_version(std::string_view version, std::string_view wanted) {
  while (!wanted.empty()) {
    const auto end = std::min(wanted.find(','), wanted.size());
    auto one = wanted.substr(0, end);
    wanted.remove_prefix(std::min(end + 1, wanted.size()));
    while (one.starts_with(' '))
      one.remove_prefix(1);
    if (!one.empty() && !is_one(version, one))
      return false;
  }
  return true;
}

const std::vector<std::string>& tiers() {
  static const std::vector<std::string> all = {
    "stub", "annotation", "docstring", "default", "runtime", "variadic"};
  return all;
}

} // namespace snakebridge::codegen
