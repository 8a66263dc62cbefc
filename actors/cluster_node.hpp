#pragma once
// A bridge as a node of a cluster: its links, its membership, and on one of
// them the directory. What is told over a link, what becomes of it, and what
// clients here open come in from their threads; under one lock the tables
// decide, and what they say goes out in the order in which they said it.
// Sessions are opened under a grant here, or there with a stand-in here. Owned
// by the bridge, of which it is idle until that listens or joins; any thread.

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <snakebridge/config.hpp>

#include "actors/awaited.hpp"
#include "actors/call_placement.hpp"
#include "actors/cluster.hpp"
#include "actors/node_directory.hpp"
#include "actors/node_membership.hpp"
#include "config/tunables.hpp"
#include "runtime/node/node_links.hpp"
#include "runtime/node/value_thread.hpp"

namespace snakebridge {

class cluster_node final : public cluster,
                           public std::enable_shared_from_this<cluster_node> {
public:
  cluster_node(const config& settings, node_surroundings around);
  ~cluster_node() override;

  result<void> start() override;
  void stop() override;
  result<std::uint16_t> listen(const std::string& address,
                               const tls_files& tls) override;
  result<void> join(const std::string& address,
                    steady_clock::time_point until) override;
  bool has_begun() const override;
  const std::string& name() const override { return self_.name; }
  std::string address() const override;
  result<opened_session> open(const session_options& wanted,
                              const caf::actor_addr& owner,
                              call_options& of_call) override;
  result<std::vector<node_row>> ask(cluster_question asked,
                                    steady_clock::time_point until) override;
  result<std::string> place_call(const std::string& pool,
                                 const std::set<std::string>& but,
                                 steady_clock::time_point until) override;

private:
  using lock_guard = std::lock_guard<std::mutex>;
  class provider;

  /// What is done when the lock is free: made before that is taken.
  class afterwards {
  public:
    afterwards() = default;
    afterwards(const afterwards&) = delete;
    afterwards& operator=(const afterwards&) = delete;
    ~afterwards() {
      for (const auto& each : todo_)
        each();
    }
    void add(std::function<void()> todo) { todo_.push_back(std::move(todo)); }

  private:
    std::vector<std::function<void()>> todo_;
  };

  /// A session that this node serves, and the clients of others in it.
  struct served_session {
    std::uint64_t epoch = 0;
    session_ptr core;
    std::map<std::uint64_t, on_remote_end> clients = {};
    std::vector<std::function<void()>> waiting = {}; ///< until it has ended
  };
  /// What a client asks for of this node as the owner.
  struct wanted_session {
    session_grant grant;
    std::string pool;
    wanted_refs refs;
  };
  /// A client here of a session of another node.
  struct stand_in {
    session_grant grant;
    node_id owner;
    session_ptr core;
  };
  template <class T>
  using waiting_for = std::shared_ptr<awaited<T>>;
  /// A link that an open waits for.
  struct wanted_link {
    node_id whom;
    std::string address;
    waiting_for<node_id> waits;
  };
  /// Who waits until this node has joined by that address.
  struct joining {
    std::string address;
    waiting_for<void> waits;
  };
  /// What its link says of a stand-in's end, before or after it is there.
  struct fate {
    session_ptr core;
    std::optional<error> why;
  };

  // With the lock. Links.
  tls_files own_files() const;
  result<void> begin(const tls_files& tls);
  result<std::uint16_t> listen_first(const std::string& address);
  void lead();
  result<void> stop_leading();
  bool is_joined(const std::string& address) const;
  bool is_directory(const link_peer& peer) const;
  void meet_directory(const link_peer& peer);
  void meet_another();
  void undial(const std::string& address);
  void tell_waiting(const link_refused& refused);
  void tell_joining(const result<void>& outcome);

  link_events events();
  void on_up(const link_peer& peer);
  void on_lost(const link_peer& peer, const error& why);
  void on_refused(const link_refused& refused);
  void on_told(const link_peer& peer, cluster_message told);

  // With the lock. Members and directory.
  void tell(const node_id& whom, const cluster_message& what);
  void tell_directory(const cluster_message& what);
  void hear_own(afterwards& after);
  void hear(const node_id& from, const std::string& address,
            cluster_message& told, afterwards& after);
  void say_hello();
  void try_again();
  void rejoin();
  void join_links();
  void on_hello(const node_id& from, const std::string& address,
                node_hello said);
  void on_admission(const hello_answer& told, afterwards& after);
  void leave_cluster(const admission& answer, afterwards& after);
  void apply(const directory_plan& plan);
  void look_at_silent();
  result<std::vector<node_row>> answer(const cluster_question& asked);
  void lose_directory(const error& why);
  void start_drain(std::chrono::milliseconds patience);
  void end_drained();
  void report_later() {
    in(std::chrono::milliseconds{limits::load_report_ms},
       &cluster_node::report);
  }
  void report();
  void tell_stats();
  node_stats stats() const;
  void in(std::chrono::milliseconds time, void (cluster_node::*then)());

  // With the lock. Sessions.
  void on_grant(const session_grant& grant, afterwards& after);
  void end_unused();
  void tell_ended();
  void end_overtaken(const std::string& id, afterwards& after);
  using on_opened = std::function<void(result<opened_session>, afterwards&)>;
  void open_here(const wanted_session& wanted, const caf::actor_addr& owner,
                 const on_opened& done, afterwards& after);
  result<opened_session> open_served(const wanted_session& wanted,
                                     const caf::actor_addr& owner,
                                     afterwards& after);
  std::unique_ptr<remote_client> client_of(const remote_open& wanted,
                                           std::unique_ptr<client> mine,
                                           const session_ptr& in,
                                           on_remote_end ended);

  // Without it.
  void serve(const remote_open& wanted, const on_remote_end& ended,
             const session_provider::on_opened& done);
  void served_ended(const session_grant& grant, const error& why);
  struct asking;
  result<opened_session> open_once(const asking& by, std::uint64_t& ended);
  result<session_place> find_place(const asking& by, std::uint64_t ended);
  result<opened_session> open_own(const asking& by, const session_grant& grant);
  result<opened_session> open_there(const asking& by,
                                    const session_place& place);
  result<void> link_with(const asking& by, const session_place& place);
  result<opened_session> open_over(const asking& by,
                                   const session_place& place);
  result<opened_session> stand_in_for(const asking& by,
                                      const session_place& place,
                                      std::unique_ptr<remote_session> over,
                                      const std::shared_ptr<fate>& told);
  void stand_in_ended(const session_ptr& gone);
  void end_stand_in(const session_ptr& which, const error& why);

  const node_config settings_;
  const cluster_config cluster_;
  const std::size_t payload_bytes_max_;
  const std::chrono::milliseconds timeout_;
  const std::function<void(const interpreter_event&)> on_event_;
  const node_surroundings around_;
  const node_id self_;

  mutable std::mutex mutex_;
  bool has_stopped_ = false;
  tls_files tls_;
  std::string address_;           ///< where it listens
  std::vector<std::string> join_; ///< addresses of the cluster's nodes
  std::vector<joining> joining_;
  /// Configured, or learned: the directory may be who dials. Empty: not known.
  std::string directory_name_;
  std::set<node_id> no_directories_; ///< that have said so
  std::optional<node_directory> directory_;
  std::optional<node_membership> table_;
  std::optional<node_id> to_directory_; ///< which is linked, and said hello to
  std::uint64_t hello_number_ = 0;
  std::optional<node_stats> last_stats_; ///< that it told
  std::deque<cluster_message> own_;      ///< what it has told itself
  bool hears_own_ = false;
  std::optional<steady_clock::time_point> drained_at_; ///< not set: it does not
  std::map<node_id, std::string> silent_; ///< dialed to learn of their end
  std::uint64_t last_number_ = 0;         ///< of what is asked, and of clients
  std::map<std::uint64_t, waiting_for<session_place>> opens_;
  std::map<std::uint64_t, waiting_for<std::vector<node_row>>> questions_;
  call_placement placement_;
  std::vector<wanted_link> links_wanted_;
  std::map<std::string, served_session> served_; ///< by id
  std::vector<stand_in> stand_ins_;
  std::shared_ptr<value_thread> values_; ///< null before the start
  std::shared_ptr<node_links> links_; ///< null before the start and at the end
};

} // namespace snakebridge
