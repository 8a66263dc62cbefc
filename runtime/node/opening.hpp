#pragma once
// How a connection begins, on either side: reached, greeted, and wrapped into
// TLS where the node has certificates. What comes of it is a stream for RPC,
// and whose it is as far as that is shown. On the loop's thread.

#include <memory>
#include <optional>
#include <string>

#include <kj/async-io.h>
#include <kj/compat/tls.h>

#include "runtime/node/counted_stream.hpp"
#include "runtime/node/greeting.hpp"
#include "runtime/node/link_settings.hpp"
#include "runtime/node/refusal.hpp"

namespace snakebridge {

/// Ends an opening or a handshake: what `refuse` has thrown.
struct refused_error {
  refusal why;
  std::string what;
};

/// What became of an attempt to link, kept beside its promise: KJ's exceptions
/// carry only text.
struct link_attempt {
  enum class stage { reaching, greeting, tls, hello };
  stage at = stage::reaching;
  std::string address;                   ///< of the other side
  std::string name = {};                 ///< of the other side, once it is said
  std::optional<refused_error> why = {}; ///< the first
  /// Its name stands for several: that one of them refuses proves nothing.
  bool has_several_addresses = false;

  /// Notes why, and throws.
  [[noreturn]] void refuse(refusal because, std::string what);
  /// Why it has failed, by what was noted, else by how far it had come.
  refused_error failed(const kj::Exception& how) const;
};

/// A stream for RPC.
struct opened {
  kj::Own<kj::AsyncIoStream> stream;
  std::shared_ptr<traffic> counts;
  kj::Own<kj::TlsPeerIdentity> certificate = {}; ///< null where plain

  /// Whether it may say that name: all are free without certificates.
  bool may_be(const std::string& name);
};

/// "127.0.0.1:4000,[::1]:4000": all of them are.
bool is_loopback(std::string_view addresses);

/// Dials. `expected`: the name the other must have; empty: any. `progress`
/// lives as long as the promise.
kj::Promise<opened> open_to(kj::AsyncIoContext& io,
                            const link_settings& settings,
                            const std::string& expected,
                            link_attempt& progress);

/// The same for a connection that was accepted.
kj::Promise<opened> open_accepted(kj::Own<kj::AsyncIoStream> socket,
                                  const link_settings& settings,
                                  link_attempt& progress);

/// Tells who dialed to come again, without waiting for it.
void turn_away(kj::AsyncIoStream& socket, const std::string& own_name);

/// "10.0.0.7:4000": the other end of a socket.
std::string peer_address(kj::AsyncIoStream& socket);

} // namespace snakebridge
