#pragma once
// A session: what its clients' calls go through, and who owns it. A call goes
// to the interpreter its refs live on, else to the session's pool; refs that do
// not belong here are refused; what Python raised is translated if told to.
// Shared by the session's actor, whose lease closes it, and by the clients; any
// thread.

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include <snakebridge/actors.hpp>
#include <snakebridge/caller.hpp>

#include "actors/pools.hpp"
#include "actors/timeout_profiles.hpp"

namespace snakebridge {

namespace detail {
using held_ptr = std::shared_ptr<const held_object>;
} // namespace detail

/// The first object an operation names, at any depth; null: none.
const ref* first_ref(const operation& asked);

/// It needs no namespace of its session, as code does: any interpreter of the
/// pool may run it.
bool may_run_anywhere(const operation& asked);

/// How long a call of these options may take.
std::chrono::milliseconds time_limit(const call_options& options,
                                     std::chrono::milliseconds configured);

/// What the sessions of a bridge have in common.
struct session_rules {
  std::chrono::milliseconds timeout{};
  error_mode errors = error_mode::raw;
  ref_rules refs = {};
  stream_rules streams = {};
  /// How often the helpers that the program gives have changed; null: never.
  std::shared_ptr<const std::atomic<std::uint32_t>> helpers_given = {};
  /// Null: there are none, and the times above are those of all calls.
  std::shared_ptr<const timeout_profiles> profiles = {};
  /// How its end is told of, with the objects it had.
  log_level cleanup_log = log_level::off;
};

class session_core : public std::enable_shared_from_this<session_core> {
public:
  /// `is_shared`: opened by an id of the user's choice. `where` of a stand-in:
  /// the way to the node that has the session, as its only pool.
  session_core(std::shared_ptr<const pools> where, std::uint64_t number,
               std::string id, const session_rules& rules,
               bool is_shared = false, session_home home = {});
  session_core(const session_core&) = delete;
  session_core& operator=(const session_core&) = delete;

  const std::string& id() const { return gate_->id; }
  const session_home& home() const { return gate_->home; }
  /// Of a stand-in whose node, or session there, is gone: calls answer that.
  void refuse_calls(const error& why);
  /// Once, before it has calls: where its callbacks run.
  void run_callbacks_on(std::shared_ptr<const program_side> program) {
    gate_->callbacks->run_on(std::move(program));
  }
  bool closed() const { return gate_->closed.load(); }
  /// Its refs may be used from anywhere in the process without naming it.
  bool is_shared() const { return is_shared_; }
  /// When a call of these options is over that begins now.
  steady_clock::time_point deadline(const call_options& options) const {
    return deadline(options, where_->now());
  }
  steady_clock::time_point deadline(const call_options& options,
                                    steady_clock::time_point now) const;
  timers& clock() const { return where_->clock(); }
  /// Gives a call that names no time that of its profile. Errors:
  /// config_invalid.
  result<void> set_time(const operation& asked, call_options& options) const;
  /// How a stream of that comes, unless it says otherwise; and all of the
  /// bridge. Errors: config_invalid for its profile.
  result<stream_rules> rules_of_stream(const operation& source,
                                       const call_options& options) const;
  stream_counts& streams() const { return where_->streams(); }

  /// Runs a call and waits for its answer. What is asked is taken, but for
  /// where it failed: then it is there as before. Errors: those of `caller`.
  result<value> run(operation&& asked, const call_options& options);
  /// Starts a call; `done` runs exactly once, here or on a thread of the
  /// runtime. `on_items`: of `next`.
  void submit(operation asked, const call_options& options, completion done,
              items_listener on_items = {});
  /// The same, for who may wait for it later: until then it may be late. Null
  /// where it was refused.
  exchange_ptr submit_for_later(operation asked, const call_options& options,
                                completion done);
  /// The program has no use for the object of that ref any more: it is freed
  /// soon, with others. Does not wait.
  void let_go(const ref& object);
  /// The owner that this object has, else what `make` makes: one at a time.
  detail::held_ptr owner_of(const ref& object,
                            const std::function<detail::held_ptr()>& make);
  /// No call starts any more, those that run are interrupted, and all objects
  /// are freed, those of calls still running too. Idempotent; does not wait.
  void close();
  /// The same, but waits until all objects are freed and answers how many there
  /// were: what ran has ended by then. Errors: deadline_exceeded.
  result<std::size_t> close_and_count();

  /// Who owns it; under the lock of `sessions`.
  struct membership {
    session_actor actor; ///< null once it has ended
    std::set<caf::actor_addr> owners;
    std::size_t unheard = 0; ///< ends that its actor has not heard of
  } members;
  /// By release_session: another may take its place.
  std::atomic<bool> released = false;

private:
  /// A call and its attempts: it may be made again where a crash took it.
  struct errand;
  struct owned_errand;
  /// An object the program has let go, and that is not freed yet.
  struct unwanted {
    std::uint32_t interpreter;
    std::uint32_t epoch;
    std::uint64_t slot;
  };

  result<void> begin(errand& mine);
  result<void> find_way(errand& mine);
  result<void> find_way_out(errand& mine, const ref* found);
  bool conclude(errand& mine, result<value>& outcome);
  exchange_ptr go(const std::shared_ptr<owned_errand>& mine,
                  bool may_be_late = false);
  void free_later();
  void free_unwanted(const call_options* about_to);
  void free_in(std::uint32_t interpreter, operation asked,
               const call_options* about_to);
  result<std::size_t> release_elsewhere();
  void tell_cleanup(std::uint64_t objects) const;

  const std::shared_ptr<const pools> where_;
  const std::shared_ptr<const session_gate> gate_;
  const std::chrono::milliseconds timeout_;
  const error_mode errors_;
  const stream_rules stream_rules_;
  const std::shared_ptr<const std::atomic<std::uint32_t>> helpers_given_;
  const std::shared_ptr<const timeout_profiles> profiles_;
  const log_level cleanup_log_;
  const bool is_shared_;

  const std::size_t let_go_max_; ///< at once
  std::mutex objects_mutex_;
  std::vector<unwanted> unwanted_;
  std::atomic<std::size_t> unwanted_count_ = 0;
  bool frees_later_ = false;                 ///< a timer is set
  std::atomic<bool> freed_by_calls_ = false; ///< since then
  std::unordered_map<ref, std::weak_ptr<const detail::held_object>> owners_;
  std::size_t owners_looked_at_ = 0; ///< when there were so many
};

using session_ptr = std::shared_ptr<session_core>;

} // namespace snakebridge
