#pragma once
// The whole running system in one process. A `bridge` starts the supervision
// tree when it is made and stops it, in order and in bounded time, when it is
// destroyed. A program may have several; each has its own interpreters.
//
// In a child process that the program forks it is not there: calls are
// shutting_down, its end and those of its sessions do nothing, its stats are
// empty. The child may start another: of workers, and of an embedded pool where
// Python had not started before.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include <snakebridge/caller.hpp>
#include <snakebridge/config.hpp>
#include <snakebridge/node_facts.hpp>
#include <snakebridge/object.hpp>

namespace caf {
class actor_system;
}

namespace snakebridge {

class client;
class session;

/// "0.1.0"
std::string_view version();

/// One interpreter, as it is now.
struct interpreter_stats {
  std::uint32_t id = 0;
  std::uint32_t epoch = 0;        ///< incarnations so far; 0: never started
  bool ready = false;             ///< it is up and takes calls: not drained
  int pid = 0;                    ///< of its process; 0 between incarnations
  std::size_t waiting = 0;        ///< calls in its queue
  std::size_t running = 0;        ///< calls handed to Python
  std::uint64_t calls = 0;        ///< taken so far
  std::uint64_t live_objects = 0; ///< objects held for refs
  std::uint64_t pruned = 0;       ///< let go: their session held too many
  std::uint64_t expired = 0;      ///< let go: they were not used for their ttl
  std::uint32_t deaths = 0;       ///< incarnations that ended unasked
  std::uint32_t restarts = 0;     ///< incarnations started after a death
  std::uint32_t recycled = 0;     ///< incarnations replaced by `recycle_limits`
  bool due = false;               ///< it is to be, once no session uses it
};

/// Of a pool's breaker (`breaker_limits`).
enum class circuit_state : std::uint8_t {
  closed,    ///< it takes calls
  open,      ///< its interpreters crashed too often: calls are pool_down
  half_open, ///< one call may try it
};

struct pool_stats {
  std::string name;
  snakebridge::placement placement = placement::worker;
  std::string down;     ///< why it is down; empty: it is up
  bool drained = false; ///< it takes no calls until it is resumed
  circuit_state circuit = circuit_state::closed;
  std::size_t spares = 0; ///< workers kept ready besides
  row<interpreter_stats> interpreters;

  std::uint64_t live_objects() const;
  /// Of its interpreters. Recycling is none.
  std::uint32_t restarts() const;
};

struct bridge_stats {
  std::size_t sessions = 0;
  std::size_t streams = 0;      ///< that have begun and not ended
  std::size_t stream_items = 0; ///< of them, that have come and nobody has read
  row<pool_stats> pools;

  std::uint64_t live_objects() const;
};

/// Who can join a session by its id.
enum class scope : std::uint8_t {
  bridge,  ///< clients of this bridge
  cluster, ///< of every node that has joined: it is the same session there
};

/// Which session to open.
struct session_options {
  /// Empty: a new one with an id of its own. Else the session of that id,
  /// joined if it exists: then it keeps the rules it was opened with.
  std::string id = {};
  /// How long a ref stays that is not used; 0: as long as the session. Empty,
  /// as the next two: what the configuration says (`ref_rules`).
  std::optional<std::chrono::milliseconds> ttl = {};
  /// Refs it may hold.
  std::optional<std::uint32_t> max_refs = {};
  /// What becomes of it when it holds so many and makes more.
  std::optional<snakebridge::on_full> on_full = {};
  snakebridge::scope scope = snakebridge::scope::bridge;
  /// Of the cluster: the node it is to be on, if it is not yet. Empty: this one
  /// if it listens, else the one that has least to do.
  std::string at = {};
  /// Of its calls that name none; its node must have it. Empty: "default".
  std::string pool = {};
};

/// Where a bridge listens as a node.
struct listen_options {
  std::string host = "127.0.0.1"; ///< an address of this machine; 0.0.0.0: all
  std::uint16_t port = 0;         ///< 0: one that is free
  /// Anything but a loopback address needs them. Empty: as configured.
  tls_files tls = {};
};

class bridge : public caller {
public:
  /// Starts with the configuration of the environment (`load_config`).
  /// Throws config_invalid, startup_failed, environment_invalid.
  bridge();
  explicit bridge(config wanted);
  /// The same on the user's own actor system, which must outlive the bridge.
  bridge(caf::actor_system& system, config wanted);
  static result<std::unique_ptr<bridge>> start(config wanted);

