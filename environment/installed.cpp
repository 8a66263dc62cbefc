#include "environment/installed.hpp"

#include <array>
#include <cctype>
#include <set>
#include <sstream>

#include <nlohmann/json.hpp>

#include "environment/files.hpp"
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

// "Name: alpha", before the empty line that ends the fields.
std::string field_of(const std::string& metadata, std::string_view name) {
  std::istringstream lines{metadata};
  for (std::string line; std::getline(lines, line);) {
    if (!line.empty() && line.back() == '\r')
      line.pop_back();
    if (line.empty())
      break;
    if (line.size() > name.size() + 2 && line.starts_with(name)
        && line[name.size()] == ':')
      return line.substr(name.size() + 2);
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

std::string hash_of_record(const std::string& record) {
  std::set<std::string> rows;
  std::istringstream lines{record};
  for (std::string row; std::getline(lines, row);) {
    if (!row.empty() && row.back() == '\r')
      row.pop_back();
    if (!row.empty() && !depends_on_install(row))
      rows.insert(row);
  }
  std::string all;
  for (const auto& each : rows)
    all += each + '\n';
  return sha256_of(all);
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
  std::error_code unknown;
  for (fs::directory_iterator each{site, unknown}, end; !unknown && each != end;
       each.increment(unknown)) {
    if (each->path().extension() != ".dist-info")
      continue;
    const auto metadata = file_text(each->path() / "METADATA");
    const auto name = normalized_name(field_of(metadata, "Name"));
    if (!name.empty())
      into.packages[name] = {
        field_of(metadata, "Version"),
        is_editable(each->path())
          ? "editable"
          : hash_of_record(file_text(each->path() / "RECORD"))};
  }
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
  std::error_code unknown;
  for (fs::directory_iterator each{venv / "lib", unknown}, end;
       !unknown && each != end; each.increment(unknown))
    if (each->path().filename().string().starts_with("python"))
      add_packages(each->path() / "site-packages", found);
  return found;
}

} // namespace snakebridge
