#include "environment/files.hpp"

#include <fstream>

namespace snakebridge {

// Files of /proc tell no size: all of them are read block by block.
std::string file_text(const std::filesystem::path& file) {
  constexpr std::size_t bytes_max = std::size_t{64} << 20U;
  std::ifstream in{file, std::ios::binary};
  std::string text;
  char block[16'384];
  while (text.size() < bytes_max
         && (in.read(block, sizeof block), in.gcount() > 0))
    text.append(block, static_cast<std::size_t>(in.gcount()));
  return text;
}

} // namespace snakebridge