  /// Not on an actor of its own system, whose thread it would wait for.
  /// Stops everything: sessions first, then interpreters. Calls in flight are
  /// interrupted; they answer shutting_down, session_closed or
  /// interpreter_died.
  ~bridge();
  bridge(const bridge&) = delete;
  bridge& operator=(const bridge&) = delete;

  /// Opens a session, or joins the one with that id. While threads end them
  /// faster than their actors can, every thread that opens one waits. Throws
  /// shutting_down; config_invalid for options out of bounds; overloaded if the
  /// `timeout` of the configuration was not enough for that. One of the cluster
  /// needs a bridge that is a node, and besides throws node_down where its
  /// node, or the directory, is not linked; rules for refs that are not given
  /// are those of its node's configuration.
  session open_session(session_options options = {}) const;
  /// Ends this thread's own session and answers how many objects it had. The
  /// next call makes a new one.
  result<std::size_t> release_auto_session() const;
  /// Ends a session and answers how many objects it had; its id may be used
  /// again at once. An unknown id has none; nor has one of the cluster that is
  /// not open here. One that is on another node ends there, for all.
  result<std::size_t> release_session(std::string_view id) const;

  /// A function that Python code finds by that name in every session, as
  /// `snakebridge.call("name", ...)`; `snakebridge.tools()` tells which there
  /// are, with their signatures. Otherwise as a callback. Errors:
  /// config_invalid for a name that is none (letters, digits, '_', '.', '-', at
  /// most 64) or is taken; overloaded beyond 1,000; shutting_down.
  result<void> tool(std::string_view name, callback called) const;
  /// False: there is none of that name.
  result<bool> remove_tool(std::string_view name) const;

  /// Helpers as the source of a helper file of that name: the next call of a
  /// helper has them, in every interpreter, before those of files. Given again
  /// they take the place of the former. Errors: not_authorized unless
  /// `helper_inline_enabled`; config_invalid for a name that is none (letters,
  /// digits, '_', at most 64) or a source that is not UTF-8; payload_too_large
  /// beyond 1 MiB; overloaded beyond 100; shutting_down.
  result<void> add_helpers(std::string_view name, std::string source) const;
  /// False: there are none of that name.
  result<bool> remove_helpers(std::string_view name) const;

  /// Listens for other nodes, and answers the port. A bridge that was no node
  /// leads a cluster of its own from now on, until it joins another. Errors:
  /// config_invalid, unreachable, shutting_down.
  result<std::uint16_t> listen(const listen_options& at = {}) const;
  /// Joins the cluster of the node that listens there, and waits for that, at
  /// most for the `timeout` of the configuration; from then on it is dialed
  /// again whenever its link is lost. Errors: unreachable, node_down;
  /// not_authorized where its name is taken or its certificate not accepted;
  /// config_invalid for the directory of a cluster that others have joined;
  /// deadline_exceeded, shutting_down.
  result<void> join(std::string_view host, std::uint16_t port) const;
  /// What this node goes by in its cluster, and where it listens. Empty: it is
  /// no node, or listens nowhere.
  std::string node_name() const;
  std::string node_address() const;
  /// The nodes of the cluster, this one too, each with its state and stats: the
  /// same from any of them. Errors: config_invalid for a bridge that is no
  /// node; node_down while it is not linked to the directory;
  /// deadline_exceeded.
  result<std::vector<node_facts>> nodes() const;
  /// Says that the process of a silent node has ended: what it had may be
  /// opened anew. Errors: node_down for a name nobody has, config_invalid for a
  /// node that is linked; as those of `nodes`.
  result<void> forget_node(std::string_view name) const;
  /// That node, or this one, takes no new sessions of the cluster; those it has
  /// end after so long. Does not wait for that. Errors: node_down for a node
  /// that has not joined; as those of `nodes`.
  result<void> drain_node(std::string_view name,
                          std::chrono::milliseconds patience) const;
  result<void> drain_node(std::chrono::milliseconds patience) const;

