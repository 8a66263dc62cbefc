#pragma once
// From a session to the hosts its refs live on: what its clients' calls go
// through. A lane chooses the interpreter (a ref's own; else the session's home
// in the pool, chosen at the first call), checks that refs belong here, and
// hands the call over; what Python raised it translates if told to. Nothing of
// it is an actor. Shared by the session actor,
// whose lease closes it, and by the clients' threads; any thread.

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <snakebridge/caller.hpp>

#include "actors/pools.hpp"

namespace snakebridge {

/// The first object an operation names, at any depth; null: none.
const ref* first_ref(const operation& asked);

/// Calls `take(ref)` for each in the value, at any depth.
template <class Take>
void each_ref(const value& in, Take take) {
  if (!in.holds_refs())
    return;
  if (const auto* named = in.get_if<ref>()) {
    take(*named);
  } else if (const auto* items = detail::items_of(in)) {
    for (const auto& each : *items)
      each_ref(each, take);
  } else if (const auto* entries = in.get_if<dict>()) {
    for (const auto& [key, item] : *entries) {
      each_ref(key, take);
      each_ref(item, take);
    }
  }
}

/// How long a call of these options may take.
std::chrono::milliseconds time_limit(const call_options& options,
                                     std::chrono::milliseconds configured);

class lane : public std::enable_shared_from_this<lane> {
public:
  lane(std::shared_ptr<const pools> where, std::uint64_t number, std::string id,
       std::chrono::milliseconds timeout, error_mode errors = error_mode::raw,
       const ref_rules& refs = {});
  lane(const lane&) = delete;
  lane& operator=(const lane&) = delete;

  const std::string& id() const { return gate_->id; }
  bool closed() const { return gate_->closed.load(); }

  /// Runs a call and waits for its answer. Errors: those of `caller`.
  result<value> run(operation asked, const call_options& options);
  /// Starts a call; `done` runs exactly once, here or on a thread of the
  /// runtime.
  void submit(operation asked, const call_options& options, completion done);
  /// No call starts any more, those that run are interrupted, and all objects
  /// are freed, those of calls still running too. Idempotent; does not wait.
  void close();
  /// The same, but waits until all objects are freed and answers how many there
  /// were: what ran has ended by then. Errors: deadline_exceeded.
  result<std::size_t> close_and_count();

private:
  struct route {
    std::shared_ptr<call_queue> queue;
    std::uint32_t epoch = 0; ///< of the refs; 0: there are none
    const pool* of = nullptr;
    call::joiner join; ///< of a call that may run anywhere
    circuit_breaker::ticket ticket;
  };

  /// The route of a call that is about to be made, with its options in it.
  result<route> begin(operation& asked, const call_options& options);
  result<value> run_once(operation asked, const call_options& options,
                         steady_clock::time_point until);
  void submit_once(operation asked, const call_options& options,
                   steady_clock::time_point until, completion done);
  result<route> find_route(const operation& asked, const call_options& options);
  result<std::shared_ptr<call_queue>> home(const std::string& pool);
  /// For a call of this session that waits, and that another interpreter would
  /// run.
  call::joiner joins_others();
  /// False: it is not in service, and this session has nothing there.
  bool remember_locked(const std::shared_ptr<call_queue>& queue);
  using queues = std::vector<std::shared_ptr<call_queue>>;
  /// No call starts any more. All that may have calls or objects of it; nothing
  /// if it had been shut before.
  queues shut();
  steady_clock::time_point deadline(const call_options& options) const;

  const std::shared_ptr<const pools> where_;
  const std::shared_ptr<session_gate> gate_;
  const std::chrono::milliseconds timeout_;
  const error_mode errors_;

  std::mutex mutex_;
  std::vector<std::pair<const pool*, std::shared_ptr<call_queue>>> homes_;
  queues used_; // to be told of the end
};

} // namespace snakebridge
