#pragma once
// The composition root: makes the parts of a bridge, starts its tree, stops it
// in order. Shared by the bridge, its callers and its sessions; stopped by the
// bridge. What is left of it after the stop refuses calls with shutting_down.

#include <memory>

#include <caf/actor_system.hpp>

#include <snakebridge/bridge.hpp>
#include <snakebridge/supervisor.hpp>

#include "actors/client.hpp"
#include "actors/cluster.hpp"
#include "actors/sessions.hpp"
#include "actors/stream_core.hpp"
#include "bridge/background.hpp"
#include "bridge/own_system.hpp"
#include "bridge/pool_control.hpp"
#include "bridge/this_thread.hpp"
#include "bridge/tools.hpp"
#include "bridge/tree.hpp"
#include "runtime/base/live_threads.hpp"
#include "runtime/base/process_mark.hpp"

namespace snakebridge {

/// What tests, and scripts, put in the place of a bridge's own.
struct bridge_parts {
  /// How interpreters get their hosts, on the bridge's actor system; empty:
  /// those of the configuration.
  std::function<pool_host_factory(caf::actor_system&)> hosts = {};
  /// The cluster it may be a node of; empty: by links.
  std::function<std::shared_ptr<cluster>(const config&, node_surroundings)>
    as_node = {};
  /// The clock; null: the machine's.
  std::shared_ptr<timers> clock = {};
  /// How long the start waits for the interpreters; empty: as long as their
  /// pools let them take.
  std::optional<std::chrono::milliseconds> patience = {};
};

class bridge_core : public std::enable_shared_from_this<bridge_core> {
public:
  /// Starts all and waits until every interpreter is ready. `users` is the
  /// actor system to run on; null: one of our own. Errors: config_invalid,
  /// startup_failed, environment_invalid; nothing is left running then.
  static result<std::shared_ptr<bridge_core>>
  start(config wanted, caf::actor_system* users, bridge_parts parts = {});
  bridge_core(config checked, caf::actor_system* users, bridge_parts parts);
  ~bridge_core();

  /// Once it has started: waits until all interpreters are up. `patience`: as
  /// in `bridge_parts`. Errors: pool_down; startup_failed if they were not in
  /// time.
  result<void> wait_up(std::optional<std::chrono::milliseconds> patience) const;
  /// Ends all, in order and in bounded time. Idempotent.
  void stop();
  /// In a child process that was forked since the start nothing of the bridge
  /// may be touched, not even to end it. Errors: shutting_down.
  result<void> in_its_process() const {
    return process_.forked() ? not_in_its_process() : result<void>{};
  }
  /// Nor may a thread that has ended own sessions. Errors: shutting_down.
  result<void> has_client_here() const;

  /// The session a call of this thread uses: the one named, else that of the
  /// object, else that of the scope, else the thread's own. What it waits for
  /// is taken off the call's timeout.
  result<session_ptr> choose(const operation& asked, const std::string& session,
                             call_options& of_call);
  result<value> run(operation& asked, const call_options& options,
                    const session_ptr& through);
  /// The session of a call of this thread through that caller; `effective`,
  /// which says nothing yet, says then what holds for it. Errors: as those of
  /// `choose`.
  result<session_ptr> session_for(const operation& asked,
                                  const call_options& options,
                                  const session_ptr& through,
                                  call_options& effective);
  /// A stream of what is asked. Errors: as those of `choose`.
  result<std::shared_ptr<stream_core>> stream(operation& asked,
                                              const call_options& options,
                                              const session_ptr& through);
  /// Releases them all, and waits for that, at most for the configuration's
  /// timeout; what could not be released by then is as soon as it can be. Those
  /// that are gone are left out.
  void let_go(std::vector<ref> refs);

  /// Opens a session, or joins it, for a client. Errors: as of
  /// bridge::open_session.
  result<session_ptr> open_session(const session_options& wanted,
                                   client& member);
  /// The same of a session of the cluster for an actor, which must not wait:
  /// the handle is there at once, and what it is sent waits. Errors:
  /// config_invalid.
  result<session_actor> open_for(const caf::actor_addr& owner,
                                 const session_options& wanted);
  /// As bridge::listen and bridge::join.
  result<std::uint16_t> listen(const listen_options& at) const;
  result<void> join(const std::string& address) const;
  /// Asks the directory of its cluster. Errors: as of bridge::nodes.
  result<std::vector<node_row>> ask_cluster(cluster_question asked) const;
  /// Its name in the cluster; empty: it is no node.
  std::string node_name() const {
    return node_->has_begun() ? node_->name() : "";
  }
  std::string node_address() const { return node_->address(); }

  thread_client& client_of_this_thread();
  std::shared_ptr<client> new_client();

  caf::actor_system& system() { return *system_; }
  sessions& all_sessions() { return *sessions_; }
  const std::shared_ptr<timers>& clock() const { return clock_; }
  const std::shared_ptr<background>& callback_threads() const {
    return callback_threads_;
  }
  snakebridge::tools& tools() { return *tools_; }
  helper_sources& helpers() { return *helpers_; }
  const callback& tools_callback() const { return tools_callback_; }
  bridge_stats stats() const;
  pool_control control() { return {*system_, *pools_, hosts_}; }
  std::vector<std::string> pool_names() const;

private:
  static result<void> not_in_its_process();
  result<void> start_tree();
  result<void>
  wait_ready(std::optional<std::chrono::milliseconds> patience) const;
  steady_clock::time_point
  ready_by(const pool& of, steady_clock::time_point began,
           std::optional<std::chrono::milliseconds> patience) const;
  void tell_verbosely(std::string_view what) const;
  std::optional<error> session_of_object(const operation& asked,
                                         session_ptr& found);
  bool may_go_elsewhere(const operation& asked,
                        const call_options& of_call) const;
  result<session_ptr> session_anywhere(call_options& of_call);
  result<session_ptr> open_at(const std::string& node, call_options& of_call);

  const process_mark process_;
  const config settings_;
  std::unique_ptr<own_system> own_system_;
  caf::actor_system* system_ = nullptr;
  const std::shared_ptr<live_threads> threads_;
  const std::shared_ptr<timers> clock_;
  const std::shared_ptr<background> callback_threads_;
  const std::shared_ptr<const pools> pools_;
  const std::shared_ptr<helper_sources> helpers_;
  const std::shared_ptr<snakebridge::tools> tools_;
  const callback tools_callback_{
    std::shared_ptr<const detail::callable>{tools_}};
  const std::shared_ptr<const timeout_profiles> profiles_;
  const pool_host_factory hosts_;
  const std::shared_ptr<sessions> sessions_;
  const std::shared_ptr<clients> clients_;
  const std::shared_ptr<cluster> node_;
  supervisor_actor root_;
};

/// How parts of the library get at the core of a bridge.
struct bridge_access {
  static bridge_core& core(const bridge& of) { return *of.core_; }
  static std::unique_ptr<bridge> wrap(std::shared_ptr<bridge_core> core) {
    return std::unique_ptr<bridge>{new bridge{std::move(core)}};
  }
};

} // namespace snakebridge
