#include "generate.hpp"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <system_error>

#include <fmt/format.h>

#include "lock.hpp"
#include "strict.hpp"
#include "used.hpp"

namespace snakebridge::codegen {

namespace {

using json = nlohmann::json;
namespace fs = std::filesystem;

constexpr int manifest_version = 1;
constexpr const char* cpp_endings[] = {".C",   ".c",   ".cc",  ".cpp", ".cppm",
                                       ".cxx", ".h",   ".hh",  ".hpp", ".hxx",
                                       ".inl", ".ipp", ".ixx", ".tcc", ".tpp"};

error file_error(const char* what, const fs::path& file) {
  return {errc::config_invalid, fmt::format("{} {}", what, file.string())};
}

result<std::string> read_file(const fs::path& file) {
  std::ifstream in{file, std::ios::binary};
  std::string text{std::istreambuf_iterator<char>{in}, {}};
  if (!in.is_open() || in.bad())
    return file_error("cannot read", file);
  return text;
}

// Whether it was written: it may be there and just so. One that is interrupted
// leaves the file as it was.
result<bool> write_file(const fs::path& file, const std::string& text) {
  std::error_code failed;
  if (fs::exists(file, failed))
    if (const auto before = read_file(file); before && *before == text)
      return false;
  if (file.has_parent_path())
    fs::create_directories(file.parent_path(), failed);
  auto next = file;
  next += ".new";
  std::ofstream out{next, std::ios::binary};
  out << text;
  out.close();
  if (!out)
    return file_error("cannot write", next);
  fs::rename(next, file, failed);
  if (failed)
    return file_error("cannot write", file);
  return true;
}

/// Writes files, and keeps the first error.
class writer {
public:
  explicit writer(generation& made) : made_{made} {}

  void write(const fs::path& file, const std::string& text) {
    if (failed_)
      return;
    const auto written = write_file(file, text);
    if (!written)
      failed_ = written.error();
    else if (*written)
      ++made_.written;
  }
  const std::optional<error>& failed() const { return failed_; }

private:
  generation& made_;
  std::optional<error> failed_;
};

// --- What a program uses -----------------------------------------------------

/// Sources, and all that these include by names in quotes.
class source_reader {
public:
  explicit source_reader(const std::vector<fs::path>& folders)
      : folders_{folders} {}

  result<void> read(const fs::path& file) {
    const auto place = fs::absolute(file).lexically_normal();
    if (!is_cpp(place) || !read_.insert(place).second)
      return {};
    const auto text = read_file(place);
    if (!text)
      return text.error();
    add_names(*text, names_);
    uses_.push_back({file.string(), paths_of(*text)});
    for (const auto& each : quoted_includes(*text))
      if (const auto found = find(place, each))
        if (auto done = read(*found); !done)
          return done;
    return {};
  }

  const std::set<std::string>& names() const { return names_; }
  const std::vector<source_uses>& uses() const { return uses_; }
  const std::set<fs::path>& files() const { return read_; }

private:
  static bool is_cpp(const fs::path& file) {
    const auto ending = file.extension().string();
    return std::find(std::begin(cpp_endings), std::end(cpp_endings), ending)
           != std::end(cpp_endings);
  }
  std::optional<fs::path> find(const fs::path& from,
                               const std::string& name) const {
    std::error_code unknown;
    if (auto beside = from.parent_path() / name; fs::exists(beside, unknown))
      return beside;
    for (const auto& each : folders_)
      if (auto there = each / name; fs::exists(there, unknown))
        return there;
    return std::nullopt;
  }

