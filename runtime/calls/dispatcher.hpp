#pragma once
// The calls of one pool, and the interpreters that run them. A call that must
// run at one interpreter waits in that one's line; a call that any may run
// waits in the pool's, and the first that has nothing to do takes it. While no
// host serves an interpreter calls wait, a bounded number and each no longer
// than its deadline. One lock, under which nothing is encoded, sent or
// answered. Shared by the sessions, the interpreter actors and the pool; any
// thread.

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include <snakebridge/config.hpp>

#include "runtime/base/process_mark.hpp"
#include "runtime/calls/interpreter.hpp"

namespace snakebridge {

/// What a call answers with refs to an interpreter that is not here.
error unknown_interpreter(std::uint32_t number);

struct dispatcher_settings {
  std::size_t waiting_max = 0; ///< calls, for each interpreter in service
  /// An interpreter that died so recently is the last choice.
  std::chrono::milliseconds shy_of_deaths{};
  /// Of an encoded request; 0: its hosts take operations as they are.
  std::size_t payload_bytes_max = 0;
  std::uint32_t executors = 1; ///< of each interpreter
  std::string pool = {};       ///< its name, to tell of
  std::function<void(const interpreter_event&)> on_event =
    {}; ///< hears of calls
};

class callback_scope;

class dispatcher : public std::enable_shared_from_this<dispatcher> {
public:
  dispatcher(const dispatcher_settings& settings, std::shared_ptr<timers> clock)
      : settings_{settings},
        clock_{std::move(clock)} {}
  dispatcher(const dispatcher&) = delete;
  dispatcher& operator=(const dispatcher&) = delete;

  // For sessions. They refuse with overloaded, session_closed, ref_stale,
  // ref_foreign, worker_busy, session_worker_unavailable, and with what `close`
  // or `hold` was given.

  /// Runs a call and waits for its answer, at most until its deadline or until
  /// it is cancelled. What is asked is taken, but for where it failed: then it
  /// is there as before. `now`: as the caller has just read it.
  result<value> run(operation&& asked,
                    const std::shared_ptr<const session_gate>& session,
                    steady_clock::time_point deadline, destination to = {},
                    steady_clock::time_point now = steady_clock::now());
  /// Puts a call in and returns. It is answered exactly once.
  void submit(const exchange_ptr& made);
  /// A thread has nothing to do until that is answered, or until then: it may
  /// bring in answers meanwhile. It may come back earlier.
  void help(const exchange_ptr& mine, steady_clock::time_point until);
  /// Somebody goes on with its answer, which may not be late any more.
  void hurry(const exchange_ptr& told);
  /// Where a session has been.
  std::vector<std::uint32_t> places_of(std::uint64_t session) const;
  /// A session ends: its waiting calls answer session_closed, those that run
  /// are interrupted. The session's gate must be closed.
  void withdraw(std::uint64_t session);
  /// The same, and its objects are freed: it is forgotten.
  void release(std::uint64_t session);
  /// The caller of a submitted call has given up: answers it with `why` if
  /// nobody has.
  void give_up(const exchange_ptr& late, errc why);

  // For the pool.

  /// An interpreter that is to come into service by `bring_back`; it may be
  /// here already.
  void add(std::uint32_t number);
  std::vector<std::uint32_t> in_service() const;
  /// Refuses all calls, those that wait too, with `why`; the first reason stays
  /// until `reopen`.
  void close(error why);
  /// Takes calls again.
  void reopen();
  std::optional<error> why_closed() const;
  /// Refuses new calls with `why`; those it has go on. Nothing: takes them
  /// again.
  void hold(std::optional<error> why);
  bool is_held() const;
  /// Waits until it has no calls. False at the deadline.
  bool wait_idle(steady_clock::time_point deadline);
  /// Begins to stop all hosts.
  void stop_hosts();
  /// Of all interpreters that are in service or have a host.
  std::vector<std::pair<std::uint32_t, interpreter_facts>> look() const;

  // For one interpreter: the pool, and its actor.

  interpreter_facts look(std::uint32_t number) const;
  /// No session chooses it any more.
  void leave(std::uint32_t number);
  /// It serves nobody any more: refs to it are stale, and sessions choose
  /// another home. Waits until no session uses it, at most so long.
  void retire(std::uint32_t number, steady_clock::time_point patience);
  /// It is in service, or again.
  void bring_back(std::uint32_t number);
  /// A host is to come, and `wait_ready` to tell of that one alone.
  void expect_host(std::uint32_t number);
  /// Waits until a host serves it, also a retired one. Errors: why the last
  /// incarnation ended, if one did; what `close` was given; startup_failed at
  /// the deadline.
  result<void> wait_ready(std::uint32_t number,
                          steady_clock::time_point deadline);
  /// Waits until it is up, whatever dies before. Errors: what `close` was
  /// given; startup_failed at the deadline.
  result<void> wait_up(std::uint32_t number, steady_clock::time_point deadline);

  /// The number of the next incarnation, when the last one has ended.
  std::uint32_t next_epoch(std::uint32_t number);
  /// The number of one that may replace the present one while that lives.
  std::uint32_t successor_epoch(std::uint32_t number);
  /// Serves calls through `host` from now on, unless its incarnation is over;
  /// epoch 0: it is of none.
  void attach(std::uint32_t number, std::shared_ptr<interpreter_host> host,
              std::uint32_t epoch = 0);
  /// The host has room.
  void pump(std::uint32_t number);
  /// The host is gone. Its calls that never started wait for the next.
  void detach(std::uint32_t number, const interpreter_host* host,
              std::uint32_t epoch, host_end end);
  /// A session has objects or names in the present incarnation.
  bool is_used(std::uint32_t number) const;
  /// What came of `replace`.
  enum class replacement {
    done,
    used,  ///< a session would lose something, or wait for long: later
    waits, ///< for a call that runs; new ones wait as well: try again soon
  };
  /// Serves calls through `host` from now on, if no session would lose
  /// anything: then the present one is told to stop.
  replacement replace(std::uint32_t number,
                      const std::shared_ptr<interpreter_host>& host,
                      std::uint32_t epoch);
  /// There is nothing to replace it with, after `waits`.
  void serve_on(std::uint32_t number);
  /// Whether the present incarnation has come to one of the limits, after
  /// `age`. It stays so.
  bool look_if_due(std::uint32_t number, const recycle_limits& limits,
                   std::chrono::milliseconds age);

private:
  using lock_guard = std::lock_guard<std::mutex>;

