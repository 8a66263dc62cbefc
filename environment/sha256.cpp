#include "environment/sha256.hpp"

#include <array>
#include <fstream>
#include <memory>
#include <vector>

#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/sha.h>

namespace snakebridge {

namespace {

using digest = std::array<unsigned char, SHA256_DIGEST_LENGTH>;

std::string base64_of(const digest& hash) {
  std::array<unsigned char, (SHA256_DIGEST_LENGTH + 2) / 3 * 4 + 1> text{};
  const int length = ::EVP_EncodeBlock(text.data(), hash.data(), hash.size());
  std::string made{text.data(), text.data() + length};
  for (auto& each : made)
    each = each == '+' ? '-' : each == '/' ? '_' : each;
  made.erase(made.find_last_not_of('=') + 1);
  return made;
}

} // namespace

std::string sha256_of(std::string_view bytes) {
  digest hash{};
  ::SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(),
           hash.data());
  return fmt::format("{:02x}", fmt::join(hash, ""));
}

std::string base64_sha256_of_file(const std::filesystem::path& file,
                                  std::uint64_t bytes_max) {
  constexpr std::size_t block_bytes = std::size_t{1} << 18U;
  const std::unique_ptr<EVP_MD_CTX, decltype(&::EVP_MD_CTX_free)> of{
    ::EVP_MD_CTX_new(), &::EVP_MD_CTX_free};
  std::ifstream in{file, std::ios::binary};
  if (!in || !of || ::EVP_DigestInit_ex(of.get(), ::EVP_sha256(), nullptr) != 1)
    return {};
  std::vector<char> block(block_bytes);
  std::uint64_t bytes = 0;
  while (in.read(block.data(), block_bytes), in.gcount() > 0) {
    const auto count = static_cast<std::size_t>(in.gcount());
    bytes += count;
    if (bytes > bytes_max
        || ::EVP_DigestUpdate(of.get(), block.data(), count) != 1)
      return {};
  }
  digest hash{};
  if (in.bad() || ::EVP_DigestFinal_ex(of.get(), hash.data(), nullptr) != 1)
    return {};
  return base64_of(hash);
}

} // namespace snakebridge
