#include "runtime/node/opening.hpp"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>

#include "config/settings.hpp"

namespace snakebridge {

namespace {

// KJ declares a check of the names in a certificate and has none, and does not
// give the certificate away. An explicit instantiation may name what is
// private.
void* certificate_of(const kj::TlsPeerIdentity& identity);
template <auto Member>
struct revealed {
  friend void* certificate_of(const kj::TlsPeerIdentity& identity) {
    return identity.*Member;
  }
};
template struct revealed<&kj::TlsPeerIdentity::cert>;

// Of TLS 1.2, one that no side has a key for: so that nothing below 1.3, whose
// ciphers stand elsewhere, can be agreed on. KJ 0.9 has no other way.
constexpr auto no_cipher_below_1_3 = "PSK-AES256-GCM-SHA384";

std::string text_of(const std::filesystem::path& file, link_attempt& progress) {
  std::ifstream in{file, std::ios::binary};
  std::ostringstream text;
  // Of a folder, or of nothing, nothing can be read.
  if (!in || !(text << in.rdbuf()))
    progress.refuse(refusal::tls_files,
                    fmt::format("cannot read {:?}", file.string()));
  return text.str();
}

// The context of one handshake: files are read each time, so that certificates
// can be renewed under a node that runs.
kj::Own<kj::TlsContext> tls_context(const tls_files& files,
                                    link_attempt& progress) {
  const auto certificate = text_of(files.certificate, progress);
  const auto key = text_of(files.key, progress);
  const auto ca = text_of(files.ca, progress);
  try {
    const kj::TlsKeypair own{
      kj::TlsPrivateKey{kj::StringPtr{key.c_str()}},
      kj::TlsCertificate{kj::StringPtr{certificate.c_str()}}};
    const kj::TlsCertificate issuer{kj::StringPtr{ca.c_str()}};
    kj::TlsContext::Options options;
    options.useSystemTrustStore = false;
    options.verifyClients = true;
    options.trustedCertificates = kj::arrayPtr(&issuer, 1);
    options.minVersion = kj::TlsVersion::TLS_1_2;
    options.cipherList = no_cipher_below_1_3;
    options.defaultKeypair = own;
    return kj::heap<kj::TlsContext>(kj::mv(options));
  } catch (const kj::Exception& wrong) {
    progress.refuse(refusal::tls_files, wrong.getDescription().cStr());
  }
}

opened with_certificate(kj::AuthenticatedStream wrapped,
                        std::shared_ptr<traffic> counts) {
  return {kj::mv(wrapped.stream), std::move(counts),
          wrapped.peerIdentity.downcast<kj::TlsPeerIdentity>()};
}

// TLS wants to be told whose the connection below is; nobody asks for it.
class nobody final : public kj::PeerIdentity {
public:
  kj::String toString() override { return kj::str("a node"); }
};

kj::Promise<opened>
greeted(const greeting& said, kj::Own<kj::AsyncIoStream> stream,
        std::shared_ptr<traffic> counts, const link_settings& settings,
        const std::string& expected, link_attempt& progress) {
  progress.name = said.name;
  if (said.next == greeting::way::full)
    progress.refuse(refusal::too_many, progress.address);
  if (!expected.empty() && said.name != expected)
    progress.refuse(refusal::name_differs,
                    fmt::format("{} is {:?}, not {:?}", progress.address,
                                said.name, expected));
  const bool is_tls = said.next == greeting::way::tls;
  if (is_tls && settings.tls.empty())
    progress.refuse(refusal::tls_wanted, progress.address);
  if (!is_tls && !settings.tls.empty())
    progress.refuse(refusal::tls_missing, progress.address);
  if (!is_tls)
    return opened{kj::mv(stream), std::move(counts)};
  progress.at = link_attempt::stage::tls;
  auto context = tls_context(settings.tls, progress);
  auto wrapping = context->wrapClient(
    kj::AuthenticatedStream{kj::mv(stream), kj::heap<nobody>()},
    said.name.c_str());
  return wrapping
    .then(
      [counts = std::move(counts)](kj::AuthenticatedStream wrapped) mutable {
        return with_certificate(kj::mv(wrapped), std::move(counts));
      })
    .attach(kj::mv(context));
}

kj::Promise<opened> reached(kj::Own<kj::AsyncIoStream> socket, kj::Timer& timer,
                            const link_settings& settings,
                            const std::string& expected,
                            link_attempt& progress) {
  progress.at = link_attempt::stage::greeting;
  auto counts = std::make_shared<traffic>();
  counts->allowed = limits::handshake_bytes_max;
  auto stream = kj::heap<counted_stream>(kj::mv(socket), counts);
  counts->faults.timer = &timer;
  counts->faults.meet(link_stage::dial);
  auto came = kj::heap<greeting::bytes>();
  auto reading = stream->tryRead(came->data(), came->size(), came->size());
  return reading.then([stream = kj::mv(stream), counts = std::move(counts),
                       came = kj::mv(came), &settings, &expected,
                       &progress](size_t bytes) mutable -> kj::Promise<opened> {
    if (bytes == 0)
      progress.refuse(refusal::ended, progress.address);
    const auto said =
      bytes == came->size() ? greeting::decoded(*came) : std::nullopt;
    if (!said)
      progress.refuse(refusal::malformed, progress.address);
    return greeted(*said, kj::mv(stream), std::move(counts), settings, expected,
                   progress);
  });
}

bool says(const kj::Exception& how, std::string_view what) {
  return std::string_view{how.getDescription().cStr()}.find(what)
         != std::string_view::npos;
}

} // namespace

bool opened::may_be(const std::string& name) {
  if (certificate.get() == nullptr)
    return true;
  auto* const of = static_cast<X509*>(certificate_of(*certificate));
  // ".lan" would be any name below it.
  return of != nullptr && !name.starts_with('.')
         && ::X509_check_host(of, name.data(), name.size(),
                              X509_CHECK_FLAG_NEVER_CHECK_SUBJECT
                                | X509_CHECK_FLAG_NO_WILDCARDS,
                              nullptr)
              == 1;
}

void link_attempt::refuse(refusal because, std::string what) {
  if (!why)
    why = refused_error{because, std::move(what)};
  throw KJ_EXCEPTION(FAILED, "refused");
}

refused_error link_attempt::failed(const kj::Exception& how) const {
  if (why)
    return *why;
  const std::string told =
    fmt::format("{}: {}", address, how.getDescription().cStr());
  // Of that type is also what the system has too few of.
  const bool late = how.getType() == kj::Exception::Type::OVERLOADED
                    && says(how, "operation timed out");
  switch (at) {
  case stage::reaching:
    if (!has_several_addresses
        && says(how, ::strerror(ECONNREFUSED))) // NOLINT: it is KJ's text
      return {refusal::refused, address};
    return {refusal::unreachable, late ? address : told};
  case stage::tls:
    // Who does not accept a certificate says so before it goes.
    if (!late && how.getType() != kj::Exception::Type::DISCONNECTED)
      return {refusal::tls_failed, told};
    break;
  case stage::greeting:
  case stage::hello:
    break;
  }
  if (late)
    return {refusal::too_late, address};
  return {how.getType() == kj::Exception::Type::DISCONNECTED
            ? refusal::ended
            : refusal::malformed,
          told};
}

bool is_loopback(std::string_view addresses) {
  if (!addresses.starts_with("127.") && !addresses.starts_with("[::1]:"))
    return false;
  const auto comma = addresses.find(',');
  return comma == std::string_view::npos
         || is_loopback(addresses.substr(comma + 1));
}

kj::Promise<opened> open_to(kj::AsyncIoContext& io,
                            const link_settings& settings,
                            const std::string& expected,
                            link_attempt& progress) {
  if (wrong_with_address(progress.address))
    progress.refuse(refusal::address_invalid, progress.address);
  return io.provider->getNetwork()
    .parseAddress(progress.address.c_str())
    .then([&settings, &progress](kj::Own<kj::NetworkAddress> found) {
      const auto all = found->toString();
      progress.has_several_addresses = all.findFirst(',') != nullptr;
      if (settings.tls.empty() && !is_loopback(all.cStr()))
        progress.refuse(refusal::loopback_only, progress.address);
      auto connecting = found->connect();
      return connecting.attach(kj::mv(found));
    })
    .then([&timer = io.provider->getTimer(), &settings, &expected,
           &progress](kj::Own<kj::AsyncIoStream> socket) {
      return reached(kj::mv(socket), timer, settings, expected, progress);
    });
}

kj::Promise<opened> open_accepted(kj::Own<kj::AsyncIoStream> socket,
                                  const link_settings& settings,
                                  link_attempt& progress) {
  progress.at = link_attempt::stage::greeting;
  auto counts = std::make_shared<traffic>();
  counts->allowed = limits::handshake_bytes_max;
  const bool is_tls = !settings.tls.empty();
  // Before it says that it has them.
  kj::Own<kj::TlsContext> context;
  if (is_tls)
    context = tls_context(settings.tls, progress);
  auto stream = kj::heap<counted_stream>(kj::mv(socket), counts);
  auto said = kj::heap(greeting{
    is_tls ? greeting::way::tls : greeting::way::plain, settings.self.name}
                         .encoded());
  auto writing = stream->write(said->data(), said->size()).attach(kj::mv(said));
  return writing.then([stream = kj::mv(stream), counts = std::move(counts),
                       context = kj::mv(context),
                       &progress]() mutable -> kj::Promise<opened> {
    if (context.get() == nullptr)
      return opened{kj::mv(stream), std::move(counts)};
    progress.at = link_attempt::stage::tls;
    auto wrapping = context->wrapServer(
      kj::AuthenticatedStream{kj::mv(stream), kj::heap<nobody>()});
    return wrapping
      .then(
        [counts = std::move(counts)](kj::AuthenticatedStream wrapped) mutable {
          return with_certificate(kj::mv(wrapped), std::move(counts));
        })
      .attach(kj::mv(context));
  });
}

void turn_away(kj::AsyncIoStream& socket, const std::string& own_name) {
  const auto said = greeting{greeting::way::full, own_name}.encoded();
  KJ_IF_MAYBE (number, socket.getFd())
    // A new socket has room for it; if not, its end says enough.
    (void)!::send(*number, said.data(), said.size(),
                  MSG_DONTWAIT | MSG_NOSIGNAL);
}

std::string peer_address(kj::AsyncIoStream& socket) {
  sockaddr_storage told{};
  kj::uint length = sizeof told;
  char text[INET6_ADDRSTRLEN] = "?";
  int number = -1;
  KJ_IF_MAYBE (found, socket.getFd())
    number = *found;
  if (::getpeername(number, reinterpret_cast<sockaddr*>(&told), &length) != 0)
    return text; // it has gone already
  if (told.ss_family == AF_INET) {
    const auto& four = reinterpret_cast<const sockaddr_in&>(told);
    ::inet_ntop(AF_INET, &four.sin_addr, text, sizeof text);
    return fmt::format("{}:{}", text, ntohs(four.sin_port));
  }
  const auto& six = reinterpret_cast<const sockaddr_in6&>(told);
  ::inet_ntop(AF_INET6, &six.sin6_addr, text, sizeof text);
  return fmt::format("[{}]:{}", text, ntohs(six.sin6_port));
}

} // namespace snakebridge
