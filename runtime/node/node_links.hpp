#pragma once
// All links of a node: it listens, dials, dials again what it has lost, and
// keeps at most one link with each peer. Owned by the bridge of a node. Any
// thread may call it; what it tells comes on the thread of its loop and must
// not block.

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <snakebridge/result.hpp>

#include "runtime/node/cluster_messages.hpp"
#include "runtime/node/link_settings.hpp"
#include "runtime/node/refusal.hpp"
#include "runtime/node/remote_session.hpp"

namespace snakebridge {

/// A link that is up, or was.
struct link_peer {
  introduction who;
  std::string address; ///< of the connection
  bool is_dialed = false;
};

/// Why there is no link.
struct link_refused {
  std::string address;
  std::string name; ///< as far as the other side has said one
  refusal why;
  error told;
  bool is_dialed = false; ///< by us: it will be dialed again
};

struct link_events {
  /// A peer that has shown who it is may link: nothing; else why not, which it
  /// is told. Empty: all may.
  std::function<std::optional<std::string>(const link_peer&)> admit = {};
  std::function<void(const link_peer&)> on_up = {};
  /// `why`: node_down, or shutting_down at our own end.
  std::function<void(const link_peer&, const error& why)> on_lost = {};
  std::function<void(const link_refused&)> on_refused = {};
  /// In the order in which that peer has told it.
  std::function<void(const link_peer&, cluster_message)> on_told = {};
};

class node_links {
public:
  /// `provider`: of sessions that peers open here; it lives as long as this.
  /// Throws std::system_error where there is no thread or descriptor.
  node_links(link_settings settings, link_events events,
             std::shared_ptr<session_provider> provider);
  /// Ends them all: what is in flight answers `shutting_down`.
  ~node_links();
  node_links(const node_links&) = delete;
  node_links& operator=(const node_links&) = delete;

  /// Listens, and answers the port: of "127.0.0.1:0" one that is free. Errors:
  /// config_invalid, unreachable.
  result<std::uint16_t> listen(const std::string& address);
  /// Links with who is at that address, and dials it again and again whenever
  /// there is no link. `name`: it must have that; empty: any. Errors:
  /// config_invalid, overloaded.
  result<void> dial(const std::string& address, const std::string& name = {});
  /// No more.
  void undial(const std::string& address);
  /// Ends the link with that peer; who dialed it dials it again.
  void close(const std::string& peer);
  /// It is in that cluster from now on; empty: in none.
  void join(const std::string& cluster);
  /// Those whose links are up.
  std::vector<link_peer> peers() const;

  /// Tells that process something, after all it was told before; it does not
  /// hear of it if its link has been lost.
  void tell(const node_id& whom, const cluster_message& what);

  using on_session =
    std::function<void(result<std::unique_ptr<remote_session>>)>;
  /// Asks a linked node for a client of a session. Errors: node_down,
  /// deadline_exceeded, overloaded, and what its provider says. `ended`: the
  /// session, or the link; not begun after the end of what it answers, nor
  /// where that is an error. One that has begun on the loop's thread goes on
  /// beside that end.
  void open_session(const remote_open& wanted,
                    steady_clock::time_point deadline, on_remote_end ended,
                    on_session done);

private:
  class session_handle;
  struct inside;

  const std::unique_ptr<inside> inside_;
};

} // namespace snakebridge
