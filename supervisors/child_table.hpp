#pragma once
// The children of one supervisor in start order, found by key, by id and by
// address. Owned by the supervisor's state, on its actor's thread. A living
// child is held by a guard: when the table goes, so do the children.

#include <snakebridge/supervisor.hpp>

#include <caf/actor.hpp>
#include <caf/actor_addr.hpp>

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace snakebridge {

/// Owns one child: kills it when it is not released first, so that no child
/// outlives a supervisor that was killed. `kill`, as nothing else surely ends
/// an actor and nobody is left to wait for a polite end.
class child_guard {
public:
  child_guard() = default;
  explicit child_guard(caf::actor child) : child_(std::move(child)) {}
  child_guard(child_guard&& other) noexcept;
  child_guard& operator=(child_guard&& other) noexcept;
  ~child_guard();

  /// The child is down, or no longer ours to end.
  void release() { child_ = caf::actor{}; }

  const caf::actor& get() const { return child_; }
  explicit operator bool() const { return static_cast<bool>(child_); }

private:
  caf::actor child_;
};

/// One child. At most one of `guard`, `ended` and `retry` is set.
struct child {
  child_spec spec;
  child_guard guard = {};
  child_status status = child_status::stopped;
  /// It ended with this and nobody has decided yet what follows.
  std::optional<caf::error> ended = {};
  /// Its restart failed, or waits: the try_again of this token is on its way.
  std::uint64_t retry = 0;
  /// When it was up last, and its restarts since it last was so for long.
  std::chrono::steady_clock::time_point up_since = {};
  unsigned restarts = 0;
  /// What happened to it last, for the text of an escalation.
  std::string last_end = {};
};

/// The names, addresses and order of the children. Keys grow with each added
/// child and are never used twice, so a late message cannot hit a stranger.
class child_table {
public:
  using key = std::uint64_t;

  /// Appends a child that has an id of its own.
  key add(child_spec spec);

  /// Appends a copy of a pool's template: no id leads to it.
  key add_copy(child_spec spec);

  /// Its spec goes; it is down.
  void forget(key which);

  /// `handle` is now this child, which has no other.
  void began(key which, caf::actor handle);

  /// The child is down: its guard lets go, its address is a stranger's.
  void went_down(key which);

  child* find(key which);
  std::optional<key> find_id(const std::string& id) const;
  std::optional<key> find_address(const caf::actor_addr& address) const;

  /// Keys in start order.
  std::vector<key> keys() const;

  /// Keys of living children, last started first.
  std::vector<key> living() const;

  bool none_alive() const { return by_address_.empty(); }

  std::vector<child_row> rows() const;
  child_counts counts() const;

private:
  key next_ = 1;
  std::map<key, child> children_;
  std::unordered_map<std::string, key> by_id_;
  std::unordered_map<caf::actor_addr, key> by_address_;
};

} // namespace snakebridge
