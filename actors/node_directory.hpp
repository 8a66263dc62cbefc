#pragma once
// The directory of a cluster: which nodes have joined, and which of them owns
// the session of which id, so that one id never lives twice. A table and its
// rules, no more: it is given what happens with the time, and answers what is
// to be sent. Owned by the actor around it, on whose thread it lives.
//
// An entry goes when its owner says so, when the end of the owner's process is
// proven, or when an operator forgets the node. Silence proves nothing: the id
// stays taken. A forgotten process needs no mark: no entry bears out what it
// holds, and it must end that before it is admitted again.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "runtime/node/cluster_messages.hpp"

namespace snakebridge {

/// What the directory's decision comes to. The grants go out before the
/// answers: an opener that is the owner has its grant when it has its answer.
struct directory_plan {
  struct sent_grant {
    node_id owner;
    session_grant grant;

    friend bool operator==(const sent_grant&, const sent_grant&) = default;
  };
  struct dialled {
    node_id node;
    std::string address;

    friend bool operator==(const dialled&, const dialled&) = default;
  };
  std::vector<sent_grant> grants = {};
  std::vector<open_answer> answers = {};
  /// Silent processes, to be dialled until it is known what became of them.
  std::vector<dialled> redials = {};

  friend bool operator==(const directory_plan&,
                         const directory_plan&) = default;
};

/// What comes of a hello.
struct directory_welcome {
  result<admission> answer;
  /// The process had another link, which is to be closed: it is lost.
  bool closes_former = false;
  directory_plan plan = {}; ///< of that
};

class node_directory {
public:
  using time_point = std::chrono::steady_clock::time_point;

  /// All its epochs are above `epochs_after`: the caller knows of something
  /// that rises from one life of the directory to the next, or says 0.
  /// `refused_is_dead`: a process whose address refuses the connection has
  /// ended; not so behind a firewall that rejects.
  node_directory(const cluster_id& cluster, std::uint64_t epochs_after,
                 bool refused_is_dead = true);

  const cluster_id& cluster() const { return cluster_; }

  /// A process says hello. What it does not say that it holds has ended.
  /// Errors: not_authorized where its name is taken, quota_exceeded,
  /// config_invalid and message_malformed for what no node says, and for an
  /// overtaken hello.
  directory_welcome join(const node_hello& hello, time_point now);
  /// Its link has ended, whoever ended it.
  directory_plan lost(const node_id& node, time_point now);
  /// Its address refused the connection.
  void dial_refused(const node_id& node);
  /// At its address a process of that incarnation answered.
  void dial_answered(const node_id& node, std::uint64_t incarnation);

  /// Each request is answered once, now or in a later plan, unless its opener
  /// is lost. Errors: node_down, pool_unknown, session_closed, quota_exceeded,
  /// overloaded, config_invalid.
  directory_plan open(const open_request& asked, time_point now);
  /// The owner has a grant, and serves under it from now on.
  directory_plan taken(const node_id& owner, const session_grant& grant);
  /// The owner never serves under it again, or never did, for that reason.
  directory_plan ended(const node_id& owner, const session_grant& grant,
                       const error& why);

  /// The operator's word that a silent process has ended: what it owned is
  /// free, and answered. Errors: node_down for a name nobody has,
  /// config_invalid for a node that is linked.
  result<std::vector<session_grant>> forget(const std::string& name);
  /// The node gets no new sessions. Answers which process is to be told.
  /// Errors: node_down.
  result<node_id> drain(const std::string& name, time_point now);
  /// The node has said that it drains.
  void drains(const node_id& node);
  /// How it is; each grant counts as one call until the next report.
  void report(const node_id& node, const node_stats& stats);

  /// It is to be dialled on.
  bool is_silent(const node_id& node) const;
  std::vector<node_row> nodes(time_point now) const;
  std::optional<session_place> find(const std::string& id) const;
  std::size_t sessions() const { return entries_.size(); }

private:
  struct member {
    node_hello told;
    std::set<std::string> owned = {}; ///< ids
    std::optional<time_point> silent_since = {};
    node_stats stats = {}; ///< as it last told

    bool is_linked() const { return !silent_since.has_value(); }
  };
  struct waiting_open {
    node_id opener;
    std::uint64_t number = 0;
  };
  struct entry {
    std::string owner; ///< a name in members_
    std::uint64_t epoch = 0;
    bool is_taken = false; ///< before that its openers wait
    std::vector<waiting_open> waiting = {};
  };
  using member_map = std::map<std::string, member>;
  using entry_map = std::map<std::string, entry>;

  const member* find_member(const node_id& node) const;
  member* find_member(const node_id& node);
  entry_map::iterator entry_of(const node_id& owner,
                               const session_grant& grant);
  result<admission> judge(const node_hello& hello, time_point now);
  bool is_borne_out(const node_hello& hello) const;
  result<void> make_way(const node_hello& hello, time_point now);
  void admit(member& known, const node_hello& hello);
  void remove(member_map::iterator gone);
  void answer(entry& of, const result<session_place>& place,
              directory_plan& plan);
  void drop(entry_map::iterator gone, const error& why, directory_plan& plan);

  result<void> may_open(const open_request& asked);
  result<member*> place(const open_request& asked, time_point now);
  result<member*> named_place(const open_request& asked, time_point now);
  void join_session(entry& there, const open_request& asked, time_point now,
                    directory_plan& plan);
  session_place place_of(const entry& there) const;

  const cluster_id cluster_;
  const bool refused_is_dead_;
  std::uint64_t last_epoch_;
  member_map members_;
  entry_map entries_;
  std::size_t waiting_ = 0; ///< openers, of all entries
};

/// Where others dial a node that listens there and was seen at that address:
/// "10.0.0.7:7070" of "0.0.0.0:7070" and "10.0.0.7:50112".
std::string dialable(const std::string& listens, const std::string& seen);

} // namespace snakebridge
