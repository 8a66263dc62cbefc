#pragma once
// Files that are read whole. Plain functions, on any thread.

#include <filesystem>
#include <string>

namespace snakebridge {

/// All of a file, up to 64 MiB; empty where it cannot be read.
std::string file_text(const std::filesystem::path& file);

} // namespace snakebridge
