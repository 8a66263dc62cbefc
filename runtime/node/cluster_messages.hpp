#pragma once
// What the nodes of a cluster and its directory tell each other, as plain
// values: who a node is, what it may serve, where a session is. A link carries
// them in the order in which they are told.

#include <chrono>
#include <compare>
#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include <snakebridge/node_facts.hpp>
#include <snakebridge/result.hpp>

#include "runtime/wire/channel.hpp"

namespace snakebridge {

/// One life of a directory: 128 random bits, drawn anew at each of its starts.
struct cluster_id {
  std::uint64_t high = 0;
  std::uint64_t low = 0;

  friend auto operator<=>(const cluster_id&, const cluster_id&) = default;
};

/// One process: the name of a node, and a number drawn at each of its starts.
struct node_id {
  std::string name;
  std::uint64_t incarnation = 0;

  friend auto operator<=>(const node_id&, const node_id&) = default;
};

/// The right to serve a session of that id. Every open and every call names it:
/// the epoch rises with each grant and is the fencing token.
struct session_grant {
  std::string id;
  std::uint64_t epoch = 0;

  friend auto operator<=>(const session_grant&, const session_grant&) = default;
};

/// What a node says first on each link to the directory.
struct node_hello {
  node_id node;
  std::uint64_t number = 0; ///< rises: an overtaken one is not heard
  /// Where it listens, else where it is: its host as the link saw it.
  std::string address;
  bool listens = false;            ///< only such a node owns sessions
  bool drains = false;             ///< it takes no new ones
  std::vector<std::string> pools;  ///< that others may use
  std::uint64_t load = 0;          ///< calls that run or wait
  cluster_id cluster;              ///< it is in that one; 0: in none
  std::vector<session_grant> held; ///< all it serves or is ending
  std::uint64_t epoch_seen = 0;    ///< the highest it has heard of
};

/// What the directory answers to a hello that it does not refuse.
struct admission {
  cluster_id cluster;
  /// It is in a cluster that is no more, or was forgotten and holds what may be
  /// another's by now: it is not admitted. It ends all its cluster sessions,
  /// those it uses elsewhere too, and says hello again.
  bool ends_first = false;
  /// An operator has said so, which it may not have heard.
  bool drains = false;

  friend bool operator==(const admission&, const admission&) = default;
};

/// A node asks for the session of an id, for one of its clients.
struct open_request {
  node_id opener;
  std::uint64_t number = 0; ///< the opener's own, for the answer
  std::string id;
  std::string at;   ///< the node it is to be on, if it is not yet; empty: any
  std::string pool; ///< one that its node must have
  /// The owner told the opener that the grant of this epoch has ended: its word
  /// to the directory itself may still be on its way. 0: it told nothing.
  std::uint64_t ended_epoch = 0;
};

struct session_place {
  node_id owner;
  std::string address;
  std::uint64_t epoch = 0;

  friend bool operator==(const session_place&, const session_place&) = default;
};

struct open_answer {
  node_id opener;
  std::uint64_t number = 0;
  result<session_place> place;

  friend bool operator==(const open_answer&, const open_answer&) = default;
};

enum class node_state : std::uint8_t { up, draining, silent };

/// A node as `nodes()` tells of it.
struct node_row {
  node_id node;
  std::string address;
  node_state state = node_state::up;
  std::vector<std::string> pools;
  std::uint64_t load = 0;
  std::size_t sessions = 0;
  std::chrono::milliseconds silent_for{0};
  node_stats stats = {};
  bool listens = false; ///< it may own sessions
};

/// Of the hello of that number.
struct hello_answer {
  std::uint64_t number = 0;
  result<admission> answer;
};

/// The owner serves under that grant; and does no more.
struct grant_taken {
  session_grant grant;
};
struct grant_ended {
  session_grant grant;
  error why;
};

/// To a node: it is to drain, and ends what it has after so long. From a node:
/// it drains.
struct drain_word {
  std::chrono::milliseconds patience{0};
};

/// Calls that run or wait there.
std::uint64_t load_of(const node_stats& stats);

/// How a node is, as it tells each second.
struct stats_word {
  node_stats stats;
};

/// What an operator asks of the directory, on any node.
struct cluster_question {
  enum class kind : std::uint8_t { nodes, forget, drain };

  std::uint64_t number = 0; ///< the asking node's own, for the answer
  kind what = kind::nodes;
  std::string name = {};                 ///< of a node
  std::chrono::milliseconds patience{0}; ///< of a drain
};

struct cluster_answer {
  std::uint64_t number = 0;
  result<std::vector<node_row>> nodes; ///< none but for that question
};

using cluster_message =
  std::variant<node_hello, hello_answer, open_request, open_answer,
               session_grant, grant_taken, grant_ended, drain_word, stats_word,
               cluster_question, cluster_answer>;

std::shared_ptr<message> encode(const cluster_message& told);
/// Errors: message_malformed.
result<cluster_message> decode_cluster_message(std::vector<word> received);

} // namespace snakebridge
