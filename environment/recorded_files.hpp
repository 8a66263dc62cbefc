#pragma once
// The files that a package has installed, as its RECORD names them, and whether
// they are still those. RECORD is what a stranger wrote: nothing that it names
// outside the venv is looked at; links within it are followed. Plain functions,
// on any thread.

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include <snakebridge/environment.hpp>

namespace snakebridge {

/// "a.py,sha256=47DEQpj8…,12"
struct record_row {
  std::string path;                  ///< below site-packages; it may leave it
  std::string hash;                  ///< "sha256=47DEQpj8…"; empty: not told
  std::optional<std::uint64_t> size; ///< in bytes; nothing: not told
};

/// Nothing where it is none.
std::optional<record_row> parse_record_row(std::string_view row);

/// By package, in what its files are not what RECORD says: "alpha.py is not
/// there, and 2 more". A file that several packages name is right if it is what
/// one of them says. One with neither a hash nor a size is not looked at.
std::map<std::string, std::string>
changed_files(const std::filesystem::path& venv, file_check how);

} // namespace snakebridge
