#pragma once
// One link between two nodes: a connection that has been opened, the handshake
// on it, its life, and the capabilities that both sides give each other. Owned
// by node_links, and told of there; on the loop's thread.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include <capnp/rpc-twoparty.h>

#include "runtime/node/handshake.hpp"
#include "runtime/node/link_life.hpp"
#include "runtime/node/opening.hpp"
#include "runtime/node/served_session.hpp"

namespace snakebridge {

/// What keeps a client of a session of another node.
using opened_session = std::unique_ptr<schema::RemoteSession::Client>;

class node_link final : private kj::TaskSet::ErrorHandler {
public:
  /// Who has the link. It may not destroy it while it is told of it.
  class owner {
  public:
    /// A peer says hello: why it is not let in. It is not up yet.
    virtual std::optional<refused_error> judge_hello(node_link& by,
                                                     std::uint64_t ended) = 0;
    /// It is about to be up: why it may not.
    virtual std::optional<refused_error> judge_up(node_link& by) = 0;
    /// The handshake is done.
    virtual void on_up(node_link& up) = 0;
    /// The peer has told that. Errors: message_malformed, which ends it.
    virtual result<void> on_told(node_link& by, std::vector<word> said) = 0;
    /// It has ended, once; it is to be destroyed, later. Before it was up,
    /// `refused` is why.
    virtual void on_end(node_link& over, const error& why,
                        std::optional<refused_error> refused) = 0;

  protected:
    ~owner() = default;
  };

  /// `progress` tells what it is at until it is up, and outlives it until then.
  node_link(owner& by, const link_settings& settings, node_loop& loop,
            session_provider& provider, opened on, link_attempt& progress,
            bool is_dialed);
  ~node_link() noexcept;
  node_link(const node_link&) = delete;
  node_link& operator=(const node_link&) = delete;

  /// The side that dialed begins. `ended`: the last link with that peer.
  void say_hello(std::uint64_t ended);
  /// Its handshake is given up: it does no more, and is not told of.
  void leave();
  /// Ends it, unless it has.
  void end(const error& why, std::optional<refused_error> refused = {});

  std::uint64_t id() const { return id_; }
  bool is_up() const { return state_ == state::up; }
  bool has_ended() const { return state_ == state::ended; }
  bool is_dialed() const { return is_dialed_; }
  /// Who it is with, once hello has said so: not before is it shown to be true.
  const introduction& peer() const { return peer_; }
  const std::string& address() const { return address_; }
  const std::shared_ptr<link_parts>& parts() const { return parts_; }

  /// Asks for a client there. It must be up.
  kj::Promise<result<opened_session>>
  open_session(const remote_open& wanted, schema::SessionClient::Client holder);
  /// Tells it that, after all it was told before. It must be up.
  void tell(std::shared_ptr<message> said);

private:
  enum class state { shaking, up, ended };
  class door;
  class node_server;

  std::optional<refused_error> introduce(schema::Introduction::Reader from);
  kj::Promise<void> answer_hello(schema::Hello::Reader said,
                                 schema::Answer::Builder to);
  void take_answer(schema::Answer::Reader from);
  [[noreturn]] void refuse(refused_error why);
  void be_up();
  bool has_way() { return network_.getCurrentQueueSize() <= unwritten_max(); }
  std::size_t unwritten_max() const { return settings_.unwritten_bytes_max; }
  void on_asked();
  kj::Promise<void> hear(schema::Payload::Reader said);
  kj::Promise<void> watch();
  void beat();
  error lost(const std::string& how) const;
  void taskFailed(kj::Exception&& failed) override;

  owner& owner_;
  const link_settings& settings_;
  session_provider& provider_;
  kj::Timer& timer_;
  const bool is_dialed_;
  const std::string address_;
  link_attempt* progress_; // null once it is up
  std::uint64_t id_ = 0;
  state state_ = state::shaking;
  introduction peer_;
  std::chrono::milliseconds limit_{};
  std::optional<link_life> life_;
  std::size_t beats_out_ = 0; // that are not answered
  std::size_t told_ = 0;      // the same
  std::size_t unheard_ = 0;   // that are being read
  kj::Promise<void> hearing_ = kj::READY_NOW;
  const std::shared_ptr<link_parts> parts_;
  /// Null once it is gone: for what it has given away.
  const std::shared_ptr<node_link*> self_ = std::make_shared<node_link*>(this);

  opened on_;
  capnp::TwoPartyVatNetwork network_;
  std::optional<capnp::RpcSystem<capnp::rpc::twoparty::VatId>> rpc_;
  std::optional<schema::Node::Client> node_;
  kj::TaskSet tasks_{*this};
};

} // namespace snakebridge
