#include "sha256.hpp"

#include <array>

#include <fmt/format.h>
#include <openssl/sha.h>

namespace snakebridge::codegen {

std::string sha256(std::string_view bytes) {
  std::array<unsigned char, SHA256_DIGEST_LENGTH> hash{};
  ::SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(),
           hash.data());
  return fmt::format("{:02x}", fmt::join(hash, ""));
}

} // namespace snakebridge::codegen
