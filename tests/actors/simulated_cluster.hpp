#pragma once
// A cluster of nodes on a virtual network: each has the tables of a node, the
// first one the directory as well, and clients that open sessions, call and
// close. It does what the actors around the tables do, and watches what must
// hold at every moment. Of one test, on its thread.

#include <array>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "actors/node_directory.hpp"
#include "actors/node_membership.hpp"
#include "virtual_network.hpp"

namespace snakebridge::testing {

/// What a run leaves out, to show that it is missed.
struct left_out {
  bool epoch_check = false;  ///< an owner serves whatever it is asked for
  bool proof = false;        ///< a silent process counts as dead
  bool ending_first = false; ///< a forgotten node keeps its sessions
  bool newer_epoch = false;  ///< a node calls on under an older one
  bool hello_order = false;  ///< an overtaken hello counts
  bool late_ends = false;    ///< what ends after a hello is not told
};

/// Paths that a thousand runs must reach.
enum class rare {
  refused_dial,
  another_answered,
  blocked_open,
  forgotten_alive,
  two_lives, ///< of one id: that of a forgotten node, and of the next
  ended_first,
  stale_open,
  waited_for_end,
  unused_grant,
  superseded,
  new_cluster,
  drained,
  name_taken,
  ended_between, ///< a hello and its answer
  overtaken_hello,
  count
};
const char* name_of(rare path);

/// The machine of that address, as the nodes say it.
std::size_t machine_at(const std::string& address);

class simulated_cluster {
public:
  simulated_cluster(std::size_t nodes, std::uint64_t seed, left_out without,
                    bool is_traced);
  ~simulated_cluster();

  virtual_network& network() { return network_; }
  /// Runs until then, or until something does not hold.
  void run_for(microseconds span);
  void start(std::size_t machine);
  void kill(std::size_t machine, bool power_too);
  void drain(std::size_t machine);
  /// The operator forgets what has been silent for so long.
  void forget_silent(std::chrono::milliseconds for_at_least);
  /// A client on that machine opens it, calls so often, and closes.
  void use(std::size_t machine, const std::string& id, const std::string& at,
           unsigned calls);
  bool is_draining(std::size_t machine) const;
  /// All is healed and all clients are done: nothing may be left.
  void expect_quiet();
  void fail(std::string why);

  const std::optional<std::string>& violation() const { return violation_; }
  const std::vector<std::string>& trace() const { return trace_; }
  std::size_t reached(rare path) const {
    return reached_[static_cast<std::size_t>(path)];
  }
  /// Of those that clients asked for, answered with a value.
  std::size_t values() const { return values_; }
  /// Written into the trace, if there is one.
  template <class... Args>
  void note(fmt::format_string<const Args&...> text, const Args&... args) {
    if (is_traced_)
      add_note(fmt::format(text, args...));
  }

private:
  using link_ptr = virtual_network::link_ptr;
  using end = virtual_network::end;
  struct node;
  struct user;
  using user_ptr = std::shared_ptr<user>;
  struct life {
    std::size_t process;
    session_grant grant;
    cluster_id cluster;
    bool is_forgotten = false;
  };
  struct asked {
    std::size_t process;
    std::string what;
    unsigned answers = 0;
  };

  // Joining.
  void dial_directory(node& mine);
  void dial_directory_later(node& mine);
  void on_hello(const link_ptr& over, const node_hello& hello);
  void on_answer(node& mine, const link_ptr& over,
                 const result<admission>& answer);
  void on_directory_lost(node& mine);
  void leave_cluster(node& mine, const admission& answer);
  void start_drain(node& mine);

  // The directory.
  void apply(node& directory, const directory_plan& plan);
  void dial_silent(node& directory, const directory_plan::dialled& whom);
  template <class Tell>
  void to_directory(node& mine, Tell tell);
  template <class Tell>
  void to_member(node& directory, const node_id& whom, Tell tell);

  // Owners.
  void on_grant(node& mine, const session_grant& grant);
  void end_unused(node& mine);
  void on_open(node& mine, const user_ptr& from, const session_grant& named,
               const link_ptr& over);
  void on_call(node& mine, const user_ptr& from, const session_grant& named,
               std::size_t call, const link_ptr& over);
  void on_close(node& mine, const user_ptr& from, const session_grant& named);
  void on_users_lost(node& mine, const link_ptr& over);
  void end_session(node& mine, const std::string& id);
  void session_gone(node& mine, const session_grant& grant);
  void tell_ended(node& mine, std::optional<rare> why = {});
  void to_user(node& mine, const link_ptr& over, virtual_network::action tell);

