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
#include "runtime/node/late_replies.hpp"
#include "runtime/node/link_parts.hpp"
#include "runtime/node/pending_answers.hpp"
#include "runtime/node/remote_session.hpp"

#include "schemas/node.capnp.h"

namespace snakebridge {

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
  class caller;

  std::optional<std::vector<received_callback>>
  take_callbacks(capnp::List<schema::Given>::Reader from);
  void call_back(std::uint64_t callback, std::shared_ptr<message> given,
                 const callback_place& where, on_received done);
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
  std::uint64_t last_callback_ = 0;
  std::unordered_map<std::uint64_t, schema::Callback::Client> callbacks_;
  late_replies calls_;
  pending_answers visits_;
  kj::Promise<void> telling_ = kj::READY_NOW;
};

} // namespace snakebridge
