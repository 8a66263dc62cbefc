#include "generate.hpp"

#include <algorithm>
#include <cctype>
#include <fstream>
#include <iterator>
#include <random>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include "lock.hpp"
#include "module_writer.hpp"
#include "sha256.hpp"
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
// leaves the file as it was, and no two of a time write into one another's.
result<bool> write_file(const fs::path& file, const std::string& text) {
  std::error_code failed;
  if (fs::exists(file, failed))
    if (const auto before = read_file(file); before && *before == text)
      return false;
  if (file.has_parent_path())
    fs::create_directories(file.parent_path(), failed);
  auto next = file;
  next += fmt::format(".{}-{:08x}.new", ::getpid(), std::random_device{}());
  std::ofstream out{next, std::ios::binary};
  out << text;
  out.close();
  if (!out)
    failed = std::make_error_code(std::errc::io_error);
  else
    fs::rename(next, file, failed);
  if (!failed)
    return true;
  std::error_code unknown;
  fs::remove(next, unknown);
  return file_error("cannot write", file);
}

/// While it lives, no other process describes into that folder: of two that do
/// so at a time, one would forget what the other has found.
class folder_claim {
public:
  explicit folder_claim(const fs::path& folder)
      : descriptor_{
        ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)} {
    if (descriptor_ >= 0)
      static_cast<void>(::flock(descriptor_, LOCK_EX));
  }
  ~folder_claim() {
    if (descriptor_ >= 0)
      ::close(descriptor_);
  }
  folder_claim(const folder_claim&) = delete;
  folder_claim& operator=(const folder_claim&) = delete;

private:
  int descriptor_; ///< below 0: there is no such folder, and no manifest in it
};

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

/// Sources, and all that these include from beside them or from the folders.
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
    uses_.push_back({file.string(), paths_of(*text), {}});
    add_names(*text, uses_.back().names);
    names_.insert(uses_.back().names.begin(), uses_.back().names.end());
    for (const auto& each : includes_of(*text))
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
                               const included& file) const {
    std::error_code unknown;
    const auto& name = file.name;
    // Ours name all there is.
    if (name.starts_with("snakebridge/"))
      return std::nullopt;
    if (auto beside = from.parent_path() / name;
        file.is_quoted && fs::exists(beside, unknown))
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

// Parts with dots between them, which are letters, digits, `_` or no ASCII.
bool is_module_name(const std::string& name) {
  char before = '.';
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '.' ? before == '.'
                 : std::isalnum(byte) == 0 && c != '_' && byte < 0x80)
      return false;
    before = c;
  }
  return before != '.';
}

bool is_text(const json& in, const char* key) {
  return in.is_object() && in.contains(key) && in.at(key).is_string();
}

// Whether it has modules with symbols; what these are is read where they are.
bool is_manifest(const json& read) {
  const auto modules = read.find("modules");
  return modules != read.end() && modules->is_array()
         && std::all_of(
           modules->begin(), modules->end(), [](const json& module) {
             if (!is_text(module, "name") || !is_module_name(module.at("name"))
                 || !module.contains("symbols"))
               return false;
             const auto& all = module.at("symbols");
             return all.is_array()
                    && std::all_of(all.begin(), all.end(), [](const json& one) {
                         return is_text(one, "name") && is_text(one, "kind");
                       });
           });
}

const json* module_in(const json& manifest, const std::string& name) {
  for (const auto& each : manifest.at("modules"))
    if (each.at("name") == name)
      return &each;
  return nullptr;
}

bool is_pattern(const std::string& name) {
  return name.ends_with(".*");
}

// "numpy.*" is there once it was asked for: it may have nothing below itself,
// and one that is there for another reason is not all of them.
bool has_module(const json& manifest, const std::string& name) {
  if (!is_pattern(name))
    return module_in(manifest, name) != nullptr;
  const auto asked = patterns_of(manifest);
  return std::find(asked.begin(), asked.end(), name) != asked.end();
}

error module_unknown(const std::string& name, const std::string& reason) {
  return {errc::library_unknown, fmt::format("{}: {}", name, reason)};
}

// A module that is neither there nor has a stub; "numpy.*" is without numpy.
const json* empty_module(const json& manifest, std::string name) {
  if (is_pattern(name))
    name.erase(name.size() - 2);
  const auto* found = module_in(manifest, name);
  return found != nullptr && found->contains("reason")
             && found->at("symbols").empty()
           ? found
           : nullptr;
}

// "numpy.linalg" -> "numpy"
std::string library_of(const std::string& module) {
  return module.substr(0, module.find('.'));
}

