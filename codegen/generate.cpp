#include "generate.hpp"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <system_error>

#include <fmt/format.h>

#include "used.hpp"

namespace snakebridge::codegen {

namespace {

using json = nlohmann::json;
namespace fs = std::filesystem;

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

result<used_names> used_by(const std::vector<fs::path>& sources) {
  if (sources.empty())
    return used_names{};
  std::set<std::string> names;
  for (const auto& each : sources) {
    const auto text = read_file(each);
    if (!text)
      return tl::unexpected{text.error()};
    add_names(*text, names);
  }
  return used_names{std::move(names)};
}

result<json> manifest_of(const generation_request& asked, generation& made) {
  std::string text;
  if (asked.of.modules.empty()) {
    auto read = read_file(asked.manifest);
    if (!read)
      return tl::unexpected{read.error()};
    text = *std::move(read);
  } else {
    auto described = describe(asked.of);
    if (!described)
      return tl::unexpected{described.error()};
    text = std::move(described->manifest);
    made.lacking = std::move(described->lacking);
  }
  auto parsed = json::parse(text, nullptr, false);
  if (!parsed.is_object() || parsed.value("version", 0) != 1)
    return file_error("no manifest of this version:", asked.manifest);
  return parsed;
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

} // namespace

result<generation> generate(const generation_request& asked) {
  generation made;
  auto manifest = manifest_of(asked, made);
  if (!manifest)
    return tl::unexpected{manifest.error()};
  const auto used = used_by(asked.sources);
  if (!used)
    return tl::unexpected{used.error()};
  emitter emits{*manifest};
  writer files{made};
  for (const auto& module : emits.modules()) {
    made.headers.push_back(asked.output / emitter::header_path(module));
    files.write(made.headers.back(), emits.header(module));
    const std::pair<const char*, std::string> parts[] = {
      {".cpp", emits.source(module, *used)},
      {"_messages.cpp", emits.messages(module, *used)}};
    for (const auto& [end, text] : parts) {
      made.sources.push_back(asked.output / (module + end));
      files.write(made.sources.back(), text);
    }
  }
  made.notes = emits.notes();
  if (!asked.of.modules.empty() && !asked.manifest.empty()) {
    add_notes(*manifest, made.notes);
    files.write(asked.manifest, manifest->dump(1, ' ', false) + "\n");
  }
  if (files.failed())
    return *files.failed();
  return made;
}

} // namespace snakebridge::codegen
