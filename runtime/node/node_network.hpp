#pragma once
// What node_links has on its loop's thread: the listener, those that are in
// their handshake, the links, what is dialed, and the sessions of other nodes
// that have a handle here. Made and destroyed there.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "runtime/node/node_link.hpp"
#include "runtime/node/node_links.hpp"
#include "runtime/node/node_loop.hpp"
#include "runtime/node/remote_calls.hpp"

namespace snakebridge {

/// The peers whose links are up. Any thread may ask; it outlives the network.
class linked_peers {
public:
  void put(const link_peer& peer) {
    const std::lock_guard lock{mutex_};
    by_name_[peer.who.name] = peer;
  }
  void erase(const std::string& name) {
    const std::lock_guard lock{mutex_};
    by_name_.erase(name);
  }
  std::vector<link_peer> all() const {
    std::vector<link_peer> found;
    const std::lock_guard lock{mutex_};
    for (const auto& [name, peer] : by_name_)
      found.push_back(peer);
    return found;
  }

private:
  mutable std::mutex mutex_;
  std::map<std::string, link_peer> by_name_;
};

class node_network final : public node_link::owner,
                           private kj::TaskSet::ErrorHandler {
public:
  node_network(node_loop& loop, link_settings settings,
               const link_events& events, session_provider& provider,
               linked_peers& peers);
  ~node_network() noexcept;

  using on_listening = std::function<void(result<std::uint16_t>)>;
  /// `may_begin`: asked once it is known what the address is; false: given up.
  void listen(const std::string& address, std::function<bool()> may_begin,
              on_listening done);
  void dial(const std::string& address, const std::string& name);
  void undial(const std::string& address);
  void close(const std::string& peer);
  void join(const std::string& cluster) { settings_.self.cluster = cluster; }

  void tell(const node_id& whom, std::shared_ptr<message> said);
  void open_session(std::uint64_t number, const remote_open& wanted,
                    steady_clock::time_point deadline, on_remote_end ended,
                    std::function<void(result<void>)> done);
  /// Null: there is no such handle any more.
  remote_calls* find(std::uint64_t number);
  void release(std::uint64_t number);

private:
  /// One connection on its way to a link.
  struct handshake {
    link_attempt progress;
    kj::Own<node_link> link = {}; ///< until it is up
    kj::Own<kj::PromiseFulfiller<void>> done = {};
    bool is_dialed = false;
  };
  /// An address that is dialed.
  struct dialed {
    std::string address, name;
    redial pace;
    std::string last_name = {}; ///< of who was there
    kj::Own<kj::PromiseFulfiller<void>> wakes = {};
    kj::Promise<void> running = nullptr;
  };
  class client_told;

  // node_link::owner
  std::optional<refused_error> judge_hello(node_link& by,
                                           std::uint64_t ended) override;
  std::optional<refused_error> judge_up(node_link& by) override;
  void on_up(node_link& up) override;
  result<void> on_told(node_link& by, std::vector<word> said) override;
  void on_end(node_link& over, const error& why,
              std::optional<refused_error> refused) override;

  kj::Promise<void> accept();
  void take(kj::Own<kj::AsyncIoStream> socket);
  kj::Own<handshake> begin(const std::string& address, bool is_dialed);
  kj::Promise<void> shake(handshake& with, opened on);
  kj::Promise<void> bounded(kj::Own<handshake> with, kj::Promise<void> trying);
  kj::Promise<void> keep_dialing(dialed& what);
  kj::Promise<void> try_dial(dialed& what);
  kj::Promise<void> wait(dialed& what, steady_clock::time_point until);

  node_link* linked(const std::string& peer) const;
  /// What is known of that peer, beside that link.
  known_peer known(const std::string& peer, const node_link* but) const;
  void replace(const std::string& peer, std::uint64_t lost);
  void answer_open(std::uint64_t number, result<void> outcome);
  void tell_refused(const handshake& of, const refused_error& why);
  void destroy_later(kj::Own<node_link> over);
  void taskFailed(kj::Exception&& failed) override;

  node_loop& loop_;
  link_settings settings_;
  const link_events& events_;
  session_provider& provider_;
  kj::Own<kj::ConnectionReceiver> listener_;
  std::size_t accepted_ = 0; // that are in their handshake
  std::set<handshake*> shaking_;
  std::map<std::string, kj::Own<node_link>> links_; // that are up, by peer
  linked_peers& peers_;                           // the same, for other threads
  std::map<std::string, std::uint64_t> ended_;    // the last, by peer
  std::map<std::string, kj::Own<dialed>> dialed_; // by address
  std::unordered_map<std::uint64_t, std::function<void(result<void>)>> opening_;
  std::unordered_map<std::uint64_t, std::unique_ptr<remote_calls>> sessions_;
  kj::TaskSet tasks_{*this};
};

} // namespace snakebridge