  const std::vector<fs::path>& folders_;
  std::set<std::string> names_;
  std::vector<source_uses> uses_;
  std::set<fs::path> read_;
};

// --- The manifest ------------------------------------------------------------

const json* module_in(const json& manifest, const std::string& name) {
  for (const auto& each : manifest.at("modules"))
    if (each.at("name") == name)
      return &each;
  return nullptr;
}

// "numpy.*" is there with one that is in it.
bool has_module(const json& manifest, std::string name) {
  if (!name.ends_with(".*"))
    return module_in(manifest, name) != nullptr;
  name.erase(name.size() - 1);
  const auto& all = manifest.at("modules");
  return std::any_of(all.begin(), all.end(), [&](const json& each) {
    return each.at("name").get<std::string>().starts_with(name);
  });
}

error module_unknown(const std::string& name, const std::string& reason) {
  return {errc::library_unknown, fmt::format("{}: {}", name, reason)};
}

// A module that is neither there nor has a stub.
const json* empty_module(const json& manifest, const std::string& name) {
  const auto* found = module_in(manifest, name);
  return found != nullptr && found->contains("reason")
             && found->at("symbols").empty()
           ? found
           : nullptr;
}

result<void> check_modules(const generation_request& asked,
                           const json& manifest) {
  std::size_t missing = 0;
  for (const auto& name : asked.of.modules) {
    if (!has_module(manifest, name))
      return module_unknown(name, "the manifest has no such module");
    const auto* empty = empty_module(manifest, name);
    missing += empty != nullptr;
    const bool is_all = missing == asked.of.modules.size();
    if (empty != nullptr && (asked.when != asking::always || is_all))
      return module_unknown(name, empty->at("reason"));
  }
  return {};
}

// Without what differs though C++ does not: "math.sqrt" and what is told of it.
std::map<std::string, const json*> symbols_of(const json& manifest) {
  std::map<std::string, const json*> made;
  for (const auto& module : manifest.at("modules"))
    for (const auto& each : module.at("symbols"))
      made.emplace(fmt::format("{}.{}", module.at("name").get<std::string>(),
                               each.at("name").get<std::string>()),
                   &each);
  return made;
}

std::vector<std::string> changes_between(const json& before, const json& now) {
  std::vector<std::string> made;
  const auto old = symbols_of(before), all = symbols_of(now);
  for (const auto& [name, symbol] : all)
    if (const auto found = old.find(name); found == old.end())
      made.push_back("added " + name);
    else if (*found->second != *symbol)
      made.push_back("changed " + name);
  for (const auto& [name, symbol] : old)
    if (!all.contains(name))
      made.push_back("removed " + name);
  return made;
}

// What C++ has otherwise is told in the manifest as well.
void add_notes(json& manifest, const std::vector<emission_note>& notes) {
  auto& all = manifest["notes"];
  for (const auto& each : notes) {
    json one{
      {"symbol", each.symbol}, {"what", each.what}, {"reason", each.reason}};
    if (std::find(all.begin(), all.end(), one) == all.end())
      all.push_back(std::move(one));
  }
}

/// One run, from what is asked for to what is written.
class generating {
public:
  explicit generating(const generation_request& asked) : asked_{asked} {}

  result<generation> run() {
    for (auto step :
         {&generating::find_manifest, &generating::read_sources,
          &generating::emit, &generating::compare, &generating::write})
      if (auto done = (this->*step)(); !done)
        return done.error();
    return std::move(made_);
  }

private:
  result<void> find_manifest() {
    std::error_code unknown;
    std::optional<json> before;
    if (!asked_.manifest.empty() && fs::exists(asked_.manifest, unknown)) {
      auto text = read_file(asked_.manifest);
      if (!text)
        return text.error();
      text_ = *std::move(text);
      auto read = read_manifest(asked_.manifest);
      if (!read)
        return read.error();
      before = *std::move(read);
      if (const auto locked = read_file(lock_beside(asked_.manifest)))
        locked_ = parse_lock(*locked);
    }
    if (must_ask(before))
      return describe_all(before);
    if (!before)
      return file_error("cannot read", asked_.manifest);
    manifest_ = *std::move(before);
    return check_modules(asked_, manifest_);
  }

  bool must_ask(const std::optional<json>& before) const {
    const auto& modules = asked_.of.modules;
    if (asked_.when == asking::never || modules.empty())
      return false;
    if (asked_.when == asking::always || !before)
      return true;
    return !std::all_of(
             modules.begin(), modules.end(),
             [&](const std::string& each) { return has_module(*before, each); })
           || !has_settings(*before);
  }
  bool has_settings(const json& before) const {
    return locked_
           && locked_->settings
                == lock_of(before, text_, asked_.settings.text, {}).settings;
  }

  result<void> describe_all(const std::optional<json>& before) {
    auto wanted = asked_.of;
    // Others of the same project use what is there.
    if (asked_.when == asking::lacking && before)
      for (const auto& each : before->at("modules")) {
        const auto name = each.at("name").get<std::string>();
        if (std::find(wanted.modules.begin(), wanted.modules.end(), name)
            == wanted.modules.end())
          wanted.modules.push_back(name);
      }
    auto described = describe(wanted);
    if (!described)
      return described.error();
    made_.lacking = std::move(described->lacking);
    manifest_ = json::parse(described->manifest);
    is_new_ = true;
    if (auto done = check_modules(asked_, manifest_); !done)
      return done;
    if (auto done = apply(asked_.settings, manifest_); !done)
      return done;
    if (before)
      made_.changes = changes_between(*before, manifest_);
    return {};
  }

