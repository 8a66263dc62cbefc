#include "environment/installed.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <set>
#include <sstream>

#include <nlohmann/json.hpp>

#include "environment/files.hpp"
#include "environment/recorded_files.hpp"
#include "environment/sha256.hpp"

namespace snakebridge {

namespace {

namespace fs = std::filesystem;

// "3.11.2" of "version = 3.11.2" or "version_info = 3.11.2.final.0".
std::string version_of(const std::string& pyvenv) {
  std::istringstream lines{pyvenv};
  for (std::string line; std::getline(lines, line);) {
    const auto digit = line.find_first_of("0123456789");
    if (!line.starts_with("version") || digit == std::string::npos)
      continue;
    auto end = digit;
    for (int dots = 0; end < line.size(); ++end)
      if (line[end] == '.'
            ? ++dots > 2
            : std::isdigit(static_cast<unsigned char>(line[end])) == 0)
        break;
    return line.substr(digit, end - digit);
  }
  return {};
}

// "Name: alpha", before the empty line that ends the fields. Names and versions
// are ASCII; what is not would not fit into a lock.
std::string field_of(std::string_view metadata, std::string_view name) {
  for (const auto line : lines_of(metadata)) {
    if (line.empty())
      break;
    if (line.size() > name.size() + 2 && line.starts_with(name)
        && line[name.size()] == ':') {
      std::string made{line.substr(name.size() + 2)};
      std::replace_if(
        made.begin(), made.end(),
        [](char each) { return static_cast<unsigned char>(each) > 0x7E; }, '?');
      return made;
    }
  }
  return {};
}

// Programs name the folder of the venv, and the rest is the installer's.
bool depends_on_install(std::string_view row) {
  constexpr std::array its_own{
    "/INSTALLER,",     "/REQUESTED,",     "/RECORD,",    "/direct_url.json,",
    "/uv_cache.json,", "/uv_build.json,", "/RECORD.jws,"};
  if (row.starts_with("../") || row.starts_with('/')
      || row.find("__pycache__/") != std::string_view::npos)
    return true;
  for (const std::string_view each : its_own)
    if (row.find(each) != std::string_view::npos
        && row.find(".dist-info/") != std::string_view::npos)
      return true;
  return false;
}

using rows_of_record = std::set<std::string_view>;

rows_of_record counted_rows(std::string_view record) {
  rows_of_record rows;
  for (const auto row : lines_of(record))
    if (!row.empty() && !depends_on_install(row))
      rows.insert(row);
  return rows;
}

std::string hash_of(const rows_of_record& rows) {
  std::string all;
  for (const auto each : rows)
    all.append(each) += '\n';
  return sha256_of(all);
}

using entries = std::set<std::string, std::less<>>;

// "numpy" of "numpy/core/a.py,sha256=…,12". Rows that the hash of a RECORD does
// not have own nothing, or whoever adds a file could add such a row.
void add_owned(const rows_of_record& rows, entries& to) {
  for (const auto each : rows)
    if (const auto told = parse_record_row(each)) {
      const std::string_view path = told->path;
      if (const auto top = path.substr(0, path.find('/')); !to.contains(top))
        to.emplace(top);
    }
}

// What venvs have of their makers: uv and virtualenv.
bool is_of_venv(const fs::path& entry) {
  const auto name = entry.filename();
  return name == "__pycache__" || name == "_virtualenv.py"
         || (name == "_virtualenv.pth"
             && lines_of(file_text(entry)) == lines{"import _virtualenv"});
}

bool is_editable(const fs::path& dist_info) {
  const auto told = nlohmann::json::parse(
    file_text(dist_info / "direct_url.json"), nullptr, false);
  const auto& folder = told.is_object() && told.contains("dir_info")
                         ? told.at("dir_info")
                         : nlohmann::json{};
  return folder.is_object() && folder.contains("editable")
         && folder.at("editable") == true;
}

void add_packages(const fs::path& site, installed_python& into) {
  entries owned;
  for (const auto& each : dist_infos_in(site)) {
    owned.insert(each.folder.filename());
    const auto record = file_text(each.folder / "RECORD");
    const auto rows = counted_rows(record);
    add_owned(rows, owned);
    into.packages[each.name] = {
      each.version, is_editable(each.folder) ? "editable" : hash_of(rows)};
  }
  std::error_code unknown;
  for (fs::directory_iterator each{site, unknown}, end; !unknown && each != end;
       each.increment(unknown))
    if (auto name = each->path().filename().string();
        !owned.contains(name) && !is_of_venv(each->path()))
      into.unowned.push_back(std::move(name));
  std::sort(into.unowned.begin(), into.unowned.end());
}

} // namespace

std::string normalized_name(std::string_view name) {
  std::string made;
  for (const char each : name)
    if (each == '-' || each == '_' || each == '.') {
      if (!made.ends_with('-'))
        made += '-';
    } else {
      made += static_cast<char>(std::tolower(static_cast<unsigned char>(each)));
    }
  return made;
}

std::optional<installed_python> installed_in(const fs::path& venv) {
  installed_python found;
  found.version = version_of(file_text(venv / "pyvenv.cfg"));
  if (found.version.empty())
    return std::nullopt;
  for (const auto& each : site_packages_of(venv))
    add_packages(each, found);
  return found;
}

std::vector<fs::path> site_packages_of(const fs::path& venv) {
  std::vector<fs::path> found;
  std::error_code unknown;
  for (fs::directory_iterator each{venv / "lib", unknown}, end;
       !unknown && each != end; each.increment(unknown))
    if (each->path().filename().string().starts_with("python"))
      found.push_back(each->path() / "site-packages");
  return found;
}

std::vector<dist_info> dist_infos_in(const fs::path& site) {
  std::vector<dist_info> found;
  std::error_code unknown;
  for (fs::directory_iterator each{site, unknown}, end; !unknown && each != end;
       each.increment(unknown)) {
    if (each->path().extension() != ".dist-info")
      continue;
    const auto metadata = file_text(each->path() / "METADATA");
    if (auto name = normalized_name(field_of(metadata, "Name")); !name.empty())
      found.push_back(
        {each->path(), std::move(name), field_of(metadata, "Version")});
  }
  std::sort(found.begin(), found.end(), [](const auto& one, const auto& other) {
    return one.folder < other.folder;
  });
  return found;
}

lines lines_of(std::string_view text) {
  lines found;
  while (!text.empty()) {
    const auto end = text.find('\n');
    auto line = text.substr(0, end);
    if (line.ends_with('\r'))
      line.remove_suffix(1);
    found.push_back(line);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return found;
}

} // namespace snakebridge
