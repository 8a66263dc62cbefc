#pragma once
// What a node that has joined a cluster keeps of it: which cluster that is,
// which sessions it may serve, and the newest epoch of those it uses elsewhere.
// A table and its rules: it sends nothing and ends nothing itself. Owned by the
// actor of the node, on whose thread it lives.
//
// What it holds it goes on serving while the directory is out of reach. Told
// that no entry bears it out any more, it serves nothing any longer, and says
// hello again when all has ended.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "runtime/node/cluster_messages.hpp"

namespace snakebridge {

class node_membership {
public:
  using time_point = std::chrono::steady_clock::time_point;

  /// `self`: who the node is, and what it offers; it holds nothing yet.
  explicit node_membership(node_hello self) : self_{std::move(self)} {}

  enum class state {
    apart,  ///< it is to say hello
    joined, ///< the directory has admitted it, and is linked
    ending, ///< all it holds and uses must end before it says hello
  };
  state now_is() const { return state_; }
  const cluster_id& cluster() const { return self_.cluster; }
  /// It listens there from now on, and can own sessions.
  void listens_at(const std::string& address) {
    self_.address = address;
    self_.listens = true;
  }

  /// What it says to the directory while it is apart.
  node_hello hello(std::uint64_t load);
  /// The directory has answered: it has joined, or it is ending; or apart once
  /// more, if there was nothing to end.
  void admitted(const admission& answer);
  /// The link to the directory has ended.
  void lost();
  /// It takes no grant any more.
  void drain() { self_.drains = true; }
  bool drains() const { return self_.drains; }

  // As an owner.

  /// A grant has come. It ends by itself if no client comes soon. Whether or
  /// not it is taken, clients here that use the id elsewhere and no longer
  /// `pass` are to be ended. Errors, which the directory is told as its end:
  /// session_closed where it drains or has not joined, quota_exceeded,
  /// message_malformed for one of an id it holds.
  result<void> take(const session_grant& grant, time_point now);
  /// An open or a call names that grant. Errors: session_closed, saying whether
  /// it is still ending; if it is not, the grant has ended for good and
  /// whoever opens says so to the directory.
  result<void> serve(const session_grant& named) const;
  bool is_ending(const session_grant& named) const;
  /// It has a client: it lives until its session ends.
  void used(const session_grant& grant);
  /// Its session is about to end: it serves no one any more.
  void end(const session_grant& grant);
  /// Its session has ended and nothing of it is left.
  void ended(const session_grant& grant);
  /// Those that no client has come for end now.
  std::vector<session_grant> end_unused(time_point now);
  /// When the next of them ends; nothing: none waits.
  std::optional<time_point> next_unused() const;
  std::vector<session_grant> held() const;
  /// Grants that have ended, each told once: to be sent to the directory. None
  /// while it is apart: its next hello says what it holds, and what ends after
  /// that is told once it has joined.
  std::vector<session_grant> take_ended();

  // As one that uses sessions of other nodes.

  /// Whether it can ask the directory for a session. Errors: node_down.
  result<void> may_ask() const;
  /// The directory answered that a session is there; a client uses it from now
  /// on. Others here that no longer `pass` are to be ended.
  void learned(const session_grant& grant);
  /// A call to another node names that grant. Errors: session_closed where this
  /// node knows of a newer epoch, or has none.
  result<void> pass(const session_grant& named) const;
  /// A client that used it does so no longer.
  void left(const std::string& id);
  bool uses_none() const { return used_.empty(); }

private:
  struct held_session {
    std::uint64_t epoch = 0;
    bool is_ending = false;
    std::optional<time_point> unused_until = {}; ///< nothing: it has a client
  };
  struct used_session {
    std::uint64_t newest = 0;
    std::size_t clients = 0; ///< of any epoch
  };

  void hear_of(const session_grant& grant);
  bool is_free() const { return held_.empty() && used_.empty(); }
  void rejoin_if_free();

  node_hello self_;
  state state_ = state::apart;
  std::map<std::string, held_session> held_;
  std::vector<session_grant> ended_; ///< since the last hello, and not told
  std::map<std::string, used_session> used_;
};

} // namespace snakebridge