std::string hash_of_stubs(const std::vector<fs::path>& folders) {
  library_settings of_call;
  of_call.stubs = folders;
  const auto files = files_of(of_call);
  return files.empty() ? std::string{} : sha256(contents_of(files));
}

// Nothing that was there is lost because one call does not find it.
result<void> check_lost(const json& before, const json& now) {
  for (const auto& each : before.at("modules")) {
    const auto name = each.at("name").get<std::string>();
    const auto* empty = empty_module(now, name);
    if (empty != nullptr && !each.at("symbols").empty())
      return module_unknown(
        name, fmt::format("{}; the manifest has it, and `snakebridge regen "
                          "--clean` forgets it",
                          empty->at("reason").get<std::string>()));
  }
  return {};
}

// What is described now, and of `before` all other modules.
json merged(const json& before, json now) {
  std::map<std::string, json> all;
  for (const json* from : {&before, &std::as_const(now)})
    for (const auto& each : from->at("modules"))
      all.insert_or_assign(each.at("name"), each);
  for (const auto& each : before.value("notes", json::array())) {
    const auto symbol = each.value("symbol", "");
    const auto& told = now.at("modules");
    if (std::none_of(told.begin(), told.end(), [&](const json& module) {
          return belongs(symbol, module.at("name").get<std::string>());
        }))
      now["notes"].push_back(each);
  }
  auto libraries = before.value("libraries", json::object());
  libraries.update(now.at("libraries"));
  now["libraries"] = std::move(libraries);
  now["modules"] = json::array();
  for (auto& [name, each] : all)
    now["modules"].push_back(std::move(each));
  return now;
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
    if (auto done = check_names(); !done)
      return done.error();
    for (auto step :
         {&generating::find_manifest, &generating::read_sources,
          &generating::emit, &generating::compare, &generating::write})
      if (auto done = (this->*step)(); !done)
        return done.error();
    return std::move(made_);
  }