  // Clients.
  void ask(const user_ptr& mine, std::uint64_t ended_epoch);
  void on_place(node& mine, std::uint64_t number,
                const result<session_place>& place);
  void end_overtaken(node& mine, const std::string& id);
  void connect(const user_ptr& mine, const session_place& place);
  void on_peer(const link_ptr& over, std::size_t from, const node_id& wanted,
               const cluster_id& cluster);
  void on_peer_lost(node& mine, const node_id& other);
  void send_open(const user_ptr& mine);
  void on_opened(const user_ptr& mine, bool is_served);
  void call_later(const user_ptr& mine);
  void call(const user_ptr& mine);
  void on_value(const user_ptr& mine, std::size_t call, std::uint64_t epoch);
  void finish(const user_ptr& mine, errc why);

  // What must hold.
  std::size_t record(const node& by, std::string what);
  void answered(std::size_t which, bool with_value);
  void begin_life(const node& owner, const session_grant& grant);
  void end_life(const node& owner, const session_grant& grant);
  void check_lives();
  void check_others(const life& one, const std::vector<life>& lives);
  bool is_admitted(const node& whom);
  void check_epoch(const session_grant& grant);
  void reach(rare path) { ++reached_[static_cast<std::size_t>(path)]; }
  void add_note(const std::string& text);

  node* running(std::size_t machine);
  node& of(std::size_t process) { return *nodes_[process]; }

  const left_out without_;
  const bool is_traced_;
  virtual_network network_;
  const bool refused_is_dead_;
  const bool last_listens_;
  std::size_t machines_;
  std::vector<std::unique_ptr<node>> nodes_; ///< by process
  std::uint64_t requests_ = 0;
  std::vector<asked> asked_;
  std::map<std::string, std::vector<life>> lives_;
  std::map<std::string, std::uint64_t> last_epoch_;
  std::uint64_t highest_epoch_ = 0;
  cluster_id cluster_; ///< of the last directory
  std::array<std::size_t, static_cast<std::size_t>(rare::count)> reached_{};
  std::size_t values_ = 0;
  std::vector<std::string> trace_;
  std::optional<std::string> violation_;
};

// One client, on the machine where it is. An owner knows it by its address
// alone.
struct simulated_cluster::user {
  enum class stage { asking, opening, open, gone };

  std::size_t process = 0;
  std::string id;
  std::string at;
  unsigned calls_left = 0;
  std::size_t open_record = 0;
  stage now = stage::asking;
  unsigned tries = 0;
  std::uint64_t request = 0;
  std::optional<session_grant> grant = {}; ///< it has a place in the table
  node_id owner = {};
  link_ptr over = {}; ///< null: its node is the owner
  std::set<std::size_t> pending = {};
};

// A process.
struct simulated_cluster::node {
  /// By number: addresses differ from run to run.
  struct in_order {
    bool operator()(const user_ptr& left, const user_ptr& right) const {
      return left->open_record < right->open_record;
    }
  };
  using user_links = std::map<user_ptr, link_ptr, in_order>;
  struct served_session {
    std::uint64_t epoch = 0;
    bool is_ending = false;
    user_links users = {};
    user_links waiting = {}; ///< for its end
  };
  struct peer {
    link_ptr over;
    bool is_shaken = false;
  };

  node(std::size_t number, std::size_t at, node_hello said, std::uint64_t seed)
      : process{number},
        machine{at},
        id{said.node},
        table{std::move(said)},
        redials{seed} {}

  const std::size_t process;
  const std::size_t machine;
  const node_id id;
  node_membership table;
  std::unique_ptr<node_directory> directory;
  redial redials;
  bool dials_soon = false;
  bool is_draining = false;
  bool hides_sessions = false;    ///< left_out::ending_first
  std::uint64_t forgotten_at = 0; ///< the highest epoch granted by then
  link_ptr to_directory;
  std::map<node_id, link_ptr> members;
  std::map<node_id, redial> silent;
  std::map<node_id, peer> peers;
  std::vector<link_ptr> accepted;
  std::map<std::string, served_session> served;
  std::map<std::uint64_t, user_ptr> opens;
  std::set<user_ptr, in_order> users;
  std::map<std::string, std::uint64_t> told; ///< newest epochs
};

template <class Tell>
void simulated_cluster::to_directory(node& mine, Tell tell) {
  if (mine.directory) {
    network_.later(mine.process, microseconds{0},
                   [&mine, tell] { tell(mine); });
  } else if (const auto over = mine.to_directory) {
    network_.send(over, 0,
                  [this, over, tell] { tell(of(over->side[1].process)); });
  }
}

template <class Tell>
void simulated_cluster::to_member(node& directory, const node_id& whom,
                                  Tell tell) {
  if (whom == directory.id)
    return network_.later(directory.process, microseconds{0},
                          [&directory, tell] { tell(directory); });
  const auto found = directory.members.find(whom);
  if (found == directory.members.end())
    return;
  const auto over = found->second;
  network_.send(over, 1, [this, over, tell] {
    auto& member = of(over->side[0].process);
    if (member.to_directory == over)
      tell(member);
  });
}

} // namespace snakebridge::testing
