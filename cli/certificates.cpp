#include "certificates.hpp"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>

#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

namespace snakebridge::cli {

namespace {

using std::filesystem::path;

template <class T>
using handle = std::unique_ptr<T, void (*)(T*)>;
using certificate = handle<X509>;
using private_key = handle<EVP_PKEY>;

constexpr long day_s = 86'400;
constexpr long good_for_s = 365 * day_s;
constexpr auto readable_by_all = 0644;
constexpr auto readable_by_owner = 0600;

struct failed {
  std::string what;
};

void require(bool done, const std::string& what) {
  if (!done)
    throw failed{what};
}

handle<std::FILE> opened(const path& file, const char* how, int flags,
                         mode_t mode) {
  const int number = ::open(file.c_str(), flags | O_CLOEXEC, mode);
  auto* const made = number < 0 ? nullptr : ::fdopen(number, how);
  require(made != nullptr,
          fmt::format("{}: {}", file.string(), std::strerror(errno)));
  return {made, [](std::FILE* each) { std::fclose(each); }};
}

handle<std::FILE> made_file(const path& file, mode_t mode) {
  return opened(file, "w", O_WRONLY | O_CREAT | O_EXCL, mode);
}

void write(const path& file, X509* what) {
  const auto out = made_file(file, readable_by_all);
  require(::PEM_write_X509(out.get(), what) == 1 && std::fflush(out.get()) == 0,
          file.string() + ": cannot be written");
}

void write(const path& file, EVP_PKEY* what) {
  const auto out = made_file(file, readable_by_owner);
  require(::PEM_write_PrivateKey(out.get(), what, nullptr, nullptr, 0, nullptr,
                                 nullptr)
              == 1
            && std::fflush(out.get()) == 0,
          file.string() + ": cannot be written");
}

private_key new_key() {
  private_key made{::EVP_EC_gen("P-256"), ::EVP_PKEY_free};
  require(made != nullptr, "no key can be made");
  return made;
}

certificate new_certificate(const std::string& name, EVP_PKEY* key) {
  certificate made{::X509_new(), ::X509_free};
  std::uint64_t serial = 0;
  require(
    made != nullptr
      && ::RAND_bytes(reinterpret_cast<unsigned char*>(&serial), sizeof serial)
           == 1,
    "no certificate can be made");
  ::X509_set_version(made.get(), 2);
  ::ASN1_INTEGER_set_uint64(::X509_get_serialNumber(made.get()), serial >> 1U);
  ::X509_gmtime_adj(::X509_getm_notBefore(made.get()), -day_s);
  ::X509_gmtime_adj(::X509_getm_notAfter(made.get()), good_for_s);
  // The common name has at most 64 bytes; the alternative name counts.
  ::X509_NAME_add_entry_by_txt(
    ::X509_get_subject_name(made.get()), "CN", MBSTRING_ASC,
    reinterpret_cast<const unsigned char*>(name.substr(0, 64).c_str()), -1, -1,
    0);
  ::X509_set_pubkey(made.get(), key);
  return made;
}

void extend(X509* to, int what, const std::string& with) {
  const handle<X509_EXTENSION> made{
    ::X509V3_EXT_conf_nid(nullptr, nullptr, what, with.c_str()),
    ::X509_EXTENSION_free};
  require(made != nullptr && ::X509_add_ext(to, made.get(), -1) == 1,
          fmt::format("a certificate cannot have {:?}", with));
}

/// Who signs.
struct authority {
  private_key key;
  certificate own;

  void sign(X509* what) const {
    ::X509_set_issuer_name(what, ::X509_get_subject_name(own.get()));
    require(::X509_sign(what, key.get(), ::EVP_sha256()) != 0,
            "a certificate cannot be signed");
  }
};

authority new_authority(const path& file, const path& key_file) {
  auto key = new_key();
  auto own = new_certificate("snakebridge trial", key.get());
  extend(own.get(), NID_basic_constraints, "critical,CA:TRUE");
  extend(own.get(), NID_key_usage, "critical,keyCertSign");
  authority made{std::move(key), std::move(own)};
  made.sign(made.own.get());
  write(key_file, made.key.get());
  write(file, made.own.get());
  return made;
}

authority authority_in(const path& folder) {
  const auto file = folder / "ca.pem", key_file = folder / "ca.key";
  if (!exists(file) && !exists(key_file))
    return new_authority(file, key_file);
  const auto from = opened(file, "r", O_RDONLY, 0);
  const auto key_from = opened(key_file, "r", O_RDONLY, 0);
  authority read{
    {::PEM_read_PrivateKey(key_from.get(), nullptr, nullptr, nullptr),
     ::EVP_PKEY_free},
    {::PEM_read_X509(from.get(), nullptr, nullptr, nullptr), ::X509_free}};
  require(
    read.key != nullptr && read.own != nullptr,
    fmt::format("{}: no certificate and key are in there", file.string()));
  require(
    ::X509_check_private_key(read.own.get(), read.key.get()) == 1,
    fmt::format("{} is not the key of {}", key_file.string(), file.string()));
  return read;
}

bool is_name(const std::string& name) {
  return !name.empty() && name.size() <= 255 && name != "ca" && name[0] != '.'
         && name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_-.")
              == std::string::npos;
}

void issue(const authority& by, const path& folder, const std::string& name) {
  const auto key = new_key();
  const auto made = new_certificate(name, key.get());
  extend(made.get(), NID_subject_alt_name, "DNS:" + name);
  by.sign(made.get());
  write(folder / (name + ".key"), key.get());
  write(folder / (name + ".pem"), made.get());
}

} // namespace

result<void> make_certificates(const std::string& folder,
                               const std::vector<std::string>& names) {
  try {
    for (const auto& each : names)
      require(is_name(each),
              fmt::format("{:?} is no name of a node: 1 to 255 of a-z, 0-9, _, "
                          "- and ., no . first, and not \"ca\"",
                          each));
    std::filesystem::create_directories(folder);
    const auto by = authority_in(folder);
    for (const auto& each : names)
      issue(by, folder, each);
    return {};
  } catch (const failed& why) {
    return error{errc::config_invalid, why.what};
  } catch (const std::filesystem::filesystem_error& why) {
    return error{errc::config_invalid, why.what()};
  }
}

} // namespace snakebridge::cli