private:
  // A file is named after each of them.
  result<void> check_names() const {
    for (const auto& each : asked_.of.modules)
      if (!is_module_name(is_pattern(each) ? each.substr(0, each.size() - 2)
                                           : each))
        return module_unknown(each, "no name of a module");
    return {};
  }

  result<void> find_manifest() {
    std::error_code unknown;
    std::optional<json> before;
    if (!asked_.manifest.empty() && asked_.when != asking::never
        && !asked_.of.modules.empty()) {
      const auto folder = fs::absolute(asked_.manifest).parent_path();
      fs::create_directories(folder, unknown);
      claim_.emplace(folder);
    }
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
    claim_.reset(); // what it was read for is there
    manifest_ = *std::move(before);
    return check_modules(asked_, manifest_);
  }

  bool must_ask(const std::optional<json>& before) const {
    const auto& modules = asked_.of.modules;
    if (asked_.when == asking::never || modules.empty())
      return false;
    if (asked_.when == asking::always || !before)
      return true;
    return std::any_of(
             modules.begin(), modules.end(),
             [&](const std::string& each) { return is_lacking(*before, each); })
           || !has_settings(*before);
  }
  bool is_lacking(const json& before, const std::string& name) const {
    return !has_module(before, name) || empty_module(before, name) != nullptr
           || stubs_locked(library_of(name)) != stubs_;
  }
  std::string stubs_locked(const std::string& library) const {
    if (!locked_)
      return {};
    const auto found = locked_->stubs.find(library);
    return found == locked_->stubs.end() ? std::string{} : found->second;
  }
  lock lock_now(const json& manifest) const {
    auto made =
      lock_of(manifest, text_, asked_.settings.within(manifest).locked_text(),
              headers_);
    for (const auto& each : asked_.of.modules)
      made.stubs.insert_or_assign(library_of(each), stubs_);
    return made;
  }
  // Of libraries that were described before, it has what it had.
  lock lock_written() const {
    auto made = lock_now(manifest_);
    for (const auto& each : manifest_.at("modules")) {
      const auto library = library_of(each.at("name"));
      const bool is_described = described_.contains(library);
      made.stubs.insert_or_assign(
        library, is_described ? stubs_ : stubs_locked(library));
    }
    std::erase_if(made.stubs,
                  [](const auto& each) { return each.second.empty(); });
    return made;
  }
  bool has_settings(const json& before) const {
    return locked_ && locked_->settings == lock_now(before).settings;
  }

  // What is described. Others of the same project use what is there: by other
  // settings all of it is another; or else what is lacking, or has other stubs,
  // with the rest of its library, as that tells where a class is at home.
  std::vector<std::string> wanted_of(const json& before, bool is_part) const {
    auto wanted = asked_.of.modules;
    const auto add = [&](const std::string& name) {
      if (std::find(wanted.begin(), wanted.end(), name) == wanted.end())
        wanted.push_back(name);
    };
    std::set<std::string> libraries;
    if (is_part) {
      std::erase_if(wanted, [&](const std::string& each) {
        return !is_lacking(before, each);
      });
      for (const auto& each : wanted)
        libraries.insert(library_of(each));
    }
    for (const auto& each : before.at("modules")) {
      const auto name = each.at("name").get<std::string>();
      if (!is_part || libraries.contains(library_of(name)))
        add(name);
    }
    return wanted;
  }

  result<void> describe_all(const std::optional<json>& before) {
    auto wanted = asked_.of;
    const bool is_lacking = asked_.when == asking::lacking && before;
    const bool is_part = is_lacking && has_settings(*before);
    if (is_lacking)
      wanted.modules = wanted_of(*before, is_part);
    for (const auto& each : wanted.modules)
      described_.insert(library_of(each));
    auto described = describe(wanted);
    if (!described)
      return described.error();
    made_.lacking = std::move(described->lacking);
    manifest_ = json::parse(described->manifest);
    is_new_ = true;
    if (before && !asked_.may_forget)
      if (auto done = check_lost(*before, manifest_); !done)
        return done;
    const auto settings = asked_.settings.within(manifest_);
    if (is_part)
      manifest_ = merged(*before, std::move(manifest_));
    keep_patterns(is_lacking ? patterns_of(*before)
                             : std::vector<std::string>{});
    if (auto done = check_modules(asked_, manifest_); !done)
      return done;
    if (auto done = codegen::apply(settings, manifest_); !done)
      return done;
    if (before)
      made_.changes = changes_between(*before, manifest_);
    return {};
  }

  void keep_patterns(std::vector<std::string> before) {
    std::set<std::string> all{before.begin(), before.end()};
    std::copy_if(asked_.of.modules.begin(), asked_.of.modules.end(),
                 std::inserter(all, all.end()), is_pattern);
    if (!all.empty())
      manifest_["asked"] = all;
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
      headers_.emplace(header_path(module), emits_->header(module));
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
    const auto of_lock = drifts_of_lock(locked_, lock_now(manifest_));
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
      const auto lock = lock_beside(asked_.manifest);
      files.write(lock, to_text(lock_written(), read_file(lock).value_or("")));
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

  // A name as make(1) reads it.
  static std::string escaped(const fs::path& file) {
    std::string made;
    for (const char c : file.string())
      made += (c == ' ' || c == '#' ? "\\"
               : c == '$'           ? "$"
                                    : "")
              + std::string{c};
    return made;
  }

  std::string depfile() const {
    auto made = escaped(asked_.depfile.target) + ":";
    auto files = sources_.files();
    for (const auto& each : dependencies())
      files.insert(fs::absolute(each).lexically_normal());
    for (const auto& each : files)
      made += " \\\n " + escaped(each);
    return made + "\n";
  }

  // What is there of it: a build would wait for others for ever.
  std::vector<fs::path> dependencies() const {
    std::vector<fs::path> made = {asked_.manifest, lock_beside(asked_.manifest),
                                  asked_.settings.file};
    std::error_code unknown;
    auto libraries = asked_.settings.libraries;
    libraries[{}].stubs = asked_.stubs;
    for (const auto& [name, each] : libraries)
      for (const auto& file : files_of(each))
        made.push_back(file);
    std::erase_if(made, [&](const fs::path& each) {
      return each.empty() || !fs::exists(each, unknown);
    });
    return made;
  }

  const generation_request& asked_;
  std::optional<folder_claim> claim_; ///< until all is written
  generation made_;
  /// Of the stubs that are given; empty: there are none.
  const std::string stubs_ = hash_of_stubs(asked_.stubs);
  std::set<std::string> described_; ///< libraries
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
  try {
    return generating{asked}.run();
  } catch (const json::exception& wrong) {
    return file_error(wrong.what(), asked.manifest);
  }
}

std::vector<std::string> patterns_of(const json& manifest) {
  return manifest.value("asked", std::vector<std::string>{});
}

result<json> read_manifest(const fs::path& file) {
  const auto text = read_file(file);
  if (!text)
    return text.error();
  auto parsed = json::parse(*text, nullptr, false);
  if (!parsed.is_object() || parsed.value("version", json{}) != manifest_version
      || !is_manifest(parsed))
    return file_error("no manifest of this version:", file);
  return parsed;
}

} // namespace snakebridge::codegen
