#pragma once
// What the nodes of a cluster and its directory tell each other, as plain
// values: who a node is, what it may serve, where a session is. How they cross
// is the link's affair.

#include <compare>
#include <cstdint>
#include <string>
#include <vector>

#include <snakebridge/result.hpp>

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

} // namespace snakebridge
