#pragma once
// The calls of one interpreter, across its incarnations. Lanes put calls in;
// the host attached by the interpreter actor takes them out, one of each
// session in turn. While no host is attached calls wait, at most `waiting_max`
// of them and each no longer than its deadline. Shared by the pool, the lanes
// and the interpreter actor; any thread.

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "runtime/base/timers.hpp"
#include "runtime/calls/fair_queue.hpp"
#include "runtime/calls/interpreter_host.hpp"

namespace snakebridge {

class call_queue;

/// The interpreters of a pool, each in its place. What waits at one of them,
/// and may run anywhere, is run by another that has nothing to do.
struct call_queue_mates {
  std::vector<std::weak_ptr<call_queue>> all; ///< set before any is used
  std::atomic<std::uint32_t> size{0}; ///< the first so many are in service
  std::atomic<std::size_t> movable{
    0}; ///< calls that wait, and may run anywhere
};

class call_queue : public std::enable_shared_from_this<call_queue> {
public:
  struct facts {
    std::uint32_t epoch = 0;
    bool ready = false;
    std::size_t waiting = 0;
    std::uint64_t calls = 0; ///< taken so far
    std::uint32_t deaths = 0;
    std::uint32_t restarts = 0;
    std::uint32_t recycled = 0;
    bool due = false;
    bool held = false;
    std::optional<error> last_death;
    std::optional<error> closed;
    host_stats host;
  };

  /// `mates`: it is to be the next of them; null: it is the only one.
  call_queue(std::uint32_t interpreter, std::size_t waiting_max,
             std::shared_ptr<timers> deadlines,
             std::shared_ptr<call_queue_mates> mates = nullptr)
      : interpreter_{interpreter},
        waiting_max_{waiting_max},
        deadlines_{std::move(deadlines)},
        mates_{std::move(mates)},
        place_{mates_ ? mates_->all.size() : 0} {}
  call_queue(const call_queue&) = delete;
  call_queue& operator=(const call_queue&) = delete;

  std::uint32_t interpreter() const { return interpreter_; }

  // For lanes. Both refuse with overloaded, session_closed, ref_stale and
  // whatever `close` was given.

  /// Runs a call and waits for its answer, at most until its deadline or until
  /// it is cancelled.
  result<value> run(operation asked,
                    std::shared_ptr<const session_gate> session,
                    steady_clock::time_point deadline, std::uint32_t epoch,
                    call::joiner join = {});
  /// Puts a call in and returns; its completion runs exactly once.
  void submit(const call_ptr& made);
  /// A session ends: its waiting calls answer session_closed, those that run
  /// are interrupted. The session's gate must be closed.
  void withdraw(std::uint64_t session);
  /// The same, and its objects are freed: it is forgotten.
  void release(std::uint64_t session);
  /// Calls here and in the host: for choosing the least busy.
  std::size_t load() const;
  /// A session comes, whose `release` will be its end here. False: it has been
  /// retired, and the session must choose another.
  bool join(std::shared_ptr<const session_gate> session);
  /// Sessions that have come and not gone.
  std::size_t users() const;
  /// It is to be replaced, and better left alone.
  bool is_due() const;
  /// A host is there, and has nothing to do.
  bool is_free() const;
  /// An incarnation has died in the last `period`.
  bool died_within(steady_clock::duration period) const;
  /// The incarnation that serves calls; 0: none does.
  std::uint32_t serving_epoch() const;

  // For the interpreter actor.

  /// The number of the next incarnation, when the last one has ended.
  std::uint32_t next_epoch();
  /// The number of one that may replace the present one while that lives.
  std::uint32_t successor_epoch();
  /// A session has objects or names in the present incarnation.
  bool is_used() const;
  /// What came of `replace`.
  enum class replacement {
    done,
    used,  ///< a session would lose something: later
    waits, ///< for a call that runs; new ones wait as well: try again soon
  };
  /// Serves calls through `host` from now on, if no session would lose
  /// anything: then the present one is told to stop.
  replacement replace(const std::shared_ptr<interpreter_host>& host,
                      std::uint32_t epoch);
  /// There is nothing to replace it with, after `waits`.
  void serve_on();
  /// Whether the present incarnation has come to one of the limits, after
  /// `age`. It stays so.
  bool look_if_due(const recycle_limits& limits, std::chrono::milliseconds age);
  /// Serves calls through `host` from now on.
  void attach(std::shared_ptr<interpreter_host> host);
  /// The host has room.
  void pump();
  /// The host is gone. Its calls that never started wait for the next.
  void detach(const interpreter_host* host, std::uint32_t epoch, host_end end);
  /// Refuses all calls, those that wait too, with `why`; the first reason stays
  /// until `reopen`.
  void close(error why);
  void reopen();
  /// It serves nobody any more, or not yet: refs to it are stale, and calls
  /// without refs are session_worker_unavailable. Until `reopen`.
  void retire();
  /// The same, if no session uses it.
  bool retire_if_unused();
  bool is_retired() const;
  /// Refuses new calls with `why`; those it has go on. Nothing: takes them
  /// again.
  void hold(std::optional<error> why);

