#pragma once
// The hash that locks are made of, and that RECORDs of packages have. Plain
// functions, on any thread.

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace snakebridge {

/// In hexadecimal digits, 64 of them.
std::string sha256_of(std::string_view bytes);

/// As RECORD has it: in the base64 of URLs, without padding. Empty: it cannot
/// be read, or has more than `bytes_max`.
std::string base64_sha256_of_file(const std::filesystem::path& file,
                                  std::uint64_t bytes_max);

} // namespace snakebridge
