#include "environment/recorded_files.hpp"

#include <algorithm>
#include <charconv>
#include <set>
#include <vector>

#include <fmt/format.h>
#include <sys/stat.h>

#include "environment/files.hpp"
#include "environment/installed.hpp"
#include "environment/sha256.hpp"

namespace snakebridge {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t files_max = 1'000'000; // of all packages of a venv
constexpr std::uint64_t file_bytes_max = std::uint64_t{64} << 30U;
constexpr std::string_view sha256_mark = "sha256=";

/// What one package says of a file.
struct claim {
  std::string file;
  std::string path; ///< as RECORD has it
  std::string hash;
  std::optional<std::uint64_t> size;
  const std::string* package;
};

// Where it lies; nothing: outside the venv.
std::optional<std::string> file_of(const std::string& path,
                                   const fs::path& site, const fs::path& venv) {
  if (!path.starts_with('/') && path.find("..") == std::string::npos)
    return site.native() + '/' + path;
  auto file = (site / path).lexically_normal();
  const auto [end, rest] =
    std::mismatch(venv.begin(), venv.end(), file.begin(), file.end());
  if (end != venv.end() || rest == file.end())
    return std::nullopt;
  return std::move(file).native();
}

// False: there are more than may be.
bool add_claims(const std::string& record, const fs::path& site,
                const fs::path& venv, const std::string& package,
                std::vector<claim>& to) {
  for (const auto row : lines_of(record)) {
    auto told = parse_record_row(row);
    if (!told || (told->hash.empty() && !told->size))
      continue; // compiled at install, or RECORD itself
    auto file = file_of(told->path, site, venv);
    if (!file)
      continue;
    if (to.size() == files_max)
      return false;
    to.push_back({*std::move(file), std::move(told->path),
                  std::move(told->hash), told->size, &package});
  }
  return true;
}

/// A file as it is; it is read once, and only where its hash is asked for.
class present_file {
public:
  explicit present_file(const std::string& file) : file_{file} {
    struct stat found {};
    is_there_ = ::stat(file.c_str(), &found) == 0 && S_ISREG(found.st_mode);
    size_ = static_cast<std::uint64_t>(found.st_size);
  }

  /// Nothing: it is what that says.
  std::optional<std::string_view> unlike(const claim& told, file_check how) {
    if (!is_there_)
      return "is not there";
    if (told.size && *told.size != size_)
      return "has another size than RECORD says";
    if (how == file_check::hashes && told.hash.starts_with(sha256_mark)
        && told.hash.substr(sha256_mark.size()) != hash())
      return "has other content than RECORD says";
    return std::nullopt;
  }

private:
  const std::string& hash() {
    if (!hash_)
      hash_ = base64_sha256_of_file(file_, file_bytes_max);
    return *hash_;
  }

  const std::string& file_;
  bool is_there_ = false;
  std::uint64_t size_ = 0;
  std::optional<std::string> hash_;
};

struct change {
  std::string first; ///< and how it is
  std::size_t count = 0;
};

// `all` is sorted by file.
std::map<std::string, change> changes_in(const std::vector<claim>& all,
                                         file_check how) {
  std::map<std::string, change> found;
  for (auto from = all.begin(); from != all.end();) {
    const auto to = std::find_if(from, all.end(), [&](const auto& each) {
      return each.file != from->file;
    });
    present_file file{from->file};
    std::optional<std::string_view> unlike;
    for (auto each = from; each == from || (unlike && each != to); ++each)
      unlike = file.unlike(*each, how);
    if (unlike) {
      auto& into = found[*from->package];
      if (into.count++ == 0)
        into.first = fmt::format("{} {}", from->path, *unlike);
    }
    from = to;
  }
  return found;
}

} // namespace

std::optional<record_row> parse_record_row(std::string_view row) {
  const auto last = row.rfind(',');
  if (last == std::string_view::npos || last == 0)
    return std::nullopt;
  const auto before = row.rfind(',', last - 1);
  if (before == std::string_view::npos || before == 0)
    return std::nullopt;
  record_row made;
  auto path = row.substr(0, before);
  if (path.front() == '"') {
    if (path.size() < 3 || path.back() != '"')
      return std::nullopt;
    path = path.substr(1, path.size() - 2);
    for (std::size_t at = 0; at < path.size(); ++at) {
      made.path += path[at];
      if (path[at] == '"' && (++at == path.size() || path[at] != '"'))
        return std::nullopt;
    }
  } else {
    made.path = path;
  }
  if (made.path.find('\0') != std::string::npos)
    return std::nullopt;
  made.hash = row.substr(before + 1, last - before - 1);
  const auto size = row.substr(last + 1);
  std::uint64_t bytes = 0;
  const auto [end, wrong] =
    std::from_chars(size.data(), size.data() + size.size(), bytes);
  if (wrong == std::errc{} && end == size.data() + size.size())
    made.size = bytes;
  return made;
}

std::map<std::string, std::string> changed_files(const fs::path& venv,
                                                 file_check how) {
  const auto inside = (venv / "").lexically_normal().parent_path();
  std::map<std::string, std::string> told;
  std::set<std::string> packages; // whose nodes claims point to
  std::vector<claim> all;
  for (const auto& site : site_packages_of(inside))
    for (const auto& each : dist_infos_in(site)) {
      const auto& package =
        *packages.insert(each.name + ' ' + each.version).first;
      if (!add_claims(file_text(each.folder / "RECORD"), site, inside, package,
                      all))
        told[package] =
          fmt::format("there are more than {} files to look at", files_max);
    }
  std::sort(all.begin(), all.end(), [](const auto& one, const auto& other) {
    return one.file < other.file;
  });
  for (const auto& [package, each] : changes_in(all, how))
    told.try_emplace(
      package, each.count == 1
                 ? each.first
                 : fmt::format("{}, and {} more", each.first, each.count - 1));
  return told;
}

} // namespace snakebridge