  /// Begins to stop the attached host, if there is one.
  void stop_host();

  /// A host is to come, and `wait_ready` to tell of that one alone.
  void expect_host();
  /// Waits until a host is attached, also to a retired one. Errors: why the
  /// last incarnation ended, if one did; what `close` was given; startup_failed
  /// at the deadline.
  result<void> wait_ready(steady_clock::time_point deadline);

  facts look() const;

private:
  using refusals = std::vector<std::pair<call_ptr, error>>;

  std::optional<error> refusal(const operation& asked,
                               const session_gate& session,
                               std::uint32_t epoch) const;
  /// Why a call that fails fast cannot run now.
  std::optional<error> busy(const operation& asked) const;
  /// Why a new call is refused.
  std::optional<error> refusal_of_new(const operation& asked,
                                      const session_gate& session,
                                      std::uint32_t epoch) const;
  /// Runs it on this thread, where the host does that. Nothing: it has not
  /// started, and has to wait for another host.
  std::optional<result<value>> run_here(const operation& asked,
                                        const session_gate& session,
                                        steady_clock::time_point deadline,
                                        std::uint32_t epoch);
  /// `taken_by`, when not null, gets the host that took it at once, which this
  /// thread must then assist.
  std::optional<error> enqueue(const call_ptr& made,
                               std::shared_ptr<interpreter_host>* taken_by);
  std::optional<error> take_in(const call_ptr& made,
                               std::shared_ptr<interpreter_host>* taken_by,
                               call_ptr& gives_way);
  void watch(const call_ptr& made);
  /// As `pump`, of what is here.
  void serve_waiting();

  // call_queue_mates.cpp; without the lock but for `lends_a_hand`.
  template <class Ask>
  void for_each_mate(std::size_t first, Ask ask) const;
  /// To be told when calls have come to wait here.
  void ask_mates();
  /// With nothing to do, takes over what waits at mates.
  void help_out();
  bool begin_help();
  bool end_help();
  bool take_over_from(call_queue& mate);
  bool move_here(const call_ptr& waiting, call_queue& from);
  bool lends_a_hand() const;
  bool expect_one();
  call_ptr next_to_move() const;
  bool let_move(const call_ptr& waiting);

  error overloaded() const;
  error unavailable() const;
  error out_of_service() const;
  bool is_used_locked() const;
  /// Calls the host has, on threads of their callers too, or is about to have.
  std::size_t running() const;
  void pump(refusals& refused);
  /// What answers the call with `why` as soon as it is run.
  std::function<void()> giving_up(const call_ptr& watched, errc why);
  result<value> wait(const call_ptr& mine);
  error give_up(const call_ptr& given_up, errc why);
  std::shared_ptr<interpreter_host> host() const;

  const std::uint32_t interpreter_;
  const std::size_t waiting_max_;
  const std::shared_ptr<timers> deadlines_;
  const std::shared_ptr<call_queue_mates> mates_;
  const std::size_t place_;

  mutable std::mutex mutex_;
  std::condition_variable changed_; // host_, deaths_ or closed_
  fair_queue waiting_{mates_ ? &mates_->movable : nullptr};
  std::shared_ptr<interpreter_host> host_;
  std::atomic<std::size_t> run_here_ = 0; // calls, in the host
  std::atomic<std::size_t> arriving_ = 0; // calls, from mates
  bool helping_ = false, asked_for_help_ = false;
  std::uint32_t epoch_ = 0;
  std::uint32_t deaths_ = 0;
  std::uint32_t deaths_before_ = 0; // a host was expected
  std::uint32_t deaths_made_good_ = 0;
  std::uint32_t restarts_ = 0;
  std::optional<error> closed_, held_;
  bool retired_ = false;
  std::optional<error> last_death_;
  steady_clock::time_point last_death_at_ = steady_clock::time_point::min();
  std::uint64_t calls_ = 0;
  std::uint64_t calls_before_ = 0; // when the present incarnation came
  std::map<std::uint64_t, std::shared_ptr<const session_gate>> users_;
  bool replacing_ = false; // calls wait for the next host
  std::uint32_t recycled_ = 0;
  bool due_ = false;
  std::uint32_t last_epoch_ = 0; // given to a host
  // Incarnations up to this one are gone, and with them their objects.
  std::uint32_t ended_epoch_ = 0;
};

} // namespace snakebridge
