#pragma once
// The seam between a bridge and the cluster it may be a node of: its links and
// tables (cluster_node), or, in tests, other nodes that are a script. Owned by
// the bridge; any thread.

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <caf/actor_cast.hpp>

#include <snakebridge/config.hpp>

#include "actors/client.hpp"
#include "runtime/node/cluster_messages.hpp"

namespace snakebridge {

/// What a node has of its bridge.
struct node_surroundings {
  caf::actor_system& system;
  std::shared_ptr<clients> known_clients;
  std::shared_ptr<snakebridge::sessions> sessions;
  std::shared_ptr<const snakebridge::pools> pools;
  std::shared_ptr<timers> clock;
  /// Runs what waits for Python, on a thread that may.
  std::function<void(std::function<void()>)> run_aside = {};
};

/// Runs when the actor has ended and its objects are freed, at once if it has.
template <class Heard>
void when_ended(const session_actor& which, Heard heard) {
  caf::actor_cast<caf::abstract_actor*>(which)->attach_functor(
    [heard = std::move(heard)](const caf::error& why) { heard(why); });
}

/// That pool, as it is now.
node_pool_stats stats_of(const pool& of);

class cluster {
public:
  virtual ~cluster() = default;

  /// Listens, and dials, as the configuration says. Errors: startup_failed,
  /// config_invalid.
  virtual result<void> start() = 0;
  /// Its links end, and who waits for one hears of it. Its sessions must have
  /// ended.
  virtual void stop() = 0;
  /// Listens there too, and answers the port. Errors: config_invalid,
  /// unreachable, shutting_down.
  virtual result<std::uint16_t> listen(const std::string& address,
                                       const tls_files& tls) = 0;
  /// Joins the cluster of who listens there, and waits until it is admitted.
  /// Errors: config_invalid, unreachable, node_down, not_authorized,
  /// deadline_exceeded, shutting_down, and what a directory says.
  virtual result<void> join(const std::string& address,
                            steady_clock::time_point until) = 0;

  /// It listens, or has joined.
  virtual bool has_begun() const = 0;
  virtual const std::string& name() const = 0;
  /// Where it listens; empty: nowhere.
  virtual std::string address() const = 0;

  /// Joins or opens the session of the cluster for that owner. Waits, at most
  /// for the call's time. Errors: node_down, pool_unknown, config_invalid,
  /// session_closed, deadline_exceeded, cancelled, overloaded, shutting_down.
  virtual result<opened_session> open(const session_options& wanted,
                                      const caf::actor_addr& owner,
                                      call_options& of_call) = 0;
  /// Asks the directory. Errors: node_down, deadline_exceeded, and what it
  /// says.
  virtual result<std::vector<node_row>> ask(cluster_question asked,
                                            steady_clock::time_point until) = 0;
  /// Which node is to run a call of that pool that any may run. `but`: not that
  /// one. Waits where it has to ask the directory. Errors: pool_unknown,
  /// pool_down.
  virtual result<std::string> place_call(const std::string& pool,
                                         const std::set<std::string>& but,
                                         steady_clock::time_point until) = 0;
};

} // namespace snakebridge
