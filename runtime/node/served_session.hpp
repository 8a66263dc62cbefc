#pragma once
// The owner's side of a remote session: a capability that another node holds,
// and the client that lives as long as it does. Owned by the RPC system; on the
// loop's thread.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include <capnp/capability.h>

#include "runtime/node/cancellable.hpp"
#include "runtime/node/held_arrivals.hpp"
#include "runtime/node/node_loop.hpp"
#include "runtime/node/payloads.hpp"
#include "runtime/node/remote_session.hpp"

#include "schemas/node.capnp.h"

namespace snakebridge {

/// What the capabilities of one link share; they may outlive it for a moment.
struct link_parts {
  link_parts(std::shared_ptr<loop_jobs> jobs, std::size_t payload_bytes_max)
      : jobs{std::move(jobs)},
        payload_bytes_max{payload_bytes_max},
        requests{payload_bytes_max},
        replies{payload_bytes_max},
        outgoing{payload_bytes_max},
        held{this->jobs} {}

  const std::shared_ptr<loop_jobs> jobs;
  const std::size_t payload_bytes_max;
  std::string peer = {}; ///< its name, once it is known
  /// Something new may be sent: the peer reads. Empty once the link is gone.
  std::function<bool()> has_way = {};
  /// The peer asks for something. Ends a link whose peer does not read answers,
  /// and throws.
  std::function<void()> on_asked = {};
  incoming_payloads requests;
  incoming_payloads replies;
  outgoing_payloads outgoing;
  held_arrivals held;
  std::size_t calls_served = 0;
  std::size_t sessions_served = 0;
  std::size_t calls_made = 0;
};

class served_session final : public cancellable<schema::RemoteSession> {
public:
  served_session(std::shared_ptr<link_parts> link,
                 schema::SessionClient::Client holder);
  ~served_session() noexcept;

  /// Asks for it; what comes is why it is not.
  kj::Promise<std::optional<error>> open(session_provider& by,
                                         const remote_open& wanted);

  kj::Promise<void> request(RequestContext call) override;

private:
  using answer = result<remote_reply>;
  kj::Promise<answer> run(received_message request,
                          steady_clock::time_point deadline);
  std::optional<error> cannot_go(message& reply) const;
  void take(std::uint64_t call, answer outcome);
  void end(const error& why);

  /// Null once it is gone; shared with what is called from other threads, which
  /// looks at it on the loop's.
  using self_pointer = std::shared_ptr<served_session*>;

  const std::shared_ptr<link_parts> link_;
  schema::SessionClient::Client holder_;
  const self_pointer self_ = std::make_shared<served_session*>(this);
  std::unique_ptr<remote_client> client_;
  kj::Own<kj::PromiseFulfiller<std::optional<error>>> opening_;
  std::optional<error> ended_;
  std::uint64_t last_call_ = 0;
  std::unordered_map<std::uint64_t, kj::Own<kj::PromiseFulfiller<answer>>>
    calls_;
  kj::Promise<void> telling_ = kj::READY_NOW;
};

} // namespace snakebridge