  result<void> read_sources() {
    for (const auto& each : asked_.sources)
      if (auto done = sources_.read(each); !done)
        return done;
    return {};
  }

  result<void> emit() {
    emits_.emplace(manifest_);
    for (const auto& module : emits_->modules())
      headers_.emplace(emitter::header_path(module), emits_->header(module));
    made_.notes = emits_->notes();
    if (auto done = check_clashes(); !done)
      return done;
    if (is_new_) {
      add_notes(manifest_, made_.notes);
      text_ = manifest_.dump(0, ' ', false) + "\n"; // a name a line
    }
    return {};
  }

  result<void> check_clashes() const {
    std::string all;
    for (const auto& each : made_.notes)
      if (each.what == "clash")
        all += fmt::format("{}: {}\n", each.symbol, each.reason);
    if (all.empty())
      return {};
    return error{errc::config_invalid,
                 "names clash; leave one of two out by `exclude` in "
                 "[libraries.NAME]:\n"
                   + all};
  }

  result<void> compare() {
    if (asked_.when != asking::never)
      return {};
    auto found =
      drifts_of_uses(*emits_, manifest_, asked_.settings, sources_.uses());
    const auto of_lock = drifts_of_lock(
      locked_, lock_of(manifest_, text_, asked_.settings.text, headers_));
    found.insert(found.end(), of_lock.begin(), of_lock.end());
    if (!found.empty())
      return error_of(found);
    return {};
  }

  result<void> write() {
    writer files{made_};
    if (!asked_.output.empty()) {
      for (const auto& [path, text] : headers_) {
        made_.headers.push_back(asked_.output / path);
        files.write(made_.headers.back(), text);
      }
      if (asked_.has_sources)
        write_sources(files);
    }
    if (is_new_ && !asked_.manifest.empty()) {
      files.write(asked_.manifest, text_);
      files.write(
        lock_beside(asked_.manifest),
        to_text(lock_of(manifest_, text_, asked_.settings.text, headers_)));
    }
    if (!asked_.depfile.file.empty())
      files.write(asked_.depfile.file, depfile());
    if (files.failed())
      return *files.failed();
    return {};
  }

  void write_sources(writer& files) {
    const used_names used =
      asked_.sources.empty() ? used_names{} : used_names{sources_.names()};
    // Whole: a build that is told of these two knows of no others.
    std::string all, all_messages;
    const auto write_one = [&](const std::string& name, const std::string& text,
                               std::string& whole) {
      made_.sources.push_back(asked_.output / name);
      files.write(made_.sources.back(), text);
      whole += text;
    };
    for (const auto& module : emits_->modules()) {
      write_one(module + ".cpp", emits_->source(module, used), all);
      write_one(module + "_messages.cpp", emits_->messages(module, used),
                all_messages);
    }
    files.write(asked_.output / "wrappers.cpp", all);
    files.write(asked_.output / "wrappers_messages.cpp", all_messages);
  }

  std::string depfile() const {
    std::string made = asked_.depfile.target.string() + ":";
    auto files = sources_.files();
    files.insert(fs::absolute(asked_.manifest));
    for (const auto& each : files) {
      made += " \\\n ";
      for (const char c : each.string())
        made += (c == ' ' || c == '#' ? "\\"
                 : c == '$'           ? "$"
                                      : "")
                + std::string{c};
    }
    return made + "\n";
  }

  const generation_request& asked_;
  generation made_;
  json manifest_;
  std::string text_; ///< of the manifest, in its file
  std::optional<lock> locked_;
  bool is_new_ = false;
  source_reader sources_{asked_.includes};
  std::optional<emitter> emits_;
  std::map<std::string, std::string> headers_;
};

} // namespace

result<generation> generate(const generation_request& asked) {
  return generating{asked}.run();
}

result<json> read_manifest(const fs::path& file) {
  const auto text = read_file(file);
  if (!text)
    return text.error();
  auto parsed = json::parse(*text, nullptr, false);
  if (!parsed.is_object()
      || parsed.value("version", json{}) != manifest_version)
    return file_error("no manifest of this version:", file);
  return parsed;
}

} // namespace snakebridge::codegen
