#pragma once
// An authority of a test's own, and the certificates it signs: right ones, and
// such as no node should accept.

#include <cstdio>
#include <memory>
#include <stdexcept>
#include <string>

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "runtime/node/link_settings.hpp"
#include "tests/support/scratch_folder.hpp"

namespace snakebridge::testing {

class authority {
public:
  explicit authority(const scratch_folder& in, const std::string& name = "ca")
      : folder_{in.path()},
        key_{::EVP_EC_gen("P-256"), ::EVP_PKEY_free},
        own_{make(name, key_.get(), day_s)} {
    extend(own_.get(), NID_basic_constraints, "critical,CA:TRUE");
    sign(own_.get());
    file_ = folder_ / (name + ".pem");
    write_certificate(file_, own_.get());
  }

  const std::filesystem::path& file() const { return file_; }

  /// Files of a node. `says`: "DNS:alpha"; empty: just a common name.
  /// `until_s`: from now on; negative: it has expired.
  tls_files issue(const std::string& name, const std::string& says,
                  long until_s = day_s) const {
    const handle<EVP_PKEY> key{::EVP_EC_gen("P-256"), ::EVP_PKEY_free};
    const auto made = make(name, key.get(), until_s);
    if (!says.empty())
      extend(made.get(), NID_subject_alt_name, says);
    sign(made.get());
    const auto stem = folder_ / (file_.stem().string() + "-" + name);
    tls_files files{stem.string() + ".pem", stem.string() + ".key", file_};
    write_certificate(files.certificate, made.get());
    std::FILE* const out = std::fopen(files.key.c_str(), "w");
    ::PEM_write_PrivateKey(out, key.get(), nullptr, nullptr, 0, nullptr,
                           nullptr);
    std::fclose(out);
    return files;
  }
  tls_files issue(const std::string& name) const {
    return issue(name, "DNS:" + name);
  }

  static constexpr long day_s = 86'400;

private:
  template <class T>
  using handle = std::unique_ptr<T, void (*)(T*)>;

  handle<X509> make(const std::string& name, EVP_PKEY* key,
                    long until_s) const {
    handle<X509> made{::X509_new(), ::X509_free};
    ::X509_set_version(made.get(), 2);
    ::ASN1_INTEGER_set(::X509_get_serialNumber(made.get()), ++serial_);
    ::X509_gmtime_adj(::X509_getm_notBefore(made.get()), -2 * day_s);
    ::X509_gmtime_adj(::X509_getm_notAfter(made.get()), until_s);
    ::X509_NAME_add_entry_by_txt(
      ::X509_get_subject_name(made.get()), "CN", MBSTRING_ASC,
      reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
    ::X509_set_pubkey(made.get(), key);
    return made;
  }
  void extend(X509* to, int what, const std::string& value) const {
    auto* const made =
      ::X509V3_EXT_conf_nid(nullptr, nullptr, what, value.c_str());
    if (made == nullptr)
      throw std::runtime_error{"no such extension: " + value};
    ::X509_add_ext(to, made, -1);
    ::X509_EXTENSION_free(made);
  }
  void sign(X509* what) const {
    ::X509_set_issuer_name(what, ::X509_get_subject_name(own_.get()));
    if (::X509_sign(what, key_.get(), ::EVP_sha256()) == 0)
      throw std::runtime_error{"cannot sign a certificate"};
  }
  static void write_certificate(const std::filesystem::path& file, X509* what) {
    std::FILE* const out = std::fopen(file.c_str(), "w");
    ::PEM_write_X509(out, what);
    std::fclose(out);
  }

  const std::filesystem::path folder_;
  mutable long serial_ = 0;
  const handle<EVP_PKEY> key_;
  const handle<X509> own_;
  std::filesystem::path file_;
};

} // namespace snakebridge::testing