  /// What is to be done once the lock is free.
  class outcomes;

  /// An executor of an interpreter.
  struct place {
    std::uint32_t interpreter = 0;
    std::uint32_t executor = 0;
  };
  /// A session that has come.
  struct user {
    std::shared_ptr<const session_gate> session;
    std::uint32_t home = 0;
    std::vector<place> places; ///< it may have calls or objects there
  };

  // With the lock held.
  interpreter* find(std::uint32_t number);
  const interpreter* find(std::uint32_t number) const;
  interpreter& at(std::uint32_t number);
  const interpreter& at(std::uint32_t number) const;
  std::size_t count_in_service() const;
  std::size_t count_waiting() const;
  std::optional<error> refusal(const exchange& made,
                               const interpreter& at) const;
  std::optional<error> refusal(const operation& asked,
                               const session_gate& session, std::uint32_t epoch,
                               const interpreter& at) const;
  std::optional<error> refusal_of_new(const operation& asked,
                                      const session_gate& session,
                                      std::uint32_t epoch,
                                      const interpreter& at) const;
  std::optional<std::uint32_t> known_executor(std::uint64_t session,
                                              const interpreter& at) const;
  std::uint32_t executor_for(std::uint64_t session,
                             const interpreter& at) const;
  result<interpreter*> place_for(const destination& to,
                                 const session_gate& session);
  interpreter* home_of(const session_gate& session);
  interpreter* least_busy();
  template <class Fits>
  interpreter* least_busy(Fits fit);
  std::optional<place> free_place(std::uint64_t session, interpreter& home);
  std::optional<std::uint32_t> free_executor(std::uint64_t session,
                                             const interpreter& at) const;
  bool takes_any(const interpreter& at) const;
  user* find_user(std::uint64_t session);
  user& know(const std::shared_ptr<const session_gate>& session);
  static void come(user& mine, interpreter& to, std::uint32_t executor);
  bool is_used_locked(const interpreter& at) const;
  std::optional<error> admit(const exchange_ptr& made, outcomes& after);
  bool start(interpreter& at, std::uint32_t executor, const exchange_ptr& made,
             outcomes& after);
  std::optional<error> wait_in_line(const exchange_ptr& made, interpreter& home,
                                    outcomes& after);
  line& fullest_line();
  static line& fullest_line(interpreter& of);
  void push_back(const exchange_ptr& made, interpreter& home);
  void leave_line(const exchange& gone);
  /// A session's turn in a line.
  struct next_call {
    line* from;
    std::uint64_t session;
  };
  std::optional<line::turn_of> next_anywhere(const interpreter& at,
                                             std::uint32_t executor);
  std::optional<next_call> next_for(interpreter& at, std::uint32_t executor);
  void pump(interpreter& at, outcomes& after);
  void pump(interpreter& at, std::uint32_t executor, outcomes& after);
  void pump_all(outcomes& after);
  void forget_objects(std::uint32_t number, std::uint32_t epoch);
  void take_unstarted(interpreter& at, host_end& end, outcomes& after);

  void tell_watchers();
  template <class Holds>
  bool wait_until(std::unique_lock<std::mutex>& lock,
                  steady_clock::time_point deadline, Holds holds);

  // Without the lock. `began`: where its end is to be told of.
  std::optional<result<value>>
  run_here(const operation& asked,
           const std::shared_ptr<const session_gate>& session,
           steady_clock::time_point deadline, const destination& to,
           const std::optional<steady_clock::time_point>& began,
           steady_clock::time_point now);
  bool is_heard(const operation& asked) const;
  steady_clock::time_point tell_start(const operation& asked,
                                      const session_gate& session) const;
  void tell_end_of(exchange& made, steady_clock::time_point began) const;
  void put(const exchange_ptr& made);
  result<void> prepare(exchange& made) const;
  void put_in(const exchange_ptr& made);
  const callback_scope* inside_of(const session_gate& session,
                                  const destination& to) const;
  void put_inside(const exchange_ptr& made, const callback_scope& around);
  result<value> wait(const exchange_ptr& mine);
  error end(const exchange_ptr& claimed, errc why);
  std::shared_ptr<interpreter_host> host_of(const exchange& made) const;
  std::vector<std::pair<std::shared_ptr<interpreter_host>, std::uint32_t>>
  hosts_of(std::uint64_t session) const;

  const dispatcher_settings settings_;
  const std::shared_ptr<timers> clock_;
  const process_mark process_;

  mutable std::mutex mutex_;
  // A host came or went, calls ended, it was closed.
  std::condition_variable changed_;
  std::vector<std::unique_ptr<interpreter>> interpreters_; // by number
  turn_numbers turns_;
  line anywhere_{turns_};
  std::unordered_map<std::uint64_t, user> users_; // by number of session
  // Who was found last: calls of one session follow each other.
  std::uint64_t last_user_ = 0;
  user* last_found_ = nullptr;
  std::optional<error> closed_, held_;
  std::atomic<int> watchers_ = 0; // threads that wait on changed_
};

} // namespace snakebridge