  bridge_stats stats() const;
  std::vector<std::string> pools() const;
  /// Takes no more calls in the pool (they are pool_down) and waits until those
  /// it has are answered. Errors: pool_unknown; deadline_exceeded when they
  /// were not in time. `resume` ends it.
  result<void> drain(std::string_view pool,
                     std::chrono::milliseconds patience) const;
  /// Takes calls again. A pool that is down is started again first, and ready
  /// when it returns. Errors: pool_unknown; shutting_down; why it does not
  /// start.
  result<void> resume(std::string_view pool) const;
  /// Changes how many interpreters a pool of workers has, 1 to 64 or to as many
  /// as it began with. New ones are ready when it returns; if one does not
  /// start, the pool stays as it was. Of those taken away, an unused one ends
  /// at once, another when no session uses it any more, at the latest after
  /// `patience`: refs to its objects are ref_stale then, and calls that still
  /// wait for it are session_worker_unavailable: call again. Errors:
  /// pool_unknown, config_invalid, pool_down, and why one did not start.
  result<void> resize(std::string_view pool, std::uint32_t size,
                      std::chrono::milliseconds patience = std::chrono::seconds{
                        30}) const;
  static std::string_view version() { return snakebridge::version(); }
  caf::actor_system& system() const;

private:
  friend struct bridge_access;
  explicit bridge(std::shared_ptr<bridge_core> core);
};

/// A handle to an explicit session. It counts as a client: the session ends
/// with its last handle, linked actor and thread that joined it. Copies share
/// one membership.
class session : public caller {
public:
  const std::string& id() const { return id_; }

private:
  friend class bridge;
  friend class session_scope;
  session(std::shared_ptr<bridge_core> core,
          std::shared_ptr<session_core> through,
          std::shared_ptr<const client> member);

  std::string id_;
  std::shared_ptr<const client> member_;
};

/// Calls of this thread use the session while the scope lasts.
class session_scope {
public:
  explicit session_scope(session inside);
  ~session_scope();
  session_scope(const session_scope&) = delete;
  session_scope& operator=(const session_scope&) = delete;

private:
  const session inside_;
  const std::string around_; // what a runtime_scope around it names
};

/// Calls of this thread use these options while the scope lasts, unless they
/// name their own. Scopes nest: the inner one wins where it says something.
class runtime_scope {
public:
  explicit runtime_scope(call_options inside);
  ~runtime_scope();
  runtime_scope(const runtime_scope&) = delete;
  runtime_scope& operator=(const runtime_scope&) = delete;

private:
  call_options before_;
};

/// Refs that calls of this thread make through that bridge or session (and
/// through what `with` makes of it) while the scope lasts are released at its
/// end, but those given to `keep`. The end waits for that while their
/// interpreters run other calls, at most for the `timeout` of the
/// configuration; what is not released by then is when they are done. Scopes
/// nest: what is kept goes to the one around, of any caller of the bridge.
class ref_scope {
public:
  explicit ref_scope(const caller& through);
  ~ref_scope();
  ref_scope(const ref_scope&) = delete;
  ref_scope& operator=(const ref_scope&) = delete;

  /// The ref, or all refs in the value, outlive this scope.
  void keep(const value& kept);

private:
  friend class caller;
  /// Takes the refs of a result; on the thread that made the scope.
  void take(const result<value>& answered);
  bool covers(const caller& asking) const;

  const caller through_;
  std::unordered_set<ref> made_;
  ref_scope* const around_;
};

} // namespace snakebridge
